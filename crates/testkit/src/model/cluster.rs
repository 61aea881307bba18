//! The cluster's state, and how its parts are found.

use super::append::Refused;
use super::brokers::Broker;
use super::code;
use super::config::{ClusterConfig, TopicConfig};
use super::partition::{Partition, StoredBatch};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// A Kafka cluster; see the [module](super).
#[derive(Debug)]
pub struct Cluster {
    pub(super) config: ClusterConfig,
    pub(super) rng: fastrand::Rng,
    /// Broker `id` is at `id - 1`.
    pub(super) brokers: Vec<Broker>,
    /// Deleted ones stay, so that what went to them can still be looked at.
    pub(super) topics: Vec<Topic>,
    pub(super) by_name: HashMap<Arc<str>, usize>,
    pub(super) by_id: HashMap<Uuid, usize>,
    next_producer_id: i64,
}

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: Arc<str>,
    pub(super) id: Uuid,
    pub(super) config: TopicConfig,
    pub(super) visible_from: i64,
    pub(super) partitions: Vec<Partition>,
}

/// A topic by its name, or by its id as Produce 13 and Fetch 13 do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicRef<'a> {
    /// By name.
    Name(&'a str),
    /// By id: a topic that was deleted and created again has another one.
    Id(Uuid),
}

impl<'a> From<&'a str> for TopicRef<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(name)
    }
}

impl From<Uuid> for TopicRef<'_> {
    fn from(id: Uuid) -> Self {
        Self::Id(id)
    }
}

/// Who leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The broker's id; -1 if there is none.
    pub id: i32,
    /// Grows with every change.
    pub epoch: i32,
}

/// Where a partition is: topic and partition index.
pub(super) type At = (usize, usize);

impl Cluster {
    /// A cluster without topics, all brokers up.
    #[must_use]
    pub fn new(config: ClusterConfig) -> Self {
        let brokers = (0..config.brokers.max(1))
            .map(|_| Broker::default())
            .collect();
        Self {
            rng: fastrand::Rng::with_seed(config.seed),
            config,
            brokers,
            topics: Vec::new(),
            by_name: HashMap::new(),
            by_id: HashMap::new(),
            next_producer_id: 0,
        }
    }

    /// A fresh producer id and its first epoch, as for `InitProducerId` without a transactional id.
    pub fn init_producer_id(&mut self) -> (i64, i16) {
        let id = self.next_producer_id;
        self.next_producer_id += 1;
        (id, 0)
    }

    /// Makes a partition forget a producer, as if its id had expired; whether it knew it.
    ///
    /// # Errors
    /// If there is no such partition.
    pub fn forget_producer(
        &mut self,
        topic: &str,
        partition: i32,
        producer_id: i64,
    ) -> Result<bool, Refused> {
        Ok(self
            .partition_mut(topic, partition)?
            .forget_producer(producer_id))
    }

    /// Makes a partition forget all but the last batch of each producer, as a leader does that
    /// starts from its snapshot.
    ///
    /// # Errors
    /// If there is no such partition.
    pub fn reload_producers(&mut self, topic: &str, partition: i32) -> Result<(), Refused> {
        self.partition_mut(topic, partition)?.reload_producers();
        Ok(())
    }

    /// Cuts a partition's log: every batch goes that reaches to `offset` or beyond, as in an
    /// unclean election or with acks=1.
    ///
    /// # Errors
    /// If there is no such partition.
    pub fn truncate(&mut self, topic: &str, partition: i32, offset: i64) -> Result<(), Refused> {
        self.partition_mut(topic, partition)?.truncate(offset);
        Ok(())
    }

