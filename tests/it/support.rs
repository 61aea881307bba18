//! What the tests share.

use futures_util::{Stream, StreamExt};
use guanaco::{prelude::*, serialization::NoKey};
use guanaco_testkit::embedded::EmbeddedBroker;
use std::{future::Future, time::Duration};
use tokio::time::timeout;

/// Every wait ends: far above what a loaded machine needs, far below a stuck test run.
pub const LIMIT: Duration = Duration::from_secs(60);

pub type Text = ProducerRecord<NoKey, String>;

pub async fn broker(topic: &str, partitions: i32) -> EmbeddedBroker {
    let builder = EmbeddedBroker::builder().topic(topic, partitions);
    builder.start().await.expect("loopback ports are free")
}

/// Settings for text without keys, with short time-outs.
pub fn settings(broker: &EmbeddedBroker) -> ProducerSettings<NoKey, String> {
    ProducerSettings::keyless(StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers())
        .with_close_timeout(Duration::from_secs(10))
}

pub fn text(topic: &'static str, value: impl ToString) -> Text {
    ProducerRecord::new(topic, value.to_string())
}

/// What a partition holds, as text.
pub fn stored(broker: &EmbeddedBroker, topic: &str, partition: usize) -> Vec<String> {
    let partitions = broker.records(topic).expect("the topic exists");
    let values = partitions[partition].iter().map(|record| {
        let value = record.value.clone().expect("the test writes no tombstones");
        String::from_utf8(value.to_vec()).expect("the test writes text")
    });
    values.collect()
}

/// Fails the test instead of hanging.
pub async fn within<F: Future>(future: F) -> F::Output {
    timeout(LIMIT, future).await.expect("it ends in time")
}

/// All items of a stream, in time.
pub async fn all<S: Stream>(stream: S) -> Vec<S::Item> {
    within(stream.collect()).await
}
