//! Counters to the recorder of the `metrics` crate: read off the producer from time to time, and
//! never touched by a record.

use guanaco_engine::{Distribution, Health, HealthProblem, MetricName, Metrics, Observer};
use metrics::{Label, Unit};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::timeout;

const HEALTHY: &str = "guanaco_producer_healthy";
const OLDEST: &str = "guanaco_producer_oldest_unacknowledged_seconds";

/// A metric that is published, and the one of Kafka's names that it comes from.
struct Export {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    group: &'static str,
    from: &'static str,
    help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Counter,
    Gauge,
    /// Of values that are multiplied by this.
    Histogram(f64),
}

const PRODUCER: &str = "producer-metrics";
const OURS: &str = "guanaco-producer-metrics";
const TOPIC: &str = "producer-topic-metrics";
const BROKER: &str = "producer-node-metrics";

const fn export(
    name: &'static str,
    kind: Kind,
    unit: Unit,
    (group, from): (&'static str, &'static str),
    help: &'static str,
) -> Export {
    Export {
        name,
        kind,
        unit,
        group,
        from,
        help,
    }
}

/// Kafka's names with underscores. No `-avg` and no `-max`: over the producer's whole life they say
/// little, and the histograms say it for any time.
#[rustfmt::skip]
const EXPORTS: [Export; 25] = {
    use Kind::{Counter, Gauge, Histogram};
    const MILLIS: f64 = 1e-3;
    [
        export("guanaco_producer_record_send_total", Counter, Unit::Count, (PRODUCER, "record-send-total"), "Records acknowledged."),
        export("guanaco_producer_record_error_total", Counter, Unit::Count, (PRODUCER, "record-error-total"), "Records failed, those that never came to a batch included."),
        export("guanaco_producer_record_maybe_written_total", Counter, Unit::Count, (OURS, "record-maybe-written-total"), "Records failed that may be in the log."),
        export("guanaco_producer_record_retry_total", Counter, Unit::Count, (PRODUCER, "record-retry-total"), "Records put on the wire again."),
        export("guanaco_producer_batch_total", Counter, Unit::Count, (OURS, "batch-total"), "Batches put on the wire."),
        export("guanaco_producer_batch_split_total", Counter, Unit::Count, (PRODUCER, "batch-split-total"), "Batches split because the broker found them too large."),
        export("guanaco_producer_request_total", Counter, Unit::Count, (PRODUCER, "request-total"), "Produce requests sent."),
        export("guanaco_producer_response_total", Counter, Unit::Count, (PRODUCER, "response-total"), "Produce requests answered."),
        export("guanaco_producer_outgoing_byte_total", Counter, Unit::Bytes, (PRODUCER, "outgoing-byte-total"), "Bytes of batches put on the wire."),
        export("guanaco_producer_epoch_bump_total", Counter, Unit::Count, (OURS, "epoch-bump-total"), "Times a partition had to count its sequences anew."),
        export("guanaco_producer_answer_error_total", Counter, Unit::Count, (OURS, "answer-error-total"), "Batches that a broker answered with an error."),
        export("guanaco_producer_topic_record_send_total", Counter, Unit::Count, (TOPIC, "record-send-total"), "Records acknowledged."),
        export("guanaco_producer_topic_record_error_total", Counter, Unit::Count, (TOPIC, "record-error-total"), "Records failed."),
        export("guanaco_producer_topic_record_retry_total", Counter, Unit::Count, (TOPIC, "record-retry-total"), "Records put on the wire again."),
        export("guanaco_producer_topic_byte_total", Counter, Unit::Bytes, (TOPIC, "byte-total"), "Bytes of batches put on the wire."),
        export("guanaco_producer_requests_in_flight", Gauge, Unit::Count, (PRODUCER, "requests-in-flight"), "Produce requests without an answer."),
        export("guanaco_producer_buffer_total_bytes", Gauge, Unit::Bytes, (PRODUCER, "buffer-total-bytes"), "buffer.memory."),
        export("guanaco_producer_buffer_available_bytes", Gauge, Unit::Bytes, (PRODUCER, "buffer-available-bytes"), "What is free of it."),
        export("guanaco_producer_buffer_waiting", Gauge, Unit::Count, (PRODUCER, "waiting-threads"), "Streams, and the queue of sends, that wait for room in it."),
        export("guanaco_producer_pending_sends", Gauge, Unit::Count, (OURS, "pending-sends"), "Single sends that wait for room in it."),
        export("guanaco_producer_metadata_age_seconds", Gauge, Unit::Seconds, (PRODUCER, "metadata-age"), "Age of what is known of the cluster."),
        export("guanaco_producer_batch_size_bytes", Histogram(1.0), Unit::Bytes, (PRODUCER, "batch-size"), "Sizes of batches on the wire."),
        export("guanaco_producer_record_queue_time_seconds", Histogram(MILLIS), Unit::Seconds, (PRODUCER, "record-queue-time"), "From a batch's first record to the wire."),
        export("guanaco_producer_produce_throttle_time_seconds", Histogram(MILLIS), Unit::Seconds, (PRODUCER, "produce-throttle-time"), "Pauses that brokers asked for."),
        export("guanaco_producer_broker_request_latency_seconds", Histogram(MILLIS), Unit::Seconds, (BROKER, "request-latency"), "From a produce request to its answer."),
    ]
};

