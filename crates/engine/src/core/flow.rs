//! What ties a stream of records, or a single send, to the batches that its records went into.

use super::{
    batch::Batch,
    credit::FlowId,
    slot::Slot,
    topic::{Staged, StagedRecord},
    wake::WakeCell,
};
use crate::{Ack, DeliveryError, Topic, sync::OnceLock};
use std::{collections::VecDeque, sync::Arc};

/// The side of a flow that the core knows: where to wake it.
#[derive(Debug, Default)]
pub struct FlowCell {
    /// Woken once for each answer, whatever it settled, and when room was granted.
    pub waker: WakeCell,
}

impl FlowCell {
    /// Wakes the flow.
    pub fn wake(&self) {
        self.waker.wake();
    }
}

/// The side of a flow that the flow owns: the batches with records of it, by a number of its own.
#[derive(Debug)]
pub struct FlowLink {
    pub(super) id: FlowId,
    pub(super) cell: Arc<FlowCell>,
    batches: VecDeque<Open>,
    first: u32,
}

#[derive(Debug)]
struct Open {
    slot: Arc<Slot>,
    remaining: u32,
}

/// Where a record went, for its flow: a batch by the flow's number, and its index there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub(super) batch: u32,
    pub(super) index: u32,
}

impl Place {
    /// The place of the record `n` behind this one, if they are in the same batch.
    #[inline]
    #[must_use]
    pub fn nth(self, n: u32) -> Self {
        Self {
            index: self.index.wrapping_add(n),
            ..self
        }
    }
}

/// Where so many records went, one behind the other in the same batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// The place of the first.
    pub first: Place,
    /// How many they are.
    pub count: u32,
}

impl From<Place> for Places {
    fn from(first: Place) -> Self {
        Self { first, count: 1 }
    }
}

impl Places {
    /// Each of them.
    pub fn each(self) -> impl Iterator<Item = Place> {
        (0..self.count).map(move |n| self.first.nth(n))
    }
}

impl FlowLink {
    pub(super) fn new(id: FlowId) -> Self {
        Self {
            id,
            cell: Arc::default(),
            batches: VecDeque::new(),
            first: 0,
        }
    }

    /// The core's side.
    #[must_use]
    pub fn cell(&self) -> &Arc<FlowCell> {
        &self.cell
    }

    /// A record went into a batch that does not have this flow yet.
    pub(super) fn enter(&mut self, slot: Arc<Slot>) -> u32 {
        self.batches.push_back(Open { slot, remaining: 0 });
        self.first.wrapping_add(self.batches.len() as u32 - 1)
    }

    #[inline]
    pub(super) fn count(&mut self, batch: u32, records: u32) {
        if let Some(open) = self
            .batches
            .get_mut(batch.wrapping_sub(self.first) as usize)
        {
            open.remaining += records;
        }
    }

    /// As [`take`](Self::take) for `count` records from `first` on, if their batch was acknowledged
    /// as a whole: the acknowledgement of the first. Else `None`, and all stay to be taken.
    pub fn take_acked(&mut self, first: Place, count: u32) -> Option<Ack> {
        let acked = self.open(first)?.slot.acked()?;
        self.taken(first, count);
        Some(acked.of(first.index))
    }

    #[inline]
    fn open(&mut self, place: Place) -> Option<&mut Open> {
        self.batches
            .get_mut(place.batch.wrapping_sub(self.first) as usize)
    }

    /// The outcome of a placed record, once; `None` while it is open.
    #[inline]
    pub fn take(&mut self, place: Place) -> Option<Result<Ack, DeliveryError>> {
        let outcome = self.open(place)?.slot.outcome_of(place.index)?;
        self.taken(place, 1);
        Some(outcome)
    }

    #[inline]
    fn taken(&mut self, place: Place, count: u32) {
        let Some(open) = self.open(place) else { return };
        open.remaining = open.remaining.saturating_sub(count);
        if open.remaining == 0 {
            self.forget_taken();
        }
    }

    /// A batch with an outcome takes no more records, so 0 is for good; but the front of the table
    /// may still be open while a later one is done.
    fn forget_taken(&mut self) {
        while self.batches.front().is_some_and(|open| open.remaining == 0) {
            self.batches.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }

    /// Whether any placed record has no outcome taken yet.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.batches.is_empty()
    }
}

/// A single send's way from its call to a place in a batch.
#[derive(Debug, Default)]
pub struct Ticket {
    place: OnceLock<(Arc<Slot>, u32)>,
    /// Woken when the record got its place.
    pub waker: WakeCell,
}

impl Ticket {
    /// The slot and index, once admitted.
    #[must_use]
    pub fn place(&self) -> Option<&(Arc<Slot>, u32)> {
        self.place.get()
    }

    pub(super) fn admit(&self, slot: Arc<Slot>, index: u32) {
        let first = self.place.set((slot, index)).is_ok();
        debug_assert!(first, "a send was admitted twice");
    }
}

/// A send that waits for room, with bytes of its own.
#[derive(Debug)]
pub(super) struct PendingSend {
    pub(super) ticket: Arc<Ticket>,
    pub(super) topic: Topic,
    pub(super) record: StagedRecord,
    pub(super) since: std::time::Instant,
    /// Which flush waits for it.
    pub(super) generation: u64,
}

/// Lists `flow` with a batch, once; the number by which the flow knows it.
#[inline]
pub(super) fn list(
    flows: &mut Vec<(Arc<FlowCell>, FlowId, u32)>,
    flow: &mut FlowLink,
    slot: &Arc<Slot>,
) -> u32 {
    // The newest is the likeliest: a chunk of one flow is appended under one lock.
    if let Some((_, _, number)) = flows.iter().rev().find(|(_, id, _)| *id == flow.id) {
        return *number;
    }
    let number = flow.enter(Arc::clone(slot));
    flows.push((Arc::clone(&flow.cell), flow.id, number));
    number
}

impl Batch {
    /// The slot that its own records read; parts of a split batch take no records.
    pub(super) fn slot(&self) -> &Arc<Slot> {
        match &self.result {
            super::batch::ResultTo::Slot(slot) => slot,
            super::batch::ResultTo::Part { gather, .. } => &gather.slot,
        }
    }
}

impl Staged {
    pub(super) fn push(&mut self, record: StagedRecord) -> u32 {
        self.records.push(Arc::new(record));
        self.records.len() as u32 - 1
    }
}
