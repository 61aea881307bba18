//! Faults strike, and pass.

use super::{
    coverage::Event,
    network::ConnId,
    plan::{Fault, MS, Micros, chance},
    world::{Do, World},
};
use guanaco_engine::Acks;

/// A producer is only forgotten after it has been idle for so long: brokers remember them for a day.
const REMEMBERED: Micros = 61_000 * MS;

impl World {
    pub(super) fn strike(&mut self, number: usize) {
        let fault = self.plan.faults[number].1.clone();
        self.note(|| format!("FAULT {fault:?}"));
        self.coverage.faults += 1;
        let now = self.now;
        match fault {
            Fault::Kill {
                broker,
                down,
                silent,
                ..
            } => {
                if self.cluster.alive().count() > 1 || chance(&mut self.rng, 50) {
                    self.kill(broker, silent);
                    self.after(down, Do::Repair(fault));
                }
            }
            Fault::Freeze {
                broker,
                time,
                deposed,
            } => {
                self.coverage.see(Event::Frozen);
                self.broker(broker).frozen_until = now + time;
                if deposed {
                    self.drain_broker(broker);
                }
                self.after(time, Do::Repair(fault));
            }
            Fault::MoveLeader => {
                let (topic, partition) = self.some_partition();
                self.move_leader(topic, partition);
            }
            Fault::Drain(broker) => self.drain_broker(broker),
            Fault::Reset { broker, late } => {
                for conn in self.open_to(broker) {
                    self.reset(conn, late);
                }
            }
            Fault::Stall { broker, time } => self.stall(broker, now + time),
            Fault::LoseReply(broker) => self.broker(broker).lose_reply = 1,
            Fault::LoseRequest(broker) => self.broker(broker).lose_request = 1,
            Fault::Refuse {
                code,
                applied,
                times,
            } => {
                let (topic, partition) = self.some_partition();
                self.refuse(topic, partition, code, applied, times);
            }
            Fault::LagMetadata(broker, time) => {
                if self
                    .cluster
                    .lag_metadata(broker, (time / MS) as i64)
                    .is_ok()
                {
                    self.after(time, Do::Repair(fault));
                }
            }
            Fault::Throttle(broker, time) => self.broker(broker).throttle_until = now + time,
            Fault::Forget => self.forget(),
            Fault::Reload => {
                let (topic, partition) = self.some_partition();
                let name = self.names[topic].clone();
                let _ = self.cluster.reload_producers(&name, partition);
            }
            Fault::Recreate(topic, time) => self.recreate(topic, time),
            Fault::Grow(topic) => self.grow(topic),
            Fault::NoIdentity(time) => self.ending.no_identity_until = now + time,
            Fault::NoMetadata(time) => self.ending.no_metadata_until = now + time,
            Fault::RefuseConnections(broker, time) => {
                self.broker(broker).refuses_until = now + time
            }
            Fault::Slow(broker, time) => self.broker(broker).slow_until = now + time,
            Fault::Flush => {
                self.begin_flush();
                if chance(&mut self.rng, 50) {
                    self.ending.paused_until = now + 300 * MS;
                }
            }
            Fault::DropFlow => {
                let flow = self.rng.usize(..self.flows.len());
                // Somebody has to be left to be unharmed.
                if self.flows.len() > 1 {
                    self.drop_flow(flow);
                }
            }
            Fault::LeaveOut(broker) => self.broker(broker).leave_out = 1,
            Fault::DuplicateCode(broker) => self.broker(broker).duplicate_code = 1,
            Fault::LongPause(time) => self.ending.paused_until = now + time,
        }
    }

    pub(super) fn repair(&mut self, fault: &Fault) {
        self.note(|| format!("repaired {fault:?}"));
        let now = self.millis();
        match *fault {
            Fault::Kill {
                broker, unaware, ..
            } => {
                let knows_from = now + (unaware / MS) as i64;
                self.cluster.restart_unaware(broker, now, knows_from);
            }
            Fault::Freeze { broker, .. } if self.broker(broker).frozen_until <= self.now => {
                self.thaw(broker);
            }
            Fault::LagMetadata(broker, _) => {
                // It may be dead: then it forgets as well.
                let _ = self.cluster.lag_metadata(broker, 0);
            }
            _ => {}
        }
    }

