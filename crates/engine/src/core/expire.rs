//! Time runs out: for records, for topics nobody knows, for those who wait for room.

use super::{
    Core, Trouble,
    batch::Batch,
    drain::earlier,
    mutants::Mutant,
    partition::PartitionId,
    slot::{Acked, Outcome},
};
use crate::Cause;
use std::{sync::Arc, time::Duration, time::Instant};

/// A topic that does not exist is asked for again and again for so long, at most, before its
/// records fail (a topic made on first use takes a moment to show).
const TOPIC_WAIT: Duration = Duration::from_secs(30);

/// After a topic was found missing, records for it fail at once for so long.
const TOPIC_REFUSED: Duration = Duration::from_secs(1);

impl Core {
    /// Ends what is out of time; says when to look again at the latest.
    pub fn expire(&mut self, now: Instant) -> Option<Instant> {
        let mut next = None;
        for partition in 0..self.partitions.len() {
            let due = self.partitions[partition].oldest();
            let Some(due) = due.map(|created| created + self.config.delivery_timeout) else {
                continue;
            };
            if due > now {
                next = earlier(next, Some(due));
                continue;
            }
            self.expire_partition(partition, now);
            let rest = self.partitions[partition].oldest();
            next = earlier(
                next,
                rest.map(|created| created + self.config.delivery_timeout),
            );
        }
        for topic in 0..self.topics.len() {
            next = earlier(next, self.expire_topic(topic, now));
        }
        self.fail_pending(now, None);
        next = earlier(next, self.pending_deadline());
        self.hand_on(now);
        next
    }

    /// How long a record waits for its topic to exist.
    fn topic_wait(&self) -> Duration {
        self.config.max_block.min(TOPIC_WAIT)
    }

    fn expire_topic(&mut self, topic: usize, now: Instant) -> Option<Instant> {
        let wait = self.topic_wait();
        let state = &self.topics[topic];
        let since = state.staged.as_ref().map(|staged| staged.since);
        let due = earlier(since, state.waiting_since)? + wait;
        if due > now {
            return Some(due);
        }
        if !self.topics[topic].partitions.is_empty() {
            let cause = Cause::Partitioner("it took longer than max.block.ms".into());
            self.fail_staged(topic, cause, now);
            return None;
        }
        self.topics[topic].suspect = true;
        self.refuse_topic(topic, Cause::UnknownTopic { waited: wait }, now);
        None
    }

    /// Fails the records that wait for a topic, and for a moment those that come after them.
    pub(super) fn refuse_topic(&mut self, topic: usize, cause: Cause, now: Instant) {
        self.topics[topic].refused = Some((now + TOPIC_REFUSED, cause.clone()));
        self.wake_waiting(topic);
        self.fail_staged(topic, cause, now);
    }

    /// Something is known of a topic: partitioners that waited for it are asked again.
    pub(super) fn wake_waiting(&mut self, topic: usize) {
        self.topics[topic].waiting_since = None;
        for cell in std::mem::take(&mut self.topics[topic].waiting) {
            self.effects.wake(&cell);
        }
    }

    pub(super) fn fail_staged(&mut self, topic: usize, cause: Cause, now: Instant) {
        let Some(staged) = self.topics[topic].staged.take() else {
            return;
        };
        let name = &self.topics[topic].name;
        let error = crate::DeliveryError::new(name, None, crate::Written::No, cause, 0);
        self.note_failure(&error);
        self.counters.refused(staged.records.len() as u64);
        self.effects.troubles.push(Trouble {
            error: error.clone(),
            records: staged.records.len() as u32,
            again: false,
        });
        staged.slot.settle(Outcome::Failed(error));
        for (cell, ..) in &staged.flows {
            self.effects.wake(cell);
        }
        self.effects.slots.push(Arc::clone(&staged.slot));
        self.credit.free(staged.credit);
        if self.generations.leave(staged.generation) {
            self.effects.settled = true;
        }
        self.hand_on(now);
    }

    fn expire_partition(&mut self, partition: PartitionId, now: Instant) {
        let timeout = self.config.delivery_timeout;
        let late = |batch: &Batch| !batch.expired && batch.created + timeout <= now;
        let p = &mut self.partitions[partition];
        let on_the_wire: Vec<_> = p
            .in_flight
            .iter()
            .filter(|batch| late(batch))
            .map(|batch| batch.no)
            .collect();
        let mut waiting = Vec::new();
        while p.queue.front().is_some_and(late) {
            waiting.extend(p.queue.pop_front());
        }
        if p.open.as_ref().is_some_and(late) {
            waiting.extend(p.open.take());
        }
        for no in on_the_wire {
            self.haunt(partition, no, |last| expired(timeout, last));
        }
        for batch in waiting {
            let cause = expired(timeout, batch.last_error.as_ref());
            self.fail(partition, batch, cause);
        }
    }

    /// Ends a batch that is on the wire for everyone but its partition, which still has to learn
    /// from the answer whether its sequences were taken.
    pub(super) fn haunt(
        &mut self,
        partition: PartitionId,
        no: super::BatchNo,
        cause: impl FnOnce(Option<&Cause>) -> Cause,
    ) {
        let p = &mut self.partitions[partition];
        let Some(at) = p.in_flight.iter().position(|batch| batch.no == no) else {
            return;
        };
        let Some(mut batch) = p.in_flight.remove(at) else {
            return;
        };
        if !batch.expired {
            let cause = cause(batch.last_error.as_ref());
            let late = matches!(cause, Cause::Expired { .. });
            let error = batch.error(&self.topics[p.topic].name, p.index, cause);
            let outcome = match late && Mutant::AcknowledgeOnTimeout.is_planted() {
                true => Outcome::Acked(Acked {
                    partition: p.index,
                    base_offset: None,
                    log_append_time: None,
                }),
                false => Outcome::Failed(error),
            };
            self.tell(partition, &batch, outcome);
            self.credit.free(std::mem::take(&mut batch.credit));
            batch.expired = true;
        }
        self.partitions[partition].in_flight.insert(at, batch);
    }
}

fn expired(after: Duration, last: Option<&Cause>) -> Cause {
    Cause::Expired {
        after,
        last: last.map(|last| last.to_string().into()),
    }
}
