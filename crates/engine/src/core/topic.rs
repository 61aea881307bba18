//! A topic as the producer knows it, and the records that wait to know it.

use super::{FlowCell, FlowId, ask::Choice, partition::PartitionId, slot::Slot};
use crate::{Cause, Header, RecordRef, Topic};
use std::{sync::Arc, time::Instant};
use uuid::Uuid;

/// A topic that a record was sent to, or was asked for.
#[derive(Debug)]
pub(super) struct TopicState {
    pub name: Topic,
    pub id: Uuid,
    /// Its partitions by number; empty while it is unknown.
    pub partitions: Vec<PartitionId>,
    /// Records that wait for its metadata.
    pub staged: Option<Staged>,
    /// Flows whose partitioner waits to know it, and since when.
    pub waiting: Vec<Arc<FlowCell>>,
    pub waiting_since: Option<Instant>,
    /// Why records for it fail at once, and until when.
    pub refused: Option<(Instant, Cause)>,
    /// It was unknown for as long as anyone waits for a topic: the next "unknown" is believed.
    pub suspect: bool,
    /// When a record was last sent to it (`metadata.max.idle.ms`).
    pub used: Instant,
    /// The partition that keyless records go to, and the bytes left until they move on (KIP-480).
    pub sticky: Option<(usize, usize)>,
}

/// Encoded but unpartitioned records, in order.
#[derive(Debug)]
pub(super) struct Staged {
    pub slot: Arc<Slot>,
    pub flows: Vec<(Arc<FlowCell>, FlowId, u32)>,
    pub records: Vec<Arc<StagedRecord>>,
    /// What the user's partitioner said of the first of them; it is at the next while `asking`.
    pub chosen: Vec<Choice>,
    pub asking: bool,
    pub credit: usize,
    pub since: Instant,
    pub generation: u64,
    pub hurried: bool,
}

/// A record with bytes of its own.
#[derive(Debug)]
pub(super) struct StagedRecord {
    pub partition: Option<i32>,
    pub timestamp: i64,
    pub key: Option<Box<[u8]>>,
    pub value: Option<Box<[u8]>>,
    pub headers: Box<[Header]>,
}

impl TopicState {
    pub(super) fn new(name: Topic, now: Instant) -> Self {
        Self {
            name,
            id: Uuid::nil(),
            partitions: Vec::new(),
            staged: None,
            waiting: Vec::new(),
            waiting_since: None,
            refused: None,
            suspect: false,
            used: now,
            sticky: None,
        }
    }

    /// Whether records have to wait: it is not known yet, or others are before them whose
    /// partitions are still being chosen.
    #[inline]
    pub(super) fn is_cold(&self) -> bool {
        self.partitions.is_empty() || self.staged.is_some()
    }

    /// Whether anyone waits to hear of it.
    pub(super) fn is_wanted(&self) -> bool {
        self.partitions.is_empty() && (self.staged.is_some() || self.waiting_since.is_some())
    }
}

impl StagedRecord {
    pub(super) fn new(record: &RecordRef<'_>) -> Self {
        Self {
            partition: record.partition,
            timestamp: record.timestamp,
            key: record.key.map(Into::into),
            value: record.value.map(Into::into),
            headers: record.headers.into(),
        }
    }

    pub(super) fn to_ref<'a>(&'a self, topic: &'a Topic) -> RecordRef<'a> {
        RecordRef {
            topic,
            partition: self.partition,
            timestamp: self.timestamp,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &self.headers,
        }
    }
}

/// Kafka's rules for a topic's name; `Err` is the rule that it breaks.
pub(super) fn check_name(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("it is empty"),
        "." | ".." => Err("it is \".\" or \"..\""),
        _ if name.len() > 249 => Err("it is longer than 249 characters"),
        _ if !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) =>
        {
            Err("it has a character other than ASCII letters, digits, '.', '_' and '-'")
        }
        _ => Ok(()),
    }
}
