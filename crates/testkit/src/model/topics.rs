//! Topics: made, grown, deleted, described.

use super::append::Refused;
use super::cluster::{Cluster, Leader, Topic, TopicRef};
use super::code;
use super::config::TopicConfig;
use super::partition::Partition;
use std::sync::Arc;
use uuid::Uuid;

/// A topic as a broker describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicView {
    /// 0, or why there is nothing to describe.
    pub code: i16,
    /// The name; `None` if it was asked for by an unknown id.
    pub name: Option<Arc<str>>,
    /// The id; nil if the topic is unknown.
    pub id: Uuid,
    /// In order.
    pub partitions: Vec<PartitionView>,
}

/// A partition as a broker describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionView {
    /// 0, or `LEADER_NOT_AVAILABLE`.
    pub code: i16,
    /// Who leads it.
    pub leader: Leader,
    /// The brokers that hold it.
    pub replicas: Vec<i32>,
    /// Those of them that are in sync.
    pub isr: Vec<i32>,
}

impl Cluster {
    /// Creates a topic; its id.
    ///
    /// # Errors
    /// If the name is invalid or taken, or a number in `config` is impossible.
    pub fn create_topic(
        &mut self,
        name: &str,
        config: TopicConfig,
        now: i64,
    ) -> Result<Uuid, Refused> {
        self.check_new_topic(name, &config)?;
        Ok(self.insert_topic(name, config, now, now))
    }

    /// Whether [`create_topic`](Self::create_topic) would do it.
    ///
    /// # Errors
    /// As `create_topic` does.
    pub fn check_new_topic(&self, name: &str, config: &TopicConfig) -> Result<(), Refused> {
        if !is_valid_name(name) {
            return Err(code::INVALID_TOPIC_EXCEPTION.into());
        }
        if self.by_name.contains_key(name) {
            return Err(code::TOPIC_ALREADY_EXISTS.into());
        }
        if config.partitions < 1 {
            return Err(code::INVALID_PARTITIONS.into());
        }
        if config.replication_factor < 1 {
            return Err(code::INVALID_REPLICATION_FACTOR.into());
        }
        Ok(())
    }

