//! The conformance table against real Kafka: where it disagrees, the table and the model are wrong.
#![cfg(unix)]

use guanaco_testkit::conformance::{self, RawConnection};
use guanaco_testkit::embedded::ApiKey;
use guanaco_testkit::kafka::{KafkaCluster, KafkaVersion};
use guanaco_testkit::model::wire::Release;
use kafka_protocol::messages::ApiVersionsRequest;

async fn agrees(version: KafkaVersion, release: Release, nodes: usize, produce: &[i16]) {
    let cluster = KafkaCluster::builder()
        .version(version)
        .nodes(nodes)
        .start()
        .await;
    let cluster = cluster.expect("Kafka starts");
    offers_the_same(&cluster.bootstrap_servers(), release).await;
    let report = conformance::run(&cluster.bootstrap_servers(), "conformance").await;
    let report = report.expect("Kafka answers everything");
    assert!(report.agrees(), "{report}");
    assert_eq!(report.versions, produce);
}

/// The versions that the model claims for a release are the release's own, as far as the codecs go.
async fn offers_the_same(servers: &str, release: Release) {
    let first = servers.split(',').next().expect("one node at least");
    let mut raw = RawConnection::connect(first).await.expect("it listens");
    let response = raw
        .call(&ApiVersionsRequest::default(), 2)
        .await
        .expect("it answers");
    for real in response.api_keys {
        // Kafka has requests that the codec does not know, and many that the model does not.
        let Ok(api) = ApiKey::try_from(real.api_key) else {
            continue;
        };
        let Some((min, max)) = release.versions(api) else {
            continue;
        };
        let known = api.valid_versions();
        assert_eq!(max, real.max_version.min(known.max), "{api:?}");
        assert!(min >= real.min_version, "{api:?}");
    }
}

/// Two nodes, so that one of them does not lead.
#[tokio::test]
async fn kafka_4_3_answers_as_the_table_says() {
    agrees(KafkaVersion::V4_3, Release::V4_3, 2, &[9, 12, 13]).await;
}

#[tokio::test]
async fn kafka_3_9_answers_as_the_table_says() {
    agrees(KafkaVersion::V3_9, Release::V3_9, 1, &[9, 11]).await;
}
