//! What goes on the wire next: one request with a batch of every partition that has one.

use super::{
    BatchNo, Core,
    batch::{Batch, Body},
    broker::{Request, RequestId},
    partition::{Head, PartitionId},
};
use crate::{
    Cause, Topic,
    batch::{BatchHeader, Buffer},
};
use std::{sync::Arc, time::Instant};
use uuid::Uuid;

/// A produce request, ready to be written.
#[derive(Debug)]
pub struct ProduceRequest {
    /// Its number, for the answer.
    pub id: RequestId,
    /// Its batches; those of one topic stand together.
    pub parts: Vec<DrainedPart>,
}

/// One batch of a request. The checksum is computed by whoever writes it, off the lock.
#[derive(Debug)]
pub struct DrainedPart {
    /// The topic.
    pub topic: Topic,
    /// Its id, for Produce v13.
    pub topic_id: Uuid,
    /// The partition.
    pub partition: i32,
    /// The batch's header; length and checksum follow from the body.
    pub header: BatchHeader,
    /// The records, encoded, perhaps compressed.
    pub body: Arc<Buffer>,
}

/// A look for something to send.
#[derive(Debug, Default)]
pub struct Drained {
    /// What to send.
    pub request: Option<ProduceRequest>,
    /// When to look again, if nothing else happens before.
    pub again: Option<Instant>,
}

/// A batch to compress: the answer is [`Core::compressed`].
#[derive(Debug)]
pub struct CompressJob {
    /// Whose it is.
    pub(super) partition: PartitionId,
    /// Which it is.
    pub(super) no: BatchNo,
    /// The records, encoded.
    pub input: Buffer,
}

impl Core {
    /// What `broker` (its node id) is to be sent now, its connection being up.
    pub fn drain(&mut self, broker: i32, now: Instant) -> Drained {
        let Some(&at) = self.broker_index.get(&broker) else {
            return Drained::default();
        };
        self.brokers[at].notified = false;
        self.brokers[at].armed = None;
        self.brokers[at].down = false;
        let drained = self.drain_at(at, now);
        self.brokers[at].armed = drained.again;
        drained
    }

    fn drain_at(&mut self, at: usize, now: Instant) -> Drained {
        let timeout = self.config.request_timeout;
        let b = &mut self.brokers[at];
        let answer_due = b.unanswered.front().map(|request| request.sent + timeout);
        if b.unanswered.len() >= self.limits.per_broker {
            return Drained {
                request: None,
                again: answer_due,
            };
        }
        if let Some(quiet) = b.muted.filter(|muted| *muted > now) {
            return Drained {
                request: None,
                again: earlier(answer_due, Some(quiet)),
            };
        }
        b.muted = None;
        let (go, linger_ends) = self.anything_ready(at, now);
        if !go {
            return Drained {
                request: None,
                again: earlier(answer_due, linger_ends),
            };
        }
        self.brokers[at].urgent = false;
        let mut parts = self.take_batches(at, now);
        // Before the order is remembered: the answer comes in the order of what is written.
        group_by_topic(&mut parts);
        let mut again = answer_due;
        let mut request = None;
        if !parts.is_empty() {
            let id = self.next_request;
            self.next_request += 1;
            let taken = parts
                .iter()
                .map(|(partition, no, _)| (*partition, *no))
                .collect();
            self.brokers[at].drained = Some(now);
            self.brokers[at].unanswered.push_back(Request {
                id,
                sent: now,
                parts: taken,
            });
            let parts = parts.into_iter().map(|(.., part)| part).collect();
            self.counters.requests += 1;
            request = Some(ProduceRequest { id, parts });
            again = earlier(again, Some(now + timeout));
        }
        // What was left behind: full, or newer than the look.
        let (more, linger_ends) = self.anything_ready(at, now);
        let more = more && request.is_some();
        Drained {
            request,
            again: earlier(again, if more { Some(now) } else { linger_ends }),
        }
    }

