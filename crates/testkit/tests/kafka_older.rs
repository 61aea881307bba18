//! The older line of Kafka, through the same harness.

use bytes::Bytes;
use guanaco_testkit::kafka::{
    ConfigResource, KafkaCluster, KafkaVersion, StartKafkaError,
    java::{self, JavaInput},
};

#[tokio::test]
async fn a_3_9_node_is_started_written_to_and_read() {
    let cluster = KafkaCluster::builder()
        .version(KafkaVersion::V3_9)
        .start()
        .await
        .expect("3.9 starts");
    cluster
        .create_topic("older", 2, 1, &[])
        .await
        .expect("the topic is made");
    let settings = ConfigResource::Topic("older");
    cluster
        .alter_config(settings, "max.message.bytes", Some("3000"))
        .await
        .expect("it is set");
    let inputs = [JavaInput {
        partition: Some(1),
        value: Some(Bytes::from_static(b"v")),
        ..JavaInput::default()
    }];
    java::write_all(&cluster, "older", &[], &inputs)
        .await
        .expect("Java writes");
    assert_eq!(cluster.end_offsets("older").await.expect("offsets"), [0, 1]);
    let read = cluster.read_all("older").await.expect("we read");
    assert_eq!(read[1][0].value.as_deref(), Some(&b"v"[..]));
    cluster.delete_topic("older").await.expect("it goes");
}

#[tokio::test]
async fn a_node_that_cannot_start_says_why_and_leaves_nothing() {
    let failed = KafkaCluster::builder()
        .version(KafkaVersion::V3_9)
        .property("num.io.threads", "none")
        .start()
        .await
        .expect_err("that is no number");
    match failed {
        StartKafkaError::Exited { node: 1, log, .. } => {
            assert!(log.contains("num.io.threads"), "{log}")
        }
        other => panic!("{other}"),
    }
}
