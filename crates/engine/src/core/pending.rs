//! Single sends: a place in the order at the call, room in the buffer when there is some.

use super::{
    Core,
    append::{PENDING, Put},
    flow::{FlowLink, PendingSend, Ticket},
    pool::Pool,
    slot::Slot,
    topic::StagedRecord,
};
use crate::{Cause, DeliveryError, RecordRef, Topic, Written};
use std::{sync::Arc, time::Instant};

impl Core {
    /// Appends one record, or queues it for room; its place in the order is taken now.
    pub fn send(&mut self, record: &RecordRef<'_>, now: Instant) -> Arc<Ticket> {
        let ticket = Arc::new(Ticket::default());
        if let Some(cause) = self.life.refusal() {
            let slot = self.refuse(record.topic, record.partition, cause);
            ticket.admit(slot, 0);
            return ticket;
        }
        if self.pending.is_empty()
            && let Some((slot, index)) = self.send_now(record, now, None)
        {
            ticket.admit(slot, index);
            return ticket;
        }
        if self.pending.len() >= self.config.pending_sends_max {
            let cause = Cause::BufferFull {
                waited: std::time::Duration::ZERO,
            };
            let slot = self.refuse(record.topic, None, cause);
            ticket.admit(slot, 0);
            return ticket;
        }
        self.pending.push_back(PendingSend {
            ticket: Arc::clone(&ticket),
            topic: record.topic.clone(),
            record: StagedRecord::new(record),
            since: now,
            generation: self.generations.enter(),
        });
        self.effects.control = true;
        self.hand_on(now);
        ticket
    }

    /// Appends one record if there is room for it now.
    pub fn try_send(&mut self, record: &RecordRef<'_>, now: Instant) -> Option<Arc<Ticket>> {
        if !self.pending.is_empty() {
            return None;
        }
        let Some((slot, index)) = self.send_now(record, now, None) else {
            // It does not wait for room.
            self.credit.withdraw(PENDING);
            self.hand_on(now);
            return None;
        };
        let ticket = Arc::new(Ticket::default());
        ticket.admit(slot, index);
        Some(ticket)
    }

    /// Keeps room for a record that is not there yet, for `flow`, which is woken when there is some.
    /// Ready is also who would only be refused.
    pub fn reserve(&mut self, flow: &FlowLink, now: Instant) -> bool {
        if self.life.refuses() {
            return true;
        }
        let bytes = Pool::size_for(self.limits.batch).min(self.config.buffer_memory);
        let given = self.credit.reserve(flow.id, bytes);
        if given {
            self.pool.shrink(self.credit.available());
        } else {
            self.hurry_all();
            self.hand_on(now);
        }
        given
    }

    /// Sends a record into the room that was kept for it, unless others have waited before it.
    pub fn send_reserved(
        &mut self,
        flow: &FlowLink,
        record: &RecordRef<'_>,
        now: Instant,
    ) -> Arc<Ticket> {
        if self.pending.is_empty() {
            self.credit.pass(flow.id, PENDING);
        } else {
            self.credit.withdraw(flow.id);
        }
        let ticket = self.send(record, now);
        if self.pending.is_empty() {
            // What it did not need of it.
            self.credit.withdraw(PENDING);
        }
        self.hand_on(now);
        ticket
    }

    /// Withdraws a send that was not admitted yet.
    pub fn withdraw(&mut self, ticket: &Arc<Ticket>, now: Instant) {
        let is_it = |pending: &PendingSend| Arc::ptr_eq(&pending.ticket, ticket);
        let found = self.pending.iter().position(is_it);
        if let Some(withdrawn) = found.and_then(|at| self.pending.remove(at)) {
            self.leave_generation(withdrawn.generation);
        }
        if self.pending.is_empty() {
            self.credit.withdraw(PENDING);
        }
        self.hand_on(now);
    }

    /// Hands free credit on: to flows, which are woken, and to pending sends, which are placed.
    pub(super) fn hand_on(&mut self, now: Instant) {
        self.settle_debts(now);
        loop {
            let mut admit = false;
            let (flows, effects) = (&self.flows, &mut self.effects);
            self.credit.grant(|flow| match flows.get(&flow) {
                Some(cell) => effects.wake(cell),
                None => admit = true,
            });
            if !admit {
                return;
            }
            // What pending sends were granted and do not need is the next one's.
            self.admit_pending(now);
        }
    }

