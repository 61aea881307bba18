//! What a broker may rely on, watched on the wire: at most five unanswered batches of a partition,
//! and retries that go alone.

use super::{
    coverage::Event,
    network::{ConnId, Part},
    world::World,
};
use guanaco_engine::core::{Answer, RequestId};
use std::collections::{HashMap, HashSet};

/// A batch by its partition and what it is stamped with.
type Stamp = (usize, i32, i64, i16, i32);

/// One batch on the wire.
#[derive(Clone, Copy, Debug)]
struct Flight {
    conn: ConnId,
    request: RequestId,
    stamp: Stamp,
    order: usize,
}

/// One partition, as seen on the wire.
#[derive(Debug, Default)]
struct Track {
    flights: Vec<Flight>,
    /// Something went wrong since the last success: one batch at a time.
    alone: bool,
    identity: (i64, i16),
    /// Attempts that no answer proves to be void or known.
    unsure: HashSet<Stamp>,
    last_success: u64,
}

/// All partitions.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    partitions: HashMap<(usize, i32), Track>,
    seen: HashSet<Stamp>,
    next: usize,
}

impl World {
    /// A request goes on the wire.
    pub(super) fn track_sent(&mut self, conn: ConnId, request: RequestId, parts: &[Part]) {
        let config = &self.plan.config;
        let idempotent = config.enable_idempotence && config.acks == guanaco_engine::Acks::All;
        let most = if idempotent {
            config.max_in_flight.min(5)
        } else {
            1
        };
        for (order, part) in parts.iter().enumerate() {
            let header = &part.header;
            let identity = (header.producer_id, header.producer_epoch);
            // Without idempotence there is no stamp: each attempt counts.
            let number = if idempotent {
                header.base_sequence
            } else {
                self.tracks.next as i32
            };
            self.tracks.next += 1;
            let stamp = (part.topic, part.partition, identity.0, identity.1, number);
            if self.tracks.seen.insert(stamp) {
                self.coverage.batches += 1;
            }
            let track = self
                .tracks
                .partitions
                .entry((part.topic, part.partition))
                .or_default();
            if std::mem::replace(&mut track.identity, identity) != identity {
                track.alone = false;
            }
            let others = track.flights.len();
            let alone = track.alone;
            track.flights.push(Flight {
                conn,
                request,
                stamp,
                order,
            });
            track.unsure.insert(stamp);
            let at = format!("t{}/{}", part.topic, part.partition);
            if others >= most {
                self.flag(
                    "window",
                    format!("{} batches of {at} are unanswered", others + 1),
                );
            }
            if idempotent && alone && others > 0 {
                self.flag(
                    "not-alone",
                    format!("{at}: request {request} beside {others} batches"),
                );
            }
        }
    }

    /// Whether a partition could forget its producers without harm that Kafka cannot prevent: no
    /// attempt is unaccounted for, and none has been made for long.
    pub(super) fn is_forgettable(&self, topic: usize, partition: i32, idle: u64) -> bool {
        let Some(track) = self.tracks.partitions.get(&(topic, partition)) else {
            return true;
        };
        track.flights.is_empty()
            && track.unsure.is_empty()
            && track.last_success + idle <= self.now
            && !self.conns.iter().any(|conn| conn.carries(topic, partition))
    }

    /// Whether a partition has batches on the wire; says so to the coverage.
    pub(super) fn see_move(&mut self, topic: usize, partition: i32) {
        let track = self.tracks.partitions.get(&(topic, partition));
        if track.is_some_and(|track| !track.flights.is_empty()) {
            self.coverage.see(Event::LeaderMoved);
        }
    }
}

impl Tracks {
    /// A request is answered.
    pub(super) fn answered(&mut self, conn: ConnId, request: RequestId, answer: &Answer, now: u64) {
        for track in self.partitions.values_mut() {
            let is_it = |flight: &Flight| flight.conn == conn && flight.request == request;
            let Some(at) = track.flights.iter().position(is_it) else {
                continue;
            };
            let flight = track.flights.remove(at);
            match answer.parts.get(flight.order).and_then(Option::as_ref) {
                Some(part) if part.error == 0 || part.error == 46 => {
                    track.alone = false;
                    track.unsure.remove(&flight.stamp);
                    track.last_success = now;
                }
                _ => track.alone = true,
            }
        }
    }

    /// A connection is gone.
    pub(super) fn lost(&mut self, conn: ConnId) {
        for track in self.partitions.values_mut() {
            let before = track.flights.len();
            track.flights.retain(|flight| flight.conn != conn);
            track.alone |= track.flights.len() < before;
        }
    }
}
