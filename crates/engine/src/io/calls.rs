//! The requests that run one at a time on a control connection.

use super::{
    connection::{CallError, Connection},
    shape::Malformed,
};
use crate::{
    KafkaError, Topic,
    core::{BrokerView, ClusterView, PartitionView, TopicView},
};
use kafka_protocol::{
    messages::{
        InitProducerIdRequest, MetadataRequest, MetadataResponse, TopicName,
        metadata_request::MetadataRequestTopic,
        metadata_response::{MetadataResponseBroker, MetadataResponseTopic},
    },
    protocol::StrBytes,
};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// More partitions than any topic has; a broker cannot make us reserve room for more.
const MAX_PARTITIONS: i32 = 1 << 20;

/// Asks for the brokers and for these topics (for none, if `topics` is empty), which the broker may
/// create where it is configured to.
pub(crate) async fn metadata<S>(
    connection: &mut Connection<S>,
    topics: &[Topic],
    limit: Duration,
) -> Result<ClusterView, CallError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let wanted = |topic: &Topic| {
        let name = StrBytes::from_string(topic.as_str().to_owned());
        MetadataRequestTopic::default().with_name(Some(TopicName(name)))
    };
    // `Some` of an empty list asks for no topic, `None` for all of them.
    let request = MetadataRequest::default()
        .with_topics(Some(topics.iter().map(wanted).collect()))
        .with_allow_auto_topic_creation(true);
    let response = connection.call(&request, limit).await?;
    if let Some(error) = KafkaError::from_code(response.error_code, None) {
        return Err(CallError::Refused(error));
    }
    Ok(view(response)?)
}

/// Asks for a producer id of our own, and its epoch.
pub(crate) async fn init_producer_id<S>(
    connection: &mut Connection<S>,
    limit: Duration,
) -> Result<(i64, i16), CallError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    // Id and epoch of -1 ask for a new id; the time-out is for transactions only.
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(i32::MAX)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1);
    let response = connection.call(&request, limit).await?;
    if let Some(error) = KafkaError::from_code(response.error_code, None) {
        return Err(CallError::Refused(error));
    }
    match (response.producer_id.0, response.producer_epoch) {
        (id @ 0.., epoch @ 0..) => Ok((id, epoch)),
        _ => Err(Malformed("a negative producer id").into()),
    }
}

fn view(response: MetadataResponse) -> Result<ClusterView, Malformed> {
    Ok(ClusterView {
        cluster_id: response.cluster_id.map(|id| (&*id).into()),
        brokers: response
            .brokers
            .iter()
            .map(broker)
            .collect::<Result<_, _>>()?,
        topics: response
            .topics
            .iter()
            .map(topic)
            .collect::<Result<_, _>>()?,
    })
}

fn broker(broker: &MetadataResponseBroker) -> Result<BrokerView, Malformed> {
    let port = u16::try_from(broker.port).map_err(|_| Malformed("a broker's port"))?;
    Ok(BrokerView {
        id: broker.node_id.0,
        host: (&*broker.host).into(),
        port,
    })
}

fn topic(topic: &MetadataResponseTopic) -> Result<TopicView, Malformed> {
    let name = topic
        .name
        .as_ref()
        .ok_or(Malformed("a topic without a name"))?;
    let partitions = topic.partitions.iter().map(|partition| {
        if !(0..MAX_PARTITIONS).contains(&partition.partition_index) {
            return Err(Malformed("a partition's number"));
        }
        Ok(PartitionView {
            index: partition.partition_index,
            leader: partition.leader_id.0,
            leader_epoch: partition.leader_epoch,
        })
    });
    Ok(TopicView {
        name: Topic::from(name.to_string()),
        id: topic.topic_id,
        error: topic.error_code,
        partitions: partitions.collect::<Result<_, _>>()?,
    })
}
