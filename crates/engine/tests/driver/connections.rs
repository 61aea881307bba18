//! Answers that are wrong, late, cut off or missing: every record is in the log once.

use crate::support::{
    Sample, append, broker, connect, holds_exactly, metric, numbered, outcomes, produce, topic,
    until, within,
};
use guanaco_testkit::embedded::{ApiKey, Fault, FaultRule};
use std::time::Duration;

const NOT_LEADER_OR_FOLLOWER: i16 = 6;
const REQUEST_TIMED_OUT: i16 = 7;
const NOT_ENOUGH_REPLICAS: i16 = 19;
const NOT_ENOUGH_REPLICAS_AFTER_APPEND: i16 = 20;
const KAFKA_STORAGE_ERROR: i16 = 56;

/// Twice the fault in mid-stream, with several requests in flight.
async fn survives(fault: impl Fn(FaultRule) -> Fault) {
    let broker = broker(1).await;
    let settings = [("batch.size", "500"), ("linger.ms", "1")];
    let producer = connect(&broker, &settings).await;
    let faults = broker.faults();
    let hits = [3, 9].map(|nth| fault(faults.on(ApiKey::Produce).nth(nth)));
    let samples = numbered(3_000);
    for (offset, outcome) in (0..).zip(within(produce(&producer, &topic(), &samples)).await) {
        let ack = outcome.expect("it is tried again");
        // Of what was written without an answer the broker may have forgotten where it is.
        assert!(ack.offset.is_none_or(|known| known == offset));
    }
    for hit in hits {
        assert_eq!(hit.hits(), 1);
    }
    holds_exactly(&broker, &samples);
    let report = within(producer.close(Duration::from_secs(5))).await;
    assert_eq!(
        (
            report.acknowledged,
            report.not_written,
            report.maybe_written
        ),
        (3_000, 0, 0)
    );
    assert!(metric(&producer, "record-retry-total") > 0.0);
}

#[tokio::test]
async fn garbage_instead_of_an_answer_is_survived() {
    survives(FaultRule::garbage_response).await;
}

#[tokio::test]
async fn an_answer_to_another_request_is_survived() {
    survives(FaultRule::foreign_response).await;
}

#[tokio::test]
async fn a_connection_that_closes_instead_of_taking_a_request_is_survived() {
    survives(FaultRule::close_before).await;
}

#[tokio::test]
async fn a_connection_that_closes_instead_of_an_answer_is_survived() {
    survives(FaultRule::close_after_apply).await;
}

#[tokio::test]
async fn a_connection_that_closes_in_the_middle_of_an_answer_is_survived() {
    survives(FaultRule::cut_response).await;
}

#[tokio::test]
async fn an_answer_that_never_comes_is_survived() {
    survives(FaultRule::drop_response).await;
}

#[tokio::test]
async fn a_request_that_never_arrives_is_survived() {
    survives(FaultRule::drop_request).await;
}

#[tokio::test]
async fn refusals_that_pass_are_survived() {
    for code in [
        NOT_LEADER_OR_FOLLOWER,
        REQUEST_TIMED_OUT,
        NOT_ENOUGH_REPLICAS,
        NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        KAFKA_STORAGE_ERROR,
    ] {
        survives(|rule| rule.error(code)).await;
    }
}

/// A request that was stuck in the network arrives after it was sent again: a zombie.
#[tokio::test]
async fn a_request_that_arrives_after_its_retry_is_survived() {
    let broker = broker(1).await;
    let producer = connect(&broker, &[("batch.size", "500"), ("linger.ms", "1")]).await;
    let held = broker.faults().on(ApiKey::Produce).nth(2).hold();
    let samples = numbered(2_000);
    let mut appender = producer.appender();
    let placed = within(append(&mut appender, &topic(), &samples)).await;
    appender.hurry();
    within(held.caught(1)).await;
    for outcome in within(outcomes(&mut appender, &placed)).await {
        outcome.expect("it is tried again");
    }
    held.release();
    let more = Sample::new("more");
    let sent = within(producer.send(more.record(&topic()))).await;
    assert_eq!(sent.expect("the broker takes it").offset, Some(2_000));
    let all: Vec<_> = samples.into_iter().chain([more]).collect();
    holds_exactly(&broker, &all);
}

#[tokio::test]
async fn a_broker_that_comes_back_on_its_port_gets_what_waited() {
    let broker = broker(1).await;
    let producer = connect(&broker, &[("batch.size", "500")]).await;
    let samples = numbered(3_000);
    let (first, rest) = samples.split_at(1_000);
    for outcome in within(produce(&producer, &topic(), first)).await {
        outcome.expect("the broker takes it");
    }
    broker.kill_broker(1).await;
    let mut appender = producer.appender();
    let placed = within(append(&mut appender, &topic(), rest)).await;
    appender.hurry();
    until("tried in vain", || {
        metric(&producer, "requests-in-flight") == 0.0
    })
    .await;
    broker.restart_broker(1).await.expect("its port is free");
    for (offset, outcome) in (1_000..).zip(within(outcomes(&mut appender, &placed)).await) {
        assert_eq!(outcome.expect("the broker is back").offset, Some(offset));
    }
    holds_exactly(&broker, &samples);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_later_record_opens_another() {
    let broker = broker(1).await;
    let settings = [
        ("connections.max.idle.ms", "200"),
        ("metadata.max.age.ms", "60000"),
    ];
    let producer = connect(&broker, &settings).await;
    let topic = topic();
    for offset in 0..3 {
        let sent = within(producer.send(Sample::new("x").record(&topic))).await;
        assert_eq!(sent.expect("the broker takes it").offset, Some(offset));
        let busy = broker.open_connections();
        until("less connected", || broker.open_connections() < busy).await;
    }
}
