//! A real Kafka of one node, set up to be measured.

use crate::{child, error::BenchError};
use guanaco_testkit::kafka::KafkaCluster;

const NODE: i32 = 1;

/// What its JVM is to have compiled before anything is measured: large batches, and many small
/// ones.
const WARM_UP: [&[&str]; 4] = [
    &["probe", "--records", "4000000", "--batch-bytes", "65536"],
    &["probe", "--records", "4000000", "--batch-bytes", "262144"],
    &["probe", "--records", "4000000", "--batch-bytes", "1048576"],
    &["probe", "--records", "30000", "--rate", "10000"],
];

/// One node with a topic for each run.
pub(crate) struct RealKafka {
    cluster: KafkaCluster,
    address: String,
    topics: u32,
}

impl RealKafka {
    /// Starts it and keeps it busy until its JVM has compiled what matters.
    pub(crate) async fn start() -> Result<Self, BenchError> {
        let cluster = KafkaCluster::builder()
            // The test kit's JVMs save their start-up; this one is to be as fast as Kafka is.
            .jvm_option("-Xmx1g")
            .jvm_option("-XX:TieredStopAtLevel=4")
            .stock_timeouts()
            .property("log.retention.check.interval.ms", "100")
            .property("log.initial.task.delay.ms", "0")
            .start()
            .await?;
        let address = cluster.bootstrap_servers();
        let mut kafka = Self {
            cluster,
            address,
            topics: 0,
        };
        for args in WARM_UP {
            let topic = kafka.create_topic().await?;
            child::run(&[args, &["-b", &kafka.address, "-t", &topic]].concat()).await?;
            kafka.delete_topic(&topic).await?;
        }
        Ok(kafka)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A new topic of one partition, of which the broker soon forgets all but the end.
    ///
    /// Memory that a virtual machine writes for the first time is several times slower than memory
    /// in use. With a log that grows, the page cache is that memory and all runs measure it; a
    /// small one is written over and over.
    pub(crate) async fn create_topic(&mut self) -> Result<String, BenchError> {
        self.topics += 1;
        let name = format!("bench-{}", self.topics);
        let configs = [
            ("retention.bytes", "67108864"),
            ("segment.bytes", "33554432"),
            ("file.delete.delay.ms", "0"),
        ];
        self.cluster.create_topic(&name, 1, 1, &configs).await?;
        Ok(name)
    }

    pub(crate) async fn delete_topic(&self, name: &str) -> Result<(), BenchError> {
        Ok(self.cluster.delete_topic(name).await?)
    }

    /// How many records the topic's partition ever got.
    pub(crate) async fn end_offset(&self, topic: &str) -> Result<i64, BenchError> {
        let ends = self.cluster.end_offsets(topic).await?;
        ends.first()
            .copied()
            .ok_or_else(|| BenchError::Check(format!("{topic} has no partition")))
    }

    pub(crate) async fn freeze(&self) -> Result<(), BenchError> {
        Ok(self.cluster.freeze(NODE).await?)
    }

    pub(crate) async fn thaw(&self) -> Result<(), BenchError> {
        Ok(self.cluster.thaw(NODE).await?)
    }
}
