//! Metadata, and the requests that make, grow and delete topics.

use super::Call;
use crate::model::{Refused, TopicConfig, TopicRef, TopicView, code};
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest,
    CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, MetadataRequest,
    MetadataResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

impl Call<'_> {
    pub(super) fn metadata(&mut self, request: MetadataRequest) -> MetadataResponse {
        let brokers: Vec<_> = self
            .cluster
            .alive()
            .filter_map(|id| {
                let (host, port) = self.address(id)?;
                let broker = MetadataResponseBroker::default().with_node_id(id.into());
                Some(broker.with_host(host).with_port(port))
            })
            .collect();
        let controller = brokers
            .first()
            .map_or(BrokerId(-1), |broker| broker.node_id);
        MetadataResponse::default()
            .with_throttle_time_ms(self.twist.throttle_ms)
            .with_cluster_id(Some(StrBytes::from_string(self.face.cluster_id.clone())))
            .with_controller_id(controller)
            .with_brokers(brokers)
            .with_topics(self.describe(request))
    }

    fn describe(&mut self, request: MetadataRequest) -> Vec<MetadataResponseTopic> {
        let named = match request.topics {
            // Version 0 says "all" with an empty list.
            Some(topics) if self.version == 0 && topics.is_empty() => None,
            topics => topics,
        };
        let references: Option<Vec<TopicRef<'_>>> = named.as_ref().map(|topics| {
            topics
                .iter()
                .map(|topic| reference(topic.name.as_ref(), topic.topic_id))
                .collect()
        });
        if let (Some(code), Some(references)) = (self.twist.error, &references) {
            let refused = |topic: &TopicRef<'_>| {
                let (name, id) = match topic {
                    TopicRef::Name(name) => (Some(topic_name(name)), Uuid::nil()),
                    TopicRef::Id(id) => (None, *id),
                };
                MetadataResponseTopic::default()
                    .with_error_code(code)
                    .with_name(name)
                    .with_topic_id(id)
            };
            return references.iter().map(refused).collect();
        }
        let auto = self.version < 4 || request.allow_auto_topic_creation;
        let views = self
            .cluster
            .metadata(self.broker, references.as_deref(), auto, self.now);
        // A dead broker has no connections that could ask.
        views
            .unwrap_or_default()
            .into_iter()
            .map(|view| self.topic(view))
            .collect()
    }

    fn topic(&self, view: TopicView) -> MetadataResponseTopic {
        let partitions = (0..).zip(view.partitions).map(|(index, partition)| {
            let dead = |id: &&i32| !self.cluster.is_alive(**id);
            let offline = partition
                .replicas
                .iter()
                .filter(dead)
                .map(|id| BrokerId(*id))
                .collect();
            MetadataResponsePartition::default()
                .with_error_code(partition.code)
                .with_partition_index(index)
                .with_leader_id(partition.leader.id.into())
                .with_leader_epoch(partition.leader.epoch)
                .with_offline_replicas(offline)
                .with_replica_nodes(ids(partition.replicas))
                .with_isr_nodes(ids(partition.isr))
        });
        MetadataResponseTopic::default()
            .with_error_code(view.code)
            .with_name(view.name.as_deref().map(topic_name))
            .with_topic_id(view.id)
            .with_partitions(partitions.collect())
    }

    pub(super) fn create_topics(&mut self, request: CreateTopicsRequest) -> CreateTopicsResponse {
        let validate_only = request.validate_only;
        let topics = request.topics.into_iter().map(|topic| {
            let result = self.create_topic(&topic, validate_only);
            let response = CreatableTopicResult::default().with_name(topic.name);
            match result {
                Ok((id, config)) => response
                    .with_topic_id(id)
                    .with_num_partitions(config.partitions)
                    .with_replication_factor(config.replication_factor as i16),
                Err(refused) => response.with_error_code(refused.code),
            }
        });
        let topics = topics.collect();
        CreateTopicsResponse::default()
            .with_topics(topics)
            .with_throttle_time_ms(self.twist.throttle_ms)
    }

    fn create_topic(
        &mut self,
        topic: &CreatableTopic,
        validate_only: bool,
    ) -> Result<(Uuid, TopicConfig), Refused> {
        if let Some(code) = self.twist.error {
            return Err(code.into());
        }
        if !topic.assignments.is_empty() {
            return Err(code::INVALID_REPLICA_ASSIGNMENT.into());
        }
        let brokers = self.cluster.config().brokers;
        let mut config = self.cluster.config().topic_defaults.clone();
        config.replication_factor = config.replication_factor.min(brokers);
        if topic.num_partitions != -1 {
            config.partitions = topic.num_partitions;
        }
        if topic.replication_factor != -1 {
            config.replication_factor = topic.replication_factor.into();
        }
        if config.replication_factor > brokers {
            return Err(code::INVALID_REPLICATION_FACTOR.into());
        }
        for setting in &topic.configs {
            apply(&mut config, setting)?;
        }
        let name = topic.name.as_str();
        self.cluster.check_new_topic(name, &config)?;
        if validate_only {
            return Ok((Uuid::nil(), config));
        }
        Ok((
            self.cluster.create_topic(name, config.clone(), self.now)?,
            config,
        ))
    }

    pub(super) fn delete_topics(&mut self, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
        let by_name = request.topic_names.into_iter();
        let by_name = by_name.map(|name| DeleteTopicState::default().with_name(Some(name)));
        let responses = by_name.chain(request.topics).map(|topic| {
            let reference = reference(topic.name.as_ref(), topic.topic_id);
            let result = match self.twist.error {
                Some(code) => Err(code.into()),
                None => self.cluster.delete_topic(reference),
            };
            let response = DeletableTopicResult::default()
                .with_topic_id(topic.topic_id)
                .with_error_code(code_of(result));
            response.with_name(topic.name)
        });
        let responses = responses.collect();
        DeleteTopicsResponse::default()
            .with_responses(responses)
            .with_throttle_time_ms(self.twist.throttle_ms)
    }

    pub(super) fn create_partitions(
        &mut self,
        request: CreatePartitionsRequest,
    ) -> CreatePartitionsResponse {
        let validate_only = request.validate_only;
        let results = request.topics.into_iter().map(|topic| {
            let name = topic.name.as_str();
            let result = match (self.twist.error, self.cluster.partition_count(name)) {
                (Some(code), _) => Err(code.into()),
                _ if topic.assignments.is_some() => Err(code::INVALID_REPLICA_ASSIGNMENT.into()),
                (None, Some(count)) if validate_only && topic.count > count => Ok(()),
                _ => self.cluster.create_partitions(name, topic.count, self.now),
            };
            let response = CreatePartitionsTopicResult::default();
            response
                .with_error_code(code_of(result))
                .with_name(topic.name)
        });
        let results = results.collect();
        CreatePartitionsResponse::default()
            .with_results(results)
            .with_throttle_time_ms(self.twist.throttle_ms)
    }
}

