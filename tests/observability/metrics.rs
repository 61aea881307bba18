//! Counters at a recorder of the `metrics` crate.

use crate::support::{broker, settings, text, until, within};
use guanaco::{NoKey, ProducerSettings, prelude::*};
use guanaco_testkit::{
    embedded::{ApiKey, EmbeddedBroker},
    model::code,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::time::Duration;

const PAGE: &str = include_str!("../../docs/observability.md");

/// A recorder of this test's own: its runtime has one thread.
fn recorder() -> (metrics::LocalRecorderGuard<'static>, PrometheusHandle) {
    let latency = Matcher::Suffix("_seconds".to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(latency, &[0.001, 0.1, 10.0]);
    // A guard borrows its recorder, and a test has but one.
    let recorder = Box::leak(Box::new(
        builder.expect("there are buckets").build_recorder(),
    ));
    let handle = recorder.handle();
    (metrics::set_default_local_recorder(recorder), handle)
}

fn measured(broker: &EmbeddedBroker) -> ProducerSettings<NoKey, String> {
    settings(broker)
        .with_client_id("measured")
        .with_property("retry.backoff.ms", "1")
        .with_metrics_interval(Duration::from_millis(5))
}

/// The value of a series, as a scrape has it.
fn value(scrape: &str, series: &str) -> Option<f64> {
    let line = scrape
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    line.parse().ok()
}

#[tokio::test]
async fn a_scrape_has_true_numbers_by_client_topic_and_broker() {
    let (_guard, handle) = recorder();
    let broker = broker("t", 1).await;
    let sends = SendProducer::new(measured(&broker));
    for n in 0..10 {
        within(sends.send(text("t", n))).await.unwrap();
    }
    let sent = r#"guanaco_producer_record_send_total{client_id="measured"}"#;
    until("ten records are published", || {
        value(&handle.render(), sent) == Some(10.0)
    })
    .await;
    let scrape = handle.render();
    for (series, expected) in [
        (
            r#"guanaco_producer_record_error_total{client_id="measured"}"#,
            0.0,
        ),
        (
            r#"guanaco_producer_topic_record_send_total{client_id="measured",topic="t"}"#,
            10.0,
        ),
        (
            r#"guanaco_producer_request_total{client_id="measured"}"#,
            10.0,
        ),
        (
            r#"guanaco_producer_requests_in_flight{client_id="measured"}"#,
            0.0,
        ),
        (
            r#"guanaco_producer_buffer_total_bytes{client_id="measured"}"#,
            33_554_432.0,
        ),
        (r#"guanaco_producer_healthy{client_id="measured"}"#, 1.0),
        (
            r#"guanaco_producer_broker_request_latency_seconds_count{client_id="measured",broker="1"}"#,
            10.0,
        ),
        (
            r#"guanaco_producer_broker_request_latency_seconds_bucket{client_id="measured",broker="1",le="10"}"#,
            10.0,
        ),
    ] {
        assert_eq!(value(&scrape, series), Some(expected), "{series}\n{scrape}");
    }
}

#[tokio::test]
async fn every_metric_of_the_documentation_is_published() {
    let (_guard, handle) = recorder();
    let broker = broker("t", 1).await;
    broker
        .faults()
        .on(ApiKey::Produce)
        .nth(1)
        .error(code::NOT_ENOUGH_REPLICAS);
    let sends = SendProducer::new(measured(&broker));
    within(sends.send(text("t", 0))).await.unwrap();
    let rows = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| `guanaco_producer_"));
    let rows = rows.filter_map(|row| row.split_once('`'));
    let names: Vec<_> = rows
        .map(|(name, _)| format!("guanaco_producer_{name}"))
        .collect();
    assert!(names.len() > 20, "{names:?}");
    until("the retry is published", || {
        handle.render().contains("NOT_ENOUGH_REPLICAS")
    })
    .await;
    for name in names {
        let kind = format!("# TYPE {name} ");
        // A histogram shows once it has a value, and nobody throttled.
        let throttled = name.contains("throttle");
        assert!(throttled || handle.render().contains(&kind), "{name}");
    }
}

#[tokio::test]
async fn producers_of_one_client_id_add_up_and_the_last_numbers_come_with_the_close() {
    let (_guard, handle) = recorder();
    let broker = broker("t", 1).await;
    for _ in 0..2 {
        let rare = measured(&broker).with_metrics_interval(Duration::from_secs(3600));
        let sends = SendProducer::new(rare);
        within(sends.send(text("t", 0))).await.unwrap();
        within(sends.close()).await.unwrap();
    }
    let sent = r#"guanaco_producer_record_send_total{client_id="measured"}"#;
    until("both are published", || {
        value(&handle.render(), sent) == Some(2.0)
    })
    .await;
    let healthy = r#"guanaco_producer_healthy{client_id="measured"}"#;
    assert_eq!(
        value(&handle.render(), healthy),
        Some(1.0),
        "closed is not ill"
    );
}

#[tokio::test]
async fn an_interval_of_zero_publishes_nothing() {
    let (_guard, handle) = recorder();
    let broker = broker("t", 1).await;
    let quiet = measured(&broker).with_metrics_interval(Duration::ZERO);
    let sends = SendProducer::new(quiet);
    within(sends.send(text("t", 0))).await.unwrap();
    within(sends.close()).await.unwrap();
    assert_eq!(handle.render(), "");
}
