//! A partitioner of the user's own: obeyed, and not trusted.

use crate::support::{Outcome, Sample, Target, config, numbered, produce};
use guanaco_engine::{Cause, Partitioner, Producer, StartOptions, Topic, Written};
use std::sync::Arc;

/// Does what the record's value says.
struct Obedient;

impl Partitioner for Obedient {
    fn partition(&self, _: &Topic, key: Option<&[u8]>, value: Option<&[u8]>, count: i32) -> i32 {
        match value {
            Some(b"panic") => panic!("as told"),
            Some(b"last") => count - 1,
            Some(b"beyond") => count,
            Some(b"negative") => -1,
            _ => key.map_or(0, |key| key.len() as i32),
        }
    }
}

fn obedient() -> StartOptions {
    StartOptions {
        partitioner: Some(Arc::new(Obedient)),
        ..StartOptions::default()
    }
}

async fn start(target: &Target) -> Producer {
    let config = config(target, &[]);
    let producer = Producer::start_with(config, obedient());
    producer.expect("settings fit together")
}

fn samples() -> Vec<Sample> {
    ["last", "x", "panic", "last", "beyond", "negative", "x"]
        .map(Sample::new)
        .into_iter()
        .chain([Sample::new("y").key("ab"), Sample::new("panic").to(3)])
        .collect()
}

fn check(outcomes: Vec<Outcome>) {
    let expected = [
        Some(3),
        Some(0),
        None,
        Some(3),
        None,
        None,
        Some(0),
        Some(2),
        Some(3),
    ];
    assert_eq!(outcomes.len(), expected.len());
    for (outcome, expected) in outcomes.into_iter().zip(expected) {
        match (outcome, expected) {
            (Ok(ack), Some(partition)) => assert_eq!(ack.partition, partition),
            (Err(error), None) => {
                assert!(matches!(error.cause(), Cause::Partitioner(_)), "{error}");
                assert_eq!(
                    (error.written(), error.is_retriable()),
                    (Written::No, false)
                );
            }
            (outcome, expected) => panic!("{outcome:?} instead of {expected:?}"),
        }
    }
}

async fn it_is_obeyed_and_its_failures_are_its_records_own(target: &Target) {
    let topic = target.topic("custom", 4).await;
    let producer = start(target).await;
    // Before the producer knows the topic, and after.
    for _ in 0..2 {
        check(produce(&producer, &topic, &samples()).await);
    }
    let metrics = producer.metrics().values;
    let failed = metrics
        .iter()
        .find(|(name, _)| name.name == "record-error-total");
    assert_eq!(failed.map(|(_, count)| *count), Some(6.0));
    let mut outcomes = Vec::new();
    for sample in samples() {
        outcomes.push(producer.send(sample.record(&topic)).await);
    }
    check(outcomes);
    let counts: Vec<_> = target.stored(&topic).await.iter().map(Vec::len).collect();
    assert_eq!(counts, [6, 0, 3, 9]);
}

async fn a_topic_that_is_missing_does_not_stop_the_stream(target: &Target) {
    let (topic, missing) = (target.topic("custom", 4).await, target.name("missing"));
    let config = config(target, &[("max.block.ms", "300")]);
    let producer = Producer::start_with(config, obedient());
    let producer = producer.expect("settings fit together");
    for outcome in produce(&producer, &missing, &samples()[..1]).await {
        let error = outcome.expect_err("there is no such topic");
        assert!(
            matches!(error.cause(), Cause::UnknownTopic { .. }),
            "{error}"
        );
    }
    check(produce(&producer, &topic, &samples()).await);
}

async fn single_sends_to_a_topic_not_known_yet_wait_for_it(target: &Target) {
    let topic = target.topic("custom", 4).await;
    let producer = start(target).await;
    let samples = samples();
    // All before the producer has heard of any topic.
    let mut sends: Vec<_> = samples
        .iter()
        .map(|sample| producer.send(sample.record(&topic)))
        .collect();
    let tried = Sample::new("last");
    let tried = producer.try_send(tried.record(&topic));
    let mut outcomes = Vec::new();
    for send in sends.drain(..) {
        outcomes.push(send.await);
    }
    check(outcomes);
    let tried = tried.expect("there is room").await;
    assert_eq!(tried.expect("it is acknowledged").partition, 3);
    let failed = producer.metrics().values.into_iter();
    let failed = failed.filter(|(name, _)| name.name == "record-error-total");
    assert_eq!(failed.map(|(_, count)| count).sum::<f64>(), 3.0);
}

async fn sends_keep_their_order_while_their_topic_becomes_known(target: &Target) {
    let topic = target.topic("custom", 4).await;
    let producer = start(target).await;
    let samples = numbered(2_000);
    let mut sends = Vec::new();
    for sample in &samples {
        sends.push(producer.send(sample.record(&topic)));
        if sends.len() % 10 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for send in sends {
        send.await.expect("it is acknowledged");
    }
    let stored = target.stored(&topic).await;
    assert!(
        samples
            .iter()
            .zip(&stored[0])
            .all(|(sent, stored)| sent.is(stored))
    );
    assert_eq!(stored[0].len(), samples.len());
}

async fn a_single_send_to_a_missing_topic_fails_in_time(target: &Target) {
    let missing = target.name("missing");
    let config = config(target, &[("max.block.ms", "300")]);
    let producer = Producer::start_with(config, obedient());
    let producer = producer.expect("settings fit together");
    let sample = Sample::new("x");
    let error = producer.send(sample.record(&missing)).await;
    let error = error.expect_err("there is no such topic");
    assert!(
        matches!(error.cause(), Cause::UnknownTopic { .. }),
        "{error}"
    );
}

on_both! {
    single_sends_to_a_topic_not_known_yet_wait_for_it,
    sends_keep_their_order_while_their_topic_becomes_known,
    a_single_send_to_a_missing_topic_fails_in_time,
    it_is_obeyed_and_its_failures_are_its_records_own,
    a_topic_that_is_missing_does_not_stop_the_stream,
}