/// Publishes what there is every so often, and once more when the producer has ended.
pub(crate) async fn run(observer: Observer, every: Duration) {
    describe();
    let mut published = Published::default();
    loop {
        published.publish(&observer.metrics(), &observer.health());
        if timeout(every, observer.ended()).await.is_ok() {
            return published.publish(&observer.metrics(), &observer.health());
        }
    }
}

fn describe() {
    for export in &EXPORTS {
        let (name, unit, help) = (export.name, export.unit, export.help);
        match export.kind {
            Kind::Counter => metrics::describe_counter!(name, unit, help),
            Kind::Gauge => metrics::describe_gauge!(name, unit, help),
            Kind::Histogram(_) => metrics::describe_histogram!(name, unit, help),
        }
    }
    let healthy = "1 while nothing is wrong with the producer, or it was closed; else 0.";
    metrics::describe_gauge!(HEALTHY, Unit::Count, healthy);
    let oldest = "How long the oldest record has been waiting for its outcome.";
    metrics::describe_gauge!(OLDEST, Unit::Seconds, oldest);
}

/// What the recorder has been told. It is told differences, so that producers with the same labels
/// add up.
#[derive(Default)]
struct Published {
    counters: BTreeMap<MetricName, u64>,
    /// Counts by bucket.
    histograms: BTreeMap<MetricName, Vec<u64>>,
}

impl Published {
    fn publish(&mut self, metrics: &Metrics, health: &Health) {
        let mut client = Vec::new();
        for (name, value) in &metrics.values {
            let labels = labels(name);
            for export in EXPORTS.iter().filter(|export| export.is_from(name)) {
                let labels = labels.clone();
                match export.kind {
                    Kind::Counter => {
                        let total = *value as u64;
                        let before = self.counters.insert(name.clone(), total).unwrap_or(0);
                        metrics::counter!(export.name, labels)
                            .increment(total.saturating_sub(before));
                    }
                    Kind::Gauge => metrics::gauge!(export.name, labels).set(*value),
                    // Those are among the distributions.
                    Kind::Histogram(_) => {}
                }
            }
            if name.group == PRODUCER {
                client = labels;
            }
        }
        for (name, distribution) in &metrics.distributions {
            for export in EXPORTS.iter().filter(|export| export.is_from(name)) {
                if let Kind::Histogram(scale) = export.kind {
                    let before = self.histograms.entry(name.clone()).or_default();
                    let histogram = metrics::histogram!(export.name, labels(name));
                    for (value, count) in news(before, distribution) {
                        histogram.record_many(value * scale, count as usize);
                    }
                }
            }
        }
        let mut problems = health.problems.iter();
        let wrong = problems.any(|problem| *problem != HealthProblem::Closed);
        metrics::gauge!(HEALTHY, client.clone()).set(if wrong { 0.0 } else { 1.0 });
        let oldest = health.oldest_unacknowledged.unwrap_or_default();
        metrics::gauge!(OLDEST, client).set(oldest.as_secs_f64());
    }
}

impl Export {
    fn is_from(&self, name: &MetricName) -> bool {
        (self.group, self.from) == (name.group, name.name)
    }
}

fn labels(name: &MetricName) -> Vec<Label> {
    let tags = name.tags.iter();
    tags.map(|(tag, value)| match *tag {
        "client-id" => Label::new("client_id", value.clone()),
        "node-id" => Label::new("broker", value.trim_start_matches("node-").to_owned()),
        other => Label::new(other, value.clone()),
    })
    .collect()
}

/// The buckets that grew, and by how many values.
fn news(before: &mut Vec<u64>, now: &Distribution) -> Vec<(f64, u64)> {
    let buckets = now.buckets().enumerate();
    let news = buckets.filter_map(|(bucket, (middle, count))| {
        if bucket >= before.len() {
            before.push(0);
        }
        let grown = count - std::mem::replace(&mut before[bucket], count);
        (grown > 0).then_some((middle, grown))
    });
    news.collect()
}

#[cfg(test)]
mod tests;
