//! Known, and not allowed.

use crate::support::{LIMITED, NOBODY, config, connect, numbered, produce, sends, within};
use guanaco_engine::{Cause, Producer, Topic, Written};
use std::time::{Duration, Instant};

async fn producer((user, password): (&str, &str)) -> Producer {
    let settings = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "SCRAM-SHA-256"),
        ("sasl.username", user),
        ("sasl.password", password),
    ];
    connect(config("SASL", &settings).await).await.unwrap()
}

#[tokio::test]
async fn a_forbidden_topic_fails_its_records_at_once_and_no_others() {
    let producer = producer(LIMITED).await;
    let began = Instant::now();
    let topic = Topic::from("forbidden");
    for outcome in within(produce(&producer, &topic, &numbered(10))).await {
        let error = outcome.unwrap_err();
        assert_eq!(error.topic(), &topic);
        assert_eq!(error.written(), Written::No);
        assert!(!error.is_retriable() && !error.is_fatal());
        match error.cause() {
            Cause::Broker(error) => assert_eq!(error.name(), "TOPIC_AUTHORIZATION_FAILED"),
            other => panic!("{other:?}"),
        }
    }
    assert!(began.elapsed() < Duration::from_secs(15));
    sends(&producer, "t", 10).await;
}

#[tokio::test]
async fn a_cluster_that_gives_no_producer_id_is_fatal() {
    let producer = producer(NOBODY).await;
    let began = Instant::now();
    for outcome in within(produce(&producer, &Topic::from("t"), &numbered(10))).await {
        let error = outcome.unwrap_err();
        assert_eq!(error.written(), Written::No);
        match error.cause() {
            Cause::Broker(error) => assert_eq!(error.name(), "TOPIC_AUTHORIZATION_FAILED"),
            Cause::Fatal(error) => assert_eq!(error.name(), "CLUSTER_AUTHORIZATION_FAILED"),
            other => panic!("{other:?}"),
        }
    }
    assert!(began.elapsed() < Duration::from_secs(15));
}
