//! Where a batch's outcome is put once, and read by everyone with records in it.

use crate::{
    Ack, DeliveryError,
    sync::{Mutex, OnceLock, lock},
};
use std::{sync::Arc, task::Waker};

/// The outcome cell of one batch, shared by the core and every flow or future with records in it.
#[derive(Debug, Default)]
pub struct Slot {
    outcome: OnceLock<Outcome>,
    waiters: Mutex<Waiters>,
}

/// What became of the records of a batch.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// All acknowledged: record `i` is at `base_offset + i`.
    Acked(Acked),
    /// None acknowledged.
    Failed(DeliveryError),
    /// The batch was split: runs of records, in order, each from its first index.
    Segments(Vec<(u32, Outcome)>),
    /// The records waited for their topic's metadata; each has its batch and index there now.
    Moved(Vec<(Arc<Slot>, u32)>),
}

/// An acknowledgement of a whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acked {
    /// The partition.
    pub partition: i32,
    /// The offset of its first record, where the broker told.
    pub base_offset: Option<i64>,
    /// Set where the topic uses the broker's time.
    pub log_append_time: Option<i64>,
}

impl Acked {
    /// The acknowledgement of record `index`.
    #[inline]
    pub(super) fn of(&self, index: u32) -> Ack {
        Ack {
            partition: self.partition,
            offset: self.base_offset.map(|base| base + i64::from(index)),
            log_append_time: self.log_append_time,
        }
    }
}

impl Slot {
    /// Of a record that failed before it came to a batch.
    pub(super) fn failed(error: DeliveryError) -> Arc<Self> {
        let slot = Self::default();
        slot.settle(Outcome::Failed(error));
        Arc::new(slot)
    }

    /// What the whole batch was acknowledged with, if it was.
    pub(super) fn acked(&self) -> Option<Acked> {
        match self.outcome.get() {
            Some(Outcome::Acked(acked)) => Some(*acked),
            _ => None,
        }
    }

    /// The outcome of record `index`, once there is one.
    pub fn outcome_of(&self, index: u32) -> Option<Result<Ack, DeliveryError>> {
        self.outcome.get().and_then(|outcome| outcome.of(index))
    }

    /// Whether record `index` has its outcome.
    pub fn is_done(&self, index: u32) -> bool {
        match self.outcome.get() {
            None => false,
            Some(Outcome::Moved(places)) => places
                .get(index as usize)
                .is_none_or(|(slot, index)| slot.is_done(*index)),
            Some(_) => true,
        }
    }

    /// Where the record really is, if it was moved out of a queue for an unknown topic.
    pub fn moved(&self, index: u32) -> Option<(&Arc<Slot>, u32)> {
        match self.outcome.get() {
            Some(Outcome::Moved(places)) => places.get(index as usize).map(|(s, i)| (s, *i)),
            _ => None,
        }
    }

    /// Sets the outcome, once; a batch is settled once by construction.
    pub(super) fn settle(&self, outcome: Outcome) {
        let first = self.outcome.set(outcome).is_ok();
        debug_assert!(first, "a batch was settled twice");
    }

    /// Wakes every future that waits on this slot.
    pub fn wake(&self) {
        let waiters = std::mem::take(&mut lock(&self.waiters).0);
        waiters.into_iter().flatten().for_each(Waker::wake);
    }

    /// Keeps a future's waker; `key` is that future's memory of where it is kept.
    ///
    /// Check the outcome again after it: `wake` runs after the outcome was set.
    pub fn register(&self, waker: &Waker, key: &mut Option<usize>) {
        let waiters = &mut lock(&self.waiters).0;
        match key.and_then(|key| waiters.get_mut(key)) {
            Some(held) => {
                if !held.as_ref().is_some_and(|held| held.will_wake(waker)) {
                    *held = Some(waker.clone());
                }
            }
            None => {
                *key = Some(waiters.len());
                waiters.push(Some(waker.clone()));
            }
        }
    }

    /// Forgets a future's waker.
    pub fn forget(&self, key: usize) {
        if let Some(held) = lock(&self.waiters).0.get_mut(key) {
            *held = None;
        }
    }
}

#[derive(Debug, Default)]
struct Waiters(Vec<Option<Waker>>);

impl Outcome {
    fn of(&self, index: u32) -> Option<Result<Ack, DeliveryError>> {
        match self {
            Self::Acked(acked) => Some(Ok(acked.of(index))),
            Self::Failed(error) => Some(Err(error.clone())),
            Self::Segments(segments) => {
                let at = segments.partition_point(|(first, _)| *first <= index);
                let (first, outcome) = segments.get(at.checked_sub(1)?)?;
                outcome.of(index - first)
            }
            Self::Moved(places) => {
                let (slot, index) = places.get(index as usize)?;
                slot.outcome_of(*index)
            }
        }
    }
}
