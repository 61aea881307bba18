//! What a broker said of a request, or that it will say nothing any more.

use super::{
    Core, Trouble,
    batch::{Batch, Body},
    broker::RequestId,
    partition::{Gap, PartitionId},
    slot::{Acked, Outcome},
    view::BrokerView,
};
use crate::{
    Cause, KafkaError,
    error::{ProduceClass, produce_class},
};
use std::{sync::Arc, time::Duration, time::Instant};

/// A produce request's answer.
#[derive(Debug, Default)]
pub struct Answer {
    /// In the order of the request's parts; `None` for a part that the broker left out.
    pub parts: Vec<Option<PartAnswer>>,
    /// `throttle_time_ms`.
    pub throttle: Duration,
    /// Addresses of the leaders that the parts hint at (KIP-951).
    pub leaders: Vec<BrokerView>,
}

/// What became of one batch.
#[derive(Clone, Debug, Default)]
pub struct PartAnswer {
    /// 0, or Kafka's error code.
    pub error: i16,
    /// The broker's own words.
    pub message: Option<Arc<str>>,
    /// The first record's offset; -1 where it is not known.
    pub base_offset: i64,
    /// The broker's append time; -1 where the topic keeps create times.
    pub log_append_time: i64,
    /// Who leads the partition now (KIP-951).
    pub leader: Option<LeaderHint>,
}

/// A newer leader of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderHint {
    /// Its node id.
    pub id: i32,
    /// Its epoch.
    pub epoch: i32,
}

impl Core {
    /// The answer to the oldest unanswered request of `broker`. `false` if it answers another one:
    /// the connection cannot be trusted any more.
    pub fn answered(
        &mut self,
        broker: i32,
        request: RequestId,
        mut answer: Answer,
        now: Instant,
    ) -> bool {
        let Some(&at) = self.broker_index.get(&broker) else {
            return false;
        };
        let front = self.brokers[at].unanswered.front().map(|front| front.id);
        if front != Some(request) {
            return false;
        }
        let Some(request) = self.brokers[at].unanswered.pop_front() else {
            return false;
        };
        self.contact.answered(now);
        self.counters
            .answered(broker, now.saturating_duration_since(request.sent));
        if !answer.throttle.is_zero() {
            self.counters.throttled(answer.throttle);
            self.brokers[at].muted = Some(now + answer.throttle);
        }
        for leader in answer.leaders.drain(..) {
            self.add_broker(leader);
        }
        answer.parts.resize(request.parts.len(), None);
        for ((partition, no), part) in request.parts.into_iter().zip(answer.parts) {
            let Some(batch) = self.partitions[partition].answered(no) else {
                continue;
            };
            match part {
                Some(part) if part.error == 0 => {
                    let offset = (part.base_offset >= 0).then_some(part.base_offset);
                    let append = (part.log_append_time >= 0).then_some(part.log_append_time);
                    self.acknowledge(partition, batch, offset, append, now);
                }
                Some(part) => self.refused(partition, batch, part, now),
                None => {
                    let cause = Cause::Disconnected {
                        detail: "the answer left it out".into(),
                    };
                    self.unanswered(partition, batch, cause);
                }
            }
            self.look_again(partition, now);
        }
        self.hand_on(now);
        true
    }

    /// The connection to `broker` is gone: its unanswered requests may or may not have arrived. Says
    /// whether there is anything that needs a new one.
    pub fn disconnected(&mut self, broker: i32, detail: &str, now: Instant) -> bool {
        let Some(&at) = self.broker_index.get(&broker) else {
            return false;
        };
        let cause = Cause::Disconnected {
            detail: detail.into(),
        };
        let requests = std::mem::take(&mut self.brokers[at].unanswered);
        self.brokers[at].armed = None;
        self.brokers[at].muted = None;
        self.brokers[at].down = true;
        // Whoever was told to look did not get to it.
        self.brokers[at].notified = false;
        for (partition, no) in requests.into_iter().flat_map(|request| request.parts) {
            if let Some(batch) = self.partitions[partition].answered(no) {
                self.unanswered(partition, batch, cause.clone());
                self.look_again(partition, now);
            }
        }
        for partition in self.brokers[at].listed.clone() {
            if let Some(head) = self.partitions[partition].queue.front_mut() {
                head.last_error.get_or_insert_with(|| cause.clone());
            } else if let Some(open) = &mut self.partitions[partition].open {
                open.last_error.get_or_insert_with(|| cause.clone());
            }
        }
        self.hand_on(now);
        let needed = !self.brokers[at].listed.is_empty();
        if needed {
            self.want_metadata(now);
        }
        needed
    }

    pub(super) fn acknowledge(
        &mut self,
        partition: PartitionId,
        batch: Batch,
        base_offset: Option<i64>,
        log_append_time: Option<i64>,
        now: Instant,
    ) {
        let p = &mut self.partitions[partition];
        p.succeeded(&batch, now);
        // To a duplicate Kafka answers with a time also where the topic keeps create times, so only
        // what was sent once can tell which of the two it does.
        if batch.attempts == 1 {
            p.log_append = log_append_time.is_some();
        }
        let acked = Acked {
            partition: p.index,
            base_offset,
            log_append_time: log_append_time.filter(|_| p.log_append),
        };
        self.finish(partition, batch, Outcome::Acked(acked));
    }