    /// Whether a batch of this broker may go now, and else when one may.
    fn anything_ready(&mut self, at: usize, now: Instant) -> (bool, Option<Instant>) {
        let unanswered = self.brokers[at].unanswered.len();
        let ready = self.ready_size(unanswered);
        let all = self.credit.is_contended() || self.life.is_closing();
        let mut next = None;
        let mut go = false;
        for partition in &self.brokers[at].listed {
            let p = &mut self.partitions[*partition];
            match p.head(now, self.limits.per_partition) {
                Head::Nothing | Head::Waits => {}
                Head::Until(time) => next = earlier(next, Some(time)),
                Head::Closed(_) => {
                    go = true;
                    break;
                }
                Head::Open => {
                    let Some(batch) = &p.open else { continue };
                    let linger_ends = batch.created + self.config.linger;
                    let ready = ready.max(p.pace);
                    let full = batch.len() + crate::batch::HEADER_LEN >= ready;
                    // Who waits for what is under way can wait with the rest until it is told: the
                    // rest may be a whole batch by then.
                    let early = self.limits.adaptive && p.in_flight.len() > 1;
                    if all || full || linger_ends <= now || (batch.hurried && !early) {
                        go = true;
                        break;
                    }
                    p.check_at = ready;
                    next = earlier(next, Some(linger_ends));
                }
            }
        }
        (go, next)
    }

    /// One batch of each partition that may send, up to `max.request.size`, lingering ones included:
    /// the request goes anyway.
    fn take_batches(
        &mut self,
        at: usize,
        now: Instant,
    ) -> Vec<(PartitionId, BatchNo, DrainedPart)> {
        let mut parts = Vec::new();
        let mut room = self.config.max_request_size;
        for _ in 0..self.brokers[at].listed.len() {
            let Some(partition) = self.brokers[at].listed.pop_front() else {
                break;
            };
            if !self.may_send(partition, now) {
                continue;
            }
            if let Some(part) = self.take_batch(partition, now, &mut room, parts.is_empty()) {
                parts.push(part);
            }
            self.partitions[partition].listed = false;
            if self.partitions[partition].head(now, usize::MAX) != Head::Nothing {
                self.list(partition);
            }
            if room == 0 {
                break;
            }
        }
        parts
    }

    /// Whether a partition may put a batch on the wire: every rule that can forbid it is asked here.
    /// What it answers no to stays listed where there will be something to send.
    fn may_send(&mut self, partition: PartitionId, now: Instant) -> bool {
        let (limit, idempotent) = (self.limits.per_partition, self.limits.idempotent);
        let p = &mut self.partitions[partition];
        p.wake_up(now);
        if idempotent && p.gap.is_some() && !self.close_gap(partition) {
            self.effects.control = true;
            self.relist(partition);
            return false;
        }
        match self.partitions[partition].head(now, limit) {
            Head::Nothing => {
                self.partitions[partition].listed = false;
                false
            }
            Head::Waits | Head::Until(_) => {
                self.relist(partition);
                false
            }
            Head::Closed(_) | Head::Open => true,
        }
    }

    fn relist(&mut self, partition: PartitionId) {
        self.partitions[partition].listed = false;
        self.list(partition);
    }

    /// Starts counting anew where a gap demands it.
    fn close_gap(&mut self, partition: PartitionId) -> bool {
        let before = self.partitions[partition].identity;
        let closed = self.partitions[partition].close_gap(&mut self.identities);
        if self.partitions[partition].identity != before {
            self.counters.epoch_bumps += 1;
        }
        closed
    }

    fn take_batch(
        &mut self,
        partition: PartitionId,
        now: Instant,
        room: &mut usize,
        first: bool,
    ) -> Option<(PartitionId, BatchNo, DrainedPart)> {
        if self.partitions[partition].head(now, self.limits.per_partition) == Head::Open {
            self.close_batch(partition, now);
        }
        let p = &mut self.partitions[partition];
        let Some(Body::Sealed { bytes, codec }) = p.queue.front().map(|batch| &batch.body) else {
            return None;
        };
        let size = bytes.len() + crate::batch::HEADER_LEN;
        if size > *room && !first {
            *room = 0;
            return None;
        }
        let (body, codec) = (Arc::clone(bytes), *codec);
        let (topic_at, index) = (p.topic, p.index);
        let topic = &self.topics[topic_at];
        let identities = self.limits.idempotent.then_some(&mut self.identities);
        let Some(batch) = p.take_head(topic.id, identities) else {
            self.effects.control = true;
            return None;
        };
        *room = room.saturating_sub(size);
        let waited = now.saturating_duration_since(batch.created);
        self.counters.sent(topic_at, batch, size, waited);
        let part = DrainedPart {
            topic: topic.name.clone(),
            topic_id: batch.stamp.map_or(topic.id, |stamp| stamp.topic_id),
            partition: index,
            header: header(batch, codec),
            body,
        };
        Some((partition, batch.no, part))
    }