    /// A partition's batches, oldest first; empty if there is no such partition. By id, a deleted
    /// topic's too.
    #[must_use]
    pub fn log<'a>(&self, topic: impl Into<TopicRef<'a>>, partition: i32) -> &[StoredBatch] {
        self.find(topic.into(), partition)
            .map_or(&[], |(topic, partition)| {
                self.topics[topic].partitions[partition].log()
            })
    }

    /// The leader of a partition; `None` if there is no such partition.
    #[must_use]
    pub fn leader<'a>(&self, topic: impl Into<TopicRef<'a>>, partition: i32) -> Option<Leader> {
        let (topic, partition) = self.find(topic.into(), partition)?;
        Some(self.topics[topic].partitions[partition].leader)
    }

    /// How many partitions a topic has; `None` if there is no such topic.
    #[must_use]
    pub fn partition_count(&self, topic: &str) -> Option<i32> {
        let at = *self.by_name.get(topic)?;
        Some(self.topics[at].partitions.len() as i32)
    }

    /// The offset after the last record of every partition; `None` if there is no such topic.
    pub fn end_offsets(&self, topic: &str) -> Option<impl Iterator<Item = i64> + '_> {
        let at = *self.by_name.get(topic)?;
        Some(
            self.topics[at]
                .partitions
                .iter()
                .map(Partition::next_offset),
        )
    }

    /// The id of a topic; `None` if there is no such topic.
    #[must_use]
    pub fn topic_id(&self, topic: &str) -> Option<Uuid> {
        self.by_name.get(topic).map(|at| self.topics[*at].id)
    }

    /// The name that a topic has, or had.
    #[must_use]
    pub fn topic_name(&self, id: Uuid) -> Option<Arc<str>> {
        let topic = self.topics.iter().find(|topic| topic.id == id)?;
        Some(topic.name.clone())
    }

    /// The settings that it was made with.
    #[must_use]
    pub fn config(&self) -> &ClusterConfig {
        &self.config
    }

    fn find(&self, topic: TopicRef<'_>, partition: i32) -> Option<At> {
        let topic = match topic {
            TopicRef::Name(name) => *self.by_name.get(name)?,
            TopicRef::Id(id) => match self.by_id.get(&id) {
                Some(at) => *at,
                None => self.topics.iter().position(|topic| topic.id == id)?,
            },
        };
        let partition = usize::try_from(partition).ok()?;
        (partition < self.topics[topic].partitions.len()).then_some((topic, partition))
    }

    pub(super) fn partition_mut(
        &mut self,
        topic: &str,
        partition: i32,
    ) -> Result<&mut Partition, Refused> {
        let (topic, partition) = self
            .find(topic.into(), partition)
            .ok_or(code::UNKNOWN_TOPIC_OR_PARTITION)?;
        Ok(&mut self.topics[topic].partitions[partition])
    }

    /// Where a partition is, if this broker lives and knows it.
    pub(super) fn locate(
        &self,
        broker: i32,
        topic: TopicRef<'_>,
        partition: i32,
        now: i64,
    ) -> Result<At, i16> {
        let broker = self.living(broker)?;
        let (found, unknown) = match topic {
            TopicRef::Name(name) => (self.by_name.get(name), code::UNKNOWN_TOPIC_OR_PARTITION),
            TopicRef::Id(id) => (self.by_id.get(&id), code::UNKNOWN_TOPIC_ID),
        };
        let known = |at: &&usize| self.topics[**at].visible_from <= now && broker.knows_at(now);
        let at = *found.filter(known).ok_or(unknown)?;
        usize::try_from(partition)
            .ok()
            .filter(|partition| *partition < self.topics[at].partitions.len())
            .map(|partition| (at, partition))
            .ok_or(code::UNKNOWN_TOPIC_OR_PARTITION)
    }

    /// The partition and the settings that hold for it, if the broker leads it.
    pub(super) fn led_by(
        &mut self,
        broker: i32,
        at: At,
        now: i64,
    ) -> Result<(&mut Partition, (&ClusterConfig, &TopicConfig)), Refused> {
        let lag = self.living(broker)?.metadata_lag_ms;
        let Self { topics, config, .. } = self;
        let topic = &mut topics[at.0];
        let partition = &mut topic.partitions[at.1];
        if partition.leader.id != broker {
            let seen = partition.leader_seen(lag, now);
            let leader = Some(seen).filter(|seen| seen.id != broker);
            return Err(Refused {
                code: code::NOT_LEADER_OR_FOLLOWER,
                leader,
            });
        }
        Ok((partition, (config, &topic.config)))
    }
}
