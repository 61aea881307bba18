//! Connections and brokers: what arrives, when, and what is lost on the way.
//!
//! A connection carries requests in order. When it dies, what is on its way either still arrives,
//! perhaps much later (a zombie), or is lost, and with it everything behind it.

use super::{
    coverage::Event,
    plan::{MS, Micros, chance},
    world::{Do, World},
};
use crate::model::{Refused, TopicRef};
use bytes::Bytes;
use guanaco_engine::{
    Acks,
    batch::{Batch, BatchHeader, HEADER_LEN},
    core::{Answer, BrokerView, LeaderHint, PartAnswer, ProduceRequest, RequestId},
};
use std::{collections::VecDeque, time::Duration};
use uuid::Uuid;

/// A connection's number.
pub(super) type ConnId = usize;

/// A connection for produce requests.
#[derive(Debug)]
pub(super) struct Conn {
    pub broker: i32,
    /// The client still has it.
    pub client_open: bool,
    /// The broker still reads from it.
    server_open: bool,
    /// Unanswered requests, as the client sees it.
    pub expected: VecDeque<RequestId>,
    /// On their way to the broker.
    transit: VecDeque<Transit>,
    /// When the last of them arrives at the earliest.
    last_arrival: Micros,
    last_answer: Micros,
    /// The broker asked for quiet until then, and the client heard it.
    pub quiet_until: Micros,
}

/// A request on its way.
#[derive(Debug)]
struct Transit {
    id: RequestId,
    arrives: Micros,
    parts: Vec<Part>,
}

/// One batch of a request.
#[derive(Debug)]
pub(super) struct Part {
    pub topic: usize,
    pub topic_id: Uuid,
    pub partition: i32,
    pub header: BatchHeader,
    body: Bytes,
}

/// A broker, beside what the model knows of it.
#[derive(Debug, Default)]
pub(super) struct BrokerState {
    pub frozen_until: Micros,
    pub refuses_until: Micros,
    pub slow_until: Micros,
    /// Arrivals are held up until then.
    pub stalled_until: Micros,
    /// Arrived while it was frozen.
    backlog: Vec<ConnId>,
    pub throttle_until: Micros,
    pub lose_reply: u32,
    pub lose_request: u32,
    pub leave_out: u32,
    pub duplicate_code: u32,
}

impl Conn {
    pub(super) fn new(broker: i32) -> Self {
        Self {
            broker,
            client_open: true,
            server_open: true,
            expected: VecDeque::new(),
            transit: VecDeque::new(),
            last_arrival: 0,
            last_answer: 0,
            quiet_until: 0,
        }
    }

    /// Whether requests of it are still on their way to a broker.
    pub(super) fn carries(&self, topic: usize, partition: i32) -> bool {
        let is_it = |part: &Part| part.topic == topic && part.partition == partition;
        self.transit
            .iter()
            .any(|transit| transit.parts.iter().any(is_it))
    }
}

impl World {
    pub(super) fn broker(&mut self, id: i32) -> &mut BrokerState {
        &mut self.brokers[(id - 1) as usize]
    }

    /// Whether a broker takes a connection; `Some(false)`: it does not even refuse.
    pub(super) fn reachable(&mut self, broker: i32) -> Option<bool> {
        let now = self.now;
        let state = self.broker(broker);
        let (frozen, refuses) = (state.frozen_until > now, state.refuses_until > now);
        match self.cluster.is_alive(broker) {
            false => None,
            true if frozen => Some(false),
            true => (!refuses).then_some(true),
        }
    }

    fn latency(&mut self, broker: i32) -> Micros {
        let slow = if self.broker(broker).slow_until > self.now {
            20
        } else {
            1
        };
        self.about(self.plan.latency) * slow
    }

    /// Puts a request on the wire.
    pub(super) fn send_request(&mut self, conn: ConnId, request: ProduceRequest) {
        let broker = self.conns[conn].broker;
        let parts: Vec<Part> = request
            .parts
            .into_iter()
            .map(|part| Part {
                topic: part.topic[1..].parse().unwrap_or(usize::MAX),
                topic_id: part.topic_id,
                partition: part.partition,
                header: part.header,
                body: Bytes::copy_from_slice(&part.body),
            })
            .collect();
        self.mark(request.id);
        self.check_request(conn, &parts);
        self.track_sent(conn, request.id, &parts);
        self.note(|| {
            let parts: Vec<_> = parts.iter().map(describe).collect();
            format!(
                "broker {broker}: request {} [{}]",
                request.id,
                parts.join(", ")
            )
        });
        self.conns[conn].expected.push_back(request.id);
        let most = self.plan.config.max_in_flight;
        if self.conns[conn].expected.len() > most {
            self.flag(
                "window",
                format!("more than {most} requests on connection {conn}"),
            );
        }
        if !self.answers() {
            let pause = self.about(50);
            self.after(pause, Do::Written(conn, request.id));
        }
        if std::mem::take(&mut self.broker(broker).lose_request) > 0 {
            self.coverage.see(Event::RequestLost);
            self.conns[conn].server_open = false;
            let pause = self.latency(broker);
            return self.after(pause, Do::Broken(conn, "reset before the request arrived"));
        }
        let stalled = self.broker(broker).stalled_until;
        let arrives = (self.now + self.latency(broker))
            .max(stalled)
            .max(self.conns[conn].last_arrival);
        self.conns[conn].last_arrival = arrives;
        self.conns[conn].transit.push_back(Transit {
            id: request.id,
            arrives,
            parts,
        });
        self.at(arrives, Do::Arrive(conn));
    }

