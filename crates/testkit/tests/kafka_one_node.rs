//! One real node: topics, raw requests and reading back.

mod kafka_common;

use bytes::Bytes;
use guanaco_testkit::kafka::{ClusterError, ConfigResource, KafkaCluster};
use kafka_common::record;
use kafka_protocol::{protocol::StrBytes, records::Record};
use tokio::sync::OnceCell;

/// One cluster for all tests here; its node ends with this process.
async fn cluster() -> &'static KafkaCluster {
    static CLUSTER: OnceCell<KafkaCluster> = OnceCell::const_new();
    CLUSTER
        .get_or_init(|| async { KafkaCluster::builder().start().await.expect("Kafka starts") })
        .await
}

/// Sends one record; its offset.
async fn produce(cluster: &KafkaCluster, topic: &str, partition: i32, record: Record) -> i64 {
    let address = cluster.address(1).expect("node 1 exists");
    let (code, offset) = kafka_common::produce(address, topic, partition, &record)
        .await
        .expect("it answers a produce request");
    assert_eq!(code, 0);
    offset
}

#[tokio::test]
async fn reads_back_what_was_produced_with_keys_values_headers_and_nulls() {
    let cluster = cluster().await;
    cluster
        .create_topic("read-back", 2, 1, &[])
        .await
        .expect("the topic is made");
    let mut with_header = record(Some("k"), Some("v"));
    with_header.headers.insert(
        StrBytes::from_static_str("h"),
        Some(Bytes::from_static(b"x")),
    );
    with_header
        .headers
        .insert(StrBytes::from_static_str("null"), None);

    let records = [
        record(None, Some("a")),
        record(Some(""), None),
        with_header,
        record(None, Some("b")),
    ];
    for (expected, record) in (0..).zip(records) {
        assert_eq!(produce(cluster, "read-back", 1, record).await, expected);
    }

    assert_eq!(
        cluster
            .end_offsets("read-back")
            .await
            .expect("the topic is there"),
        [0, 4]
    );
    let partitions = cluster
        .read_all("read-back")
        .await
        .expect("the log is sound");
    assert_eq!(partitions.len(), 2);
    assert!(partitions[0].is_empty());
    let read = &partitions[1];
    assert_eq!(
        read.iter().map(|it| it.offset).collect::<Vec<_>>(),
        [0, 1, 2, 3]
    );
    assert_eq!(
        read.iter().map(|it| it.key.as_deref()).collect::<Vec<_>>(),
        [None, Some(&b""[..]), Some(b"k"), None]
    );
    assert_eq!(
        read.iter()
            .map(|it| it.value.as_deref())
            .collect::<Vec<_>>(),
        [Some(&b"a"[..]), None, Some(b"v"), Some(b"b")]
    );
    assert_eq!(
        read[2].headers,
        [
            ("h".to_owned(), Some(Bytes::from_static(b"x"))),
            ("null".to_owned(), None)
        ]
    );
    assert_eq!(read[1].timestamp, 1_700_000_000_000);
    assert_eq!(read[3].batch.base_offset, 3);
}

#[tokio::test]
async fn says_why_a_topic_is_refused() {
    let cluster = cluster().await;
    let refused = cluster
        .create_topic("not/a/name", 1, 1, &[])
        .await
        .expect_err("the name is invalid");
    assert_eq!(refused.refusal().map(|it| it.code()), Some(17), "{refused}");

    let missing = cluster
        .read_all("no-such-topic")
        .await
        .expect_err("it was never made");
    assert_eq!(missing.refusal().map(|it| it.code()), Some(3), "{missing}");

    cluster
        .create_topic("twice", 1, 1, &[])
        .await
        .expect("the topic is made");
    let twice = cluster
        .create_topic("twice", 1, 1, &[])
        .await
        .expect_err("it exists");
    assert_eq!(twice.refusal().map(|it| it.code()), Some(36), "{twice}");
}

#[tokio::test]
async fn a_topic_made_anew_has_another_id() {
    let cluster = cluster().await;
    cluster
        .create_topic("anew", 1, 1, &[])
        .await
        .expect("the topic is made");
    let old = cluster.topic("anew").await.expect("it is there");
    cluster.delete_topic("anew").await.expect("it goes");
    cluster
        .create_topic("anew", 3, 1, &[])
        .await
        .expect("it is made again");
    let new = cluster.topic("anew").await.expect("it is there again");
    assert_ne!(old.id, new.id);
    assert_eq!(new.partitions.len(), 3);
}

#[tokio::test]
async fn partitions_are_added_and_settings_changed() {
    let cluster = cluster().await;
    cluster
        .create_topic("grows", 1, 1, &[("max.message.bytes", "2000")])
        .await
        .expect("the topic is made");
    cluster
        .add_partitions("grows", 4)
        .await
        .expect("partitions are added");
    assert_eq!(
        cluster
            .topic("grows")
            .await
            .expect("it is there")
            .partitions
            .len(),
        4
    );

    let topic = ConfigResource::Topic("grows");
    cluster
        .alter_config(topic, "max.message.bytes", Some("3000"))
        .await
        .expect("it is set");
    cluster
        .alter_config(topic, "max.message.bytes", None)
        .await
        .expect("it is taken back");
    let refused = cluster
        .alter_config(topic, "no.such.setting", Some("1"))
        .await;
    assert!(
        matches!(refused, Err(ClusterError::Refused { .. })),
        "{refused:?}"
    );
    cluster
        .alter_config(
            ConfigResource::AllBrokers,
            "message.max.bytes",
            Some("2000000"),
        )
        .await
        .expect("it is set");
}
