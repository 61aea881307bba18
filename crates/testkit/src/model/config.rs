//! Settings of a model cluster and of its topics.

/// What a cluster is made of. The defaults are those of a fresh Kafka 4, with one broker.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// How many brokers; their ids are `1..=brokers`. At least 1.
    pub brokers: i32,
    /// Where topic ids and the placement of partitions come from.
    pub seed: u64,
    /// `auto.create.topics.enable`.
    pub auto_create_topics: bool,
    /// For how long after the request that created it an auto-created topic stays unknown.
    pub auto_create_lag_ms: i64,
    /// What topics get that are auto-created, or created without a word on it.
    pub topic_defaults: TopicConfig,
    /// `producer.id.expiration.ms`. Counted from the timestamps of the producer's last batch, as
    /// Kafka does: old records expire early.
    pub producer_id_expiration_ms: i64,
    /// `producer.id.expiration.check.interval.ms`.
    pub producer_id_check_ms: i64,
    /// Whether produced batches are decoded and their records checked. A real broker does; it costs
    /// time per record, so the model does it on demand (and always for compacted topics).
    pub validate_records: bool,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            brokers: 1,
            seed: 0,
            auto_create_topics: true,
            auto_create_lag_ms: 0,
            topic_defaults: TopicConfig::default(),
            producer_id_expiration_ms: 86_400_000,
            producer_id_check_ms: 600_000,
            validate_records: false,
        }
    }
}

/// The settings of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicConfig {
    /// How many partitions. At least 1.
    pub partitions: i32,
    /// How many replicas a partition has, at most as many as there are brokers.
    pub replication_factor: i32,
    /// `min.insync.replicas`; above the replication factor it counts as that.
    pub min_insync_replicas: i32,
    /// `max.message.bytes`: of one batch, header included.
    pub max_message_bytes: usize,
    /// `message.timestamp.type=LogAppendTime`.
    pub log_append_time: bool,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `cleanup.policy=compact`, as far as producing goes: records need a key.
    pub compacted: bool,
    /// `retention.bytes` of one partition; the oldest batches go first. `None` keeps all.
    pub retention_bytes: Option<usize>,
}

impl TopicConfig {
    /// The defaults, with that many partitions.
    #[must_use]
    pub fn partitions(partitions: i32) -> Self {
        Self {
            partitions,
            ..Self::default()
        }
    }
}

/// One partition, as many replicas as there are brokers up to three.
impl Default for TopicConfig {
    fn default() -> Self {
        Self {
            partitions: 1,
            replication_factor: 3,
            min_insync_replicas: 1,
            max_message_bytes: 1_048_588,
            log_append_time: false,
            timestamp_after_max_ms: 3_600_000,
            compacted: false,
            retention_bytes: None,
        }
    }
}
