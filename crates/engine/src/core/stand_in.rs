//! For a test double that plays the cluster itself: batches are looked at and settled where they
//! wait, without connections, requests or any of the rules for them.

use super::{Batch, BatchNo, Core, batch::Body, drain::header, partition::PartitionId};
use crate::{Cause, KafkaError, Topic, Written, batch::BatchHeader};
use bytes::Bytes;
use std::time::Instant;

/// A batch that has no outcome yet.
#[derive(Clone, Debug)]
pub struct Unsettled {
    /// Batches of a producer are numbered in the order of their first records.
    pub no: BatchNo,
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: i32,
    /// The header, as for a request.
    pub header: BatchHeader,
    /// The records, encoded, not compressed.
    pub body: Bytes,
}

/// What becomes of a batch.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It is in the log, from this offset on.
    Acknowledged(i64),
    /// It failed.
    Failed(KafkaError, Written),
}

impl Core {
    /// The topics that somebody waits to know.
    #[must_use]
    pub fn unknown_topics(&self) -> Vec<Topic> {
        let unknown = self
            .topics
            .iter()
            .filter(|topic| topic.partitions.is_empty());
        unknown.map(|topic| topic.name.clone()).collect()
    }

    /// Batches from number `from` on, in their order. Whoever appends after this look notifies the
    /// batch's broker anew.
    pub fn unsettled(&mut self, from: BatchNo) -> Vec<Unsettled> {
        for broker in &mut self.brokers {
            broker.notified = false;
            broker.armed = None;
        }
        let mut found = Vec::new();
        for p in &self.partitions {
            for batch in p.queue.iter().chain(&p.open) {
                let body = match &batch.body {
                    _ if batch.no < from || batch.count == 0 => continue,
                    Body::Open(buffer) => Bytes::copy_from_slice(buffer),
                    Body::Sealed { bytes, .. } => Bytes::copy_from_slice(bytes),
                    Body::Compressing => continue,
                };
                found.push(Unsettled {
                    no: batch.no,
                    topic: self.topics[p.topic].name.clone(),
                    partition: p.index,
                    header: header(batch, 0),
                    body,
                });
            }
        }
        found.sort_by_key(|batch| batch.no);
        found
    }

    /// Gives a batch its outcome; `false` if it has one.
    pub fn settle(&mut self, no: BatchNo, verdict: Verdict, now: Instant) -> bool {
        let Some((partition, mut batch)) = self.pick(no, now) else {
            return false;
        };
        batch.attempts += 1;
        match verdict {
            Verdict::Acknowledged(offset) => {
                self.acknowledge(partition, batch, Some(offset), None, now);
            }
            Verdict::Failed(error, written) => {
                batch.unproven = u32::from(written == Written::Maybe);
                self.fail(partition, batch, Cause::Broker(error));
            }
        }
        self.hand_on(now);
        true
    }

    /// Takes a batch from where it waits.
    fn pick(&mut self, no: BatchNo, now: Instant) -> Option<(PartitionId, Batch)> {
        let is_it = |batch: &Batch| batch.no == no;
        for partition in 0..self.partitions.len() {
            if self.partitions[partition].open.as_ref().is_some_and(is_it) {
                self.close_batch(partition, now);
            }
            let queue = &mut self.partitions[partition].queue;
            if let Some(at) = queue.iter().position(is_it) {
                return queue.remove(at).map(|batch| (partition, batch));
            }
        }
        None
    }
}
