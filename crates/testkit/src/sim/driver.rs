//! The engine's driver, step by step: one task per broker's connection, the task that watches the
//! clock, and what wakes them.

use super::{
    coverage::Event,
    network::{Conn, ConnId},
    plan::{MS, Micros},
    world::{Do, World},
};
use guanaco_engine::{
    Acks,
    batch::compress::compress,
    core::{Answer, CompressJob, RequestId},
};

/// Time is looked at this often at the least.
const TICK: Micros = 1_000 * MS;

/// The task of one broker's connection.
#[derive(Debug)]
pub(super) struct Link {
    state: State,
    /// It was notified and has not looked since.
    permit: bool,
    /// Counts the states it was in: what was meant for an earlier one is void.
    age: u32,
    timer: u32,
    failures: u32,
    setup_failures: u32,
    idle_since: Micros,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Waits to be notified before it connects.
    Idle,
    Connecting,
    Serving(ConnId),
    Pausing,
    Ended,
}

/// The task that runs errands; see `serve`.
#[derive(Debug, Default)]
pub(super) struct Control {
    pub busy: bool,
    pub permit: bool,
    pub waking: bool,
    pub timer: u32,
    pub errand: u32,
    pub connection: Option<i32>,
    pub id_not_before: Micros,
    pub ended: bool,
}

/// The task that watches the clock.
#[derive(Debug, Default)]
pub(super) struct Watch {
    timer: u32,
    waking: bool,
    pub ended: bool,
}

impl World {
    /// Notifies a link; `false` if there is none.
    pub(super) fn notify_link(&mut self, broker: i32) -> bool {
        let pause = self.soon();
        let Some(link) = self.links.get_mut(&broker) else {
            return false;
        };
        if !std::mem::replace(&mut link.permit, true)
            && matches!(link.state, State::Idle | State::Serving(_))
        {
            let age = link.age;
            self.after(pause, Do::LinkWake(broker, age));
        }
        true
    }

    pub(super) fn link_woken(&mut self, broker: i32, age: u32) {
        let Some(link) = self.links.get_mut(&broker) else {
            return;
        };
        if link.age != age || !link.permit {
            return;
        }
        link.permit = false;
        match link.state {
            State::Idle => self.connect(broker),
            State::Serving(_) => self.turn(broker),
            State::Connecting | State::Pausing | State::Ended => {}
        }
    }

    fn enter(&mut self, broker: i32, state: State) -> u32 {
        let Some(link) = self.links.get_mut(&broker) else {
            return 0;
        };
        link.state = state;
        link.age += 1;
        link.age
    }

    fn connect(&mut self, broker: i32) {
        if self.core.is_dead() {
            self.enter(broker, State::Ended);
            return;
        }
        let age = self.enter(broker, State::Connecting);
        if let Some(link) = self.links.get_mut(&broker) {
            link.permit = false;
        }
        let failures = self
            .links
            .get(&broker)
            .map_or(0, |link| link.setup_failures);
        let setup = self.plan.config.connection_setup_timeout.as_micros() as Micros;
        let limit = (setup << failures.min(2)).min(5_000 * MS);
        let pause = match self.reachable(broker) {
            Some(true) => self.about(self.plan.latency * 4).min(limit),
            Some(false) => limit,
            None => self.about(self.plan.latency),
        };
        self.after(pause, Do::Connected(broker, age));
    }

    /// A connection attempt ends.
    pub(super) fn connected(&mut self, broker: i32, age: u32) {
        if self.links.get(&broker).is_none_or(|link| link.age != age) {
            return;
        }
        if self.reachable(broker) != Some(true) {
            if let Some(link) = self.links.get_mut(&broker) {
                link.setup_failures += 1;
            }
            return self.lost(broker, "no connection");
        }
        let conn = self.conns.len();
        self.conns.push(Conn::new(broker));
        self.enter(broker, State::Serving(conn));
        if let Some(link) = self.links.get_mut(&broker) {
            link.setup_failures = 0;
            link.idle_since = self.now;
        }
        self.note(|| format!("broker {broker}: connection {conn}"));
        self.turn(broker);
        // A notification that came meanwhile is still there.
        if let Some(link) = self.links.get_mut(&broker)
            && std::mem::take(&mut link.permit)
        {
            self.notify_link(broker);
        }
    }

    /// The connection, or the attempt at one, is over.
    fn lost(&mut self, broker: i32, why: &'static str) {
        let age = self.enter(broker, State::Pausing);
        self.note(|| format!("broker {broker}: lost, {why}"));
        self.mark(1);
        let needed = self.with(|core, now| core.disconnected(broker, why, now));
        if self.core.is_dead() {
            self.enter(broker, State::Ended);
            return;
        }
        let config = &self.plan.config;
        let (first, most) = (config.reconnect_backoff, config.reconnect_backoff_max);
        let Some(link) = self.links.get_mut(&broker) else {
            return;
        };
        let grown = first.saturating_mul(1 << link.failures.min(16)).min(most);
        link.failures += 1;
        // With nothing to send it is dialled again when there is.
        link.permit |= needed;
        let pause = self.about(grown.as_micros() as Micros);
        self.after(pause, Do::LinkTimer(broker, age, 0));
    }

