//! A writer that sends one record at a time and awaits the answers in order.

use super::Job;
use crate::{class, history::Outcome, problem::Problem};
use futures_util::StreamExt;
use guanaco::{Failed, ProducerRecord, RecordMetadata, SendProducer};
use std::collections::VecDeque;

/// Writes until it is stopped.
pub(super) async fn write(job: Job) -> Result<(), Problem> {
    let sender = SendProducer::new(job.settings());
    let topic: guanaco::Topic = job.topic.clone().into();
    let mut due = job.pace();
    let mut answers = VecDeque::new();
    let mut stopped = false;
    loop {
        let room = !stopped && answers.len() < job.plan.parallelism;
        tokio::select! {
            next = due.next(), if room => match next {
                None => stopped = true,
                Some(()) => {
                    let seq = job.journal.accept(job.writer);
                    let record = ProducerRecord::new(&topic, job.value(seq)).with_key(job.key(seq));
                    answers.push_back((seq, sender.send(record)));
                }
            },
            Some((seq, outcome)) = first(&mut answers), if !answers.is_empty() => {
                job.journal.end(job.writer, seq, outcome);
            }
            else => break,
        }
    }
    sender.close().await?;
    Ok(())
}

type Answers = VecDeque<(u32, guanaco::Sending<Vec<u8>, Vec<u8>>)>;

/// Awaits the first answer and removes it; dropped before, it stays.
async fn first(answers: &mut Answers) -> Option<(u32, Outcome)> {
    let (seq, answer) = answers.front_mut()?;
    let outcome = outcome_of(answer.await);
    let seq = *seq;
    answers.pop_front();
    Some((seq, outcome))
}

/// What a send came to.
pub(crate) fn outcome_of(answer: Result<RecordMetadata, Failed<Vec<u8>, Vec<u8>>>) -> Outcome {
    match answer {
        Ok(metadata) => Outcome::Acknowledged {
            partition: metadata.partition,
            offset: metadata.offset,
        },
        Err(failed) => class::of_produce(&failed.error),
    }
}
