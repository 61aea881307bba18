//! The two brokers.

use super::Stored;
use guanaco_engine::{Topic, batch::BatchHeader};
use guanaco_testkit::{
    embedded::{self, EmbeddedBroker},
    kafka::{Connection, KafkaCluster},
    model::TopicConfig,
    proxy::{ApiKey, Proxy, Rule, RuleHandle},
};
use kafka_protocol::{
    messages::{
        ListOffsetsRequest,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    },
    protocol::StrBytes,
};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

/// A broker to produce to. Topics that nobody created are unknown to it.
pub(crate) enum Target {
    Embedded(Box<EmbeddedBroker>),
    /// One node for all tests of this binary.
    Kafka(&'static KafkaCluster),
    /// The same node, reached through its proxy, which one test at a time has for itself.
    Behind(
        &'static KafkaCluster,
        #[allow(dead_code, reason = "it is held")] MutexGuard<'static, ()>,
    ),
}

/// A fault of a produce request.
pub(crate) enum Fault {
    Embedded(embedded::Fault),
    Kafka(RuleHandle),
}

impl Target {
    pub(crate) async fn embedded() -> Self {
        let broker = EmbeddedBroker::builder()
            .no_auto_create_topics()
            .validate_records(true)
            .start()
            .await;
        Self::Embedded(Box::new(broker.expect("loopback has a free port")))
    }

    pub(crate) async fn kafka() -> Self {
        Self::Kafka(cluster().await)
    }

    pub(crate) async fn kafka_behind_proxy() -> Self {
        static PROXY: Mutex<()> = Mutex::const_new(());
        let turn = PROXY.lock().await;
        let cluster = cluster().await;
        // What a failed test left behind.
        cluster.proxies().for_each(|proxy| proxy.heal());
        Self::Behind(cluster, turn)
    }

    pub(crate) fn servers(&self) -> String {
        match self {
            Self::Embedded(broker) => broker.bootstrap_servers(),
            Self::Kafka(cluster) => cluster.direct_bootstrap_servers(),
            Self::Behind(cluster, _) => cluster.bootstrap_servers(),
        }
    }

