//! Health, while a cluster goes away and comes back.

use crate::support::{broker, settings, text, until, within};
use guanaco::{
    Cause, Health, HealthProblem, NoKey, ProduceError, ProducerSettings, StartError, prelude::*,
};
use guanaco_testkit::embedded::{ApiKey, EmbeddedBroker};
use std::time::Duration;

/// Settings that lose patience soon, and give records up late.
fn impatient(broker: &EmbeddedBroker) -> ProducerSettings<NoKey, String> {
    settings(broker)
        .with_property("request.timeout.ms", "1000")
        .with_property("delivery.timeout.ms", "12000")
        .with_property("retry.backoff.ms", "10")
        .with_property("retry.backoff.max.ms", "50")
        .with_property("reconnect.backoff.max.ms", "100")
        .with_property("socket.connection.setup.timeout.ms", "300")
        .with_property("socket.connection.setup.timeout.max.ms", "300")
}

fn has(health: &Health, problem: impl Fn(&HealthProblem) -> bool) -> bool {
    health.problems.iter().any(problem)
}

#[tokio::test]
async fn a_producer_that_delivers_is_healthy() {
    let broker = broker("t", 1).await;
    let shared = impatient(&broker).create_kafka_producer().await.unwrap();
    let sends = SendProducer::new(impatient(&broker).with_producer(&shared));
    within(sends.send(text("t", 0))).await.unwrap();
    let health = shared.health();
    assert!(health.is_healthy() && !health.is_over(), "{health}");
    assert_eq!(
        (health.oldest_unacknowledged, health.buffer_full),
        (None, false)
    );
    assert!(health.last_answer.unwrap() < Duration::from_secs(60));
    assert_eq!(sends.health().unwrap().problems, []);
}

#[tokio::test]
async fn a_frozen_broker_is_silent_then_out_of_reach_then_its_records_are_stuck() {
    let broker = broker("t", 1).await;
    let sends = SendProducer::new(impatient(&broker));
    within(sends.send(text("t", 0))).await.unwrap();
    broker.freeze(1);
    let stuck = sends.send(text("t", 1));
    let health = || sends.health().unwrap();
    until("the broker is silent", || {
        has(&health(), |problem| {
            matches!(problem, HealthProblem::SilentBroker { broker: 1, waited }
                if *waited > Duration::from_millis(500))
        })
    })
    .await;
    until("the cluster is out of reach", || {
        has(&health(), |problem| {
            matches!(problem, HealthProblem::Unreachable { .. })
        })
    })
    .await;
    until("the record is stuck", || {
        has(&health(), |problem| {
            matches!(problem, HealthProblem::Stuck { waited, limit }
                if *waited > *limit / 2 && *limit == Duration::from_secs(12))
        })
    })
    .await;
    assert!(health().oldest_unacknowledged.unwrap() > Duration::from_secs(5));
    assert!(!health().is_over(), "it may pass");
    broker.thaw(1);
    within(stuck).await.unwrap();
    until("all is well again", || health().is_healthy()).await;
    assert_eq!(health().oldest_unacknowledged, None);
}

#[tokio::test]
async fn a_killed_broker_is_out_of_reach_until_it_is_back() {
    let broker = broker("t", 1).await;
    let sends = SendProducer::new(impatient(&broker));
    within(sends.send(text("t", 0))).await.unwrap();
    broker.kill_broker(1).await;
    let waiting = sends.send(text("t", 1));
    let health = || sends.health().unwrap();
    until("the cluster is out of reach", || {
        has(&health(), |problem| {
            matches!(problem, HealthProblem::Unreachable { reason, .. } if !reason.is_empty())
        })
    })
    .await;
    assert!(
        health().to_string().contains("out of reach"),
        "{}",
        health()
    );
    broker.restart_broker(1).await.unwrap();
    within(waiting).await.unwrap();
    until("all is well again", || health().is_healthy()).await;
}

#[tokio::test]
async fn a_full_buffer_is_a_fact_and_no_problem() {
    let broker = broker("t", 1).await;
    let small = impatient(&broker)
        .with_property("buffer.memory", "32768")
        .with_property("batch.size", "4096");
    let sends = SendProducer::new(small);
    within(sends.send(text("t", "warm"))).await.unwrap();
    let held = broker.faults().on(ApiKey::Produce).nth(1).hold();
    let answers: Vec<_> = (0..100)
        .map(|n| sends.send(text("t", format!("{n:01024}"))))
        .collect();
    let health = sends.health().unwrap();
    assert!(health.buffer_full && health.is_healthy(), "{health:?}");
    assert!(health.oldest_unacknowledged.is_some());
    held.release();
    for answer in answers {
        within(answer).await.unwrap();
    }
    assert!(!sends.health().unwrap().buffer_full);
}

#[tokio::test]
async fn a_closed_producer_is_over() {
    let broker = broker("t", 1).await;
    let shared = settings(&broker).create_kafka_producer().await.unwrap();
    let sends = SendProducer::new(settings(&broker).with_producer(&shared));
    within(sends.close()).await.unwrap();
    assert_eq!(sends.health().unwrap().problems, [HealthProblem::Closed]);
    assert!(
        shared.health().is_healthy(),
        "a handle was closed, not the producer"
    );
    within(shared.close()).await;
    assert!(shared.health().is_over());
    assert_eq!(shared.health().problems, [HealthProblem::Closed]);
}

#[tokio::test]
async fn a_producer_that_found_no_cluster_is_dead_and_says_why() {
    let nowhere = ProducerSettings::keyless(StringSerializer)
        .with_bootstrap_servers("127.0.0.1:1")
        .with_property("start.timeout.ms", "100");
    let sends: SendProducer<NoKey, String> = SendProducer::new(nowhere);
    assert_eq!(sends.health().unwrap(), Health::not_connected());
    let health = || sends.health().unwrap();
    until("it has given up", || health().is_over()).await;
    assert!(
        matches!(
            &health().problems[..],
            [HealthProblem::Dead(Cause::Unreachable { .. })]
        ),
        "{}",
        health()
    );
}

#[tokio::test]
async fn sends_with_wrong_settings_have_no_health_but_an_error() {
    let wrong = ProducerSettings::keyless(StringSerializer).with_property("batch.sise", "1");
    let sends: SendProducer<NoKey, String> = SendProducer::new(wrong);
    let error = sends.health().unwrap_err();
    assert!(
        matches!(error, ProduceError::Start(StartError::Settings(_))),
        "{error:?}"
    );
}