    /// Gives pending sends their places, first come first served, while there is room.
    fn admit_pending(&mut self, now: Instant) {
        while let Some(pending) = self.pending.pop_front() {
            let record = pending.record.to_ref(&pending.topic);
            match self.send_now(&record, now, Some(pending.generation)) {
                Some((slot, index)) => {
                    self.leave_generation(pending.generation);
                    pending.ticket.admit(slot, index);
                    self.effects.admitted.push(pending.ticket);
                }
                None => {
                    self.pending.push_front(pending);
                    return;
                }
            }
        }
        self.credit.withdraw(PENDING);
    }

    /// Fails pending sends that waited for `max.block.ms`, or all of them.
    pub(super) fn fail_pending(&mut self, now: Instant, all: Option<&Cause>) {
        let waited = self.config.max_block;
        let late = |pending: &PendingSend| now.saturating_duration_since(pending.since) >= waited;
        while self
            .pending
            .front()
            .is_some_and(|pending| all.is_some() || late(pending))
        {
            let Some(pending) = self.pending.pop_front() else {
                return;
            };
            let cause = all.cloned().unwrap_or(Cause::BufferFull { waited });
            let slot = self.refuse(&pending.topic, None, cause);
            self.leave_generation(pending.generation);
            pending.ticket.admit(slot, 0);
            self.effects.admitted.push(pending.ticket);
        }
        if self.pending.is_empty() {
            self.credit.withdraw(PENDING);
        }
    }

    /// When the longest waiting send has waited for too long.
    pub(super) fn pending_deadline(&self) -> Option<Instant> {
        self.pending
            .front()
            .map(|pending| pending.since + self.config.max_block)
    }

    /// Places a single send, if there is room. One that has waited for it brings its generation of
    /// flushes along: a flush that was called meanwhile waits for it, and so it may not linger.
    fn send_now(
        &mut self,
        record: &RecordRef<'_>,
        now: Instant,
        waited: Option<u64>,
    ) -> Option<(Arc<Slot>, u32)> {
        let topic = self.topic(record.topic, now);
        let flushed = waited.is_some_and(|generation| generation < self.generations.current);
        // Its partitioner was not asked before it came here, as nobody knew of how many to choose.
        let unasked = self.asks && record.partition.is_none();
        let put = match waited {
            None if unasked && !self.life.refuses() => self.put_cold(PENDING, topic, record, now),
            None => self.put(PENDING, topic, record, now),
            // It was accepted when it was called, whatever the producer's life is now.
            Some(_) if unasked => self.put_cold(PENDING, topic, record, now),
            Some(_) => self.put_accepted(PENDING, topic, record, now),
        };
        match put {
            Put::Batch(partition, index) => {
                let batch = self.partitions[partition].open.as_mut()?;
                let slot = Arc::clone(batch.slot());
                if let Some(generation) = waited {
                    self.generations.lower(&mut batch.generation, generation);
                }
                if flushed && !std::mem::replace(&mut batch.hurried, true) {
                    self.urge(partition);
                }
                Some((slot, index))
            }
            Put::Staged(topic, index) => {
                let staged = self.topics[topic].staged.as_mut()?;
                if let Some(generation) = waited {
                    self.generations.lower(&mut staged.generation, generation);
                }
                staged.hurried |= flushed;
                Some((Arc::clone(&staged.slot), index))
            }
            Put::Refused(error) => Some((Slot::failed(error), 0)),
            Put::NoRoom => None,
        }
    }

    /// A record failed before it came here, in the user's partitioner: it counts all the same.
    pub fn count_refused(&mut self) {
        self.counters.refused(1);
    }

    #[cold]
    fn refuse(&mut self, topic: &Topic, partition: Option<i32>, cause: Cause) -> Arc<Slot> {
        self.counters.refused(1);
        Slot::failed(DeliveryError::new(topic, partition, Written::No, cause, 0))
    }
}
