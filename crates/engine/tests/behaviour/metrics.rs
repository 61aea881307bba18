//! A snapshot has Kafka's names and true numbers.

use crate::support::{Sample, Target, numbered, produce, start};
use guanaco_engine::Metrics;
use std::collections::BTreeSet;

const OF_THE_PRODUCER: [&str; 22] = [
    "batch-size-avg",
    "batch-size-max",
    "batch-split-total",
    "buffer-available-bytes",
    "buffer-total-bytes",
    "compression-rate-avg",
    "metadata-age",
    "outgoing-byte-total",
    "produce-throttle-time-avg",
    "produce-throttle-time-max",
    "record-error-total",
    "record-queue-time-avg",
    "record-queue-time-max",
    "record-retry-total",
    "record-send-total",
    "records-per-request-avg",
    "request-latency-avg",
    "request-latency-max",
    "request-total",
    "requests-in-flight",
    "response-total",
    "waiting-threads",
];

/// The value of a metric whose tags, beside the client's id, are these.
fn value(metrics: &Metrics, group: &str, name: &str, tags: &[(&str, &str)]) -> f64 {
    let is = |key: &&'static str, value: &String| {
        *key == "client-id" && value == "measured" || tags.contains(&(key, &**value))
    };
    let mut found = metrics.values.iter().filter(|(metric, _)| {
        metric.group == group
            && metric.name == name
            && metric.tags.len() == tags.len() + 1
            && metric.tags.iter().all(|(key, value)| is(key, value))
    });
    let (_, value) = found
        .next()
        .unwrap_or_else(|| panic!("no {name} of {group}, {tags:?}"));
    *value
}

async fn a_snapshot_has_kafkas_names_and_true_numbers(target: &Target) {
    let (topic, other) = (target.topic("busy", 2).await, target.topic("idle", 1).await);
    let settings = [
        ("client.id", "measured"),
        ("compression.type", "gzip"),
        ("max.request.size", "50000"),
        ("batch.size", "2000"),
    ];
    let producer = start(target, &settings).await;
    let fresh = producer.metrics();
    assert_eq!(
        value(&fresh, "producer-metrics", "record-send-total", &[]),
        0.0
    );
    let mut samples: Vec<_> = numbered(500)
        .into_iter()
        .map(|sample| Sample::new("play ".repeat(20)).headers(sample.headers))
        .collect();
    samples.push(Sample::new(vec![0; 60_000]));
    let outcomes = produce(&producer, &topic, &samples).await;
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
        500
    );
    produce(&producer, &other, &numbered(3)).await;

    let metrics = producer.metrics();
    let names: BTreeSet<_> = metrics
        .values
        .keys()
        .filter(|metric| metric.group == "producer-metrics")
        .map(|metric| metric.name)
        .collect();
    assert_eq!(names, BTreeSet::from(OF_THE_PRODUCER));
    let of = |name| value(&metrics, "producer-metrics", name, &[]);
    assert_eq!(of("record-send-total"), 503.0);
    assert_eq!(of("record-error-total"), 1.0);
    assert_eq!(of("record-retry-total"), 0.0);
    assert_eq!(of("requests-in-flight"), 0.0);
    assert_eq!(of("waiting-threads"), 0.0);
    assert_eq!(of("buffer-available-bytes"), of("buffer-total-bytes"));
    assert_eq!(of("buffer-total-bytes"), 33_554_432.0);
    assert!(of("request-total") >= 2.0 && of("request-total") == of("response-total"));
    assert!(of("records-per-request-avg") == 503.0 / of("request-total"));
    assert!(of("batch-size-max") >= of("batch-size-avg") && of("batch-size-avg") > 0.0);
    assert!(
        of("request-latency-max") >= of("request-latency-avg") && of("request-latency-avg") > 0.0
    );
    assert!(of("record-queue-time-max") >= of("record-queue-time-avg"));
    assert!(
        of("compression-rate-avg") < 0.5,
        "{}",
        of("compression-rate-avg")
    );
    // 503 records of about 100 bytes, squeezed.
    assert!((100.0..20_000.0).contains(&of("outgoing-byte-total")));
    assert!((0.0..60.0).contains(&of("metadata-age")));

    let of = |name, topic| {
        value(
            &metrics,
            "producer-topic-metrics",
            name,
            &[("topic", topic)],
        )
    };
    assert_eq!(
        (
            of("record-send-total", &*topic),
            of("record-send-total", &*other)
        ),
        (500.0, 3.0)
    );
    assert!(of("byte-total", &topic) > 0.0);
    // As in Java, a record that never came to a batch counts for the producer only.
    assert_eq!(
        (
            of("record-error-total", &*topic),
            of("record-retry-total", &*topic)
        ),
        (0.0, 0.0)
    );
    let node = [("node-id", "node-1")];
    let of_node = value(&metrics, "producer-node-metrics", "request-total", &node);
    assert_eq!(
        of_node,
        value(&metrics, "producer-metrics", "request-total", &[])
    );
    let ours = |name| value(&metrics, "guanaco-producer-metrics", name, &[]);
    assert_eq!(
        (ours("record-maybe-written-total"), ours("pending-sends")),
        (0.0, 0.0)
    );
    assert!(ours("batch-total") >= 2.0);
}

on_both! { a_snapshot_has_kafkas_names_and_true_numbers }
