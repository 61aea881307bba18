//! Flows: ordered streams of records with a limit on how many are on their way, as a stage keeps
//! them. A flow is polled when its waker fired or its upstream has a record, never otherwise.

use super::{
    coverage::Event,
    history::{Id, Told},
    plan::{FlowPlan, MS, Micros, chance},
    world::{Do, Task, World},
};
use guanaco_engine::{
    Ack, DeliveryError, RecordRef, Written,
    core::{FlowLink, Place, Places},
};
use std::{collections::VecDeque, task::Waker, time::Duration};

/// The longest that a record takes while nothing is broken and nothing is before it.
const STALL: Micros = 400 * MS;

/// The number of the sender that all plain sends count as; flows come after it.
pub(super) const SENDS: u32 = 0;

/// A flow.
pub(super) struct Flow {
    link: FlowLink,
    plan: FlowPlan,
    waker: Waker,
    pub scheduled: bool,
    /// What its upstream had so far.
    made: usize,
    /// Made and not placed yet.
    ready: VecDeque<Record>,
    ring: VecDeque<(Id, Place)>,
    upstream_ended: bool,
    /// It waits for room: it must be woken.
    blocked: bool,
    dropped: bool,
}

/// A record of the application.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub id: Id,
    pub topic: usize,
    pub partition: Option<i32>,
    pub key: Option<[u8; 1]>,
    pub value: Vec<u8>,
}

impl Flow {
    /// Whether all its records are told.
    pub(super) fn is_done(&self) -> bool {
        self.dropped || (self.upstream_ended && self.ready.is_empty() && self.ring.is_empty())
    }

    pub(super) fn is_dropped(&self) -> bool {
        self.dropped
    }

    /// Whether it has the record and the producer has not.
    pub(super) fn holds_back(&self, id: Id) -> bool {
        self.ready.iter().any(|record| record.id == id)
    }

    /// Whether it went away with the record under way.
    pub(super) fn was_dropped_with(&self, id: Id) -> bool {
        self.dropped && self.ring.iter().any(|(placed, _)| *placed == id)
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "{} made, {} ready, {} on their way from {:?}, blocked: {}, upstream ended: {}",
            self.made,
            self.ready.len(),
            self.ring.len(),
            self.ring.front().map(|(id, _)| id),
            self.blocked,
            self.upstream_ended
        )
    }
}

impl World {
    pub(super) fn begin_flows(&mut self) {
        for number in 0..self.plan.flows.len() {
            let plan = self.plan.flows[number].clone();
            let waker = self.waker(Task::Flow(number));
            self.flows.push(Flow {
                link: self.core.new_flow(),
                plan,
                waker,
                scheduled: false,
                made: 0,
                ready: VecDeque::new(),
                ring: VecDeque::new(),
                upstream_ended: false,
                blocked: false,
                dropped: false,
            });
            let pause = self.rng.u64(0..3_000);
            self.after(pause, Do::Upstream(number));
        }
    }

    /// A record for the application to send.
    pub(super) fn make(&mut self, sender: u32, topics: &[usize], padding: usize) -> Record {
        let rng = &mut self.rng;
        let topic = *rng.choice(topics).unwrap_or(&0);
        let mut size = rng.usize(0..=padding);
        let mut partition = chance(rng, 20).then(|| rng.i32(0..self.plan.topics[topic].partitions));
        match rng.u32(..2_000) {
            0 => size = self.plan.config.max_request_size.min(20_000),
            1 => partition = Some(99),
            _ => {}
        }
        let key = chance(rng, 50).then(|| [rng.u8(..)]);
        let id = self.history.send(sender, topic, self.now);
        let mut value = id.to_be_bytes().to_vec();
        value.resize(4 + size, 7);
        Record {
            id,
            topic,
            partition,
            key,
            value,
        }
    }

