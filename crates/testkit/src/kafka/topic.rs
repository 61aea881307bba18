//! What the brokers know about topics.

use super::{
    ClusterError, Connection, KafkaCluster,
    node::{Node, State},
    poll::CALL,
};
use kafka_protocol::{
    messages::{
        MetadataRequest, TopicName,
        metadata_request::MetadataRequestTopic,
        metadata_response::{MetadataResponsePartition, MetadataResponseTopic},
    },
    protocol::{Request, StrBytes},
};
use uuid::Uuid;

/// A topic as one broker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicState {
    /// Its name.
    pub name: String,
    /// Its id: another one after the topic was deleted and created anew.
    pub id: Uuid,
    /// Its partitions, by number.
    pub partitions: Vec<PartitionState>,
}

/// A partition as one broker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionState {
    /// Its leader, if it has one.
    pub leader: Option<i32>,
    /// Counts the leaders it had.
    pub leader_epoch: i32,
    /// The nodes that hold it, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Those of them that are in sync.
    pub in_sync: Vec<i32>,
}

impl TopicState {
    pub(super) fn all_have_leaders(&self) -> bool {
        self.partitions
            .iter()
            .all(|partition| partition.leader.is_some())
    }
}

impl KafkaCluster {
    /// A topic as a running node sees it now; the view may be a little behind.
    ///
    /// # Errors
    /// If there is no such topic or no node answers.
    pub async fn topic(&self, name: &str) -> Result<TopicState, ClusterError> {
        let request = about(name);
        let response = self.ask_any(&request, METADATA).await?;
        one_topic(name, response.topics)
    }

    pub(super) async fn topic_seen_by(
        &self,
        node: &Node,
        name: &str,
    ) -> Result<TopicState, ClusterError> {
        let mut connection = Connection::open(node.listeners.plaintext, CALL).await?;
        let response = connection.call(&about(name), METADATA).await?;
        one_topic(name, response.topics)
    }

    pub(super) async fn all_topics_seen_by(
        &self,
        node: &Node,
    ) -> Result<(usize, Vec<TopicState>), ClusterError> {
        let mut connection = Connection::open(node.listeners.plaintext, CALL).await?;
        let response = connection
            .call(&MetadataRequest::default().with_topics(None), METADATA)
            .await?;
        let topics = response
            .topics
            .into_iter()
            .map(topic_state)
            .collect::<Result<_, _>>()?;
        Ok((response.brokers.len(), topics))
    }

    pub(super) fn running(&self) -> impl Iterator<Item = &Node> {
        self.nodes
            .iter()
            .filter(|node| node.state() == State::Running)
    }

    /// Asks a node that runs; the next one if the first cannot be talked to.
    pub(super) async fn ask_any<R>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<R::Response, ClusterError>
    where
        R: Request + Sync,
        R::Response: Send,
    {
        let mut last = ClusterError::Node {
            node: 0,
            state: "is what no node is: none of them runs",
        };
        for node in self.running() {
            match Connection::open(node.listeners.plaintext, CALL).await {
                Ok(mut connection) => match connection.call(request, version).await {
                    Ok(response) => return Ok(response),
                    Err(error) => last = error,
                },
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// The newest version that names topics and that both 3.9 and 4.3 speak.
pub(super) const METADATA: i16 = 12;

fn about(name: &str) -> MetadataRequest {
    let topic = MetadataRequestTopic::default().with_name(Some(topic_name(name)));
    MetadataRequest::default().with_topics(Some(vec![topic]))
}

pub(super) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

fn one_topic(name: &str, topics: Vec<MetadataResponseTopic>) -> Result<TopicState, ClusterError> {
    let action = || format!("asking for topic {name}");
    let topic = topics
        .into_iter()
        .next()
        .ok_or_else(|| ClusterError::Unreadable {
            action: action(),
            reason: "it is not in the answer".into(),
        })?;
    ClusterError::check(&action(), topic.error_code, None)?;
    topic_state(topic)
}

fn topic_state(topic: MetadataResponseTopic) -> Result<TopicState, ClusterError> {
    let name = topic.name.map_or_else(String::new, |name| name.to_string());
    let mut partitions = topic.partitions;
    partitions.sort_by_key(|partition| partition.partition_index);
    if (0..)
        .zip(&partitions)
        .any(|(index, partition)| partition.partition_index != index)
    {
        return Err(ClusterError::Unreadable {
            action: format!("asking for topic {name}"),
            reason: "its partitions are not numbered from 0".into(),
        });
    }
    Ok(TopicState {
        name,
        id: topic.topic_id,
        partitions: partitions.into_iter().map(partition_state).collect(),
    })
}

fn partition_state(partition: MetadataResponsePartition) -> PartitionState {
    let ids =
        |nodes: Vec<kafka_protocol::messages::BrokerId>| nodes.into_iter().map(|id| id.0).collect();
    PartitionState {
        leader: (partition.leader_id.0 >= 0).then_some(partition.leader_id.0),
        leader_epoch: partition.leader_epoch,
        replicas: ids(partition.replica_nodes),
        in_sync: ids(partition.isr_nodes),
    }
}
