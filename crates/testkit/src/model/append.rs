//! Writing: one batch to one partition.

use super::cluster::{Cluster, Leader, TopicRef};
use super::code;
use super::partition::Forced;
use bytes::Bytes;
use guanaco_engine::batch::{Batch, BatchHeader};

/// A batch for one partition, as a simulation states it: the payload is opaque, there is no
/// checksum.
#[derive(Clone, Debug)]
pub struct Append<'a> {
    /// The broker that it is sent to.
    pub broker: i32,
    /// The topic, by name or by id.
    pub topic: TopicRef<'a>,
    /// The partition.
    pub partition: i32,
    /// -1 for all in-sync replicas, 1 for the leader, 0 for no answer.
    pub acks: i16,
    /// The producer's id; -1 without idempotence.
    pub producer_id: i64,
    /// The producer's epoch; -1 without idempotence.
    pub producer_epoch: i16,
    /// The first record's sequence; -1 without idempotence.
    pub base_sequence: i32,
    /// How many records.
    pub record_count: i32,
    /// Of all records.
    pub timestamp: i64,
    /// What the log keeps as the batch's body.
    pub payload: Bytes,
}

impl<'a> Append<'a> {
    /// One empty record to partition 0 at broker 1 with acks=all and no idempotence.
    #[must_use]
    pub fn to(topic: impl Into<TopicRef<'a>>) -> Self {
        Self {
            broker: 1,
            topic: topic.into(),
            partition: 0,
            acks: -1,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: 1,
            timestamp: 0,
            payload: Bytes::new(),
        }
    }
}

/// A batch that is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of its first record.
    pub base_offset: i64,
    /// Whether it was there before, and this one was not appended.
    pub duplicate: bool,
    /// The append time of a topic with `LogAppendTime`. A duplicate's is its largest timestamp
    /// whatever the topic says: so answers Kafka.
    pub log_append_time: Option<i64>,
    /// The first offset that the log still has.
    pub log_start_offset: i64,
}

/// Why a request, or one partition's part of it, failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused with error code {code}")]
pub struct Refused {
    /// One of [`code`].
    pub code: i16,
    /// With `NOT_LEADER_OR_FOLLOWER`: who leads, as far as this broker knows.
    pub leader: Option<Leader>,
}

impl From<i16> for Refused {
    fn from(code: i16) -> Self {
        Self { code, leader: None }
    }
}

impl Cluster {
    /// Appends a batch as the leader of its partition would on a produce request.
    ///
    /// # Errors
    /// With the code that a broker answers, or with [`code::NETWORK_EXCEPTION`] if it is dead.
    pub fn append(&mut self, append: Append<'_>, now: i64) -> Result<Appended, Refused> {
        let header = BatchHeader {
            last_offset_delta: append.record_count.wrapping_sub(1),
            base_timestamp: append.timestamp,
            max_timestamp: append.timestamp,
            producer_id: append.producer_id,
            producer_epoch: append.producer_epoch,
            base_sequence: append.base_sequence,
            record_count: append.record_count,
            ..BatchHeader::default()
        };
        let batch = Batch {
            header,
            body: append.payload,
        };
        self.append_batch(
            append.broker,
            append.topic,
            append.partition,
            append.acks,
            batch,
            now,
        )
    }

    /// As [`append`](Self::append), for a batch that was decoded from the wire.
    ///
    /// # Errors
    /// As `append` does.
    pub fn append_batch<'a>(
        &mut self,
        broker: i32,
        topic: impl Into<TopicRef<'a>>,
        partition: i32,
        acks: i16,
        batch: Batch,
        now: i64,
    ) -> Result<Appended, Refused> {
        let at = self.locate(broker, topic.into(), partition, now)?;
        if !matches!(acks, -1..=1) {
            return Err(code::INVALID_REQUIRED_ACKS.into());
        }
        let (partition, topic) = self.led_by(broker, at, now)?;
        partition.append(acks, batch, topic.0, topic.1, now)
    }

    /// As [`append`](Self::append), for the bytes of a produce request: exactly one batch, its
    /// checksum right.
    ///
    /// # Errors
    /// As `append` does; also if the bytes are not that.
    pub fn append_bytes<'a>(
        &mut self,
        broker: i32,
        topic: impl Into<TopicRef<'a>>,
        partition: i32,
        acks: i16,
        bytes: &Bytes,
        now: i64,
    ) -> Result<Appended, Refused> {
        let topic = topic.into();
        // A broker looks for the topic before it looks into the batch.
        self.locate(broker, topic, partition, now)?;
        let batch = decode(bytes)?;
        self.append_batch(broker, topic, partition, acks, batch, now)
    }

    /// Lets the next `times` appends to a partition fail with `code`: after they were applied, or
    /// without being applied.
    ///
    /// # Errors
    /// If there is no such partition.
    pub fn refuse_appends(
        &mut self,
        topic: &str,
        partition: i32,
        code: i16,
        applied: bool,
        times: usize,
    ) -> Result<(), Refused> {
        let forced = std::iter::repeat_n(Forced { code, applied }, times);
        self.partition_mut(topic, partition)?.forced.extend(forced);
        Ok(())
    }
}

fn decode(bytes: &Bytes) -> Result<Batch, i16> {
    use guanaco_engine::batch::{BatchError, decode::batches};
    let mut found = batches(bytes.clone());
    let batch = match found.next() {
        Some(Ok(batch)) => batch,
        Some(Err(BatchError::Crc { .. } | BatchError::Length(_))) => {
            return Err(code::CORRUPT_MESSAGE);
        }
        // A cut batch is none at all to a broker, as in a fetch response.
        Some(Err(_)) | None => return Err(code::INVALID_RECORD),
    };
    match found.next() {
        Some(Ok(_) | Err(BatchError::Crc { .. })) => Err(code::INVALID_RECORD),
        Some(Err(_)) | None => Ok(batch),
    }
}
