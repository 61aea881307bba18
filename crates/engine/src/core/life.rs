//! A producer's life: open, closing, given up, dead.

use super::{Core, mutants::Mutant};
use crate::{Cause, CloseReport, DeliveryError};
use std::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Life {
    state: State,
    /// The first failure of a record is the producer's end.
    fail_fast: bool,
    /// That failure.
    failure: Option<DeliveryError>,
    /// What is not on the wire is still to be given up.
    owes: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Open,
    /// Accepts nothing more, and says why; what it has goes out.
    Closing(Cause),
    /// Its stream failed: accepts nothing more, and what is not on the wire is given up.
    Abandoned,
    /// Everything had its outcome.
    Dead(Cause),
}

impl Life {
    #[inline]
    pub(super) fn refuses(&self) -> bool {
        !matches!(self.state, State::Open)
    }

    pub(super) fn refusal(&self) -> Option<Cause> {
        match &self.state {
            State::Open => None,
            State::Abandoned => Some(Cause::StreamFailed),
            State::Closing(cause) | State::Dead(cause) => Some(cause.clone()),
        }
    }

    pub(super) fn cause_of_death(&self) -> Option<&Cause> {
        match &self.state {
            State::Dead(cause) => Some(cause),
            _ => None,
        }
    }

    /// Whether what comes back from the wire is not sent again.
    pub(super) fn gives_up(&self) -> bool {
        matches!(self.state, State::Abandoned)
    }

    pub(super) fn is_closing(&self) -> bool {
        !matches!(self.state, State::Open)
    }
}

impl Core {
    /// Whether it was closed, abandoned, or died.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.life.refuses()
    }

    /// Whether everything has its outcome and nothing will be accepted any more.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(self.life.state, State::Dead(_))
    }

    /// Ends the linger of everything accepted so far; it is settled once [`Core::is_settled`] says
    /// so of the number returned.
    pub fn flush(&mut self) -> u64 {
        for partition in 0..self.partitions.len() {
            if let Some(batch) = &mut self.partitions[partition].open {
                batch.hurried = true;
                self.urge(partition);
            }
        }
        for topic in &mut self.topics {
            if let Some(staged) = &mut topic.staged {
                staged.hurried = true;
            }
        }
        self.generations.close()
    }

    /// Whether everything that was accepted before a flush has its outcome.
    #[must_use]
    pub fn is_settled(&self, flush: u64) -> bool {
        self.generations.is_settled(flush)
    }

    /// Accepts nothing more. Sends that wait for room were accepted: they go out.
    pub fn close(&mut self) {
        if matches!(self.life.state, State::Open) {
            self.life.state = State::Closing(Cause::Closed);
        }
    }

    /// Everything is settled, or time is up: fails what is left. Says what became of all.
    pub fn end(&mut self, cause: Cause, now: Instant) -> CloseReport {
        self.die(cause, now);
        self.report()
    }

    /// What became of every record that was ever given to it.
    #[must_use]
    pub fn report(&self) -> CloseReport {
        let counters = &self.counters;
        CloseReport {
            acknowledged: counters.acknowledged,
            not_written: counters.failed - counters.maybe_written,
            maybe_written: counters.maybe_written,
        }
    }

    /// The stream that this producer was made for failed: nothing more is put on the wire. What is
    /// on it may still be stored, and is reported by its answer.
    pub fn abandon(&mut self, now: Instant) {
        if matches!(self.life.state, State::Open | State::Closing(_)) {
            self.life.state = State::Abandoned;
            self.fail_waiting(&Cause::StreamFailed, now);
            self.hand_on(now);
        }
    }

    /// From now on the first record that fails has everything [abandoned](Self::abandon) that is not
    /// on the wire, before anything more is put there; a record that is refused before it was
    /// accepted only lets nothing in behind it.
    pub fn abandon_on_failure(&mut self) {
        self.life.fail_fast = true;
    }

    /// The failure that had everything abandoned.
    #[must_use]
    pub fn failure(&self) -> Option<&DeliveryError> {
        self.life.failure.as_ref()
    }

    /// An accepted record failed.
    pub(super) fn note_failure(&mut self, error: &DeliveryError) {
        let life = &mut self.life;
        if life.fail_fast && matches!(life.state, State::Open | State::Closing(_)) {
            life.state = State::Abandoned;
            life.owes = true;
            life.failure = Some(error.clone());
        }
    }

    /// A record was refused at the door. Those before it are none the worse.
    pub(super) fn note_refusal(&mut self, error: &DeliveryError) {
        let life = &mut self.life;
        if life.fail_fast && matches!(life.state, State::Open) {
            life.state = State::Closing(Cause::StreamFailed);
            life.failure = Some(error.clone());
        }
    }

    /// Whether it was abandoned: nothing of it goes on the wire any more.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.life.gives_up()
    }

    /// Gives up what [`note_failure`](Self::note_failure) left: it is called amid other changes.
    pub(super) fn settle_debts(&mut self, now: Instant) {
        if std::mem::take(&mut self.life.owes) && !Mutant::GoOnAfterFailure.is_planted() {
            self.fail_waiting(&Cause::StreamFailed, now);
        }
    }

    /// Fails everything, whatever its state.
    pub(super) fn die(&mut self, cause: Cause, now: Instant) {
        if self.is_dead() {
            return;
        }
        self.life.state = State::Dead(cause.clone());
        self.fail_waiting(&cause, now);
        for partition in 0..self.partitions.len() {
            let on_the_wire: Vec<_> = self.partitions[partition]
                .in_flight
                .iter()
                .map(|batch| batch.no)
                .collect();
            for no in on_the_wire {
                self.haunt(partition, no, |_| cause.clone());
            }
        }
        self.effects.settled = true;
        self.effects.control = true;
    }

    /// Fails everything that is not on the wire.
    fn fail_waiting(&mut self, cause: &Cause, now: Instant) {
        self.fail_pending(now, Some(cause));
        for topic in 0..self.topics.len() {
            self.wake_waiting(topic);
            self.fail_staged(topic, cause.clone(), now);
        }
        for partition in 0..self.partitions.len() {
            let p = &mut self.partitions[partition];
            let mut waiting = std::mem::take(&mut p.queue);
            waiting.extend(p.open.take());
            for batch in waiting {
                self.fail(partition, batch, cause.clone());
            }
        }
        // Whoever waits for room is to hear that no record is taken any more.
        let (flows, effects) = (&self.flows, &mut self.effects);
        self.credit.withdraw_all(|flow| {
            if let Some(cell) = flows.get(&flow) {
                effects.wake(cell);
            }
        });
    }
}
