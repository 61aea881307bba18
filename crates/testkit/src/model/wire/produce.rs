//! Produce.

use super::{Call, Malformed, Reply, Request};
use crate::model::{Appended, Leader, Refused, TopicRef};
use bytes::Bytes;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{
    LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

/// From here on topics go by id.
const BY_ID: i16 = 13;
/// From here on a refusal names the leader.
const LEADER_HINTS: i16 = 10;

impl Call<'_> {
    pub(super) fn produce(&mut self, request: &Request) -> Result<Reply, Malformed> {
        let produce: ProduceRequest = request.decode()?;
        let acks = produce.acks;
        let mut response = ProduceResponse::default().with_throttle_time_ms(self.twist.throttle_ms);
        let mut failed = false;
        response.responses.reserve_exact(produce.topic_data.len());
        for topic in produce.topic_data {
            let name = topic.name.0;
            let to = match self.version {
                BY_ID.. => TopicRef::Id(topic.topic_id),
                _ => TopicRef::Name(name.as_str()),
            };
            let mut partitions = Vec::with_capacity(topic.partition_data.len());
            for partition in topic.partition_data {
                let result = self.append(to, acks, &partition);
                failed |= result.is_err();
                let endpoints = &mut response.node_endpoints;
                partitions.push(self.partition_response(partition.index, result, endpoints));
            }
            let answered = TopicProduceResponse::default()
                .with_topic_id(topic.topic_id)
                .with_name(name.into())
                .with_partition_responses(partitions);
            response.responses.push(answered);
        }
        match (acks, failed) {
            (0, false) => Ok(Reply::Silence),
            (0, true) => Ok(Reply::Close),
            _ => request.encode(&response).map(Reply::Answer),
        }
    }

    fn append(
        &mut self,
        topic: TopicRef<'_>,
        acks: i16,
        partition: &PartitionProduceData,
    ) -> Result<Appended, Refused> {
        if let Some(code) = self.twist.error {
            return Err(code.into());
        }
        let none = Bytes::new();
        let bytes = partition.records.as_ref().unwrap_or(&none);
        self.cluster
            .append_bytes(self.broker, topic, partition.index, acks, bytes, self.now)
    }

    fn partition_response(
        &self,
        index: i32,
        result: Result<Appended, Refused>,
        endpoints: &mut Vec<NodeEndpoint>,
    ) -> PartitionProduceResponse {
        let response = PartitionProduceResponse::default().with_index(index);
        match result {
            Ok(appended) => response
                .with_base_offset(appended.base_offset)
                .with_log_append_time_ms(appended.log_append_time.unwrap_or(-1))
                .with_log_start_offset(appended.log_start_offset),
            Err(refused) => {
                let response = response
                    .with_error_code(refused.code)
                    .with_base_offset(-1)
                    .with_log_append_time_ms(-1)
                    .with_log_start_offset(-1);
                match refused.leader {
                    Some(leader) if self.version >= LEADER_HINTS => {
                        self.mention(leader.id, endpoints);
                        response.with_current_leader(hint(leader))
                    }
                    _ => response,
                }
            }
        }
    }

    /// Puts a leader's address into the response, once.
    fn mention(&self, leader: i32, endpoints: &mut Vec<NodeEndpoint>) {
        if endpoints
            .iter()
            .any(|endpoint| endpoint.node_id.0 == leader)
        {
            return;
        }
        if let Some((host, port)) = self.address(leader) {
            let endpoint = NodeEndpoint::default().with_node_id(leader.into());
            endpoints.push(endpoint.with_host(host).with_port(port));
        }
    }
}

fn hint(leader: Leader) -> LeaderIdAndEpoch {
    LeaderIdAndEpoch::default()
        .with_leader_id(leader.id.into())
        .with_leader_epoch(leader.epoch)
}
