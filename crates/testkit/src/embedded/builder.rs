//! Settings of an embedded broker.

use super::EmbeddedBroker;
use crate::model::wire::Release;
use crate::model::{ClusterConfig, TopicConfig};
use std::io;
use std::time::Duration;

/// Settings of an [`EmbeddedBroker`]: one broker that creates topics of one partition as they are
/// asked for, unless more is said.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing listens before `start`"]
pub struct EmbeddedBrokerBuilder {
    pub(super) cluster: ClusterConfig,
    pub(super) topics: Vec<(String, TopicConfig)>,
    pub(super) release: Release,
    pub(super) latency: Duration,
}

impl EmbeddedBrokerBuilder {
    /// How many brokers, of ids `1..=count`, each on a port of its own.
    pub fn brokers(mut self, count: i32) -> Self {
        self.cluster.brokers = count;
        self
    }

    /// Topics that are asked for are created, with that many partitions.
    pub fn auto_create_topics(mut self, partitions: i32) -> Self {
        self.cluster.auto_create_topics = true;
        self.cluster.topic_defaults.partitions = partitions;
        self
    }

    /// Topics that do not exist stay unknown.
    pub fn no_auto_create_topics(mut self) -> Self {
        self.cluster.auto_create_topics = false;
        self
    }

    /// A topic from the start. It has the [defaults](Self::topic_defaults) as they are set at the
    /// time of this call.
    pub fn topic(self, name: impl Into<String>, partitions: i32) -> Self {
        let config = TopicConfig {
            partitions,
            ..self.cluster.topic_defaults.clone()
        };
        self.topic_with(name, config)
    }

    /// A topic from the start, with settings of its own.
    pub fn topic_with(mut self, name: impl Into<String>, config: TopicConfig) -> Self {
        self.topics.push((name.into(), config));
        self
    }

    /// The settings of topics that get none of their own.
    pub fn topic_defaults(mut self, config: TopicConfig) -> Self {
        self.cluster.topic_defaults = config;
        self
    }

    /// `max.message.bytes` of topics that get no settings of their own.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.cluster.topic_defaults.max_message_bytes = bytes;
        self
    }

    /// How much a partition keeps; beyond it the oldest batches are dropped. Without this a broker
    /// keeps everything in memory.
    pub fn retention_bytes(mut self, bytes: usize) -> Self {
        self.cluster.topic_defaults.retention_bytes = Some(bytes);
        self
    }

    /// Which release's API versions are offered.
    pub fn release(mut self, release: Release) -> Self {
        self.release = release;
        self
    }

    /// Every response leaves that much after its request came. Unlike a fault's delay this is a
    /// long way, not a slow broker: requests behind it do not wait longer.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Whether batches are decoded as they come and refused where their records are malformed. It
    /// costs time per record.
    pub fn validate_records(mut self, on: bool) -> Self {
        self.cluster.validate_records = on;
        self
    }

    /// What topic ids, leaders and garbage are drawn from.
    pub fn seed(mut self, seed: u64) -> Self {
        self.cluster.seed = seed;
        self
    }

    /// All else that a model cluster can be told.
    pub fn cluster(mut self, set: impl FnOnce(&mut ClusterConfig)) -> Self {
        set(&mut self.cluster);
        self
    }

    /// Listens.
    ///
    /// # Errors
    /// If there is no free port, thread or descriptor, or a topic of the start is impossible.
    pub async fn start(self) -> io::Result<EmbeddedBroker> {
        EmbeddedBroker::from_builder(self).await
    }
}
