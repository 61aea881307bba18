//! What happened so far, in numbers.

use super::{Core, batch::Batch, slot::Outcome};
use crate::{Distribution, MetricName, Metrics, Written};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Counts, sums and maxima since the start. Updated per batch and per request, never per record.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    pub(super) acknowledged: u64,
    pub(super) failed: u64,
    pub(super) maybe_written: u64,
    pub(super) retries: u64,
    pub(super) splits: u64,
    pub(super) epoch_bumps: u64,
    pub(super) requests: u64,
    pub(super) responses: u64,
    pub(super) batches: u64,
    pub(super) records_sent: u64,
    pub(super) batch_bytes: Distribution,
    pub(super) queue: Distribution,
    pub(super) latency: Distribution,
    pub(super) throttle: Distribution,
    pub(super) plain_bytes: u64,
    pub(super) packed_bytes: u64,
    pub(super) topics: BTreeMap<usize, PerTopic>,
    pub(super) brokers: BTreeMap<i32, PerBroker>,
    pub(super) errors: BTreeMap<i16, u64>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PerTopic {
    acknowledged: u64,
    failed: u64,
    bytes: u64,
    retries: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct PerBroker {
    requests: u64,
    latency: Distribution,
}

impl Counters {
    /// Records acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Times a partition had to start counting anew.
    #[must_use]
    pub fn epoch_bumps(&self) -> u64 {
        self.epoch_bumps
    }

    /// Batches that were split because the broker found them too large.
    #[must_use]
    pub fn splits(&self) -> u64 {
        self.splits
    }

    /// A record was refused before it reached a batch.
    pub(super) fn refused(&mut self, records: u64) {
        self.failed += records;
    }

    pub(super) fn settled(&mut self, topic: usize, batch: &Batch, outcome: &Outcome) {
        let records = u64::from(batch.count);
        let per_topic = self.topics.entry(topic).or_default();
        if let Outcome::Acked(_) = outcome {
            self.acknowledged += records;
            per_topic.acknowledged += records;
        } else {
            self.failed += records;
            per_topic.failed += records;
            if batch.written() == Written::Maybe {
                self.maybe_written += records;
            }
        }
    }

    pub(super) fn sent(&mut self, topic: usize, batch: &Batch, bytes: usize, waited: Duration) {
        let records = u64::from(batch.count);
        let per_topic = self.topics.entry(topic).or_default();
        self.batches += 1;
        self.records_sent += records;
        self.batch_bytes.add(bytes as f64);
        per_topic.bytes += bytes as u64;
        if batch.attempts > 1 {
            self.retries += records;
            per_topic.retries += records;
        } else {
            self.queue.add(waited.as_secs_f64() * 1e3);
        }
    }

    pub(super) fn answered(&mut self, broker: i32, latency: Duration) {
        let millis = latency.as_secs_f64() * 1e3;
        let per_broker = self.brokers.entry(broker).or_default();
        self.responses += 1;
        per_broker.requests += 1;
        per_broker.latency.add(millis);
        self.latency.add(millis);
    }

    pub(super) fn throttled(&mut self, by: Duration) {
        self.throttle.add(by.as_secs_f64() * 1e3);
    }

    pub(super) fn error(&mut self, code: i16) {
        *self.errors.entry(code).or_default() += 1;
    }

    pub(super) fn compressed(&mut self, from: usize, to: usize) {
        self.plain_bytes += from as u64;
        self.packed_bytes += to as u64;
    }
}

impl Core {
    /// A snapshot under Kafka's metric names.
    #[must_use]
    pub fn metrics(&self, now: Instant) -> Metrics {
        let c = &self.counters;
        let client = ("client-id", self.config.client_id.clone());
        let mut values = BTreeMap::new();
        let mut put = |group, name, tag: Option<(&'static str, String)>, value: f64| {
            let tags = std::iter::once(client.clone()).chain(tag).collect();
            values.insert(MetricName { name, group, tags }, value);
        };
        let unanswered: usize = self
            .brokers
            .iter()
            .map(|broker| broker.unanswered.len())
            .sum();
        let per = |sum: u64, of: u64| if of == 0 { 0.0 } else { sum as f64 / of as f64 };
        let age = self.metadata.age(now).map_or(0.0, |age| age.as_secs_f64());
        for (name, value) in [
            ("record-send-total", c.acknowledged as f64),
            ("record-error-total", c.failed as f64),
            ("record-retry-total", c.retries as f64),
            ("batch-split-total", c.splits as f64),
            ("batch-size-avg", c.batch_bytes.average()),
            ("batch-size-max", c.batch_bytes.max()),
            ("records-per-request-avg", per(c.records_sent, c.requests)),
            ("record-queue-time-avg", c.queue.average()),
            ("record-queue-time-max", c.queue.max()),
            ("request-latency-avg", c.latency.average()),
            ("request-latency-max", c.latency.max()),
            ("produce-throttle-time-avg", c.throttle.average()),
            ("produce-throttle-time-max", c.throttle.max()),
            ("requests-in-flight", unanswered as f64),
            ("request-total", c.requests as f64),
            ("response-total", c.responses as f64),
            ("outgoing-byte-total", c.batch_bytes.sum()),
            ("buffer-total-bytes", self.config.buffer_memory as f64),
            ("buffer-available-bytes", self.credit.available() as f64),
            ("waiting-threads", self.credit.waiting() as f64),
            (
                "compression-rate-avg",
                if c.plain_bytes == 0 {
                    1.0
                } else {
                    per(c.packed_bytes, c.plain_bytes)
                },
            ),
            ("metadata-age", age),
        ] {
            put("producer-metrics", name, None, value);
        }
        for (name, value) in [
            // Ours: Kafka's client has no such names.
            ("record-maybe-written-total", c.maybe_written as f64),
            ("batch-total", c.batches as f64),
            ("epoch-bump-total", c.epoch_bumps as f64),
            ("pending-sends", self.pending.len() as f64),
        ] {
            put("guanaco-producer-metrics", name, None, value);
        }
        for (code, count) in &c.errors {
            let name =
                crate::KafkaError::from_code(*code, None).map_or("NONE", |error| error.name());
            put(
                "guanaco-producer-metrics",
                "answer-error-total",
                Some(("error", name.into())),
                *count as f64,
            );
        }
        for (topic, per_topic) in &c.topics {
            let tag = || Some(("topic", self.topics[*topic].name.to_string()));
            for (name, value) in [
                ("record-send-total", per_topic.acknowledged),
                ("record-error-total", per_topic.failed),
                ("record-retry-total", per_topic.retries),
                ("byte-total", per_topic.bytes),
            ] {
                put("producer-topic-metrics", name, tag(), value as f64);
            }
        }
        for (broker, per_broker) in &c.brokers {
            let tag = || Some(("node-id", format!("node-{broker}")));
            for (name, value) in [
                ("request-total", per_broker.requests as f64),
                ("request-latency-avg", per_broker.latency.average()),
                ("request-latency-max", per_broker.latency.max()),
            ] {
                put("producer-node-metrics", name, tag(), value);
            }
        }
        Metrics {
            values,
            distributions: self.distributions(),
        }
    }

    fn distributions(&self) -> BTreeMap<MetricName, Distribution> {
        let c = &self.counters;
        let client = ("client-id", self.config.client_id.clone());
        let of_producer = [
            ("batch-size", &c.batch_bytes),
            ("record-queue-time", &c.queue),
            ("request-latency", &c.latency),
            ("produce-throttle-time", &c.throttle),
        ];
        let of_producer = of_producer.map(|(name, distribution)| {
            let (group, tags) = ("producer-metrics", BTreeMap::from([client.clone()]));
            (MetricName { name, group, tags }, distribution.clone())
        });
        let of_brokers = c.brokers.iter().map(|(broker, per_broker)| {
            let node = ("node-id", format!("node-{broker}"));
            let name = MetricName {
                name: "request-latency",
                group: "producer-node-metrics",
                tags: BTreeMap::from([client.clone(), node]),
            };
            (name, per_broker.latency.clone())
        });
        of_producer.into_iter().chain(of_brokers).collect()
    }
}
