//! Producers, brokers, and a limit for everything that is waited for.

#[path = "../behaviour/support/records.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod records;
#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "../behaviour/support/sample.rs"]
mod sample;

pub(crate) use records::{append, outcomes, produce};
pub(crate) use sample::{Sample, Stored, numbered};

use guanaco_engine::{Producer, ProducerConfig, Topic};
use guanaco_testkit::embedded::{EmbeddedBroker, Record};
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Nothing that is waited for takes longer, on a busy machine either.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

/// A broker with the topic `t`.
pub(crate) async fn broker(partitions: i32) -> EmbeddedBroker {
    let broker = EmbeddedBroker::builder()
        .no_auto_create_topics()
        .topic("t", partitions);
    broker.start().await.expect("loopback has a free port")
}

pub(crate) fn topic() -> Topic {
    Topic::from("t")
}

/// Time-outs of a machine where nothing is far away.
pub(crate) const QUICK: [(&str, &str); 6] = [
    ("request.timeout.ms", "500"),
    ("retry.backoff.ms", "10"),
    ("retry.backoff.max.ms", "50"),
    ("reconnect.backoff.max.ms", "100"),
    ("socket.connection.setup.timeout.ms", "500"),
    ("socket.connection.setup.timeout.max.ms", "500"),
];

pub(crate) fn config(servers: &str, settings: &[(&str, &str)]) -> ProducerConfig {
    let all = [("bootstrap.servers", servers)];
    let all = all.iter().chain(settings).copied();
    let (config, warnings) = ProducerConfig::from_properties(all).expect("settings are known");
    assert!(warnings.is_empty(), "{warnings:?}");
    config
}

/// A producer that need not be connected yet.
pub(crate) fn start(servers: &str, settings: &[(&str, &str)]) -> Producer {
    Producer::start(config(servers, settings)).expect("settings fit together")
}

pub(crate) async fn connect(broker: &EmbeddedBroker, settings: &[(&str, &str)]) -> Producer {
    let settings: Vec<_> = QUICK.into_iter().chain(settings.iter().copied()).collect();
    let producer = start(&broker.bootstrap_servers(), &settings);
    within(producer.connected())
        .await
        .expect("the broker listens");
    producer
}

/// What a future gives, or a panic after a while.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, future).await.expect("it hangs")
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < BOUND, "not {what} after {BOUND:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The value of a counter of the producer.
pub(crate) fn metric(producer: &Producer, name: &str) -> f64 {
    let found = producer
        .metrics()
        .values
        .into_iter()
        .find(|(metric, _)| metric.name == name && metric.tags.len() == 1);
    found.unwrap_or_else(|| panic!("no {name}")).1
}

/// All samples are in the log of partition 0, each once and in order.
pub(crate) fn holds_exactly(broker: &EmbeddedBroker, samples: &[Sample]) {
    let log = broker.records("t").expect("it exists").remove(0);
    assert_eq!(log.len(), samples.len());
    for ((offset, record), sample) in (0..).zip(log).zip(samples) {
        assert_eq!(record.offset, offset);
        assert!(
            sample.is(&stored(record)),
            "another record at offset {offset}"
        );
    }
}

fn stored(record: Record) -> Stored {
    Stored {
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key,
        value: record.value,
        headers: record.headers,
        codec: 0,
        producer_id: -1,
    }
}
