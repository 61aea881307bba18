//! Records into the open batches of their partitions: the hot path.

use super::{
    Core,
    batch::{Batch, Body, ResultTo},
    broker::Broker,
    credit::FlowId,
    flow::{self, FlowCell, FlowLink, Place, Places},
    partition::PartitionId,
    pool::Pool,
    slot::Slot,
    topic::{Staged, StagedRecord, TopicState, check_name},
};
use crate::{
    Cause, DeliveryError, RecordRef, Topic, Written,
    batch::{HEADER_LEN, encode::Encode},
};
use std::{sync::Arc, time::Instant};

/// The flow that stands for the FIFO of pending sends among those who wait for room.
pub(super) const PENDING: FlowId = 0;

/// Where a record ended up.
pub(super) enum Put {
    Batch(PartitionId, u32),
    Staged(usize, u32),
    Refused(DeliveryError),
    NoRoom,
}

impl Core {
    /// A way in for one ordered stream of records.
    pub fn new_flow(&mut self) -> FlowLink {
        let link = FlowLink::new(self.next_flow);
        self.next_flow += 1;
        self.flows.insert(link.id, Arc::clone(link.cell()));
        link
    }

    /// The flow is gone; records that it appended stay.
    pub fn drop_flow(&mut self, flow: &FlowLink, now: Instant) {
        self.flows.remove(&flow.id);
        self.credit.withdraw(flow.id);
        self.hand_on(now);
    }

