//! What we write the Java client reads, and keys go where Java's go: Kafka 4.3 and 3.9, each with its
//! own client as the judge.
#![cfg(unix)]

#[path = "behaviour/support/records.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod records;
#[path = "behaviour/support/sample.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod sample;

use bytes::Bytes;
use guanaco_engine::{Header, Producer, ProducerConfig, Topic};
use guanaco_testkit::kafka::{
    KafkaCluster, KafkaVersion,
    java::{self, JavaInput, JavaRecord},
};
use records::{Outcome, produce};
use sample::{Sample, TIMESTAMP};
use std::time::Duration;
use tokio::sync::OnceCell;

async fn newest() -> &'static KafkaCluster {
    static CLUSTER: OnceCell<KafkaCluster> = OnceCell::const_new();
    CLUSTER.get_or_init(|| start(KafkaVersion::V4_3)).await
}

async fn start(version: KafkaVersion) -> KafkaCluster {
    let started = KafkaCluster::builder().version(version).start().await;
    started.unwrap_or_else(|error| panic!("Kafka does not start: {error}"))
}

fn producer(cluster: &KafkaCluster, settings: &[(&str, &str)]) -> Producer {
    let servers = cluster.bootstrap_servers();
    let all = [("bootstrap.servers", &*servers)];
    let all = all.iter().chain(settings).copied();
    let (config, _) = ProducerConfig::from_properties(all).expect("settings are known");
    Producer::start(config).expect("settings fit together")
}

async fn write(
    cluster: &KafkaCluster,
    settings: &[(&str, &str)],
    topic: &str,
    samples: &[Sample],
) -> Vec<Outcome> {
    let producer = producer(cluster, settings);
    let topic = Topic::from(topic.to_owned());
    let outcomes = produce(&producer, &topic, samples);
    let outcomes = tokio::time::timeout(Duration::from_secs(30), outcomes).await;
    outcomes.expect("it hangs")
}

/// Every mix of null, empty and plain keys and values with headers of all kinds, and something that
/// is worth compressing.
fn matrix(partition: i32) -> Vec<Sample> {
    let fields = [None, Some(""), Some("\u{0}plain \u{fc}")];
    let headers = [
        vec![],
        vec![Header::null("null"), Header::new("empty", "")],
        vec![
            Header::new("twice", "1"),
            Header::new("", b"\x00\xff".to_vec()),
            Header::new("\u{1f999}", "unicode"),
            Header::null("twice"),
            Header::new("twice", "2"),
        ],
    ];
    let mut samples = Vec::new();
    for key in fields {
        for value in fields {
            for headers in &headers {
                // Some before the first one of their batch, some after, the first at the epoch.
                let timestamp = match samples.len() {
                    0 => 0,
                    n => TIMESTAMP + (n as i64 % 7 - 3) * 86_400_000,
                };
                samples.push(Sample {
                    partition: Some(partition),
                    timestamp,
                    key: key.map(Bytes::from),
                    value: value.map(Bytes::from),
                    headers: headers.clone(),
                });
            }
        }
    }
    // More than a block of the block codecs, and bytes that no codec makes smaller.
    samples.push(Sample::new("all work and no play ".repeat(10_000)).to(partition));
    let mut noise = vec![0; 100_000];
    fastrand::Rng::with_seed(5).fill(&mut noise);
    samples.push(Sample::new(noise).to(partition));
    samples
}

fn is_read_by_java(written: &[Sample], read: &[JavaRecord], what: &str) {
    assert_eq!(written.len(), read.len(), "{what}");
    for ((offset, sample), record) in (0..).zip(written).zip(read) {
        let headers: Vec<_> = sample
            .headers
            .iter()
            .map(|header| (header.key.to_string(), header.value.clone()))
            .collect();
        assert_eq!(record.offset, offset, "{what}");
        assert_eq!(record.timestamp, sample.timestamp, "{what} at {offset}");
        assert_eq!(record.timestamp_type, "CreateTime", "{what} at {offset}");
        assert_eq!(record.key, sample.key, "{what} at {offset}");
        assert!(record.value == sample.value, "{what} at {offset}");
        assert_eq!(record.headers, headers, "{what} at {offset}");
    }
}

