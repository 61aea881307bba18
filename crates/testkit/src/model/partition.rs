//! One partition: who leads it, its log, and what it remembers of producers.

use super::append::{Appended, Refused};
use super::cluster::Leader;
use super::code;
use super::config::{ClusterConfig, TopicConfig};
use super::producers::{Producers, Stamp};
use bytes::Bytes;
use guanaco_engine::batch::{Batch, BatchError, BatchHeader, DecodedRecord, HEADER_LEN};
use std::collections::VecDeque;

/// A batch in a log, with its offset, leader epoch and timestamps as the broker set them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// The header as a reader gets it.
    pub header: BatchHeader,
    /// What follows the header.
    pub body: Bytes,
    /// When it was appended.
    pub appended_at: i64,
}

impl StoredBatch {
    /// The offset of the first record.
    #[must_use]
    pub fn base_offset(&self) -> i64 {
        self.header.base_offset
    }

    /// The offset after the last record.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.header.base_offset + i64::from(self.header.last_offset_delta) + 1
    }

    /// Its bytes on the wire, header included.
    #[must_use]
    pub fn size(&self) -> usize {
        HEADER_LEN + self.body.len()
    }

    /// The records, decompressed where they need to be.
    ///
    /// # Errors
    /// If the body is not the records that the header says: the model stores what it gets.
    pub fn records(&self) -> Result<Vec<DecodedRecord>, BatchError> {
        Batch {
            header: self.header,
            body: self.body.clone(),
        }
        .records()
    }

    fn stamp(&self) -> Option<Stamp> {
        stamp(&self.header)
    }
}

/// A fault that waits for an append.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forced {
    pub(super) code: i16,
    pub(super) applied: bool,
}

#[derive(Debug)]
pub(super) struct Partition {
    pub(super) replicas: Vec<i32>,
    /// Never empty: the last one to die stays in, as the only one that may lead again.
    pub(super) isr: Vec<i32>,
    pub(super) leader: Leader,
    /// What brokers that are behind still believe, and until when they may.
    previous: Leader,
    changed_at: i64,
    pub(super) forced: VecDeque<Forced>,
    batches: Vec<StoredBatch>,
    /// How many of `batches` retention has taken already.
    dropped: usize,
    bytes: usize,
    next_offset: i64,
    producers: Producers,
    next_expiry: i64,
}

impl Partition {
    pub(super) fn new(replicas: Vec<i32>, isr: Vec<i32>, leader: Leader, now: i64) -> Self {
        Self {
            replicas,
            isr,
            leader,
            previous: leader,
            changed_at: now,
            forced: VecDeque::new(),
            batches: Vec::new(),
            dropped: 0,
            bytes: 0,
            next_offset: 0,
            producers: Producers::default(),
            next_expiry: i64::MIN,
        }
    }

    /// Checks and appends a batch whose broker is known to lead.
    pub(super) fn append(
        &mut self,
        acks: i16,
        batch: Batch,
        cluster: &ClusterConfig,
        topic: &TopicConfig,
        now: i64,
    ) -> Result<Appended, Refused> {
        let forced = self.forced.pop_front();
        if let Some(Forced {
            code,
            applied: false,
        }) = forced
        {
            return Err(code.into());
        }
        let wanted = topic.min_insync_replicas.min(self.replicas.len() as i32);
        if acks == -1 && (self.isr.len() as i32) < wanted {
            return Err(code::NOT_ENOUGH_REPLICAS.into());
        }
        check(&batch, cluster, topic, now)?;
        self.expire_producers(cluster, now);
        let appended = self.append_checked(batch, topic, now)?;
        match forced {
            Some(Forced { code, .. }) => Err(code.into()),
            None => Ok(appended),
        }
    }

    fn append_checked(
        &mut self,
        batch: Batch,
        topic: &TopicConfig,
        now: i64,
    ) -> Result<Appended, Refused> {
        let Batch { mut header, body } = batch;
        header = header.with_log_append_time(topic.log_append_time);
        if topic.log_append_time {
            header.max_timestamp = now;
        }
        let stamp = stamp(&header);
        if let Some(stamp) = &stamp
            && let Some(duplicate) = self.producers.check(stamp)?
        {
            return Ok(Appended {
                base_offset: duplicate.base_offset,
                duplicate: true,
                // Kafka answers the cached batch's timestamp, whoever set it.
                log_append_time: Some(duplicate.timestamp).filter(|ms| *ms >= 0),
                log_start_offset: self.log_start(),
            });
        }
        let base_offset = self.next_offset;
        header.base_offset = base_offset;
        header.partition_leader_epoch = self.leader.epoch;
        if let Some(stamp) = &stamp {
            self.producers.remember(stamp, base_offset);
        }
        let stored = StoredBatch {
            header,
            body,
            appended_at: now,
        };
        self.next_offset = stored.next_offset();
        self.bytes += stored.size();
        self.batches.push(stored);
        self.retain(topic.retention_bytes);
        Ok(Appended {
            base_offset,
            duplicate: false,
            log_append_time: topic.log_append_time.then_some(now),
            log_start_offset: self.log_start(),
        })
    }

