//! A partitioner of the user's own: obeyed, and not trusted.

use crate::support::{Outcome, Sample, Target, config, produce};
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

on_both! {
    it_is_obeyed_and_its_failures_are_its_records_own,
    a_topic_that_is_missing_does_not_stop_the_stream,
}