    /// No answer came and none will: it stays what it was, and goes again before anything newer.
    fn unanswered(&mut self, partition: PartitionId, batch: Batch, cause: Cause) {
        if batch.expired {
            self.partitions[partition].lost(&batch);
        } else {
            self.put_back(partition, batch, cause);
        }
    }

    /// It goes again, before everything newer; of an abandoned producer nothing does.
    fn put_back(&mut self, partition: PartitionId, batch: Batch, cause: Cause) {
        if self.life.gives_up() {
            self.fail(partition, batch, Cause::StreamFailed);
        } else {
            self.note_again(partition, &batch, &cause);
            self.partitions[partition].put_back(batch, cause);
        }
    }

    fn refused(
        &mut self,
        partition: PartitionId,
        mut batch: Batch,
        part: PartAnswer,
        now: Instant,
    ) {
        let Some(error) = KafkaError::from_code(part.error, part.message.as_deref()) else {
            return;
        };
        let class = produce_class(part.error);
        self.counters.error(part.error);
        if is_refused(class) {
            // This attempt is answered for: it did not reach the log.
            batch.unproven -= 1;
        }
        if batch.expired {
            if class == ProduceClass::Duplicate {
                self.partitions[partition].succeeded(&batch, now);
            } else {
                self.partitions[partition].lost(&batch);
            }
            return;
        }
        let cause = Cause::Broker(error.clone());
        match class {
            ProduceClass::Duplicate => self.acknowledge(partition, batch, None, None, now),
            ProduceClass::Retry { .. } => self.again(partition, batch, cause, now),
            ProduceClass::StaleMetadata { .. } => {
                let known = part.leader.is_some_and(|hint| self.follow(partition, hint));
                if known && batch.attempts <= 2 {
                    self.put_back(partition, batch, cause);
                } else {
                    self.again(partition, batch, cause, now);
                }
                self.want_metadata(now);
            }
            ProduceClass::TooLarge if batch.count > 1 && !self.life.gives_up() => {
                self.split(partition, batch, cause);
            }
            ProduceClass::TooLarge | ProduceClass::Refused | ProduceClass::Unclear => {
                self.fail(partition, batch, cause);
            }
            ProduceClass::OutOfOrder
            | ProduceClass::UnknownProducer
            | ProduceClass::InvalidEpoch => {
                self.out_of_order(partition, batch, cause, now);
            }
            ProduceClass::Fatal => {
                self.fail(partition, batch, cause);
                self.die(Cause::Fatal(error), now);
            }
        }
    }

    /// The broker's sequence for this partition is another one than the batch's.
    fn out_of_order(&mut self, partition: PartitionId, batch: Batch, cause: Cause, now: Instant) {
        let p = &mut self.partitions[partition];
        if batch.stamp.is_none_or(|stamp| stamp.sequence.is_none()) {
            return self.again(partition, batch, cause, now);
        }
        if p.has_earlier(&batch) {
            // It only waits for its turn.
            self.put_back(partition, batch, cause);
        } else if batch.unproven == 0 {
            // All before it are settled and it is proven absent: it may be counted anew.
            p.open_gap(batch.order, Gap::Proven);
            self.put_back(partition, batch, cause);
        } else {
            // An earlier attempt of it got no answer; counting it anew could double it.
            self.fail(partition, batch, cause);
        }
    }

    /// A retriable refusal: back in line, after a pause that grows (KIP-580).
    fn again(&mut self, partition: PartitionId, batch: Batch, cause: Cause, now: Instant) {
        if batch.attempts > self.config.retries {
            return self.fail(partition, batch, cause);
        }
        let (first, most) = (self.config.retry_backoff, self.config.retry_backoff_max);
        let p = &mut self.partitions[partition];
        let grown = first.saturating_mul(1 << p.refusals.min(16)).min(most);
        p.refusals += 1;
        let pause = grown.mul_f64(0.8 + 0.4 * self.rng.f64());
        p.not_before = Some(now + pause);
        self.put_back(partition, batch, cause);
    }

    /// Tells that a batch goes again.
    pub(super) fn note_again(&mut self, partition: PartitionId, batch: &Batch, cause: &Cause) {
        let p = &self.partitions[partition];
        self.effects.troubles.push(Trouble {
            error: batch.error(&self.topics[p.topic].name, p.index, cause.clone()),
            records: batch.count,
            again: true,
        });
    }

    /// Has a partition's broker look at it, if it has something to send.
    pub(super) fn look_again(&mut self, partition: PartitionId, now: Instant) {
        let p = &self.partitions[partition];
        let (head, open) = (p.queue.front(), p.open.is_some());
        let closed = head.is_some_and(|batch| !matches!(batch.body, Body::Compressing));
        match p.leader {
            Some(broker) if closed || open => {
                self.list(partition);
                self.notify(broker);
            }
            // Only newer metadata can set it on its way.
            None if head.is_some() || open => self.want_metadata(now),
            _ => {}
        }
    }
}

/// Whether the answer proves that this attempt is not in the log.
fn is_refused(class: ProduceClass) -> bool {
    match class {
        ProduceClass::Retry { refused } | ProduceClass::StaleMetadata { refused } => refused,
        ProduceClass::Duplicate | ProduceClass::Unclear => false,
        _ => true,
    }
}