/// Settings without a meaning in the model: it has no disk, cleans nothing and forgets by size only.
const WITHOUT_EFFECT: [&str; 10] = [
    "compression.type",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "message.timestamp.before.max.ms",
    "min.cleanable.dirty.ratio",
    "retention.ms",
    "segment.bytes",
    "segment.ms",
];

fn apply(config: &mut TopicConfig, setting: &CreatableTopicConfig) -> Result<(), Refused> {
    fn parsed<T: std::str::FromStr>(value: &str) -> Result<T, Refused> {
        value.parse().map_err(|_| code::INVALID_CONFIG.into())
    }
    let Some(value) = setting.value.as_ref().map(StrBytes::as_str) else {
        return Err(code::INVALID_CONFIG.into());
    };
    match setting.name.as_str() {
        "max.message.bytes" => config.max_message_bytes = parsed(value)?,
        "message.timestamp.after.max.ms" => config.timestamp_after_max_ms = parsed(value)?,
        "min.insync.replicas" => config.min_insync_replicas = parsed(value)?,
        "retention.bytes" => {
            config.retention_bytes = usize::try_from(parsed::<i64>(value)?).ok();
        }
        "cleanup.policy" => match value {
            "compact" | "compact,delete" | "delete,compact" => config.compacted = true,
            "delete" => config.compacted = false,
            _ => return Err(code::INVALID_CONFIG.into()),
        },
        "message.timestamp.type" => match value {
            "LogAppendTime" => config.log_append_time = true,
            "CreateTime" => config.log_append_time = false,
            _ => return Err(code::INVALID_CONFIG.into()),
        },
        name if WITHOUT_EFFECT.contains(&name) => {}
        _ => return Err(code::INVALID_CONFIG.into()),
    }
    Ok(())
}

fn ids(brokers: Vec<i32>) -> Vec<BrokerId> {
    brokers.into_iter().map(BrokerId).collect()
}

fn topic_name(name: &str) -> TopicName {
    StrBytes::from_string(name.to_owned()).into()
}

fn reference(name: Option<&TopicName>, id: Uuid) -> TopicRef<'_> {
    name.map_or(TopicRef::Id(id), |name| TopicRef::Name(name.0.as_str()))
}

fn code_of(result: Result<(), Refused>) -> i16 {
    result.map_or_else(|refused| refused.code, |()| code::NONE)
}