    fn expire_producers(&mut self, cluster: &ClusterConfig, now: i64) {
        if now >= self.next_expiry {
            self.producers
                .expire(now, cluster.producer_id_expiration_ms);
            self.next_expiry = now.saturating_add(cluster.producer_id_check_ms);
        }
    }

    fn retain(&mut self, limit: Option<usize>) {
        let Some(limit) = limit else { return };
        while self.bytes > limit && self.batches.len() - self.dropped > 1 {
            let oldest = &mut self.batches[self.dropped];
            self.bytes -= oldest.size();
            oldest.body = Bytes::new();
            self.dropped += 1;
        }
        // Moving the rest is paid for by the batches that went.
        if self.dropped * 2 > self.batches.len() {
            self.batches.drain(..self.dropped);
            self.dropped = 0;
        }
    }

    pub(super) fn log(&self) -> &[StoredBatch] {
        &self.batches[self.dropped..]
    }

    pub(super) fn log_start(&self) -> i64 {
        self.log()
            .first()
            .map_or(self.next_offset, StoredBatch::base_offset)
    }

    pub(super) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    pub(super) fn forget_producer(&mut self, producer_id: i64) -> bool {
        self.producers.forget(producer_id)
    }

    pub(super) fn reload_producers(&mut self) {
        self.producers.keep_last_batches();
    }

    /// Cuts every batch that reaches to `offset` or beyond, and what producers are known by them.
    pub(super) fn truncate(&mut self, offset: i64) {
        let keep = self
            .log()
            .partition_point(|batch| batch.next_offset() <= offset);
        let cut = self.batches.split_off(self.dropped + keep);
        self.bytes -= cut.iter().map(StoredBatch::size).sum::<usize>();
        if let Some(first) = cut.first() {
            self.next_offset = first.base_offset();
        }
        self.producers.clear();
        for batch in &self.batches[self.dropped..] {
            if let Some(stamp) = batch.stamp() {
                self.producers.remember(&stamp, batch.base_offset());
            }
        }
    }

    pub(super) fn lead_by(&mut self, id: i32, now: i64) {
        if self.leader.id != id {
            self.previous = self.leader;
            self.leader = Leader {
                id,
                epoch: self.leader.epoch + 1,
            };
            self.changed_at = now;
        }
    }

    /// The leader as a broker knows it that is `lag` behind.
    pub(super) fn leader_seen(&self, lag: i64, now: i64) -> Leader {
        if now < self.changed_at.saturating_add(lag) {
            self.previous
        } else {
            self.leader
        }
    }
}

fn stamp(header: &BatchHeader) -> Option<Stamp> {
    (header.producer_id >= 0).then_some(Stamp {
        producer_id: header.producer_id,
        epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        last_offset_delta: header.last_offset_delta,
        timestamp: header.max_timestamp,
    })
}

/// The rules that need no state, in the order in which a broker checks them.
fn check(batch: &Batch, cluster: &ClusterConfig, topic: &TopicConfig, now: i64) -> Result<(), i16> {
    let header = &batch.header;
    if header.is_transactional() {
        // The model takes no transactional ids yet.
        return Err(code::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    }
    if header.base_offset != 0 {
        return Err(code::INVALID_RECORD);
    }
    if HEADER_LEN + batch.body.len() > topic.max_message_bytes {
        return Err(code::MESSAGE_TOO_LARGE);
    }
    if header.record_count <= 0 || header.record_count - 1 != header.last_offset_delta {
        return Err(code::INVALID_RECORD);
    }
    if header.is_control() || (header.producer_id >= 0 && header.base_sequence < 0) {
        return Err(code::INVALID_RECORD);
    }
    if cluster.validate_records || topic.compacted {
        let records = batch.records().map_err(|_| code::INVALID_RECORD)?;
        let counted = records
            .iter()
            .zip(0..)
            .all(|(record, n)| record.offset_delta == n);
        if !counted || (topic.compacted && records.iter().any(|record| record.key.is_none())) {
            return Err(code::INVALID_RECORD);
        }
    }
    let latest = now.saturating_add(topic.timestamp_after_max_ms);
    let refused = match topic.log_append_time {
        true => header.is_log_append_time(),
        false => header.max_timestamp > latest,
    };
    if refused {
        return Err(code::INVALID_TIMESTAMP);
    }
    Ok(())
}
