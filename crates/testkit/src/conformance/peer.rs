//! The cluster under test, without a client's help: its brokers, and topics for single cases.

use super::raw::{RawConnection, RawError};
use super::step::TopicKind;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, DeleteTopicsRequest, InitProducerIdRequest,
    ListOffsetsRequest, MetadataRequest, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// The version of requests other than Produce; every release since 2.8 has them.
const METADATA: i16 = 10;
const CREATE_TOPICS: i16 = 5;
const DELETE_TOPICS: i16 = 4;
const INIT_PRODUCER_ID: i16 = 3;
const LIST_OFFSETS: i16 = 6;
/// How long a topic may take to be led, or gone.
const PATIENCE: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(20);

/// Connections to a cluster: one to its first broker for control, one to each for the rest.
pub(super) struct Peer {
    bootstrap: String,
    control: RawConnection,
    brokers: HashMap<i32, RawConnection>,
}

/// A topic, as far as produce requests go.
pub(super) struct Topic {
    pub(super) name: TopicName,
    pub(super) id: Uuid,
    pub(super) old_id: Uuid,
    pub(super) leader: i32,
    pub(super) other: Option<i32>,
}

impl Peer {
    pub(super) async fn connect(bootstrap: &str) -> Result<Self, RawError> {
        let first = bootstrap.split(',').next().unwrap_or(bootstrap).to_owned();
        let control = RawConnection::connect(&first).await?;
        Ok(Self {
            bootstrap: first,
            control,
            brokers: HashMap::new(),
        })
    }

    pub(super) async fn newest_produce(&mut self) -> Result<i16, RawError> {
        let response = self.control.call(&ApiVersionsRequest::default(), 2).await?;
        let produce = response.api_keys.iter().find(|api| api.api_key == 0);
        Ok(produce.map_or(9, |api| api.max_version))
    }

    pub(super) async fn create(
        &mut self,
        name: &TopicName,
        kind: TopicKind,
        old_id: Uuid,
    ) -> Result<Topic, RawError> {
        let config = |name, value| {
            let config = CreatableTopicConfig::default().with_name(StrBytes::from_static_str(name));
            vec![config.with_value(Some(StrBytes::from_static_str(value)))]
        };
        let configs = match kind {
            TopicKind::Plain => Vec::new(),
            TopicKind::LogAppendTime => config("message.timestamp.type", "LogAppendTime"),
            TopicKind::Small => config("max.message.bytes", "1000"),
            TopicKind::Compacted => config("cleanup.policy", "compact"),
            TopicKind::NotFromTheFuture => config("message.timestamp.after.max.ms", "3600000"),
        };
        let topic = CreatableTopic::default()
            .with_name(name.clone())
            .with_num_partitions(1)
            .with_replication_factor(1)
            .with_configs(configs);
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(10_000);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let response = self.control.call(&request, CREATE_TOPICS).await?;
            match response.topics.first().map(|topic| topic.error_code) {
                Some(0) => break,
                // A deleted topic of this name is not quite gone.
                Some(36) if Instant::now() < deadline => sleep(STEP).await,
                other => return Err(RawError::Codec(format!("topic creation: {other:?}"))),
            }
        }
        loop {
            let (metadata, led) = self.metadata(name).await?;
            if let Some((id, leader)) = led
                && id != old_id
                && self.is_known_everywhere(name, id, &metadata).await?
            {
                let others = metadata.brokers.iter().map(|broker| broker.node_id.0);
                let other = { others }.find(|id| *id != leader);
                let topic = Topic {
                    name: name.clone(),
                    id,
                    old_id,
                    leader,
                    other,
                };
                // A broker knows that it leads before it does.
                if self.end(&topic).await? == 0 {
                    return Ok(topic);
                }
            }
            if Instant::now() > deadline {
                return Err(RawError::Codec(format!("{name:?} gets no leader")));
            }
            sleep(STEP).await;
        }
    }

    /// Brokers learn of a topic one after the other.
    async fn is_known_everywhere(
        &mut self,
        name: &TopicName,
        id: Uuid,
        metadata: &MetadataResponse,
    ) -> Result<bool, RawError> {
        for broker in &metadata.brokers {
            let request = metadata_request(name);
            let response = self
                .broker(broker.node_id.0)
                .await?
                .call(&request, METADATA)
                .await?;
            let topic = response.topics.first();
            if topic.is_none_or(|topic| topic.error_code != 0 || topic.topic_id != id) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) async fn delete(&mut self, name: &TopicName) -> Result<(), RawError> {
        let request = DeleteTopicsRequest::default()
            .with_topic_names(vec![name.clone()])
            .with_timeout_ms(10_000);
        self.control.call(&request, DELETE_TOPICS).await.map(drop)
    }

    pub(super) async fn init_producer_id(&mut self) -> Result<i64, RawError> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(60_000)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let response = self.control.call(&request, INIT_PRODUCER_ID).await?;
            match response.error_code {
                0 => return Ok(response.producer_id.0),
                // The broker is fetching a block of ids.
                _ if Instant::now() < deadline => sleep(STEP).await,
                code => return Err(RawError::Codec(format!("no producer id: {code}"))),
            }
        }
    }

    pub(super) async fn end(&mut self, topic: &Topic) -> Result<i64, RawError> {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(0)
            .with_current_leader_epoch(-1)
            .with_timestamp(-1);
        let asked = ListOffsetsTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![asked]);
        let response = self
            .broker(topic.leader)
            .await?
            .call(&request, LIST_OFFSETS)
            .await?;
        let partition = response
            .topics
            .first()
            .and_then(|topic| topic.partitions.first());
        Ok(partition
            .filter(|partition| partition.error_code == 0)
            .map_or(-1, |led| led.offset))
    }

    /// What the first broker says of a topic, and the topic's id and leader if it has one.
    async fn metadata(
        &mut self,
        name: &TopicName,
    ) -> Result<(MetadataResponse, Option<(Uuid, i32)>), RawError> {
        let response = self.control.call(&metadata_request(name), METADATA).await?;
        let led = response.topics.first().and_then(|topic| {
            let leader = topic.partitions.first()?.leader_id.0;
            (topic.error_code == 0 && leader >= 0).then_some((topic.topic_id, leader))
        });
        Ok((response, led))
    }

    pub(super) async fn broker(&mut self, id: i32) -> Result<&mut RawConnection, RawError> {
        if !self.brokers.contains_key(&id) {
            let response = self
                .control
                .call(&MetadataRequest::default(), METADATA)
                .await?;
            let broker = response
                .brokers
                .iter()
                .find(|broker| broker.node_id.0 == id);
            let address = broker.map_or_else(
                || self.bootstrap.clone(),
                |broker| format!("{}:{}", broker.host.as_str(), broker.port),
            );
            self.brokers
                .insert(id, RawConnection::connect(address).await?);
        }
        self.brokers
            .get_mut(&id)
            .ok_or_else(|| RawError::Codec(format!("no broker {id}")))
    }
}

fn metadata_request(name: &TopicName) -> MetadataRequest {
    let topic = MetadataRequestTopic::default().with_name(Some(name.clone()));
    MetadataRequest::default()
        .with_topics(Some(vec![topic]))
        .with_allow_auto_topic_creation(false)
}
