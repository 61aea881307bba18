//! Plain sends: one future per record, some dropped before they are admitted or answered.

use super::{
    coverage::Event,
    history::{Id, Told},
    plan::{MS, chance},
    tasks::SENDS,
    world::{Do, Task, World},
};
use guanaco_engine::core::{Slot, Ticket};
use std::{sync::Arc, task::Waker};

/// All plain sends.
#[derive(Default)]
pub(super) struct Sends {
    list: Vec<Send>,
}

/// One send's future.
struct Send {
    id: Id,
    ticket: Arc<Ticket>,
    waker: Waker,
    scheduled: bool,
    /// Where the slot that is waited on keeps the waker.
    waits: Option<(Arc<Slot>, Option<usize>)>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Done,
    /// Dropped after it was admitted: nobody hears what becomes of it.
    Unheard,
}

impl Sends {
    pub(super) fn scheduled(&mut self, send: usize) -> &mut bool {
        &mut self.list[send].scheduled
    }

    /// How many were called.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nobody hears of one of them.
    pub(super) fn any_unheard(&self) -> bool {
        self.list.iter().any(|send| send.state == State::Unheard)
    }

    /// Whether its future was dropped after it was admitted.
    pub(super) fn is_unheard(&self, id: Id) -> bool {
        self.list
            .iter()
            .any(|send| send.id == id && send.state == State::Unheard)
    }
}

impl World {
    pub(super) fn send_next(&mut self) {
        if self.ending.paused_until > self.now {
            return self.at(self.ending.paused_until, Do::SendNext);
        }
        let enough = self.sends.len() >= self.plan.sends && self.ending.calm_from > 0;
        if enough && self.now >= self.ending.calm_from || self.core.is_closed() {
            self.ending.sends_over = true;
            return self.look();
        }
        let burst = if chance(&mut self.rng, 5) {
            self.rng.usize(2..30)
        } else {
            1
        };
        for _ in 0..burst {
            self.send();
        }
        let pause = self.about(self.plan.send_pause);
        self.after(pause, Do::SendNext);
    }

    fn send(&mut self) {
        let topics: Vec<usize> = (0..self.plan.topics.len()).collect();
        let record = self.make(SENDS, &topics, 60);
        let try_only = chance(&mut self.rng, 10);
        let (now, millis) = (self.instant(), self.millis());
        let call = record.as_ref(&self.names, millis);
        let ticket = match try_only {
            true => self.core.try_send(&call, now),
            false => Some(self.core.send(&call, now)),
        };
        if let Some(effects) = self.core.take_effects() {
            self.apply(effects);
        }
        let Some(ticket) = ticket else {
            self.history.tell(record.id, Told::Withdrawn, self.now);
            return;
        };
        self.placed(&record);
        if ticket.place().is_none()
            && let Some(sent) = self.history.record_mut(record.id)
        {
            sent.calm = None; // it may yet wait for room for too long
        }
        let number = self.sends.list.len();
        let waker = self.waker(Task::Send(number));
        self.sends.list.push(Send {
            id: record.id,
            ticket,
            waker,
            scheduled: false,
            waits: None,
            state: State::Waiting,
        });
        self.schedule(Task::Send(number));
        if chance(&mut self.rng, 10) {
            let pause = self.rng.u64(0..100 * MS);
            self.after(pause, Do::Withdraw(number));
        }
    }

    pub(super) fn poll_send(&mut self, number: usize) {
        let send = &mut self.sends.list[number];
        send.scheduled = false;
        if send.state != State::Waiting {
            return;
        }
        if send.ticket.place().is_none() {
            send.ticket.waker.register(&send.waker);
        }
        let Some((slot, index)) = send.ticket.place() else {
            return;
        };
        let (mut slot, mut index) = (Arc::clone(slot), *index);
        loop {
            if let Some(outcome) = slot.outcome_of(index) {
                send.state = State::Done;
                let id = send.id;
                return self.tell(id, &outcome);
            }
            if let Some((moved, at)) = slot.moved(index).map(|(slot, at)| (Arc::clone(slot), at)) {
                (slot, index) = (moved, at);
                continue;
            }
            if !send
                .waits
                .as_ref()
                .is_some_and(|(waits, _)| Arc::ptr_eq(waits, &slot))
            {
                send.waits = Some((Arc::clone(&slot), None));
            }
            if let Some((_, key)) = &mut send.waits {
                slot.register(&send.waker, key);
            }
            return;
        }
    }

    /// Drops a send's future.
    pub(super) fn withdraw(&mut self, number: usize) {
        let send = &mut self.sends.list[number];
        if send.state != State::Waiting {
            return;
        }
        if let Some((slot, Some(key))) = send.waits.take() {
            slot.forget(key);
        }
        if send.ticket.place().is_some() {
            send.state = State::Unheard;
            return;
        }
        send.state = State::Done;
        let (id, ticket) = (send.id, Arc::clone(&send.ticket));
        self.coverage.see(Event::Withdrawn);
        self.note(|| format!("send of record {id} withdrawn"));
        self.history.tell(id, Told::Withdrawn, self.now);
        self.with(|core, now| core.withdraw(&ticket, now));
    }

    /// In the end: what became of the sends that nobody heard of.
    pub(super) fn tell_unheard(&mut self) {
        for number in 0..self.sends.list.len() {
            let send = &self.sends.list[number];
            if send.state != State::Unheard {
                continue;
            }
            let (id, place) = (send.id, send.ticket.place());
            if let Some(outcome) = place.and_then(|(slot, index)| slot.outcome_of(*index)) {
                self.tell(id, &outcome);
            }
        }
    }
}
