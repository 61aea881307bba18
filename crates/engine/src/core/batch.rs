//! One batch on its way: from its first record to its outcome.

use super::{
    FlowCell, FlowId,
    identity::Identity,
    mutants::Mutant,
    slot::{Outcome, Slot},
};
use crate::{
    Cause, DeliveryError, RecordRef, Topic, Written,
    batch::{Buffer, encode::Encode},
    sync::{Mutex, lock},
};
use std::{sync::Arc, time::Instant};
use uuid::Uuid;

/// A number that no other batch of the producer has.
pub type BatchNo = u64;

/// Records of one partition that the log takes or refuses as one.
#[derive(Debug)]
pub(super) struct Batch {
    pub no: BatchNo,
    /// Its place among the batches of its partition: parts of a split batch stand where it stood.
    pub order: (BatchNo, u32),
    /// Where the outcome goes: a slot of its own, or its share of the slot of a batch that was split.
    pub result: ResultTo,
    /// The flows with records in it, each once, with the number by which the flow knows the batch.
    pub flows: Vec<(Arc<FlowCell>, FlowId, u32)>,
    pub body: Body,
    pub count: u32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    /// Delivery time-out and linger count from here.
    pub created: Instant,
    /// Which flush waits for it.
    pub generation: u64,
    /// Bytes of `buffer.memory` that it holds.
    pub credit: usize,
    /// Times it was put on the wire.
    pub attempts: u32,
    /// Of those, how many have no answer that proves the log did not take it.
    pub unproven: u32,
    /// What it was first drained with; kept until a definite answer.
    pub stamp: Option<Stamp>,
    /// The last thing that went wrong.
    pub last_error: Option<Cause>,
    /// It is out of time and its outcome is told; it stays only until its partition knows whether
    /// its sequences were taken.
    pub expired: bool,
    /// A flow waits for it: it may not linger.
    pub hurried: bool,
}

/// What a batch says of itself on the wire and must say again in every retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The topic that it was drained for (KIP-516).
    pub topic_id: Uuid,
    /// The producer and its sequence; `None` without idempotence.
    pub sequence: Option<(Identity, i32)>,
}

/// The records, encoded.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// Records may be added.
    Open(Buffer),
    /// Closed and being compressed elsewhere, which holds the bytes.
    Compressing,
    /// What goes on the wire: the bytes and the codec of the attributes.
    Sealed { bytes: Arc<Buffer>, codec: i16 },
}

/// Where an outcome goes.
#[derive(Clone, Debug)]
pub(super) enum ResultTo {
    Slot(Arc<Slot>),
    /// A part of a split batch: its first record's index in the slot, and the gathering point.
    Part {
        first: u32,
        gather: Arc<Gather>,
    },
}

/// Gathers the outcomes of the parts of a split batch.
#[derive(Debug)]
pub(super) struct Gather {
    pub slot: Arc<Slot>,
    pub count: u32,
    pub told: Mutex<(u32, Vec<(u32, Outcome)>)>,
}

impl Batch {
    /// Bytes of records in it so far.
    pub(super) fn len(&self) -> usize {
        match &self.body {
            Body::Open(buffer) => buffer.len(),
            Body::Compressing => 0,
            Body::Sealed { bytes, .. } => bytes.len(),
        }
    }

    /// A record as it would stand in it.
    #[inline]
    pub(super) fn encode<'a>(&self, record: &RecordRef<'a>) -> Encode<'a> {
        let base = if self.count == 0 {
            record.timestamp
        } else {
            self.base_timestamp
        };
        Encode::new(
            self.count as i32,
            record.timestamp.wrapping_sub(base),
            record.key,
            record.value,
            record.headers,
        )
    }

    /// Adds a record that fits, as [`encode`](Self::encode) gave it; returns its index.
    #[inline(always)]
    pub(super) fn push(&mut self, encoded: &Encode<'_>, timestamp: i64) -> u32 {
        let index = self.count;
        if index == 0 {
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        } else if timestamp > self.max_timestamp {
            self.max_timestamp = timestamp;
        }
        if let Body::Open(buffer) = &mut self.body {
            let written = encoded.write(buffer.room());
            buffer.advance(written);
            self.count += 1;
        }
        index
    }

    /// Whether the log can hold it, by all that is known.
    pub(super) fn written(&self) -> Written {
        if self.unproven == 0 {
            Written::No
        } else {
            Written::Maybe
        }
    }

    /// Tells everyone with records in it; returns the slot that is now whole, if one is.
    pub(super) fn settle(&self, outcome: Outcome) -> Option<Arc<Slot>> {
        match &self.result {
            ResultTo::Slot(slot) => {
                slot.settle(outcome);
                Some(Arc::clone(slot))
            }
            ResultTo::Part { first, gather } => gather.tell(*first, self.count, outcome),
        }
    }

    /// The error for its records.
    pub(super) fn error(&self, topic: &Topic, partition: i32, cause: Cause) -> DeliveryError {
        DeliveryError::new(topic, Some(partition), self.written(), cause, self.attempts)
    }

    /// The first record's sequence, once stamped.
    pub(super) fn sequence(&self) -> Option<i32> {
        self.stamp
            .and_then(|stamp| stamp.sequence)
            .map(|(_, sequence)| sequence)
    }
}

impl Gather {
    fn tell(&self, first: u32, count: u32, outcome: Outcome) -> Option<Arc<Slot>> {
        let mut told = lock(&self.told);
        told.0 += count;
        if first == 0 || !Mutant::DropSegment.is_planted() {
            told.1.push((first, outcome));
        }
        if told.0 < self.count {
            return None;
        }
        let mut segments = std::mem::take(&mut told.1);
        segments.sort_by_key(|(first, _)| *first);
        self.slot.settle(Outcome::Segments(segments));
        Some(Arc::clone(&self.slot))
    }
}
