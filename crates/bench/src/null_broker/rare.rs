//! The requests that a producer makes once or now and then, through `kafka-protocol`.

use super::{skim::malformed, topics::Topics};
use bytes::Bytes;
use kafka_protocol::{
    messages::{
        ApiKey, ApiVersionsResponse, BrokerId, InitProducerIdResponse, MetadataRequest,
        MetadataResponse, ProducerId, TopicName,
        api_versions_response::ApiVersion,
        metadata_response::{
            MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
        },
    },
    protocol::{Decodable, Encodable, StrBytes},
};
use std::{
    io,
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

const NODE: BrokerId = BrokerId(0);

/// The versions that are offered. Clients take the newest that both know.
const APIS: [(ApiKey, i16, i16); 4] = [
    (ApiKey::Produce, 3, 13),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::InitProducerId, 0, 5),
];

/// What the answers need to know.
pub(super) struct Facts<'a> {
    pub(super) port: u16,
    pub(super) topics: &'a Mutex<Topics>,
    pub(super) next_producer_id: &'a AtomicI64,
}

/// Appends the answer to one request other than Produce, without its header.
pub(super) fn answer(
    facts: &Facts<'_>,
    api: ApiKey,
    version: i16,
    body: Vec<u8>,
    reply: &mut Vec<u8>,
) -> io::Result<()> {
    let mut body = Bytes::from(body);
    match api {
        ApiKey::ApiVersions => {
            // A version that we do not know is answered in version 0, as Kafka does.
            let known = (0..=4).contains(&version);
            let error = if known { 0 } else { 35 };
            encode(
                &api_versions().with_error_code(error),
                if known { version } else { 0 },
                reply,
            )
        }
        ApiKey::Metadata => {
            let request = MetadataRequest::decode(&mut body, version)
                .map_err(|_| malformed("metadata request"))?;
            encode(&metadata(facts, request), version, reply)
        }
        ApiKey::InitProducerId => {
            let id = facts.next_producer_id.fetch_add(1, Relaxed);
            let response = InitProducerIdResponse::default()
                .with_producer_id(ProducerId(id))
                .with_producer_epoch(0);
            encode(&response, version, reply)
        }
        _ => Err(malformed("a request that a producer does not send")),
    }
}

fn api_versions() -> ApiVersionsResponse {
    let keys = APIS.map(|(api, min, max)| {
        ApiVersion::default()
            .with_api_key(api as i16)
            .with_min_version(min)
            .with_max_version(max)
    });
    ApiVersionsResponse::default().with_api_keys(keys.into())
}

fn metadata(facts: &Facts<'_>, request: MetadataRequest) -> MetadataResponse {
    let mut topics = facts
        .topics
        .lock()
        .unwrap_or_else(|broken| broken.into_inner());
    let positions: Vec<usize> = match request.topics {
        None => (0..topics.all().len()).collect(),
        Some(asked) => asked
            .into_iter()
            .filter_map(|topic| match topic.name {
                Some(name) => Some(topics.position(&name)),
                None => topics.position_of_id(topic.topic_id),
            })
            .collect(),
    };
    let described = positions.into_iter().map(|at| {
        let topic = &topics.all()[at];
        let partitions = (0..topic.partition_count()).map(|index| {
            MetadataResponsePartition::default()
                .with_partition_index(index)
                .with_leader_id(NODE)
                .with_leader_epoch(0)
                .with_replica_nodes(vec![NODE])
                .with_isr_nodes(vec![NODE])
        });
        MetadataResponseTopic::default()
            .with_name(Some(TopicName(StrBytes::from_string(
                topic.name.to_string(),
            ))))
            .with_topic_id(topic.id)
            .with_partitions(partitions.collect())
    });
    let broker = MetadataResponseBroker::default()
        .with_node_id(NODE)
        .with_host(StrBytes::from_static_str("127.0.0.1"))
        .with_port(i32::from(facts.port));
    MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(StrBytes::from_static_str("null-broker")))
        .with_controller_id(NODE)
        .with_topics(described.collect())
}

fn encode<T: Encodable>(response: &T, version: i16, reply: &mut Vec<u8>) -> io::Result<()> {
    response
        .encode(reply, version)
        .map_err(|_| malformed("a version that is not offered"))
}