    /// What a request may look like: a topic stands in it once, a partition too; it is not too large.
    fn check_request(&mut self, conn: ConnId, parts: &[Part]) {
        let broker = self.conns[conn].broker;
        if self.now < self.conns[conn].quiet_until {
            self.flag(
                "not-quiet",
                format!("a request to broker {broker} while it asked for quiet"),
            );
        }
        let size: usize = parts.iter().map(|part| HEADER_LEN + part.body.len()).sum();
        if parts.len() > 1 && size > self.plan.config.max_request_size {
            self.flag(
                "request-size",
                format!("{} batches of {size} bytes", parts.len()),
            );
        }
        let mut topics: Vec<_> = parts
            .chunk_by(|a, b| (a.topic, a.topic_id) == (b.topic, b.topic_id))
            .map(|run| (run[0].topic, run[0].topic_id))
            .collect();
        let mut partitions: Vec<_> = parts
            .iter()
            .map(|part| (part.topic, part.topic_id, part.partition))
            .collect();
        let counts = (topics.len(), partitions.len());
        topics.sort_unstable();
        topics.dedup();
        partitions.sort_unstable();
        partitions.dedup();
        if (topics.len(), partitions.len()) != counts {
            self.flag("twice-in-request", format!("to broker {broker}"));
        }
    }

    /// The client is done with a connection; what is on its way may still arrive if `linger`.
    pub(super) fn close(&mut self, conn: ConnId, linger: bool) {
        self.tracks.lost(conn);
        let link = &mut self.conns[conn];
        link.client_open = false;
        link.expected.clear();
        if !linger {
            link.server_open = false;
        } else if chance(&mut self.rng, 30) {
            self.cut(conn);
        }
    }

    /// Some of what is on its way is lost, with all behind it.
    fn cut(&mut self, conn: ConnId) {
        let keep = self.rng.usize(..=self.conns[conn].transit.len());
        if keep < self.conns[conn].transit.len() {
            self.coverage.see(Event::RequestLost);
        }
        // The arrivals of what is gone find nothing.
        self.conns[conn].transit.truncate(keep);
    }

    /// A connection breaks under the client; what is on its way arrives `late`.
    pub(super) fn reset(&mut self, conn: ConnId, late: Micros) {
        let late = self.now + late;
        for transit in &mut self.conns[conn].transit {
            transit.arrives = transit.arrives.max(late);
        }
        self.after(0, Do::Broken(conn, "reset"));
    }

    /// What is on its way to a broker arrives at `until` at the earliest.
    pub(super) fn stall(&mut self, broker: i32, until: Micros) {
        self.broker(broker).stalled_until = until;
        for conn in self.conns.iter_mut().filter(|conn| conn.broker == broker) {
            for transit in &mut conn.transit {
                transit.arrives = transit.arrives.max(until);
            }
        }
    }

    /// A broker's process is gone, and with it its connections.
    pub(super) fn sever(&mut self, broker: i32, silent: bool) {
        self.broker(broker).backlog.clear();
        for conn in 0..self.conns.len() {
            if self.conns[conn].broker != broker || !self.conns[conn].server_open {
                continue;
            }
            self.conns[conn].server_open = false;
            self.conns[conn].transit.clear();
            if !silent && self.conns[conn].client_open {
                let pause = self.about(self.plan.latency);
                self.after(pause, Do::Broken(conn, "the broker died"));
            }
        }
    }

    /// What arrived while a broker was frozen is taken up, the connections in any order.
    pub(super) fn thaw(&mut self, broker: i32) {
        for conn in std::mem::take(&mut self.broker(broker).backlog) {
            let pause = self.rng.u64(0..2 * MS);
            self.after(pause, Do::Arrive(conn));
        }
    }

