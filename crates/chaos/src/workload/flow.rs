//! A writer that is a stream through a flexi flow.

use super::Job;
use crate::{class, history::Outcome, problem::Problem};
use futures_util::StreamExt;
use guanaco::{Envelope, KafkaStreamExt, ProduceError, ProducerRecord, ProducerSource, producer};
use std::pin::pin;

/// Writes until it is stopped, with a producer of its own.
pub(super) async fn write(job: Job) -> Result<(), Problem> {
    if let Some(error) = drive(&job, job.settings()).await {
        job.journal.broke(job.writer, error.to_string());
    }
    Ok(())
}

/// Writes until it is stopped: the error that ended the stream, if one did.
pub(crate) async fn drive<S>(job: &Job, settings: S) -> Option<ProduceError>
where
    S: ProducerSource<Key = Vec<u8>, Value = Vec<u8>>,
{
    let topic: guanaco::Topic = job.topic.clone().into();
    let envelopes = job.pace().map(|()| {
        let seq = job.journal.accept(job.writer);
        let record = ProducerRecord::new(&topic, job.value(seq)).with_key(job.key(seq));
        Envelope::single(record, seq)
    });
    let mut outcomes = pin!(envelopes.via(producer::flexi_flow(settings).with_outcomes()));
    let mut ended = None;
    while let Some(outcome) = outcomes.next().await {
        match outcome {
            Ok(Ok(delivery)) => {
                let part = &delivery.parts()[0];
                let outcome = Outcome::Acknowledged {
                    partition: part.partition,
                    offset: part.offset,
                };
                job.journal
                    .end(job.writer, delivery.into_pass_through(), outcome);
            }
            Ok(Err(failed)) => {
                let outcome = class::of_produce(&failed.error);
                job.journal
                    .end(job.writer, failed.envelope.into_pass_through(), outcome);
            }
            Err(error) => ended = Some(error),
        }
    }
    ended
}
