//! What was produced, decoded.

use super::EmbeddedBroker;
use crate::model::StoredBatch;
use bytes::Bytes;
use guanaco_engine::batch::BatchError;

/// A record in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The partition that it is in.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// In milliseconds since the Unix epoch: the producer's, or the broker's append time where the
    /// topic is set so.
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<Bytes>,
    /// The value; `None` is null, a tombstone.
    pub value: Option<Bytes>,
    /// The headers, in order; a header's value may be null.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// Why a topic could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is none of that name.
    #[error("there is no topic {0}")]
    UnknownTopic(String),
    /// The topic does not have that many partitions.
    #[error("the topic {topic} has no partition {partition}")]
    UnknownPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// The checksum was right, but the records are not what the batch's header says.
    #[error("the batch at offset {offset} of partition {partition} of {topic} is not readable")]
    Batch {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The batch's first offset.
        offset: i64,
        /// What is wrong with it.
        source: BatchError,
    },
}

impl EmbeddedBroker {
    /// All records of a topic that were not dropped by retention: partition by partition, in order.
    ///
    /// # Errors
    /// If there is no such topic, or a batch is malformed.
    pub fn records(&self, topic: &str) -> Result<Vec<Vec<Record>>, ReadError> {
        let partitions = 0..self.end_offsets(topic)?.len() as i32;
        partitions
            .map(|partition| self.read(topic, partition, 0, usize::MAX))
            .collect()
    }

    /// At most `max` records of a partition, from `offset` on or from the first one that is still
    /// there.
    ///
    /// # Errors
    /// If there is no such topic or partition, or a batch is malformed.
    pub fn read(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
        max: usize,
    ) -> Result<Vec<Record>, ReadError> {
        let known = self.end_offsets(topic)?.len();
        if usize::try_from(partition).map_or(true, |partition| partition >= known) {
            return Err(ReadError::UnknownPartition {
                topic: topic.to_owned(),
                partition,
            });
        }
        let batches = self.with_cluster(|cluster, _| {
            let log = cluster.log(topic, partition);
            let from = log.partition_point(|batch| batch.next_offset() <= offset);
            let wanted = log[from..].iter().scan(0, |count, batch| {
                let more = *count < max;
                *count += batch.header.record_count as usize;
                more.then(|| batch.clone())
            });
            wanted.collect::<Vec<_>>()
        });
        // Decoded without the lock: producers need not wait for a reader.
        let mut records = Vec::new();
        for batch in &batches {
            let decoded = decode(partition, batch).map_err(|source| ReadError::Batch {
                topic: topic.to_owned(),
                partition,
                offset: batch.base_offset(),
                source,
            })?;
            let wanted = decoded.into_iter().filter(|record| record.offset >= offset);
            records.extend(wanted.take(max - records.len()));
        }
        Ok(records)
    }

    /// The offset after the last record, partition by partition.
    ///
    /// # Errors
    /// If there is no such topic.
    pub fn end_offsets(&self, topic: &str) -> Result<Vec<i64>, ReadError> {
        self.with_cluster(|cluster, _| {
            let ends = cluster.end_offsets(topic);
            ends.map(Iterator::collect)
        })
        .ok_or_else(|| ReadError::UnknownTopic(topic.to_owned()))
    }

    /// Waits until a topic has got `count` records in all. It need not exist yet. Cancel safe.
    pub async fn wait_for_records(&self, topic: &str, count: usize) {
        let mut changes = self.changes();
        loop {
            let ends = self.end_offsets(topic).unwrap_or_default();
            let total: i64 = ends.iter().sum();
            if usize::try_from(total).is_ok_and(|total| total >= count) {
                return;
            }
            if changes.changed().await.is_err() {
                // The sender is in `self`, so there is nothing to wait for only after its end.
                return;
            }
        }
    }
}

fn decode(partition: i32, batch: &StoredBatch) -> Result<Vec<Record>, BatchError> {
    let records = batch.records()?.into_iter().map(|record| Record {
        partition,
        offset: batch.base_offset() + i64::from(record.offset_delta),
        timestamp: record.timestamp,
        key: record.key,
        value: record.value,
        headers: record.headers,
    });
    Ok(records.collect())
}