    fn kill(&mut self, broker: i32, silent: bool) {
        if !self.cluster.is_alive(broker) {
            return;
        }
        self.coverage.see(Event::Killed);
        let led = self.led_by(broker);
        let now = self.millis();
        self.cluster.kill(broker, now);
        for (topic, partition) in led {
            self.see_move(topic, partition);
            self.forget_tail(topic, partition);
        }
        self.sever(broker, silent);
    }

    /// With weaker acks a new leader may lack what the old one had.
    fn forget_tail(&mut self, topic: usize, partition: i32) {
        if self.plan.config.acks == Acks::All || chance(&mut self.rng, 50) {
            return;
        }
        let name = self.names[topic].clone();
        let end = self
            .cluster
            .log(&*name, partition)
            .last()
            .map_or(0, |batch| batch.next_offset());
        let cut = self.rng.i64(0..=10).min(end);
        self.ending.truncated |= cut > 0;
        let _ = self.cluster.truncate(&name, partition, end - cut);
    }

    fn led_by(&self, broker: i32) -> Vec<(usize, i32)> {
        let mut led = Vec::new();
        for (topic, name) in self.names.iter().enumerate() {
            for partition in 0..self.cluster.partition_count(name).unwrap_or(0) {
                if self
                    .cluster
                    .leader(&**name, partition)
                    .is_some_and(|leader| leader.id == broker)
                {
                    led.push((topic, partition));
                }
            }
        }
        led
    }

    fn drain_broker(&mut self, broker: i32) {
        for (topic, partition) in self.led_by(broker) {
            self.move_leader(topic, partition);
        }
    }

    fn move_leader(&mut self, topic: usize, partition: i32) {
        let (name, now) = (self.names[topic].clone(), self.millis());
        let before = self.cluster.leader(&*name, partition);
        if self.cluster.move_leader(&name, partition, now).is_ok()
            && self.cluster.leader(&*name, partition) != before
        {
            self.see_move(topic, partition);
        }
    }

    /// A partition, one that exists if there are any.
    fn some_partition(&mut self) -> (usize, i32) {
        let topic = self.rng.usize(..self.names.len());
        let topic = if self.cluster.partition_count(&self.names[topic]).is_some() {
            topic
        } else {
            0
        };
        let count = self
            .cluster
            .partition_count(&self.names[topic])
            .unwrap_or(1);
        (topic, self.rng.i32(0..count))
    }

    fn open_to(&self, broker: i32) -> Vec<ConnId> {
        let open =
            |conn: &ConnId| self.conns[*conn].client_open && self.conns[*conn].broker == broker;
        (0..self.conns.len()).filter(open).collect()
    }

    fn forget(&mut self) {
        for topic in 0..self.names.len() {
            let name = self.names[topic].clone();
            for partition in 0..self.cluster.partition_count(&name).unwrap_or(0) {
                if !self.is_forgettable(topic, partition, REMEMBERED) {
                    continue;
                }
                for id in 0..10 {
                    if self.cluster.forget_producer(&name, partition, id) == Ok(true) {
                        self.coverage.see(Event::Forgotten);
                    }
                }
            }
        }
    }

    fn recreate(&mut self, topic: usize, pause: Micros) {
        let name = self.names[topic].clone();
        if self.cluster.delete_topic(&*name).is_ok() {
            self.coverage.see(Event::Recreated);
            match pause {
                0 => self.create_topic(topic),
                _ => self.after(pause, Do::CreateTopic(topic)),
            }
        }
    }

    fn grow(&mut self, topic: usize) {
        let (name, now) = (self.names[topic].clone(), self.millis());
        let Some(count) = self.cluster.partition_count(&name) else {
            return;
        };
        let more = count + self.rng.i32(1..=2);
        if more <= 10 && self.cluster.create_partitions(&name, more, now).is_ok() {
            self.coverage.see(Event::Grown);
        }
    }

    /// Answers the next append to some partition with an error that no producer survives.
    pub(super) fn condemn(&mut self) {
        for topic in 0..self.names.len() {
            for partition in 0..self
                .cluster
                .partition_count(&self.names[topic])
                .unwrap_or(0)
            {
                self.refuse(topic, partition, 31, false, 1);
            }
        }
    }

    fn refuse(&mut self, topic: usize, partition: i32, code: i16, applied: bool, times: usize) {
        let refusals = self.refusals.entry((topic, partition)).or_default();
        refusals.extend(std::iter::repeat_n((code, applied), times));
    }
}
