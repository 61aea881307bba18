//! What the tests share.

use futures_util::{Stream, StreamExt};
use guanaco::{NoKey, prelude::*};
use guanaco_testkit::embedded::EmbeddedBroker;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Every wait ends: far above what a loaded machine needs, far below a stuck test run.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) type Text = ProducerRecord<NoKey, String>;

pub(crate) async fn broker(topic: &str, partitions: i32) -> EmbeddedBroker {
    let builder = EmbeddedBroker::builder().topic(topic, partitions);
    builder.start().await.expect("loopback ports are free")
}

/// Settings for text without keys, that give up on a close after ten seconds.
pub(crate) fn settings(broker: &EmbeddedBroker) -> ProducerSettings<NoKey, String> {
    ProducerSettings::keyless(StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers())
        .with_close_timeout(Duration::from_secs(10))
}

pub(crate) fn text(topic: &'static str, value: impl ToString) -> Text {
    ProducerRecord::new(topic, value.to_string())
}

/// The numbers as text.
pub(crate) fn texts(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers
        .into_iter()
        .map(|number| number.to_string())
        .collect()
}

/// What a partition holds, as text.
pub(crate) fn stored(broker: &EmbeddedBroker, topic: &str, partition: usize) -> Vec<String> {
    let partitions = broker.records(topic).expect("the topic exists");
    let values = partitions[partition].iter().map(|record| {
        let value = record.value.clone().expect("the test writes no tombstones");
        String::from_utf8(value.to_vec()).expect("the test writes text")
    });
    values.collect()
}

/// What all partitions hold, as text.
pub(crate) fn all_stored(broker: &EmbeddedBroker, topic: &str) -> Vec<String> {
    let partitions = broker.end_offsets(topic).expect("the topic exists").len();
    (0..partitions)
        .flat_map(|partition| stored(broker, topic, partition))
        .collect()
}

/// Fails the test instead of hanging.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    timeout(LIMIT, future).await.expect("it ends in time")
}

/// All items of a stream, in time.
pub(crate) async fn all<S: Stream>(stream: S) -> Vec<S::Item> {
    within(stream.collect()).await
}

/// Waits until something holds that has no event of its own.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool + Send + Sync) {
    let waited = timeout(LIMIT, async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}

/// Waits until no client is connected any longer.
pub(crate) async fn until_disconnected(broker: &EmbeddedBroker) {
    until("all connections are closed", || {
        broker.open_connections() == 0
    })
    .await;
}
