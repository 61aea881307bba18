//! A writer that is a stream through a flexi flow.

use super::{Job, pace::pace};
use crate::{class, history::Outcome, problem::Problem};
use futures_util::StreamExt;
use guanaco::{Envelope, KafkaStreamExt, ProducerRecord, producer};
use std::{pin::pin, sync::Arc};

/// Writes until it is stopped.
pub(super) async fn write(job: Job) -> Result<(), Problem> {
    let journal = Arc::clone(&job.journal);
    let writer = job.writer;
    let topic: guanaco::Topic = job.topic.clone().into();
    let settings = job.settings();
    let envelopes = pace(job.plan.rate, job.stop.clone()).map(|()| {
        let seq = job.journal.accept(job.writer);
        let record = ProducerRecord::new(&topic, job.value(seq)).with_key(job.key(seq));
        Envelope::single(record, seq)
    });
    let mut outcomes = pin!(envelopes.via(producer::flexi_flow(settings).with_outcomes()));
    while let Some(outcome) = outcomes.next().await {
        match outcome {
            Ok(Ok(delivery)) => {
                let part = &delivery.parts()[0];
                let outcome = Outcome::Acknowledged {
                    partition: part.partition,
                    offset: part.offset,
                };
                journal.end(writer, delivery.into_pass_through(), outcome);
            }
            Ok(Err(failed)) => {
                let outcome = class::of_produce(&failed.error);
                journal.end(writer, failed.envelope.into_pass_through(), outcome);
            }
            Err(error) => journal.broke(writer, error.to_string()),
        }
    }
    Ok(())
}