    /// The upstream of a flow has another record, or ends.
    pub(super) fn upstream(&mut self, number: usize) {
        let flow = &self.flows[number];
        if flow.dropped || flow.upstream_ended {
            return;
        }
        if self.ending.paused_until > self.now {
            return self.at(self.ending.paused_until, Do::Upstream(number));
        }
        // Once all is repaired the rest comes, and is expected to be told well.
        let enough = flow.made >= flow.plan.records
            && self.now >= self.ending.calm_from
            && (self.coverage.batches >= self.plan.batches
                || self.now >= self.ending.calm_from + 4_000 * MS);
        if enough && self.ending.calm_from > 0 || self.core.is_closed() {
            self.flows[number].upstream_ended = true;
        } else if flow.ready.len() < 50 {
            let FlowPlan {
                topics, padding, ..
            } = flow.plan.clone();
            for _ in 0..self.rng.usize(1..=3) {
                let record = self.make(number as u32 + 1, &topics, padding);
                self.flows[number].ready.push_back(record);
                self.flows[number].made += 1;
            }
        }
        if !self.flows[number].upstream_ended {
            let late = self.flows[number].made > self.flows[number].plan.records;
            let mean = self.flows[number].plan.pause * if late { 20 } else { 1 };
            let pause = self.about(mean.clamp(100, 60_000));
            self.after(pause, Do::Upstream(number));
        }
        // A flow that is blocked, or at its limit, does not listen to its upstream.
        let flow = &self.flows[number];
        let listens = flow.upstream_ended || flow.ring.len() < flow.plan.parallelism;
        if listens && !flow.blocked {
            self.schedule(Task::Flow(number));
        }
    }

    pub(super) fn poll_flow(&mut self, number: usize) {
        self.flows[number].scheduled = false;
        if self.flows[number].dropped {
            return;
        }
        let flow = &mut self.flows[number];
        flow.link.cell().waker.register(&flow.waker);
        loop {
            let told = self.tell_flow(number);
            let placed = self.append_flow(number);
            if told + placed == 0 {
                break;
            }
        }
        let flow = &self.flows[number];
        let full = flow.ring.len() >= flow.plan.parallelism;
        if !flow.ring.is_empty() && (full || flow.upstream_ended) {
            let (core, flow) = (&mut self.core, &self.flows[number]);
            core.hurry(&flow.link);
            if let Some(effects) = self.core.take_effects() {
                self.apply(effects);
            }
        }
    }

    /// Tells the outcomes that are there, in order.
    fn tell_flow(&mut self, number: usize) -> usize {
        let mut told = 0;
        while let Some((id, place)) = self.flows[number].ring.front().copied() {
            let Some(outcome) = self.flows[number].link.take(place) else {
                break;
            };
            self.flows[number].ring.pop_front();
            self.tell(id, &outcome);
            told += 1;
        }
        told
    }

    pub(super) fn tell(&mut self, id: Id, outcome: &Result<Ack, DeliveryError>) {
        let told = match outcome {
            Ok(ack) => Told::Acked {
                partition: ack.partition,
                offset: ack.offset,
            },
            Err(error) => {
                self.see_error(error);
                self.see_closed(id, error);
                match error.written() {
                    Written::No => Told::NotWritten,
                    Written::Maybe => Told::MaybeWritten,
                }
            }
        };
        self.note(|| match outcome {
            Ok(ack) => format!("record {id}: {}/{:?}", ack.partition, ack.offset),
            Err(error) => format!("record {id}: {error}"),
        });
        self.mark(u64::from(id));
        self.history.tell(id, told, self.now);
    }

    /// Appends what is ready, as far as there is room and the limit allows.
    fn append_flow(&mut self, number: usize) -> usize {
        let flow = &mut self.flows[number];
        let free = flow.plan.parallelism.saturating_sub(flow.ring.len());
        let count = flow.plan.chunk.min(free).min(flow.ready.len());
        if count == 0 {
            flow.blocked = false;
            return 0;
        }
        let mut chunk: Vec<Record> = flow.ready.iter().take(count).cloned().collect();
        if flow.plan.partitions {
            // A partitioner of the user's own: it asks for the count, and one record at a time.
            chunk.truncate(1);
            let topic = &self.names[chunk[0].topic];
            let now = self.instant();
            let count = self
                .core
                .partition_count_for(&self.flows[number].link, topic, now);
            if let Some(effects) = self.core.take_effects() {
                self.apply(effects);
            }
            let Some(count) = count else {
                self.flows[number].blocked = true;
                return 0;
            };
            chunk[0].partition = chunk[0].partition.or(Some(chunk[0].id as i32 % count));
        }
        // Once more with the waker in place, as the appender does.
        let done = match self.append_chunk(number, &chunk) {
            0 => self.append_chunk(number, &chunk),
            done => done,
        };
        let flow = &mut self.flows[number];
        flow.blocked = done < chunk.len();
        if flow.blocked {
            self.coverage.see(Event::Waited);
        }
        done
    }

