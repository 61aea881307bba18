//! Settings that need no broker.

use crate::support::{text, within};
use futures_util::stream;
use guanaco::{ConfigError, NoKey, SettingsError, StartError, prelude::*};
use std::time::Duration;

fn plain() -> ProducerSettings<NoKey, String> {
    ProducerSettings::keyless(StringSerializer)
}

/// Why no producer can be created, which is told before any socket is opened.
async fn refusal(settings: ProducerSettings<NoKey, String>) -> ConfigError {
    let error = within(settings.create_kafka_producer()).await.unwrap_err();
    let of_stage = within(stream::iter([text("t", 0)]).run_with(producer::plain_sink(settings)));
    let of_stage = of_stage.await.unwrap_err();
    assert_eq!(of_stage.to_string(), error.to_string());
    match error {
        StartError::Settings(SettingsError::Property(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let settings = plain();
    assert_eq!(settings.parallelism(), 10_000);
    assert_eq!(settings.parallelism_bytes(), 32 << 20);
    assert_eq!(settings.close_timeout(), Duration::from_secs(60));
    assert!(settings.close_producer_on_stop());
    assert_eq!(settings.properties().count(), 0);
}

#[test]
fn settings_are_values_and_the_last_word_counts() {
    let base = plain().with_bootstrap_servers("a:1").with_client_id("x");
    let changed = base
        .clone()
        .with_properties([("client.id", "y"), ("acks", "1")])
        .with_close_timeout(Duration::from_secs(3));
    assert_eq!(base.property("client.id"), Some("x"));
    assert_eq!(changed.property("client.id"), Some("y"));
    assert_eq!(changed.property("bootstrap.servers"), Some("a:1"));
    assert_eq!(changed.close_timeout(), Duration::from_secs(3));
    assert_eq!(
        plain()
            .with_property("close.timeout.ms", "5")
            .close_timeout(),
        Duration::from_millis(5)
    );
}

#[test]
fn no_output_shows_a_value_that_may_be_secret() {
    let settings = plain()
        .with_bootstrap_servers("kafka:9092")
        .with_property("sasl.jaas.config", "hunter2")
        .with_property("ssl.key.password", "hunter2")
        .with_property("no.such.key", "hunter2");
    let shown = format!("{settings:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(
        shown.contains("kafka:9092") && shown.contains("sasl.jaas.config"),
        "{shown}"
    );
}

#[tokio::test]
async fn an_unknown_property_is_named_with_the_nearest() {
    let error = refusal(
        plain()
            .with_bootstrap_servers("a:1")
            .with_property("batch.sise", "1"),
    )
    .await;
    assert!(
        matches!(&error, ConfigError::Unknown { key, nearest: Some("batch.size") } if key == "batch.sise"),
        "{error:?}"
    );
}

#[tokio::test]
async fn contradictions_and_missing_addresses_are_told_before_any_connection() {
    let error = refusal(plain()).await;
    assert!(error.to_string().contains("bootstrap.servers"), "{error}");
    let error = refusal(
        plain()
            .with_bootstrap_servers("a:1")
            .with_property("acks", "1")
            .with_property("enable.idempotence", "true"),
    )
    .await;
    assert!(
        matches!(error, ConfigError::Contradiction { .. }),
        "{error:?}"
    );
    let error = refusal(
        plain()
            .with_bootstrap_servers("a:1")
            .with_property("linger.ms", "soon"),
    )
    .await;
    assert!(
        error.to_string().contains("linger.ms") && !error.to_string().contains("soon"),
        "{error}"
    );
}

#[tokio::test]
async fn a_send_producer_with_wrong_settings_says_so_at_each_call() {
    let sends = SendProducer::new(plain().with_property("batch.sise", "1"));
    for n in 0..2 {
        let failed = within(sends.send(text("t", n))).await.unwrap_err();
        assert!(
            matches!(failed.error, ProduceError::Start(StartError::Settings(_))),
            "{failed:?}"
        );
    }
    let failed = sends.try_enqueue(text("t", 2)).unwrap_err();
    assert!(
        matches!(failed.error, ProduceError::Start(StartError::Settings(_))),
        "{failed:?}"
    );
    assert!(within(sends.close()).await.is_err());
}
