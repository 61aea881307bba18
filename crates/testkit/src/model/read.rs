//! Reading back: fetch and offsets.

use super::append::Refused;
use super::cluster::{Cluster, TopicRef};
use super::code;
use super::partition::{Partition, StoredBatch};

/// Where to read, and at which broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadFrom<'a> {
    /// The broker that is asked.
    pub broker: i32,
    /// The topic, by name or by id.
    pub topic: TopicRef<'a>,
    /// The partition.
    pub partition: i32,
    /// The leader epoch that the client knows; -1 for none.
    pub leader_epoch: i32,
}

/// What a fetch found in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched<'a> {
    /// Whole batches; the first one may begin before the offset that was asked for.
    pub batches: &'a [StoredBatch],
    /// The offset after the last record.
    pub high_watermark: i64,
    /// The first offset that the log still has.
    pub log_start_offset: i64,
}

/// Which offset is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetAt {
    /// The first one that the log still has.
    Earliest,
    /// The one after the last record.
    Latest,
    /// That of the first record with a timestamp of at least this.
    Timestamp(i64),
}

impl Cluster {
    /// Reads whole batches from `offset` on: at least one if there is any, more up to `max_bytes`.
    ///
    /// # Errors
    /// With the code that a broker answers, or with [`code::NETWORK_EXCEPTION`] if it is dead.
    pub fn fetch(
        &self,
        from: ReadFrom<'_>,
        offset: i64,
        max_bytes: usize,
        now: i64,
    ) -> Result<Fetched<'_>, Refused> {
        let partition = self.readable(from, now)?;
        let log = partition.log();
        let (log_start_offset, high_watermark) = (partition.log_start(), partition.next_offset());
        if !(log_start_offset..=high_watermark).contains(&offset) {
            return Err(code::OFFSET_OUT_OF_RANGE.into());
        }
        let log = &log[log.partition_point(|batch| batch.next_offset() <= offset)..];
        let mut total = 0;
        let fitting = log.iter().take_while(|batch| {
            let first = total == 0;
            total += batch.size();
            first || total <= max_bytes
        });
        let batches = &log[..fitting.count()];
        Ok(Fetched {
            batches,
            high_watermark,
            log_start_offset,
        })
    }

    /// An offset of a partition, with the timestamp found (-1 for the ends); `None` if no record is
    /// that young.
    ///
    /// # Errors
    /// With the code that a broker answers, or with [`code::NETWORK_EXCEPTION`] if it is dead.
    pub fn offset_at(
        &self,
        from: ReadFrom<'_>,
        at: OffsetAt,
        now: i64,
    ) -> Result<Option<(i64, i64)>, Refused> {
        let partition = self.readable(from, now)?;
        Ok(match at {
            OffsetAt::Earliest => Some((partition.log_start(), -1)),
            OffsetAt::Latest => Some((partition.next_offset(), -1)),
            OffsetAt::Timestamp(first) => partition
                .log()
                .iter()
                .find(|batch| batch.header.max_timestamp >= first)
                .map(|batch| first_since(batch, first)),
        })
    }

    fn readable(&self, from: ReadFrom<'_>, now: i64) -> Result<&Partition, Refused> {
        let (topic, partition) = self.locate(from.broker, from.topic, from.partition, now)?;
        let partition = &self.topics[topic].partitions[partition];
        let leader = partition.leader;
        if leader.id != from.broker {
            return Err(Refused {
                code: code::NOT_LEADER_OR_FOLLOWER,
                leader: Some(leader),
            });
        }
        match from.leader_epoch {
            -1 => Ok(partition),
            epoch if epoch < leader.epoch => Err(code::FENCED_LEADER_EPOCH.into()),
            epoch if epoch > leader.epoch => Err(code::UNKNOWN_LEADER_EPOCH.into()),
            _ => Ok(partition),
        }
    }
}

/// The first record of a batch that is that young, or the batch's own ends where the payload is not
/// made of records.
fn first_since(batch: &StoredBatch, time: i64) -> (i64, i64) {
    let found = batch.records().ok().and_then(|records| {
        let record = records
            .into_iter()
            .find(|record| record.timestamp >= time)?;
        Some((
            batch.base_offset() + i64::from(record.offset_delta),
            record.timestamp,
        ))
    });
    found.unwrap_or((batch.base_offset(), batch.header.max_timestamp))
}
