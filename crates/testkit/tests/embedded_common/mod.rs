//! A client of a few requests, for the embedded broker's own tests.
#![allow(dead_code, reason = "each test binary uses its part")]

use bytes::Bytes;
use guanaco_engine::Header;
use guanaco_engine::batch::{BatchHeader, decode::batches, encode::Encode};
use guanaco_testkit::conformance::{RawConnection, RawError};
use guanaco_testkit::embedded::EmbeddedBroker;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{
    FetchRequest, MetadataRequest, ProduceRequest, ProduceResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use std::time::Duration;

/// Of all records.
pub(crate) const TIMESTAMP: i64 = 1_700_000_000_000;
const PRODUCE: i16 = 12;
const FETCH: i16 = 12;

pub(crate) struct Client {
    pub(crate) raw: RawConnection,
}

impl Client {
    /// To the first broker.
    pub(crate) async fn connect(broker: &EmbeddedBroker) -> Self {
        let servers = broker.bootstrap_servers();
        Self::connect_to(servers.split(',').next().expect("one broker at least")).await
    }

    pub(crate) async fn connect_to(address: &str) -> Self {
        Self {
            raw: RawConnection::connect(address)
                .await
                .expect("the broker listens"),
        }
    }

    /// Error code and base offset.
    pub(crate) async fn produce(
        &mut self,
        topic: &str,
        partition: i32,
        values: &[&str],
    ) -> (i16, i64) {
        let id = self.send(topic, partition, -1, values).await;
        self.receive(id).await
    }

    pub(crate) async fn send(
        &mut self,
        topic: &str,
        partition: i32,
        acks: i16,
        values: &[&str],
    ) -> i32 {
        let request = produce(topic, partition, acks, values);
        self.raw
            .send(&request, PRODUCE)
            .await
            .expect("the connection lives")
    }

    pub(crate) async fn receive(&mut self, id: i32) -> (i16, i64) {
        let response = self.raw.receive::<ProduceRequest>(id, PRODUCE).await;
        let answer = only(response.expect("the request is answered"));
        (answer.error_code, answer.base_offset)
    }

    pub(crate) async fn expect_closed(&mut self) {
        match self.raw.receive_bytes().await {
            Err(RawError::Io(_)) => {}
            other => panic!("the connection should be closed: {other:?}"),
        }
    }

    pub(crate) async fn metadata(&mut self, topic: &str) -> MetadataResponseTopic {
        let topic = MetadataRequestTopic::default().with_name(Some(name(topic)));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![topic]))
            .with_allow_auto_topic_creation(true);
        let mut response = self
            .raw
            .call(&request, 12)
            .await
            .expect("the request is answered");
        response.topics.remove(0)
    }

    /// Error code, and offsets with values.
    pub(crate) async fn fetch(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
        wait: Duration,
    ) -> (i16, Vec<(i64, Bytes)>) {
        let partition = FetchPartition::default()
            .with_partition(partition)
            .with_fetch_offset(offset)
            .with_current_leader_epoch(-1)
            .with_partition_max_bytes(1 << 20);
        let topic = FetchTopic::default()
            .with_topic(name(topic))
            .with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_replica_id((-1).into())
            .with_max_wait_ms(wait.as_millis() as i32)
            .with_min_bytes(1)
            .with_max_bytes(1 << 20)
            .with_session_epoch(-1)
            .with_topics(vec![topic]);
        let mut response = self
            .raw
            .call(&request, FETCH)
            .await
            .expect("the request is answered");
        let partition = response.responses.remove(0).partitions.remove(0);
        let records = batches(partition.records.unwrap_or_default()).flat_map(|batch| {
            let batch = batch.expect("the checksum is right");
            let base = batch.header.base_offset;
            let records = batch.records().expect("the records are well-formed");
            records.into_iter().map(move |record| {
                (
                    base + i64::from(record.offset_delta),
                    record.value.unwrap_or_default(),
                )
            })
        });
        (partition.error_code, records.collect())
    }
}

/// The whole answer to one record for partition 0.
pub(crate) async fn produce_error(client: &mut Client, topic: &str) -> PartitionProduceResponse {
    let response = client
        .raw
        .call(&produce(topic, 0, -1, &["x"]), PRODUCE)
        .await;
    only(response.expect("the request is answered"))
}

pub(crate) fn produce(topic: &str, partition: i32, acks: i16, values: &[&str]) -> ProduceRequest {
    let records = PartitionProduceData::default()
        .with_index(partition)
        .with_records(Some(batch(values)));
    let topic = TopicProduceData::default()
        .with_name(name(topic))
        .with_partition_data(vec![records]);
    ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(1_000)
        .with_topic_data(vec![topic])
}

fn batch(values: &[&str]) -> Bytes {
    let headers = [Header::new("header", &b"value"[..]), Header::null("null")];
    let mut body = Vec::new();
    for (offset_delta, value) in (0..).zip(values) {
        let value = Some(value.as_bytes());
        Encode::new(offset_delta, 0, Some(b"key"), value, &headers).append_to(&mut body);
    }
    let header = BatchHeader {
        last_offset_delta: values.len() as i32 - 1,
        base_timestamp: TIMESTAMP,
        max_timestamp: TIMESTAMP,
        record_count: values.len() as i32,
        ..BatchHeader::default()
    };
    [&header.encode(&body)[..], &body].concat().into()
}

fn only(mut response: ProduceResponse) -> PartitionProduceResponse {
    response.responses.remove(0).partition_responses.remove(0)
}

fn name(topic: &str) -> TopicName {
    StrBytes::from_string(topic.to_owned()).into()
}
