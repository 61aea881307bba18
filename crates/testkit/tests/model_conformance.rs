//! The conformance table against the embedded broker, in every version that it is defined for.

use guanaco_testkit::conformance;
use guanaco_testkit::embedded::{EmbeddedBroker, EmbeddedBrokerBuilder};
use guanaco_testkit::model::wire::Release;

async fn agrees(builder: EmbeddedBrokerBuilder, versions: &[i16]) {
    let broker = builder
        .brokers(3)
        .validate_records(true)
        .start()
        .await
        .expect("ports are free");
    let report = conformance::run(&broker.bootstrap_servers(), "conformance").await;
    let report = report.expect("the broker answers everything");
    assert!(report.agrees(), "{report}");
    assert_eq!(report.versions, versions);
}

#[tokio::test]
async fn the_model_answers_as_the_table_says() {
    agrees(EmbeddedBroker::builder(), &[9, 12, 13]).await;
}

#[tokio::test]
async fn the_model_of_an_older_release_does_too() {
    agrees(EmbeddedBroker::builder().release(Release::V3_9), &[9, 11]).await;
}

#[tokio::test]
async fn a_broker_that_differs_is_found_out() {
    // It checks no records, as the table demands.
    let broker = EmbeddedBroker::start().await.expect("ports are free");
    let report = conformance::run(&broker.bootstrap_servers(), "lax").await;
    let report = report.expect("the broker answers everything");
    assert!(!report.agrees());
    let cases: Vec<_> = report
        .disagreements
        .iter()
        .map(|wrong| wrong.case)
        .collect();
    // Once for the answer, once for the end of the log, in each of three versions.
    assert_eq!(cases, ["records that are not there are missed"; 6]);
    assert_eq!(
        report.skipped,
        3 + 2,
        "no second broker, and no topic ids before version 13"
    );
}
