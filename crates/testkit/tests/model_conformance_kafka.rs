//! The conformance table against real Kafka: where it disagrees, the table and the model are wrong.
#![cfg(unix)]

use guanaco_testkit::conformance;
use guanaco_testkit::kafka::{KafkaCluster, KafkaVersion};

async fn agrees(version: KafkaVersion, nodes: usize, versions: &[i16]) {
    let cluster = KafkaCluster::builder()
        .version(version)
        .nodes(nodes)
        .start()
        .await;
    let cluster = cluster.expect("Kafka starts");
    let report = conformance::run(&cluster.bootstrap_servers(), "conformance").await;
    let report = report.expect("Kafka answers everything");
    assert!(report.agrees(), "{report}");
    assert_eq!(report.versions, versions);
}

/// Two nodes, so that one of them does not lead.
#[tokio::test]
async fn kafka_4_3_answers_as_the_table_says() {
    agrees(KafkaVersion::V4_3, 2, &[9, 12, 13]).await;
}

#[tokio::test]
async fn kafka_3_9_answers_as_the_table_says() {
    agrees(KafkaVersion::V3_9, 1, &[9, 11]).await;
}
