//! Producers, and records through them.

use super::{Sample, Target};
use guanaco_engine::{
    Ack, Appender, DeliveryError, Placement, Producer, ProducerConfig, RecordRef, Topic,
};
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::Duration,
};

pub(crate) type Outcome = Result<Ack, DeliveryError>;

/// No behaviour takes longer, on a busy machine either.
const BOUND: Duration = Duration::from_secs(15);

/// Runs a behaviour, or says that it hangs.
pub(crate) async fn bounded(behaviour: impl Future<Output = ()> + Send) {
    tokio::time::timeout(BOUND, behaviour)
        .await
        .expect("it hangs");
}

/// Settings for a target.
pub(crate) fn config(target: &Target, settings: &[(&str, &str)]) -> ProducerConfig {
    let servers = target.servers();
    let all = [("bootstrap.servers", &*servers)];
    let all = all.iter().chain(settings).copied();
    let (config, warnings) = ProducerConfig::from_properties(all).expect("settings are known");
    assert!(warnings.is_empty(), "{warnings:?}");
    config
}

/// A connected producer.
pub(crate) async fn start(target: &Target, settings: &[(&str, &str)]) -> Producer {
    let producer = Producer::start(config(target, settings)).expect("settings fit together");
    producer.connected().await.expect("the broker listens");
    producer
}

/// Appends all, waiting for room where there is none.
pub(crate) async fn append(
    appender: &mut Appender,
    topic: &Topic,
    samples: &[Sample],
) -> Vec<Placement> {
    let records: Vec<RecordRef<'_>> = samples.iter().map(|sample| sample.record(topic)).collect();
    let mut placed = Vec::with_capacity(records.len());
    poll_fn(|cx| {
        while placed.len() < records.len() {
            let rest = &records[placed.len()..];
            if appender.poll_append(cx, rest, &mut placed).is_pending() {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    })
    .await;
    placed
}

/// The outcomes of placed records, once all are there.
pub(crate) async fn outcomes(appender: &mut Appender, placed: &[Placement]) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(placed.len());
    poll_fn(|cx| {
        // Before the look, so that no outcome is missed between the two.
        appender.register(cx);
        while let Some(place) = placed.get(outcomes.len()) {
            match appender.take(*place) {
                Some(outcome) => outcomes.push(outcome),
                None => return Poll::Pending,
            }
        }
        Poll::Ready(())
    })
    .await;
    outcomes
}

/// Appends all as one stream, ends their linger and waits for their outcomes.
pub(crate) async fn produce(
    producer: &Producer,
    topic: &Topic,
    samples: &[Sample],
) -> Vec<Outcome> {
    let mut appender = producer.appender();
    let placed = append(&mut appender, topic, samples).await;
    appender.hurry();
    outcomes(&mut appender, &placed).await
}

/// What a future says to one poll; its waker is this task's.
pub(crate) async fn poll_once<F: Future + Unpin>(mut future: F) -> Poll<F::Output> {
    poll_fn(move |cx| Poll::Ready(Pin::new(&mut future).poll(cx))).await
}
