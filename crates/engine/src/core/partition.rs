//! One partition's batches: their order, their sequences, their retries.
//!
//! Everything that decides whether a record can be lost, doubled or swapped is in this file.

use super::{
    batch::{Batch, BatchNo, Body, Stamp},
    identity::{Identities, Identity},
    mutants::Mutant,
};
use crate::Cause;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// A fast partition's batches are ready at this size at the latest: a flow's default limits hold two
/// of them with records of 100 bytes, so that one is made while another is answered. A broker spends
/// about as much on a request as on 2,000 such records, whatever its size.
const MAX_PACE: usize = 512 << 10;

/// A producer that was idle for so long may have been forgotten by brokers that are told to forget
/// early (`producer.id.expiration.ms`, a day unless set).
const FORGETFUL: Duration = Duration::from_secs(60);

/// A partition's index in the core's table of partitions.
pub(super) type PartitionId = usize;

/// A broker's index in the core's table of brokers.
pub(super) type BrokerIndex = usize;

/// The batches of one partition, in order: `in_flight`, then `queue`, then `open`.
#[derive(Debug)]
pub(super) struct Partition {
    pub topic: usize,
    pub index: i32,
    pub leader: Option<BrokerIndex>,
    pub leader_epoch: i32,
    /// Takes records.
    pub open: Option<Batch>,
    /// Closed: to be retried (stamped, in order of sequence), then never sent.
    pub queue: VecDeque<Batch>,
    /// On the wire, in order of sequence.
    pub in_flight: VecDeque<Batch>,
    /// Who the sequences are counted under.
    pub identity: Option<Identity>,
    pub next_sequence: i32,
    /// Something unsettled may be missing from the log, or the leader may not know the producer: the
    /// oldest goes alone before anything newer, until a success.
    ///
    /// A leader that does not know a producer takes any first sequence of it. Were the second of two
    /// batches on the wire to arrive as the first that is not refused, it would be in the log before
    /// the other, and no sequence of ours could tell.
    pub recovering: bool,
    /// When the leader surely knew the producer.
    pub last_success: Option<Instant>,
    /// A stamped batch is gone without having been acknowledged: the earliest such, by its place.
    pub gap: Option<(Place, Gap)>,
    /// Waits after a retriable refusal.
    pub not_before: Option<Instant>,
    /// Refusals in a row, for the back-off.
    pub refusals: u32,
    /// Whether its leader's list of partitions with something to send has it.
    pub listed: bool,
    /// The open batch's size at which it is looked at again.
    pub check_at: usize,
    /// The size that the open batch may have.
    pub most: usize,
    /// The size at which a batch is ready, as fast as records come at present.
    pub pace: usize,
    /// The topic's records get the broker's time, as far as is known.
    pub log_append: bool,
    /// How large the last batch grew: the first size of the next buffer.
    pub size_hint: usize,
}

/// A batch's place in the order of its partition, see [`Batch::order`].
type Place = (BatchNo, u32);

/// What is known of a stamped batch that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// It is not in the log, so nothing that was stamped after it is, or can be, in the log either.
    Proven,
    /// It may be in the log.
    Maybe,
}

/// What a partition can do for a request now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// It has nothing to send.
    Nothing,
    /// It has, but must wait for an answer or for something else that will be told.
    Waits,
    /// It has, after this time.
    Until(Instant),
    /// A closed batch of so many bytes can go.
    Closed(usize),
    /// The open batch can go.
    Open,
}

impl Partition {
    pub(super) fn new(topic: usize, index: i32) -> Self {
        Self {
            topic,
            index,
            leader: None,
            leader_epoch: -1,
            open: None,
            queue: VecDeque::new(),
            in_flight: VecDeque::new(),
            identity: None,
            next_sequence: 0,
            recovering: !Mutant::TrustStranger.is_planted(),
            last_success: None,
            gap: None,
            not_before: None,
            refusals: 0,
            listed: false,
            check_at: 0,
            most: 0,
            pace: 0,
            log_append: false,
            size_hint: 0,
        }
    }

    /// Follows the rate of records: a partition that would fill twice the batch in half of the linger
    /// gets larger ones, which cost less for each record; one that lets it pass gets smaller ones.
    pub(super) fn set_pace(&mut self, filled_in: Duration, linger: Duration, least: usize) {
        if filled_in < linger / 4 {
            self.pace = (self.pace.max(least) * 2).min(MAX_PACE);
        } else if filled_in > linger {
            self.pace /= 2;
        }
    }

    /// Bytes that wait to be sent.
    pub(super) fn queued_bytes(&self) -> usize {
        self.queue.iter().chain(&self.open).map(Batch::len).sum()
    }

    /// When the oldest batch that is not on the wire was created.
    pub(super) fn unsent(&self) -> Option<Instant> {
        let first = self.queue.front().or(self.open.as_ref());
        first.map(|batch| batch.created)
    }

