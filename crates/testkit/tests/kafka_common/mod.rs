//! Producing by hand.

use bytes::{Bytes, BytesMut};
use guanaco_testkit::kafka::{ClusterError, Connection};
use kafka_protocol::{
    messages::{
        ProduceRequest, TopicName,
        produce_request::{PartitionProduceData, TopicProduceData},
    },
    protocol::StrBytes,
    records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType},
};
use std::{net::SocketAddr, time::Duration};

/// A record without headers, made at 1,700,000,000,000 ms.
pub(crate) fn record(key: Option<&'static str>, value: Option<&'static str>) -> Record {
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        // A producer's batch begins at offset 0 and the broker moves it.
        offset: 0,
        sequence: -1,
        timestamp: 1_700_000_000_000,
        key: key.map(Bytes::from),
        value: value.map(Bytes::from),
        headers: Default::default(),
    }
}

/// Sends one record with acks=all; the error code and offset that the broker answers with.
pub(crate) async fn produce(
    address: SocketAddr,
    topic: &str,
    partition: i32,
    record: &Record,
) -> Result<(i16, i64), ClusterError> {
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    RecordBatchEncoder::encode(&mut batch, [record], &options).expect("the record encodes");
    let data = PartitionProduceData::default()
        .with_index(partition)
        .with_records(Some(batch.freeze()));
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![topic]);
    let mut connection = Connection::open(address, Duration::from_secs(10)).await?;
    let response = connection.call(&request, 9).await?;
    let answer = &response.responses[0].partition_responses[0];
    Ok((answer.error_code, answer.base_offset))
}