    /// Deletes a topic. One that is created later under its name has another id.
    ///
    /// # Errors
    /// If there is no such topic.
    pub fn delete_topic<'a>(&mut self, topic: impl Into<TopicRef<'a>>) -> Result<(), Refused> {
        let at = match topic.into() {
            TopicRef::Name(name) => self
                .by_name
                .get(name)
                .ok_or(code::UNKNOWN_TOPIC_OR_PARTITION),
            TopicRef::Id(id) => self.by_id.get(&id).ok_or(code::UNKNOWN_TOPIC_ID),
        }?;
        let topic = &self.topics[*at];
        self.by_name.remove(&topic.name);
        self.by_id.remove(&topic.id);
        Ok(())
    }

    /// Grows a topic to `total` partitions.
    ///
    /// # Errors
    /// If there is no such topic, or it has that many already.
    pub fn create_partitions(&mut self, name: &str, total: i32, now: i64) -> Result<(), Refused> {
        let at = *self
            .by_name
            .get(name)
            .ok_or(code::UNKNOWN_TOPIC_OR_PARTITION)?;
        let count = self.topics[at].partitions.len() as i32;
        if total <= count {
            return Err(code::INVALID_PARTITIONS.into());
        }
        let factor = self.topics[at].config.replication_factor;
        let first = self.rng.i32(0..self.config.brokers.max(1));
        for n in 0..total - count {
            let partition = self.place(first + n, factor, now);
            self.topics[at].partitions.push(partition);
        }
        Ok(())
    }

    /// What a broker says of topics: of all for `None`. Where it may, it creates those that do not
    /// exist; they are unknown in this answer yet.
    ///
    /// # Errors
    /// If the broker is dead or unknown.
    pub fn metadata(
        &mut self,
        broker: i32,
        topics: Option<&[TopicRef<'_>]>,
        allow_auto_create: bool,
        now: i64,
    ) -> Result<Vec<TopicView>, Refused> {
        self.living(broker)?;
        let Some(topics) = topics else {
            return Ok(self
                .topics
                .iter()
                .filter(|topic| self.by_id.contains_key(&topic.id))
                .filter(|topic| self.locate(broker, topic.id.into(), 0, now).is_ok())
                .map(|topic| self.view(broker, topic, now))
                .collect());
        };
        Ok(topics
            .iter()
            .map(|topic| self.describe(broker, *topic, allow_auto_create, now))
            .collect())
    }

    fn describe(
        &mut self,
        broker: i32,
        topic: TopicRef<'_>,
        allow_auto_create: bool,
        now: i64,
    ) -> TopicView {
        let code = match self.locate(broker, topic, 0, now) {
            Ok((at, _)) => return self.view(broker, &self.topics[at], now),
            Err(code) => code,
        };
        let name = match topic {
            TopicRef::Name(name) => name,
            TopicRef::Id(id) => {
                return TopicView {
                    code,
                    name: None,
                    id,
                    partitions: Vec::new(),
                };
            }
        };
        let unknown = |code| TopicView {
            code,
            name: Some(name.into()),
            id: Uuid::nil(),
            partitions: Vec::new(),
        };
        if !is_valid_name(name) {
            return unknown(code::INVALID_TOPIC_EXCEPTION);
        }
        let auto = allow_auto_create && self.config.auto_create_topics;
        if auto && !self.by_name.contains_key(name) {
            let config = self.config.topic_defaults.clone();
            self.insert_topic(
                name,
                config,
                now,
                now.saturating_add(self.config.auto_create_lag_ms),
            );
        }
        unknown(code)
    }

    fn view(&self, broker: i32, topic: &Topic, now: i64) -> TopicView {
        let lag = self
            .living(broker)
            .map_or(0, |broker| broker.metadata_lag_ms);
        let partitions = topic.partitions.iter().map(|partition| {
            let leader = partition.leader_seen(lag, now);
            PartitionView {
                code: if leader.id == -1 {
                    code::LEADER_NOT_AVAILABLE
                } else {
                    code::NONE
                },
                leader,
                replicas: partition.replicas.clone(),
                isr: partition.isr.clone(),
            }
        });
        TopicView {
            code: code::NONE,
            name: Some(topic.name.clone()),
            id: topic.id,
            partitions: partitions.collect(),
        }
    }

    fn insert_topic(
        &mut self,
        name: &str,
        config: TopicConfig,
        now: i64,
        visible_from: i64,
    ) -> Uuid {
        let id = Uuid::from_u128(self.rng.u128(1..));
        let first = self.rng.i32(0..self.config.brokers.max(1));
        let partitions = (0..config.partitions)
            .map(|n| self.place(first.wrapping_add(n), config.replication_factor, now))
            .collect();
        let name: Arc<str> = name.into();
        self.by_name.insert(name.clone(), self.topics.len());
        self.by_id.insert(id, self.topics.len());
        self.topics.push(Topic {
            name,
            id,
            config,
            visible_from,
            partitions,
        });
        id
    }

    /// Replicas on consecutive brokers; the first that lives leads.
    fn place(&self, first: i32, factor: i32, now: i64) -> Partition {
        let brokers = self.brokers.len() as i32;
        let replicas: Vec<i32> = (0..factor.min(brokers))
            .map(|n| first.wrapping_add(n).rem_euclid(brokers) + 1)
            .collect();
        let living: Vec<i32> = replicas
            .iter()
            .copied()
            .filter(|id| self.is_alive(*id))
            .collect();
        let leader = Leader {
            id: living.first().copied().unwrap_or(-1),
            epoch: 0,
        };
        let isr = if living.is_empty() {
            replicas.clone()
        } else {
            living
        };
        Partition::new(replicas, isr, leader, now)
    }
}

/// Kafka's rule for topic names.
fn is_valid_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !matches!(name, "" | "." | "..") && name.len() <= 249 && name.bytes().all(legal)
}