    /// When the oldest unsettled batch was created.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let live = |batch: &&Batch| !batch.expired;
        let in_flight = self.in_flight.iter().find(live);
        in_flight
            .or(self.queue.front())
            .or(self.open.as_ref())
            .map(|batch| batch.created)
    }

    /// What could be sent at `now`, with at most `limit` unanswered batches.
    pub(super) fn head(&self, now: Instant, limit: usize) -> Head {
        let head = self.queue.front();
        if head.is_none() && self.open.is_none() {
            return Head::Nothing;
        }
        if let Some(at) = self.not_before.filter(|at| *at > now) {
            return Head::Until(at);
        }
        let recovering = self.recovering && !Mutant::NewerBeforeRetry.is_planted();
        let alone = recovering || self.gap.is_some();
        let ghost = self.in_flight.iter().any(|batch| batch.expired);
        if ghost || self.in_flight.len() >= if alone { 1 } else { limit } {
            return Head::Waits;
        }
        match head {
            None => Head::Open,
            Some(batch) if matches!(batch.body, Body::Sealed { .. }) => Head::Closed(batch.len()),
            Some(_) => Head::Waits,
        }
    }

    /// Takes the head of the queue for a request: stamps it where it has no stamp yet.
    ///
    /// `None` while there is no producer identity to stamp with. `idempotent` is `None` without
    /// idempotence.
    pub(super) fn take_head(
        &mut self,
        topic_id: Uuid,
        idempotent: Option<&mut Identities>,
    ) -> Option<&Batch> {
        if self
            .queue
            .front()
            .is_some_and(|batch| batch.stamp.is_none())
        {
            let sequence = match idempotent {
                None => None,
                Some(identities) => {
                    let identity = match self.identity {
                        Some(identity) => identity,
                        None => *self.identity.insert(identities.current()?),
                    };
                    Some((identity, self.next_sequence))
                }
            };
            let head = self.queue.front_mut()?;
            head.stamp = Some(Stamp { topic_id, sequence });
            if sequence.is_some() {
                self.next_sequence = sequence_after(self.next_sequence, head.count);
            }
        }
        let mut batch = self.queue.pop_front()?;
        batch.attempts += 1;
        batch.unproven += 1;
        self.in_flight.push_back(batch);
        self.in_flight.back()
    }

    /// Before anything newer is sent across a gap: starts counting anew if that is safe now.
    ///
    /// Safe is: nothing is on the wire, and the oldest stamped batch is proven absent (then so are
    /// all behind it) or there is none. Otherwise the oldest is sent again, alone, with its old
    /// stamp: its answer tells whether the sequences still fit. `false` while a new producer id is
    /// on its way.
    pub(super) fn close_gap(&mut self, identities: &mut Identities) -> bool {
        let Some((place, gap)) = self.gap else {
            return true;
        };
        if !self.in_flight.is_empty() {
            return true;
        }
        if let Some(head) = self.queue.front().filter(|batch| batch.stamp.is_some())
            && (head.order < place || (gap == Gap::Maybe && head.unproven > 0))
            && !Mutant::RenumberUnknown.is_planted()
        {
            return true;
        }
        if let Some(old) = self.identity {
            let Some(next) = identities.after(old) else {
                return false;
            };
            self.identity = Some(next);
        }
        self.next_sequence = 0;
        for batch in self.queue.iter_mut() {
            batch.stamp = None;
            batch.unproven = 0;
        }
        self.gap = None;
        self.recovering = true;
        true
    }

    /// The leader may have forgotten the producer by now.
    pub(super) fn wake_up(&mut self, now: Instant) {
        let long_ago = |at: Instant| now.saturating_duration_since(at) >= FORGETFUL;
        self.recovering |= self.in_flight.is_empty() && self.last_success.is_some_and(long_ago);
    }

    /// Takes a batch off the wire, its answer or its connection's end in hand.
    pub(super) fn answered(&mut self, no: BatchNo) -> Option<Batch> {
        let at = self.in_flight.iter().position(|batch| batch.no == no)?;
        self.in_flight.remove(at)
    }

    /// `batch` is in the log: the sequences fit up to here.
    pub(super) fn succeeded(&mut self, batch: &Batch, now: Instant) {
        self.recovering = false;
        self.last_success = Some(now);
        self.gap = self.gap.filter(|(place, _)| *place > batch.order);
        self.refusals = 0;
        self.not_before = None;
    }

    /// Puts an unsettled batch back, before everything newer.
    pub(super) fn put_back(&mut self, batch: Batch, cause: Cause) {
        self.recovering = true;
        let mut batch = batch;
        batch.last_error = Some(cause);
        let before = |queued: &Batch| queued.order < batch.order;
        let at = match Mutant::ReorderOnRetry.is_planted() {
            true => self.queue.len(),
            false => self.queue.partition_point(before),
        };
        self.queue.insert(at, batch);
    }

    /// A stamped batch is gone for good without having been acknowledged.
    pub(super) fn lost(&mut self, batch: &Batch) {
        if batch.sequence().is_some() {
            let found = if batch.unproven == 0 {
                Gap::Proven
            } else {
                Gap::Maybe
            };
            self.open_gap(batch.order, found);
        }
    }

    /// Remembers a gap, unless an earlier one is remembered: what closes that one deals with all
    /// behind it.
    pub(super) fn open_gap(&mut self, place: Place, found: Gap) {
        self.recovering = true;
        if self.gap.is_none_or(|(earliest, _)| place <= earliest) {
            self.gap = Some((place, found));
        }
    }

    /// Whether an unsettled, stamped batch stands before `batch`.
    pub(super) fn has_earlier(&self, batch: &Batch) -> bool {
        let earlier = |other: &Batch| other.stamp.is_some() && other.order < batch.order;
        self.in_flight.iter().any(earlier) || self.queue.iter().any(earlier)
    }
}

/// The sequence after `count` records from `sequence` on: they wrap to 0 after `i32::MAX`.
#[must_use]
pub fn sequence_after(sequence: i32, count: u32) -> i32 {
    ((i64::from(sequence) + i64::from(count)) & i64::from(i32::MAX)) as i32
}