    fn append_chunk(&mut self, number: usize, chunk: &[Record]) -> usize {
        let (now, millis) = (self.instant(), self.millis());
        let names = &self.names;
        let records: Vec<RecordRef<'_>> = chunk
            .iter()
            .map(|record| record.as_ref(names, millis))
            .collect();
        let mut places = Vec::new();
        let flow = &mut self.flows[number];
        let done = self.core.append(&mut flow.link, &records, now, &mut places);
        let places = places.into_iter().flat_map(Places::each);
        for (record, place) in chunk.iter().zip(places) {
            flow.ready.pop_front();
            flow.ring.push_back((record.id, place));
        }
        for record in &chunk[..done] {
            self.placed(record);
        }
        if let Some(effects) = self.core.take_effects() {
            self.apply(effects);
        }
        done
    }

    /// The producer took a record.
    pub(super) fn placed(&mut self, record: &Record) {
        // By what it knows: it hears of new partitions with the next metadata.
        let known = self.core.partition_count(&self.names[record.topic]);
        let fits = record
            .partition
            .is_none_or(|partition| known.is_none_or(|known| partition < known));
        let calm = self.is_calm()
            && self.ending.is_known(record.topic, self.now)
            && fits
            && record.value.len() < 1_000;
        let now = self.now;
        // With a long linger it takes a flush, or the end of the upstream.
        let lingers = self.plan.config.linger > Duration::from_secs(1);
        // What is before it goes first: with one request at a time and small batches that is a round
        // trip for a record, and a workload may offer more than so thin a pipe carries.
        let queue = self.history.open() as Micros * 3 * self.plan.latency;
        let limit = if lingers { Micros::MAX } else { STALL + queue };
        if let Some(sent) = self.history.record_mut(record.id) {
            sent.at = now;
            sent.calm = calm.then_some(limit);
        }
    }

    /// Drops a flow: what it placed is delivered all the same, the rest never was accepted.
    pub(super) fn drop_flow(&mut self, number: usize) {
        if std::mem::replace(&mut self.flows[number].dropped, true) {
            return;
        }
        if !self.flows[number].ring.is_empty() || self.flows[number].blocked {
            self.coverage.see(Event::Dropped);
        }
        self.note(|| format!("flow {number} dropped"));
        for record in std::mem::take(&mut self.flows[number].ready) {
            self.history.tell(record.id, Told::Withdrawn, self.now);
        }
        let now = self.instant();
        let (core, flow) = (&mut self.core, &self.flows[number]);
        core.drop_flow(&flow.link, now);
        if let Some(effects) = self.core.take_effects() {
            self.apply(effects);
        }
    }

    /// In the end: what became of the records of flows that were dropped.
    pub(super) fn tell_dropped(&mut self) {
        for number in 0..self.flows.len() {
            if self.flows[number].dropped {
                // Not in order: nobody waits for the first any more.
                for (id, place) in std::mem::take(&mut self.flows[number].ring) {
                    if let Some(outcome) = self.flows[number].link.take(place) {
                        self.tell(id, &outcome);
                    }
                }
            }
        }
    }
}

impl Record {
    pub(super) fn as_ref<'a>(
        &'a self,
        names: &'a [guanaco_engine::Topic],
        now: i64,
    ) -> RecordRef<'a> {
        RecordRef {
            topic: &names[self.topic],
            partition: self.partition,
            timestamp: now,
            key: self.key.as_ref().map(|key| &key[..]),
            value: Some(&self.value),
            headers: &[],
        }
    }
}
