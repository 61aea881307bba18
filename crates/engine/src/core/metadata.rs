//! What the cluster looks like, and who has to hear of it.

use super::{
    Core,
    answer::LeaderHint,
    broker::Broker,
    drain::earlier,
    partition::{BrokerIndex, Partition, PartitionId},
    slot::{Outcome, Slot},
    topic::{Staged, check_name},
    view::{BrokerView, ClusterView, PartitionView, TopicView},
};
use crate::{Cause, DeliveryError, KafkaError, Topic, Written};
use std::{sync::Arc, time::Instant};

/// Codes that say of a topic, for good, that it cannot be had.
const INVALID_TOPIC: i16 = 17;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
const UNKNOWN_TOPIC: i16 = 3;

/// When to ask for metadata, and what was learnt.
#[derive(Debug)]
pub(super) struct Metadata {
    wanted: bool,
    not_before: Instant,
    /// Questions in a row whose answer left something wanting.
    rounds: u32,
    updated: Option<Instant>,
    cluster_id: Option<Arc<str>>,
}

impl Metadata {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            wanted: true,
            not_before: now,
            rounds: 0,
            updated: None,
            cluster_id: None,
        }
    }

    pub(super) fn age(&self, now: Instant) -> Option<std::time::Duration> {
        self.updated
            .map(|updated| now.saturating_duration_since(updated))
    }
}

impl Core {
    /// The topics to ask the cluster about now; else when to come back, if at all.
    pub fn metadata_due(&mut self, now: Instant) -> Result<Vec<Topic>, Option<Instant>> {
        let stale = self
            .metadata
            .updated
            .map(|updated| updated + self.config.metadata_max_age);
        let wanted = self.metadata.wanted.then_some(self.metadata.not_before);
        let due = earlier(
            wanted,
            stale.map(|stale| stale.max(self.metadata.not_before)),
        );
        if due.is_none_or(|due| due > now) {
            return Err(due);
        }
        let grown = self
            .config
            .retry_backoff
            .saturating_mul(1 << self.metadata.rounds.min(16));
        let pause = grown
            .min(self.config.retry_backoff_max)
            .mul_f64(0.8 + 0.4 * self.rng.f64());
        self.metadata.rounds += 1;
        self.metadata.not_before = now + pause;
        let idle = self.config.metadata_max_idle;
        let asked = self.topics.iter().filter(|topic| {
            topic.is_wanted()
                || topic.used + idle > now
                || topic
                    .partitions
                    .iter()
                    .any(|partition| self.partitions[*partition].oldest().is_some())
        });
        Ok(asked.map(|topic| topic.name.clone()).collect())
    }

    /// Makes a topic known as soon as it can be, although no record was sent to it yet.
    pub fn ask_for(&mut self, topic: &Topic, now: Instant) {
        if check_name(topic).is_err() {
            return;
        }
        let topic = self.topic(topic, now);
        if self.topics[topic].partitions.is_empty() {
            self.want_metadata(now);
        }
    }

    /// A topic is asked for that was not asked for before: it does not wait for the pauses that
    /// another one's absence has made long.
    pub(super) fn want_new_topic(&mut self, now: Instant) {
        self.metadata.rounds = 0;
        let soon = now + self.config.retry_backoff;
        self.metadata.not_before = self.metadata.not_before.min(soon);
        self.want_metadata(now);
    }

    pub(super) fn want_metadata(&mut self, now: Instant) {
        let metadata = &mut self.metadata;
        if !metadata.wanted {
            metadata.wanted = true;
            metadata.rounds = 0;
            metadata.not_before = metadata.not_before.min(now + self.config.retry_backoff);
        }
        self.effects.control = true;
    }

    /// Whether a new producer id is needed.
    #[must_use]
    pub fn wants_identity(&mut self) -> bool {
        self.limits.idempotent && {
            // Asked for ahead of the first batch: it saves that batch a round trip.
            self.identities.current().is_none()
        }
    }

    /// The cluster gave a producer id.
    pub fn identified(&mut self, id: i64, epoch: i16, now: Instant) {
        self.contact.answered(now);
        self.identities.assign(id, epoch);
        for broker in 0..self.brokers.len() {
            self.brokers[broker].urgent = true;
            self.notify(broker);
        }
    }

    /// The cluster's id, once known.
    #[must_use]
    pub fn cluster_id(&self) -> Option<Arc<str>> {
        self.metadata.cluster_id.clone()
    }