    /// Appends records in order until one finds no room; says how many were placed, and where in
    /// `placed`. With fewer than all placed, the flow is woken when there is room for the next.
    pub fn append(
        &mut self,
        flow: &mut FlowLink,
        records: &[RecordRef<'_>],
        now: Instant,
        placed: &mut Vec<Places>,
    ) -> usize {
        let mut last: Option<(&Topic, usize)> = None;
        let mut rest = records;
        while let [record, behind @ ..] = rest {
            let topic = match last {
                Some((name, topic)) if name.is_same(record.topic) => topic,
                _ => {
                    let topic = self.topic(record.topic, now);
                    last = Some((record.topic, topic));
                    topic
                }
            };
            let mut along = 0;
            let (batch, index) = match self.put(flow.id, topic, record, now) {
                Put::Batch(partition, index) => {
                    along = self.put_along(topic, partition, record.topic, behind);
                    match &mut self.partitions[partition].open {
                        Some(batch) => (list_batch(batch, flow), index),
                        None => break, // put() left the record in the open batch
                    }
                }
                Put::Staged(topic, index) => match &mut self.topics[topic].staged {
                    Some(staged) => (flow::list(&mut staged.flows, flow, &staged.slot), index),
                    None => break, // put() left the record there
                },
                Put::Refused(error) => {
                    self.note_refusal(&error);
                    (flow.enter(Slot::failed(error)), 0)
                }
                Put::NoRoom => {
                    self.hand_on(now);
                    return records.len() - rest.len();
                }
            };
            let (first, count) = (Place { batch, index }, 1 + along);
            flow.count(batch, count);
            placed.push(Places { first, count });
            rest = &behind[along as usize..];
        }
        // It did without the room that it waited for, or was granted: the next one has it.
        if self.credit.withdraw(flow.id) {
            self.hand_on(now);
        }
        records.len()
    }

    /// The number of a topic's partitions, if it is known; for a partitioner of the user's own.
    #[must_use]
    pub fn partition_count(&self, name: &Topic) -> Option<i32> {
        let count = self.topics[*self.topic_index.get(name)?].partitions.len();
        (count > 0).then_some(count as i32)
    }

    /// As [`partition_count`](Self::partition_count); where it is not known yet, the flow is woken
    /// when it is. A topic that cannot be had counts one partition: the append tells the error.
    pub fn partition_count_for(
        &mut self,
        flow: &FlowLink,
        name: &Topic,
        now: Instant,
    ) -> Option<i32> {
        let topic = self.topic(name, now);
        let state = &mut self.topics[topic];
        match state.partitions.len() {
            0 if self.life.refuses() || check_name(name).is_err() => Some(1),
            0 if state
                .refused
                .as_ref()
                .is_some_and(|(until, _)| *until > now) =>
            {
                Some(1)
            }
            0 => {
                if !state
                    .waiting
                    .iter()
                    .any(|waiting| Arc::ptr_eq(waiting, flow.cell()))
                {
                    state.waiting.push(Arc::clone(flow.cell()));
                }
                if state.waiting_since.is_none() {
                    state.waiting_since = Some(now);
                    self.want_new_topic(now);
                }
                None
            }
            count => Some(count as i32),
        }
    }

    /// Places a record that failed before it could be appended.
    pub fn place_failed(&mut self, flow: &mut FlowLink, error: DeliveryError) -> Place {
        self.counters.refused(1);
        self.note_refusal(&error);
        let batch = flow.enter(Slot::failed(error));
        flow.count(batch, 1);
        Place { batch, index: 0 }
    }

    /// Ends the linger of every batch with records of this flow: it waits for them.
    pub fn hurry(&mut self, flow: &FlowLink) {
        // By its cell: records that waited for their topic come to a batch without the flow's number.
        let is_in = |flows: &[(Arc<FlowCell>, FlowId, u32)]| {
            flows
                .iter()
                .any(|(cell, ..)| Arc::ptr_eq(cell, flow.cell()))
        };
        for topic in &mut self.topics {
            if let Some(staged) = &mut topic.staged {
                staged.hurried |= is_in(&staged.flows);
            }
        }
        for partition in 0..self.partitions.len() {
            let p = &mut self.partitions[partition];
            let Some(batch) = &mut p.open else { continue };
            if !batch.hurried && is_in(&batch.flows) {
                batch.hurried = true;
                self.urge(partition);
            }
        }
    }

    /// The state of a topic, new where it is new.
    pub(super) fn topic(&mut self, name: &Topic, now: Instant) -> usize {
        if let Some(topic) = self.topic_index.get(name) {
            self.topics[*topic].used = now;
            return *topic;
        }
        let topic = self.topics.len();
        self.topics.push(TopicState::new(name.clone(), now));
        self.topic_index.insert(name.clone(), topic);
        topic
    }

    #[inline]
    pub(super) fn put(
        &mut self,
        flow: FlowId,
        topic: usize,
        record: &RecordRef<'_>,
        now: Instant,
    ) -> Put {
        if self.life.refuses() {
            return self.put_refused(record);
        }
        self.put_accepted(flow, topic, record, now)
    }

    /// As `put`, for a record that was accepted already.
    #[inline]
    pub(super) fn put_accepted(
        &mut self,
        flow: FlowId,
        topic: usize,
        record: &RecordRef<'_>,
        now: Instant,
    ) -> Put {
        if self.topics[topic].is_cold() {
            return self.put_cold(flow, topic, record, now);
        }
        let partition = match self.choose(topic, record, now) {
            Ok(partition) => partition,
            Err(error) => return Put::Refused(error),
        };
        match self.put_in(flow, partition, record, now, None) {
            Ok(index) => Put::Batch(partition, index),
            Err(Some(error)) => Put::Refused(error),
            Err(None) => Put::NoRoom,
        }
    }

    /// Appends to a partition's open batch, a new one where it has none or it is full.
    ///
    /// `Err(None)`: no room in `buffer.memory`. A record that `moves` out of a topic's waiting room
    /// always finds some, and stays of the generation that it entered in.
    #[inline]
    pub(super) fn put_in(
        &mut self,
        flow: FlowId,
        partition: PartitionId,
        record: &RecordRef<'_>,
        now: Instant,
        moves: Option<u64>,
    ) -> Result<u32, Option<DeliveryError>> {
        loop {
            let p = &mut self.partitions[partition];
            let Some(batch) = &mut p.open else {
                self.open_batch(flow, partition, record, now, moves)?;
                continue;
            };
            let Body::Open(buffer) = &batch.body else {
                return Err(None);
            };
            let encode = batch.encode(record);
            let len = buffer.len() + encode.encoded_len();
            if len + HEADER_LEN > p.most && batch.count > 0 {
                self.close_batch(partition, now);
                self.urge(partition);
                continue;
            }
            if len > buffer.size() {
                let full = len + HEADER_LEN;
                if batch.count > 0 && full >= p.check_at && self.would_stay(partition, full) {
                    // It would be ready with this record: as well without. A buffer twice as large,
                    // and a copy of all of it, for one record would be a waste.
                    self.close_batch(partition, now);
                    self.urge(partition);
                } else {
                    self.grow(flow, partition, len, now, moves)?;
                }
                continue;
            }
            let index = batch.push(&encode, record.timestamp);
            if len + HEADER_LEN >= p.check_at {
                self.check_ready(partition, len + HEADER_LEN);
            }
            return Ok(index);
        }
    }

    /// Opens a batch that the record fits into.
    fn open_batch(
        &mut self,
        flow: FlowId,
        partition: PartitionId,
        record: &RecordRef<'_>,
        now: Instant,
        moves: Option<u64>,
    ) -> Result<(), Option<DeliveryError>> {
        let first = Encode::new(0, 0, record.key, record.value, record.headers).encoded_len();
        let p = &self.partitions[partition];
        if first + HEADER_LEN > self.config.max_request_size {
            self.counters.refused(1);
            let cause = Cause::TooLarge {
                size: first + HEADER_LEN,
                limit: self.config.max_request_size,
            };
            let name = &self.topics[p.topic].name;
            return Err(Some(DeliveryError::new(
                name,
                Some(p.index),
                Written::No,
                cause,
                0,
            )));
        }
        let hint = p.size_hint.min(self.limits.batch_max);
        // A partition's usual size is a wish; what the record needs is not.
        let wish = Pool::size_for(first.max(hint));
        let size = if wish <= self.credit.available() {
            wish
        } else {
            Pool::size_for(first)
        };
        if !self.take_credit(flow, size, moves.is_some()) {
            return Err(None);
        }
        let buffer = self.pool.take(size);
        self.pool.shrink(self.credit.available());
        let batch = Batch {
            no: self.next_batch,
            order: (self.next_batch, 0),
            result: ResultTo::Slot(Arc::default()),
            flows: Vec::new(),
            body: Body::Open(buffer),
            count: 0,
            base_timestamp: record.timestamp,
            max_timestamp: record.timestamp,
            created: now,
            generation: match moves {
                Some(generation) => self.generations.enter_at(generation),
                None => self.generations.enter(),
            },
            credit: size,
            attempts: 0,
            unproven: 0,
            stamp: None,
            last_error: None,
            expired: false,
            hurried: false,
        };
        self.next_batch += 1;
        let p = &mut self.partitions[partition];
        p.open = Some(batch);
        p.check_at = p.pace.max(self.limits.batch);
        p.most = self.limits.batch_max;
        self.list(partition);
        let Some(broker) = self.partitions[partition].leader else {
            self.want_metadata(now);
            return Ok(());
        };
        let deadline = now + self.config.linger;
        let b = &mut self.brokers[broker];
        if b.armed.is_none_or(|armed| armed > deadline) {
            self.notify(broker);
        }
        Ok(())
    }

    fn take_credit(&mut self, flow: FlowId, bytes: usize, force: bool) -> bool {
        if force {
            self.credit.force(bytes);
            return true;
        }
        let given = self.credit.take(flow, bytes);
        if !given {
            self.hurry_all();
        }
        given
    }

    /// Someone waits for room: nothing may linger.
    pub(super) fn hurry_all(&mut self) {
        for partition in 0..self.partitions.len() {
            if let Some(batch) = &mut self.partitions[partition].open
                && !batch.hurried
                && batch.count > 0
            {
                batch.hurried = true;
                self.urge(partition);
            }
        }
    }

    /// Moves the open batch into a buffer that holds `need` bytes: twice the size, if there is room.
    #[cold]
    fn grow(
        &mut self,
        flow: FlowId,
        partition: PartitionId,
        need: usize,
        now: Instant,
        moves: Option<u64>,
    ) -> Result<(), Option<DeliveryError>> {
        let Some(batch) = &self.partitions[partition].open else {
            return Ok(());
        };
        let has = batch.credit;
        let count = batch.count;
        let size = Pool::size_for(need);
        let more = size - has.min(size);
        if count > 0 && moves.is_none() && !self.credit.could_take(flow, more) {
            // What is in it can go; the record needs less room in a batch of its own.
            self.close_batch(partition, now);
            self.urge(partition);
            return Ok(());
        }
        if !self.take_credit(flow, more, moves.is_some()) {
            return Err(None);
        }
        let mut grown = self.pool.take(size);
        self.pool.shrink(self.credit.available());
        if let Some(batch) = &mut self.partitions[partition].open {
            batch.credit = has.max(size);
            if let Body::Open(buffer) = &mut batch.body {
                grown.extend_from_slice(buffer);
                let old = std::mem::replace(buffer, grown);
                self.pool.put(old, self.credit.available());
            }
        }
        Ok(())
    }

    /// How large a batch is ready, for a broker with so many unanswered requests: the fuller the
    /// pipe, the larger what enters it, so batching follows the round trip by itself.
    pub(super) fn ready_size(&self, unanswered: usize) -> usize {
        if !self.limits.adaptive {
            return self.limits.batch;
        }
        (self.limits.batch << unanswered.min(8)).min(self.limits.batch_max)
    }

    #[cold]
    fn check_ready(&mut self, partition: PartitionId, len: usize) {
        let ready = self.ready_at(partition);
        let stays = self.would_stay(partition, len);
        let p = &mut self.partitions[partition];
        p.check_at = match ready {
            Some(ready) if len < ready => ready,
            _ => usize::MAX,
        };
        if stays {
            p.most = len;
        }
        if let (Some(broker), true) = (p.leader, ready.is_some_and(|ready| len >= ready)) {
            self.notify(broker);
        }
    }

    /// The size at which a partition's open batch is ready; `None` while it cannot be sent: whatever
    /// changes that looks again.
    fn ready_at(&self, partition: PartitionId) -> Option<usize> {
        let p = &self.partitions[partition];
        let unanswered = self.brokers[p.leader?].unanswered.len();
        let ready = || self.ready_size(unanswered + p.queue.len()).max(p.pace);
        (unanswered < self.limits.per_broker).then(ready)
    }

    /// Whether an open batch of so many bytes is ready and stays as it is, because more may go beside
    /// it: did it grow until the connection's task comes to run, all that a flow may have in flight
    /// would be one batch, and nothing under way while the flow makes the next.
    fn would_stay(&self, partition: PartitionId, len: usize) -> bool {
        let p = &self.partitions[partition];
        let under_way = p.in_flight.len() + p.queue.len() + 1;
        self.limits.adaptive
            && !p.recovering
            && under_way < self.limits.per_partition
            && self.ready_at(partition).is_some_and(|ready| len >= ready)
    }

    /// Tells a partition's broker that something of it may not linger.
    pub(super) fn urge(&mut self, partition: PartitionId) {
        self.list(partition);
        if let Some(broker) = self.partitions[partition].leader {
            self.brokers[broker].urgent = true;
            self.notify(broker);
        }
    }

    /// Puts a partition on its leader's list, once.
    pub(super) fn list(&mut self, partition: PartitionId) {
        let p = &mut self.partitions[partition];
        if let (false, Some(broker)) = (p.listed, p.leader) {
            p.listed = true;
            self.brokers[broker].listed.push_back(partition);
        }
    }

    /// Has a broker's connection look for something to send.
    pub(super) fn notify(&mut self, broker: usize) {
        let Broker { notified, view, .. } = &mut self.brokers[broker];
        if !std::mem::replace(notified, true) {
            self.effects.brokers.push(view.id);
        }
    }

    /// The producer takes nothing more.
    #[cold]
    fn put_refused(&mut self, record: &RecordRef<'_>) -> Put {
        let cause = self.life.refusal().unwrap_or(Cause::Closed);
        self.counters.refused(1);
        let error = DeliveryError::new(record.topic, record.partition, Written::No, cause, 0);
        Put::Refused(error)
    }

    /// Puts a record in a topic's waiting room, or refuses it.
    #[cold]
    pub(super) fn put_cold(
        &mut self,
        flow: FlowId,
        topic: usize,
        record: &RecordRef<'_>,
        now: Instant,
    ) -> Put {
        let refused = |cause| {
            let error = DeliveryError::new(record.topic, record.partition, Written::No, cause, 0);
            Put::Refused(error)
        };
        if let Err(rule) = check_name(record.topic) {
            self.counters.refused(1);
            return refused(Cause::InvalidTopic { rule });
        }
        if let Some((until, cause)) = &self.topics[topic].refused {
            if *until > now {
                let cause = cause.clone();
                self.counters.refused(1);
                return refused(cause);
            }
            self.topics[topic].refused = None;
        }
        let size = Encode::new(0, 0, record.key, record.value, record.headers).encoded_len();
        let limit = self.config.max_request_size;
        if size + HEADER_LEN > limit {
            self.counters.refused(1);
            return refused(Cause::TooLarge {
                size: size + HEADER_LEN,
                limit,
            });
        }
        if !self.take_credit(flow, size, false) {
            return Put::NoRoom;
        }
        self.pool.shrink(self.credit.available());
        let state = &mut self.topics[topic];
        let new = state.staged.is_none();
        let staged = state.staged.get_or_insert_with(|| Staged {
            slot: Arc::default(),
            flows: Vec::new(),
            records: Vec::new(),
            chosen: Vec::new(),
            asking: false,
            credit: 0,
            since: now,
            generation: self.generations.enter(),
            hurried: false,
        });
        staged.credit += size;
        let index = staged.push(StagedRecord::new(record));
        if !self.topics[topic].partitions.is_empty() {
            self.ask_partitioner(topic);
        } else if new {
            self.want_new_topic(now);
        }
        Put::Staged(topic, index)
    }
}

#[inline]
fn list_batch(batch: &mut Batch, flow: &mut FlowLink) -> u32 {
    if let Some((_, id, number)) = batch.flows.last()
        && *id == flow.id
    {
        return *number;
    }
    let slot = Arc::clone(batch.slot());
    flow::list(&mut batch.flows, flow, &slot)
}
