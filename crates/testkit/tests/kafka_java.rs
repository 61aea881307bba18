//! The Java client beside our own reader: both see the same log.

use bytes::Bytes;
use guanaco_testkit::kafka::{
    ClusterError, KafkaCluster,
    java::{self, JavaInput},
};
use tokio::sync::OnceCell;

async fn cluster() -> &'static KafkaCluster {
    static CLUSTER: OnceCell<KafkaCluster> = OnceCell::const_new();
    CLUSTER
        .get_or_init(|| async { KafkaCluster::builder().start().await.expect("Kafka starts") })
        .await
}

fn inputs(partition: i32) -> Vec<JavaInput> {
    let header =
        |name: &str, value: Option<&'static str>| (name.to_owned(), value.map(Bytes::from));
    let mut inputs = vec![
        JavaInput {
            partition: Some(partition),
            timestamp: Some(1_700_000_000_000),
            ..JavaInput::default()
        },
        JavaInput {
            partition: Some(partition),
            timestamp: Some(1_700_000_000_005),
            key: Some(Bytes::new()),
            value: Some(Bytes::from_static(b"\x00\xff binary")),
            headers: vec![
                header("a", Some("1")),
                header("\u{fc}", None),
                header("a", Some("")),
            ],
        },
    ];
    // Compressible, and more than one block of the block codecs.
    inputs.extend((0..50).map(|i| JavaInput {
        partition: Some(partition),
        timestamp: Some(1_700_000_000_000 - i),
        value: Some(Bytes::from("all work and no play ".repeat(200))),
        ..JavaInput::default()
    }));
    inputs
}

/// A partition a codec, for each program is a JVM that takes its time to start.
#[tokio::test]
async fn what_java_writes_with_any_codec_is_read_back_as_java_reads_it() {
    const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
    let cluster = cluster().await;
    cluster
        .create_topic("java-codecs", 6, 1, &[])
        .await
        .expect("the topic is made");
    for (partition, codec) in (0..).zip(CODECS) {
        let properties = [("compression.type", codec), ("batch.size", "65536")];
        let acks = java::write_all(cluster, "java-codecs", &properties, &inputs(partition)).await;
        let offsets: Vec<_> = acks
            .expect("Java writes")
            .iter()
            .map(|ack| (ack.partition, ack.offset))
            .collect();
        assert_eq!(
            offsets,
            (0..52)
                .map(|offset| (partition, offset))
                .collect::<Vec<_>>()
        );
    }

    let java = java::read_all(cluster, "java-codecs")
        .await
        .expect("Java reads");
    let ours = cluster.read_all("java-codecs").await.expect("we read");
    assert_eq!((java.len(), ours.len()), (6, 6));
    assert!(java[5].is_empty() && ours[5].is_empty());
    for (number, (java, ours)) in (0..).zip(java.iter().zip(&ours)).take(CODECS.len()) {
        assert_eq!((java.len(), ours.len()), (52, 52));
        for ((java, ours), input) in java.iter().zip(ours).zip(inputs(0)) {
            assert_eq!(java.offset, ours.offset);
            assert_eq!(java.timestamp_type, "CreateTime");
            for (timestamp, key, value, headers) in [
                (java.timestamp, &java.key, &java.value, &java.headers),
                (ours.timestamp, &ours.key, &ours.value, &ours.headers),
            ] {
                assert_eq!(Some(timestamp), input.timestamp);
                assert_eq!(
                    (key, value, headers),
                    (&input.key, &input.value, &input.headers)
                );
            }
            assert_eq!(ours.batch.codec(), number);
        }
        assert!(
            ours.iter().any(|it| it.batch.record_count > 1),
            "a batch has more than one record"
        );
    }
}

#[tokio::test]
async fn java_says_where_its_keys_go() {
    let cluster = cluster().await;
    cluster
        .create_topic(
            "java-keys",
            7,
            1,
            &[("message.timestamp.type", "LogAppendTime")],
        )
        .await
        .expect("made");
    let inputs: Vec<_> = (0..40)
        .map(|i| JavaInput {
            key: Some(Bytes::from(format!("key-{i}"))),
            ..JavaInput::default()
        })
        .collect();
    let acks = java::write_all(cluster, "java-keys", &[], &inputs)
        .await
        .expect("Java writes");
    let read = java::read_all(cluster, "java-keys")
        .await
        .expect("Java reads");
    for (input, ack) in inputs.iter().zip(&acks) {
        let partition = &read[usize::try_from(ack.partition).expect("a partition")];
        let record = &partition[usize::try_from(ack.offset).expect("an offset")];
        assert_eq!(record.key, input.key);
        assert_eq!(record.timestamp_type, "LogAppendTime");
        assert_eq!(record.timestamp, ack.timestamp);
    }
    let ours = cluster.read_all("java-keys").await.expect("we read");
    for (java, ours) in read.iter().flatten().zip(ours.iter().flatten()) {
        assert_eq!((java.offset, java.timestamp), (ours.offset, ours.timestamp));
        assert!(ours.batch.is_log_append_time());
    }
}

#[tokio::test]
async fn a_java_program_that_fails_says_why() {
    let cluster = cluster().await;
    cluster
        .create_topic("java-fails", 1, 1, &[("max.message.bytes", "1000")])
        .await
        .expect("the topic is made");
    let inputs = [JavaInput {
        value: Some(Bytes::from(vec![7; 5_000])),
        ..JavaInput::default()
    }];
    let failed = java::write_all(cluster, "java-fails", &[], &inputs)
        .await
        .expect_err("it is too large");
    match failed {
        ClusterError::Java { output, .. } => {
            assert!(output.contains("RecordTooLargeException"), "{output}")
        }
        other => panic!("{other}"),
    }
}