    /// Whether the cluster has answered yet.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.metadata.updated.is_some()
    }

    /// The brokers known, by node id and address.
    pub fn brokers(&self) -> impl Iterator<Item = &BrokerView> {
        self.brokers.iter().map(|broker| &broker.view)
    }

    /// The partitions of a topic by number; empty while it is unknown.
    #[must_use]
    pub fn partitions_of(&self, topic: &Topic) -> Vec<i32> {
        let topic = self
            .topic_index
            .get(topic)
            .map(|topic| &self.topics[*topic]);
        (0..topic.map_or(0, |topic| topic.partitions.len()) as i32).collect()
    }

    /// Why a topic cannot be had, if the cluster said so lately.
    #[must_use]
    pub fn refusal_of(&self, topic: &Topic, now: Instant) -> Option<Cause> {
        if let Err(rule) = check_name(topic) {
            return Some(Cause::InvalidTopic { rule });
        }
        let topic = &self.topics[*self.topic_index.get(topic)?];
        topic
            .refused
            .as_ref()
            .filter(|(until, _)| *until > now)
            .map(|(_, cause)| cause.clone())
    }

    /// The cluster's answer to a question for metadata.
    pub fn apply(&mut self, view: ClusterView, now: Instant) {
        self.contact.answered(now);
        self.metadata.updated = Some(now);
        self.metadata.wanted = false;
        self.metadata.cluster_id = view.cluster_id.or(self.metadata.cluster_id.take());
        for broker in view.brokers {
            self.add_broker(broker);
        }
        for topic in view.topics {
            self.apply_topic(topic, now);
        }
        self.effects.settled = true;
        if self.is_anything_wanting() {
            self.metadata.wanted = true;
            self.effects.control = true;
        } else {
            self.metadata.rounds = 0;
        }
        self.hand_on(now);
    }

    fn is_anything_wanting(&self) -> bool {
        // A leader that cannot be reached may be one no longer: its connection's time-out is long.
        let leaderless = |p: &Partition| {
            p.leader.is_none_or(|leader| self.brokers[leader].down)
                && (p.open.is_some() || !p.queue.is_empty())
        };
        self.topics.iter().any(|topic| topic.is_wanted()) || self.partitions.iter().any(leaderless)
    }

    pub(super) fn add_broker(&mut self, view: BrokerView) {
        match self.broker_index.get(&view.id) {
            Some(&known) if self.brokers[known].view == view => {}
            Some(&known) => {
                self.brokers[known].view = view;
                self.effects.brokers_changed = true;
            }
            None => {
                self.broker_index.insert(view.id, self.brokers.len());
                self.brokers.push(Broker::new(view));
                self.effects.brokers_changed = true;
            }
        }
    }

    fn apply_topic(&mut self, view: TopicView, now: Instant) {
        let Some(&topic) = self.topic_index.get(&view.name) else {
            return;
        };
        if view.error != 0 || view.partitions.is_empty() {
            return self.apply_topic_error(topic, view.error, now);
        }
        let state = &mut self.topics[topic];
        state.suspect = false;
        state.refused = None;
        let known = !state.id.is_nil() && !view.id.is_nil();
        let recreated = known && state.id != view.id;
        state.id = view.id;
        if recreated {
            self.recreated(topic, view.partitions.len());
        }
        for number in self.topics[topic].partitions.len()..view.partitions.len() {
            self.topics[topic].partitions.push(self.partitions.len());
            self.partitions.push(Partition::new(topic, number as i32));
        }
        for partition in view.partitions {
            self.apply_partition(topic, partition, recreated);
        }
        self.wake_waiting(topic);
        self.place_or_ask(topic, now);
    }

    fn apply_topic_error(&mut self, topic: usize, code: i16, now: Instant) {
        let state = &self.topics[topic];
        // A broker that just came up may not know what exists: what was known stays known.
        if !state.is_wanted() {
            if matches!(code, INVALID_TOPIC | TOPIC_AUTHORIZATION_FAILED)
                && let Some(error) = KafkaError::from_code(code, None)
            {
                self.refuse_topic(topic, Cause::Broker(error), now);
            }
            return;
        }
        let cause = match KafkaError::from_code(code, None) {
            Some(error) if matches!(code, INVALID_TOPIC | TOPIC_AUTHORIZATION_FAILED) => {
                Cause::Broker(error)
            }
            _ if code == UNKNOWN_TOPIC && state.suspect => {
                let since = state.staged.as_ref().map_or(now, |staged| staged.since);
                Cause::UnknownTopic {
                    waited: now.saturating_duration_since(since),
                }
            }
            _ => return,
        };
        self.refuse_topic(topic, cause, now);
    }

    fn apply_partition(&mut self, topic: usize, view: PartitionView, recreated: bool) {
        let numbers = &self.topics[topic].partitions;
        let Some(&partition) = usize::try_from(view.index)
            .ok()
            .and_then(|at| numbers.get(at))
        else {
            return;
        };
        let p = &mut self.partitions[partition];
        if !recreated && view.leader_epoch >= 0 && view.leader_epoch < p.leader_epoch {
            return; // from a broker that lags behind
        }
        p.leader_epoch = view.leader_epoch;
        self.lead(partition, self.broker_index.get(&view.leader).copied());
    }

    /// Follows a produce answer's hint at a newer leader; `false` if it is no news.
    pub(super) fn follow(&mut self, partition: PartitionId, hint: LeaderHint) -> bool {
        let Some(&broker) = self.broker_index.get(&hint.id) else {
            return false;
        };
        let p = &mut self.partitions[partition];
        if hint.epoch <= p.leader_epoch {
            return false;
        }
        p.leader_epoch = hint.epoch;
        self.lead(partition, Some(broker));
        true
    }

    /// A partition's leader is now `leader`: what it has to send, it sends there.
    fn lead(&mut self, partition: PartitionId, leader: Option<BrokerIndex>) {
        let p = &mut self.partitions[partition];
        if p.leader == leader {
            return;
        }
        if let (true, Some(old)) = (p.listed, p.leader) {
            self.brokers[old]
                .listed
                .retain(|listed| *listed != partition);
        }
        p.listed = false;
        p.leader = leader;
        // What is on the wire to the old leader may or may not be in the log.
        p.recovering |= !p.in_flight.is_empty();
        if p.open.is_some() || !p.queue.is_empty() {
            self.urge(partition);
        }
    }

    /// The topic was deleted and made anew (KIP-516): what was on its way to the old one is not sent
    /// to the new one; what never left starts there from sequence 0.
    fn recreated(&mut self, topic: usize, count: usize) {
        for partition in self.topics[topic].partitions.clone() {
            let p = &mut self.partitions[partition];
            let on_the_wire: Vec<_> = p.in_flight.iter().map(|batch| batch.no).collect();
            let (sent, unsent): (Vec<_>, Vec<_>) =
                p.queue.drain(..).partition(|batch| batch.stamp.is_some());
            p.queue.extend(unsent);
            for no in on_the_wire {
                self.haunt(partition, no, |_| Cause::TopicRecreated);
            }
            for batch in sent {
                self.fail(partition, batch, Cause::TopicRecreated);
            }
            let p = &mut self.partitions[partition];
            if p.identity.is_some() {
                p.open_gap((0, 0), super::partition::Gap::Proven);
            }
        }
        let numbers = &mut self.topics[topic].partitions;
        for partition in numbers.split_off(count.min(numbers.len())) {
            self.lead(partition, None);
            let p = &mut self.partitions[partition];
            let mut left = std::mem::take(&mut p.queue);
            left.extend(p.open.take());
            for batch in left {
                self.fail(
                    partition,
                    batch,
                    Cause::UnknownPartition {
                        count: count as i32,
                    },
                );
            }
        }
    }

    fn place(
        &mut self,
        topic: usize,
        record: &crate::RecordRef<'_>,
        now: Instant,
        generation: u64,
    ) -> Result<(PartitionId, u32), DeliveryError> {
        let partition = self.choose(topic, record, now)?;
        match self.put_in(
            super::append::PENDING,
            partition,
            record,
            now,
            Some(generation),
        ) {
            Ok(index) => Ok((partition, index)),
            Err(Some(error)) => Err(error),
            // A record that moves always finds room; should it not, it is told, not lost.
            Err(None) => {
                let cause = Cause::BufferFull {
                    waited: std::time::Duration::ZERO,
                };
                Err(DeliveryError::new(
                    record.topic,
                    None,
                    Written::No,
                    cause,
                    0,
                ))
            }
        }
    }

    /// Records that waited for their topic get their partitions, in order.
    pub(super) fn place_staged(&mut self, topic: usize, staged: Staged, now: Instant) {
        let name = self.topics[topic].name.clone();
        let mut choices = staged.chosen.iter();
        let places = staged.records.iter().map(|record| {
            let mut record = record.to_ref(&name);
            let placed = match choices.next() {
                Some(Err(error)) => {
                    self.counters.refused(1);
                    Err(error.clone())
                }
                choice => {
                    if let Some(Ok(chosen)) = choice {
                        record.partition = Some(*chosen);
                    }
                    self.place(topic, &record, now, staged.generation)
                }
            };
            match placed {
                Ok((partition, index)) => match &mut self.partitions[partition].open {
                    Some(batch) => {
                        for (cell, ..) in &staged.flows {
                            if !batch
                                .flows
                                .iter()
                                .any(|(known, ..)| Arc::ptr_eq(known, cell))
                            {
                                // A number that is no flow's: the flow knows the waiting room's.
                                batch.flows.push((Arc::clone(cell), u64::MAX, 0));
                            }
                        }
                        batch.hurried |= staged.hurried;
                        (Arc::clone(batch.slot()), index)
                    }
                    None => refused_slot(&name, record.partition, Cause::Closed),
                },
                Err(error) => {
                    self.note_failure(&error);
                    (Slot::failed(error), 0)
                }
            }
        });
        let places: Vec<_> = places.collect();
        staged.slot.settle(Outcome::Moved(places));
        for (cell, ..) in &staged.flows {
            self.effects.wake(cell);
        }
        self.effects.slots.push(Arc::clone(&staged.slot));
        self.credit.free(staged.credit);
        if self.generations.leave(staged.generation) {
            self.effects.settled = true;
        }
        for partition in self.topics[topic].partitions.clone() {
            if self.partitions[partition]
                .open
                .as_ref()
                .is_some_and(|batch| batch.hurried)
            {
                self.urge(partition);
            }
        }
    }
}

fn refused_slot(topic: &Topic, partition: Option<i32>, cause: Cause) -> (Arc<Slot>, u32) {
    let error = DeliveryError::new(topic, partition, Written::No, cause, 0);
    (Slot::failed(error), 0)
}