/// A partition for each codec, and for each promise that leaves other marks in a batch.
async fn java_reads_what_we_write(cluster: &KafkaCluster) {
    const WAYS: [&[(&str, &str)]; 9] = [
        &[("compression.type", "none")],
        &[("compression.type", "gzip")],
        &[("compression.type", "snappy")],
        &[("compression.type", "lz4")],
        &[("compression.type", "zstd")],
        &[("acks", "0")],
        &[("acks", "1"), ("compression.type", "lz4")],
        &[("enable.idempotence", "false")],
        // A batch of its own for each record.
        &[("batch.size", "1"), ("compression.type", "zstd")],
    ];
    let topic = "matrix";
    let made = cluster.create_topic(topic, WAYS.len() as i32, 1, &[]).await;
    made.expect("the topic is made");
    for (partition, settings) in (0..).zip(WAYS) {
        for (offset, outcome) in
            (0..).zip(write(cluster, settings, topic, &matrix(partition)).await)
        {
            let ack = outcome.unwrap_or_else(|error| panic!("{settings:?}: {error}"));
            let known = settings[0] != ("acks", "0");
            assert_eq!(ack.offset, known.then_some(offset), "{settings:?}");
        }
    }
    let ours = cluster.read_all(topic).await.expect("we read it");
    let java = java::read_all(cluster, topic).await.expect("Java reads it");
    assert_eq!(java.len(), WAYS.len());
    for (partition, settings) in (0..).zip(WAYS) {
        let what = format!("{settings:?}");
        let samples = matrix(partition);
        is_read_by_java(&samples, &java[partition as usize], &what);
        let codec = settings
            .iter()
            .find(|(key, _)| *key == "compression.type")
            .map_or("none", |(_, codec)| codec);
        let id = ["none", "gzip", "snappy", "lz4", "zstd"]
            .iter()
            .position(|name| *name == codec);
        for record in &ours[partition as usize] {
            assert_eq!(Some(record.batch.codec() as usize), id, "{what}");
        }
    }
}

/// The same keys, once by Java and once by us: the same partitions.
async fn keys_go_where_java_sends_them(cluster: &KafkaCluster) {
    let topic = "keys";
    let made = cluster.create_topic(topic, 7, 1, &[]).await;
    made.expect("the topic is made");
    let mut rng = fastrand::Rng::with_seed(11);
    let mut keys: Vec<Bytes> = (0..300)
        .map(|n| {
            let mut key = vec![0; n % 50];
            rng.fill(&mut key);
            key.into()
        })
        .collect();
    keys.extend(["", "a", "order-12345", "Stra\u{df}e", "\u{1f999}"].map(Bytes::from));
    let inputs: Vec<_> = keys
        .iter()
        .map(|key| JavaInput {
            key: Some(key.clone()),
            ..JavaInput::default()
        })
        .collect();
    let java = java::write_all(cluster, topic, &[], &inputs).await;
    let java: Vec<_> = java
        .expect("Java writes")
        .iter()
        .map(|ack| ack.partition)
        .collect();
    let samples: Vec<_> = keys
        .iter()
        .map(|key| Sample::null().key(key.clone()))
        .collect();
    let ours: Vec<_> = write(cluster, &[], topic, &samples)
        .await
        .into_iter()
        .map(|outcome| outcome.expect("the broker takes it").partition)
        .collect();
    assert_eq!(ours, java);
    assert!((0..7).all(|partition| ours.contains(&partition)));
}

#[tokio::test]
async fn java_4_3_reads_every_codec_null_header_and_timestamp_that_we_write() {
    java_reads_what_we_write(newest().await).await;
}

#[tokio::test]
async fn java_4_3_sends_keys_to_the_partitions_that_we_choose() {
    keys_go_where_java_sends_them(newest().await).await;
}

#[tokio::test]
async fn kafka_3_9_takes_what_we_write_and_its_client_reads_it() {
    let cluster = start(KafkaVersion::V3_9).await;
    java_reads_what_we_write(&cluster).await;
    keys_go_where_java_sends_them(&cluster).await;
}

#[tokio::test]
async fn java_reads_the_append_time_that_we_were_told() {
    let cluster = newest().await;
    let settings = [("message.timestamp.type", "LogAppendTime")];
    let made = cluster.create_topic("append-time", 1, 1, &settings).await;
    made.expect("the topic is made");
    let samples = [Sample::new("a"), Sample::new("b").at(0)];
    let acks = write(cluster, &[], "append-time", &samples).await;
    let java = java::read_all(cluster, "append-time").await;
    let java = java.expect("Java reads it").remove(0);
    assert_eq!(java.len(), 2);
    for (outcome, record) in acks.into_iter().zip(java) {
        let ack = outcome.expect("the broker takes it");
        assert_eq!(record.timestamp_type, "LogAppendTime");
        assert_eq!(ack.log_append_time, Some(record.timestamp));
    }
}

#[tokio::test]
async fn java_reads_the_parts_of_a_batch_that_was_split() {
    let cluster = newest().await;
    for codec in ["none", "gzip"] {
        let topic = format!("split-{codec}");
        let settings = [("max.message.bytes", "3000")];
        let made = cluster.create_topic(&topic, 1, 1, &settings).await;
        made.expect("the topic is made");
        let mut rng = fastrand::Rng::with_seed(3);
        let samples: Vec<_> = (0..60)
            .map(|n| {
                let mut value = vec![0; 200];
                rng.fill(&mut value);
                let sample = Sample::new(value).key(n.to_string()).at(TIMESTAMP - n);
                sample.headers([Header::new("n", n.to_string())])
            })
            .collect();
        let settings = [("linger.ms", "1000"), ("compression.type", codec)];
        for outcome in write(cluster, &settings, &topic, &samples).await {
            outcome.expect("each of them is small enough");
        }
        let java = java::read_all(cluster, &topic)
            .await
            .expect("Java reads it");
        is_read_by_java(&samples, &java[0], codec);
    }
}