    /// No record goes into the open batch any more: it is sealed, or first compressed.
    pub(super) fn close_batch(&mut self, partition: PartitionId, now: Instant) {
        let (linger, limits) = (self.config.linger, self.limits);
        let p = &mut self.partitions[partition];
        let Some(mut batch) = p.open.take() else {
            return;
        };
        if limits.adaptive {
            p.set_pace(
                now.saturating_duration_since(batch.created),
                linger,
                limits.batch,
            );
        }
        if let Body::Open(buffer) = batch.body {
            // Not at once down to a small one: those that go early, because somebody waits, are often
            // followed by large ones, which would have to grow from there.
            p.size_hint = buffer.len().max(p.size_hint / 2);
            if self.limits.compressing {
                batch.body = Body::Compressing;
                self.effects.compress.push(CompressJob {
                    partition,
                    no: batch.no,
                    input: buffer,
                });
            } else {
                batch.body = Body::Sealed {
                    bytes: Arc::new(buffer),
                    codec: 0,
                };
            }
        }
        p.queue.push_back(batch);
    }

    /// A batch was compressed; or was not, and goes as it is.
    pub fn compressed(&mut self, job: CompressJob, output: Option<(Vec<u8>, i16)>) {
        let p = &mut self.partitions[job.partition];
        let Some(batch) = p.queue.iter_mut().find(|batch| batch.no == job.no) else {
            self.pool.put(job.input, self.credit.available());
            return;
        };
        let (bytes, codec) = match output {
            Some((bytes, codec)) => {
                self.counters.compressed(job.input.len(), bytes.len());
                self.pool.put(job.input, self.credit.available());
                (bytes.into(), codec)
            }
            None => (job.input, 0),
        };
        batch.body = Body::Sealed {
            bytes: Arc::new(bytes),
            codec,
        };
        self.urge(job.partition);
    }

    /// With acks=0 a request is done when it is written.
    pub fn written(&mut self, broker: i32, request: RequestId, now: Instant) {
        let Some(&at) = self.broker_index.get(&broker) else {
            return;
        };
        let unanswered = &mut self.brokers[at].unanswered;
        let Some(found) = unanswered.iter().position(|known| known.id == request) else {
            return;
        };
        let Some(request) = unanswered.remove(found) else {
            return;
        };
        for (partition, no) in request.parts {
            if let Some(batch) = self.partitions[partition].answered(no) {
                self.acknowledge(partition, batch, None, None, now);
                // Its leader may be another one by now.
                self.look_again(partition, now);
            }
        }
        self.hand_on(now);
    }

    /// Whether the oldest unanswered request of `broker` is out of time: its connection is to close.
    #[must_use]
    pub fn is_overdue(&self, broker: i32, now: Instant) -> bool {
        self.broker_index.get(&broker).is_some_and(|at| {
            let oldest = self.brokers[*at].unanswered.front();
            oldest.is_some_and(|request| request.sent + self.config.request_timeout <= now)
        })
    }

    pub(super) fn fail(&mut self, partition: PartitionId, batch: Batch, cause: Cause) {
        let p = &mut self.partitions[partition];
        p.lost(&batch);
        let error = batch.error(&self.topics[p.topic].name, p.index, cause);
        self.finish(partition, batch, super::slot::Outcome::Failed(error));
    }
}

pub(super) fn header(batch: &Batch, codec: i16) -> BatchHeader {
    let sequence = batch.stamp.and_then(|stamp| stamp.sequence);
    BatchHeader {
        base_offset: 0,
        batch_length: 0,
        partition_leader_epoch: -1,
        attributes: codec,
        last_offset_delta: batch.count as i32 - 1,
        base_timestamp: batch.base_timestamp,
        max_timestamp: batch.max_timestamp,
        producer_id: sequence.map_or(-1, |(identity, _)| identity.id),
        producer_epoch: sequence.map_or(-1, |(identity, _)| identity.epoch),
        base_sequence: sequence.map_or(-1, |(_, sequence)| sequence),
        record_count: batch.count as i32,
    }
}

/// A topic may stand in a request once.
fn group_by_topic(parts: &mut [(PartitionId, BatchNo, DrainedPart)]) {
    let topics = parts
        .chunk_by(|(.., a), (.., b)| is_same_topic(a, b))
        .count();
    if topics > 1 {
        parts.sort_by(|(.., a), (.., b)| {
            (a.topic_id, a.topic.as_str()).cmp(&(b.topic_id, b.topic.as_str()))
        });
    }
}

fn is_same_topic(a: &DrainedPart, b: &DrainedPart) -> bool {
    a.topic == b.topic && a.topic_id == b.topic_id
}

pub(super) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