    /// A name that no other test has.
    pub(crate) fn name(&self, label: &str) -> Topic {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Topic::from(format!("{label}-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// A new topic with the broker's defaults.
    pub(crate) async fn topic(&self, label: &str, partitions: i32) -> Topic {
        self.topic_with(label, partitions, &[]).await
    }

    pub(crate) async fn topic_with(
        &self,
        label: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Topic {
        let topic = self.name(label);
        self.create(&topic, partitions, settings).await;
        topic
    }

    pub(crate) async fn create(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        match self {
            Self::Embedded(broker) => {
                let config = model_settings(partitions, settings);
                broker
                    .with_cluster(|cluster, now| cluster.create_topic(topic, config, now))
                    .expect("the name is new and valid");
            }
            Self::Kafka(cluster) | Self::Behind(cluster, _) => cluster
                .create_topic(topic, partitions, 1, settings)
                .await
                .expect("the topic is made"),
        }
    }

    pub(crate) async fn delete(&self, topic: &str) {
        match self {
            Self::Embedded(broker) => broker
                .with_cluster(|cluster, _| cluster.delete_topic(topic))
                .expect("it exists"),
            Self::Kafka(cluster) | Self::Behind(cluster, _) => {
                cluster.delete_topic(topic).await.expect("it goes");
            }
        }
    }

    pub(crate) async fn grow(&self, topic: &str, partitions: i32) {
        match self {
            Self::Embedded(broker) => broker
                .with_cluster(|cluster, now| cluster.create_partitions(topic, partitions, now))
                .expect("it had fewer"),
            Self::Kafka(cluster) | Self::Behind(cluster, _) => {
                cluster
                    .add_partitions(topic, partitions)
                    .await
                    .expect("it grows");
            }
        }
    }

    /// What lies in the topic, by partition.
    pub(crate) async fn stored(&self, topic: &str) -> Vec<Vec<Stored>> {
        match self {
            Self::Embedded(broker) => stored_in_model(broker, topic),
            Self::Kafka(cluster) | Self::Behind(cluster, _) => {
                stored_in_kafka(cluster, topic).await
            }
        }
    }

    /// Where each partition of the topic ends.
    pub(crate) async fn ends(&self, topic: &str) -> Vec<i64> {
        match self {
            Self::Embedded(broker) => broker.end_offsets(topic).expect("the topic exists"),
            Self::Kafka(cluster) | Self::Behind(cluster, _) => ends_in_kafka(cluster, topic).await,
        }
    }

    /// The `n`-th produce request from now on waits on its way, and all behind it.
    pub(crate) fn hold_from(&self, n: usize) -> Fault {
        match self {
            Self::Embedded(broker) => {
                Fault::Embedded(broker.faults().on(ApiKey::Produce).nth(n).hold())
            }
            _ => Fault::Kafka(
                self.proxy()
                    .add(Rule::requests().api(ApiKey::Produce).nth(n).hold()),
            ),
        }
    }

    /// The `n`-th produce request from now on is applied, and its connection closes without an
    /// answer.
    pub(crate) fn lose_answer(&self, n: usize) -> Fault {
        match self {
            Self::Embedded(broker) => {
                let rule = broker.faults().on(ApiKey::Produce).nth(n);
                Fault::Embedded(rule.close_after_apply())
            }
            _ => Fault::Kafka(
                self.proxy()
                    .add(Rule::responses().api(ApiKey::Produce).nth(n).close()),
            ),
        }
    }

    /// The `n`-th produce request from now on is lost with its connection.
    pub(crate) fn lose_request(&self, n: usize) -> Fault {
        match self {
            Self::Embedded(broker) => {
                let rule = broker.faults().on(ApiKey::Produce).nth(n);
                Fault::Embedded(rule.close_before())
            }
            _ => Fault::Kafka(
                self.proxy()
                    .add(Rule::requests().api(ApiKey::Produce).nth(n).close()),
            ),
        }
    }

    fn proxy(&self) -> &'static Proxy {
        match self {
            Self::Behind(cluster, _) => cluster.proxies().next().expect("the node has one"),
            _ => panic!("faults are for tests listed under `faulty:`"),
        }
    }

    /// From now on produce requests wait on their way.
    pub(crate) fn hold(&self) -> Fault {
        self.hold_from(1)
    }
}

impl Fault {
    /// Waits until it has happened.
    pub(crate) async fn caught(&self) {
        match self {
            Self::Embedded(fault) => fault.caught(1).await,
            Self::Kafka(rule) => {
                let limit = Duration::from_secs(20);
                rule.wait_for(1, limit)
                    .await
                    .expect("a produce request comes");
            }
        }
    }

    /// Lets go what it holds, and those that come after.
    pub(crate) fn release(&self) {
        match self {
            Self::Embedded(fault) => fault.remove(),
            Self::Kafka(rule) => rule.release(),
        }
    }
}

async fn cluster() -> &'static KafkaCluster {
    static CLUSTER: OnceCell<KafkaCluster> = OnceCell::const_new();
    CLUSTER
        .get_or_init(|| async {
            let started = KafkaCluster::builder().proxied().start().await;
            started.unwrap_or_else(|error| panic!("Kafka does not start: {error}"))
        })
        .await
}

/// The settings of Kafka that the model knows too.
fn model_settings(partitions: i32, settings: &[(&str, &str)]) -> TopicConfig {
    let mut config = TopicConfig::partitions(partitions);
    for (key, value) in settings {
        match (*key, *value) {
            ("max.message.bytes", bytes) => {
                config.max_message_bytes = bytes.parse().expect("a number");
            }
            ("message.timestamp.type", kind) => config.log_append_time = kind == "LogAppendTime",
            ("cleanup.policy", policy) => config.compacted = policy == "compact",
            (key, _) => panic!("the model has no setting {key}"),
        }
    }
    config
}

fn stored_in_model(broker: &EmbeddedBroker, topic: &str) -> Vec<Vec<Stored>> {
    let partitions = broker.with_cluster(|cluster, _| {
        let count = cluster.partition_count(topic).expect("the topic exists");
        let logs = (0..count).map(|partition| cluster.log(topic, partition).to_vec());
        logs.collect::<Vec<_>>()
    });
    let of_batch = |batch: &guanaco_testkit::model::StoredBatch| {
        let (header, base) = (batch.header, batch.base_offset());
        let records = batch.records().expect("the model took a readable batch");
        records.into_iter().map(move |record| Stored {
            offset: base + i64::from(record.offset_delta),
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
            headers: record.headers,
            codec: codec(&header),
            producer_id: header.producer_id,
        })
    };
    partitions
        .iter()
        .map(|log| log.iter().flat_map(of_batch).collect())
        .collect()
}

async fn stored_in_kafka(cluster: &KafkaCluster, topic: &str) -> Vec<Vec<Stored>> {
    let partitions = cluster
        .read_all(topic)
        .await
        .expect("the topic can be read");
    let stored = |record: guanaco_testkit::kafka::LogRecord| Stored {
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key,
        value: record.value,
        headers: record.headers,
        codec: codec(&record.batch),
        producer_id: record.batch.producer_id,
    };
    partitions
        .into_iter()
        .map(|log| log.into_iter().map(stored).collect())
        .collect()
}

fn codec(header: &BatchHeader) -> i16 {
    header.attributes & 7
}

/// All at once, where the cluster's own question is one a partition.
async fn ends_in_kafka(cluster: &KafkaCluster, topic: &str) -> Vec<i64> {
    const LATEST: i64 = -1;
    let count = cluster
        .topic(topic)
        .await
        .expect("the topic exists")
        .partitions
        .len();
    let partition = |index| {
        ListOffsetsPartition::default()
            .with_partition_index(index)
            .with_current_leader_epoch(-1)
            .with_timestamp(LATEST)
    };
    let asked = ListOffsetsTopic::default()
        .with_name(StrBytes::from_string(topic.to_owned()).into())
        .with_partitions((0..count as i32).map(partition).collect());
    let request = ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_topics(vec![asked]);
    let address = cluster.address(1).expect("there is one node");
    let connection = Connection::open(address, Duration::from_secs(10)).await;
    let mut connection = connection.expect("the node listens");
    let mut response = connection
        .call(&request, 7)
        .await
        .expect("the node answers");
    let mut partitions = response.topics.remove(0).partitions;
    partitions.sort_by_key(|partition| partition.partition_index);
    assert!(partitions.iter().all(|partition| partition.error_code == 0));
    partitions
        .iter()
        .map(|partition| partition.offset)
        .collect()
}