    pub(super) fn link_timer(&mut self, broker: i32, age: u32, timer: u32) {
        let Some(link) = self.links.get(&broker) else {
            return;
        };
        if link.age != age {
            return;
        }
        match link.state {
            State::Pausing if link.permit => self.connect(broker),
            State::Pausing => {
                self.enter(broker, State::Idle);
            }
            State::Serving(conn) if link.timer == timer => {
                let idle_at = link.idle_since + self.max_idle();
                if self.conns[conn].expected.is_empty() && idle_at <= self.now {
                    self.close(conn, true);
                    return self.lost(broker, "idle");
                }
                self.turn(broker);
            }
            _ => {}
        }
    }

    fn max_idle(&self) -> Micros {
        self.plan.config.connections_max_idle.as_micros() as Micros
    }

    /// One look at the core for a connection.
    fn turn(&mut self, broker: i32) {
        let Some(State::Serving(conn)) = self.links.get(&broker).map(|link| link.state) else {
            return;
        };
        let now = self.instant();
        if self.core.is_dead() {
            self.close(conn, false);
            self.enter(broker, State::Ended);
            return;
        }
        if self.core.is_overdue(broker, now) {
            self.coverage.see(Event::TimedOut);
            self.close(conn, true);
            return self.lost(broker, "no answer in time");
        }
        let drained = self.with(|core, now| core.drain(broker, now));
        if let Some(request) = drained.request {
            if self.core.is_abandoned() {
                let line = format!("request {} of an abandoned producer", request.id);
                self.flag("went-on", line);
            }
            self.send_request(conn, request);
        }
        let max_idle = self.max_idle();
        let again = drained.again.map(|again| self.micros_of(again));
        let Some(link) = self.links.get_mut(&broker) else {
            return;
        };
        link.timer += 1;
        let at = again.unwrap_or(link.idle_since + max_idle);
        let what = Do::LinkTimer(broker, link.age, link.timer);
        self.at(at, what);
    }

    /// An answer arrives at the client.
    pub(super) fn answer(&mut self, conn: ConnId, request: RequestId, answer: Answer) {
        if !self.conns[conn].client_open {
            return;
        }
        let broker = self.conns[conn].broker;
        let expected = self.conns[conn].expected.pop_front();
        debug_assert_eq!(expected, Some(request), "the model answers in order");
        self.touch(broker);
        self.tracks.answered(conn, request, &answer, self.now);
        if !answer.throttle.is_zero() {
            self.conns[conn].quiet_until = self.now + answer.throttle.as_micros() as Micros;
        }
        let in_order = self.with(|core, now| core.answered(broker, request, answer, now));
        if !in_order {
            self.flag(
                "answer-refused",
                format!("request {request} of broker {broker}"),
            );
        }
        self.turn(broker);
    }

    /// The connection breaks, as the client sees it.
    pub(super) fn broken(&mut self, conn: ConnId, why: &'static str) {
        if !self.conns[conn].client_open {
            return;
        }
        self.close(conn, true);
        self.lost(self.conns[conn].broker, why);
    }

    /// With acks=0 a request is done when it is written.
    pub(super) fn written(&mut self, conn: ConnId, request: RequestId) {
        if !self.conns[conn].client_open {
            return;
        }
        let broker = self.conns[conn].broker;
        self.conns[conn]
            .expected
            .retain(|expected| *expected != request);
        self.touch(broker);
        self.tracks
            .answered(conn, request, &Answer::default(), self.now);
        self.with(|core, now| core.written(broker, request, now));
        self.turn(broker);
    }

    fn touch(&mut self, broker: i32) {
        if let Some(link) = self.links.get_mut(&broker) {
            link.failures = 0;
            link.idle_since = self.now;
        }
    }

    pub(super) fn answers(&self) -> bool {
        self.plan.config.acks != Acks::None
    }

    pub(super) fn notify_watch(&mut self) {
        if !std::mem::replace(&mut self.watch.waking, true) && !self.watch.ended {
            self.watch.timer += 1;
            let pause = self.soon();
            self.after(pause, Do::Watch(self.watch.timer));
        }
    }

    /// Expires what is out of time and starts a task for every new broker.
    pub(super) fn watch_clock(&mut self, timer: u32) {
        if timer != self.watch.timer || self.watch.ended {
            return;
        }
        self.watch.waking = false;
        let next = self.with(|core, now| core.expire(now));
        if self.core.is_dead() {
            self.watch.ended = true;
            return self.wake_links();
        }
        let known: Vec<i32> = self.core.brokers().map(|view| view.id).collect();
        for broker in known {
            self.links.entry(broker).or_insert_with(|| Link {
                state: State::Idle,
                permit: false,
                age: 0,
                timer: 0,
                failures: 0,
                setup_failures: 0,
                idle_since: 0,
            });
            if self.links[&broker].age == 0 && !self.links[&broker].permit {
                self.notify_link(broker);
            }
        }
        let tick = self.now + TICK;
        let at = next.map_or(tick, |next| self.micros_of(next).min(tick));
        if !self.watch.waking {
            self.watch.timer += 1;
            self.at(at, Do::Watch(self.watch.timer));
        }
    }

    /// As the driver's guard does when the producer is dead.
    pub(super) fn wake_links(&mut self) {
        let brokers: Vec<i32> = self.links.keys().copied().collect();
        for broker in brokers {
            self.notify_link(broker);
        }
    }

    pub(super) fn compressed(&mut self, job: CompressJob) {
        let codec = self.plan.config.compression;
        let mut output = Vec::new();
        let failed = self.rng.u32(..100) < 2 || compress(codec, &job.input, &mut output).is_err();
        let output = (!failed).then(|| (output, codec.id()));
        self.with(|core, _| core.compressed(job, output));
    }
}