    /// A request arrives at its broker, in the order of its connection.
    pub(super) fn arrive(&mut self, conn: ConnId) {
        let Some(first) = self.conns[conn].transit.front() else {
            return;
        };
        let arrives = first.arrives;
        let broker = self.conns[conn].broker;
        if arrives > self.now {
            return self.at(arrives, Do::Arrive(conn));
        }
        if self.broker(broker).frozen_until > self.now {
            return self.broker(broker).backlog.push(conn);
        }
        let Some(request) = self.conns[conn].transit.pop_front() else {
            return;
        };
        if !self.conns[conn].server_open || !self.cluster.is_alive(broker) {
            return;
        }
        let zombie = !self.conns[conn].client_open;
        let mut answer = Answer::default();
        let mut failed = false;
        for part in request.parts {
            let told = self.append(broker, conn, request.id, part, &mut answer.leaders);
            failed |= told.error != 0;
            answer.parts.push(Some(told));
        }
        if self.broker(broker).throttle_until > self.now {
            self.coverage.see(Event::Throttled);
            answer.throttle = Duration::from_millis(self.rng.u64(1..60));
        }
        if zombie {
            return;
        }
        if !self.answers() {
            if failed {
                self.conns[conn].server_open = false;
                let pause = self.latency(broker);
                self.after(pause, Do::Broken(conn, "closed by the broker"));
            }
            return;
        }
        if std::mem::take(&mut self.broker(broker).leave_out) > 0 {
            let out = self.rng.usize(..answer.parts.len());
            answer.parts[out] = None;
        }
        if std::mem::take(&mut self.broker(broker).lose_reply) > 0 {
            self.coverage.see(Event::ReplyLost);
            self.conns[conn].server_open = false;
            let pause = self.latency(broker);
            return self.after(pause, Do::Broken(conn, "reset before the answer came"));
        }
        let at = (self.now + self.latency(broker)).max(self.conns[conn].last_answer);
        self.conns[conn].last_answer = at;
        self.at(at, Do::Answer(conn, request.id, Box::new(answer)));
    }

    fn append(
        &mut self,
        broker: i32,
        conn: ConnId,
        request: RequestId,
        part: Part,
        leaders: &mut Vec<BrokerView>,
    ) -> PartAnswer {
        let acks = match self.plan.config.acks {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        };
        let name = self.names[part.topic].clone();
        let topic = match self.plan.by_id {
            true => TopicRef::Id(part.topic_id),
            false => TopicRef::Name(&name),
        };
        let (now, described) = (self.millis(), describe(&part));
        let batch = Batch {
            header: part.header,
            body: part.body,
        };
        let refusal = self
            .refusals
            .get_mut(&(part.topic, part.partition))
            .and_then(VecDeque::pop_front);
        let result = match refusal {
            Some((code, false)) => Err(code.into()),
            refusal => {
                let result =
                    self.cluster
                        .append_batch(broker, topic, part.partition, acks, batch, now);
                result.and_then(|done| refusal.map_or(Ok(done), |(code, _)| Err(code.into())))
            }
        };
        let zombie = !self.conns[conn].client_open;
        self.note(|| {
            let who = if zombie { "zombie request" } else { "request" };
            format!("broker {broker}: {who} {request} {described} -> {result:?}")
        });
        self.mark(result.map_or_else(
            |refused| refused.code as u64,
            |done| done.base_offset as u64,
        ));
        if zombie {
            let applied = result.is_ok_and(|appended| !appended.duplicate);
            self.coverage.see(if applied {
                Event::ZombieApplied
            } else {
                Event::ZombieRefused
            });
        }
        match result {
            Ok(appended) => {
                if appended.duplicate {
                    self.coverage.see(Event::Duplicate);
                    if std::mem::take(&mut self.broker(broker).duplicate_code) > 0 {
                        return PartAnswer {
                            error: 46,
                            base_offset: -1,
                            ..part_answer()
                        };
                    }
                }
                PartAnswer {
                    base_offset: appended.base_offset,
                    log_append_time: appended.log_append_time.unwrap_or(-1),
                    ..part_answer()
                }
            }
            Err(Refused { code, leader }) => {
                self.coverage.see(Event::Refused);
                let leader = leader.filter(|leader| leader.id >= 0);
                leaders.extend(leader.map(|leader| view_of(leader.id)));
                let leader = leader.map(|leader| LeaderHint {
                    id: leader.id,
                    epoch: leader.epoch,
                });
                PartAnswer {
                    error: code,
                    leader,
                    ..part_answer()
                }
            }
        }
    }
}

fn part_answer() -> PartAnswer {
    PartAnswer {
        base_offset: -1,
        log_append_time: -1,
        ..PartAnswer::default()
    }
}

/// A broker as metadata and hints name it.
pub(super) fn view_of(id: i32) -> BrokerView {
    BrokerView {
        id,
        host: "sim".into(),
        port: 9_000 + id as u16,
    }
}

pub(super) fn describe(part: &Part) -> String {
    let h = &part.header;
    format!(
        "t{}/{} {}:{}:{}+{}",
        part.topic,
        part.partition,
        h.producer_id,
        h.producer_epoch,
        h.base_sequence,
        h.record_count
    )
}
