//! Offsets, which only a partition's leader knows; so they also tell whether it leads already.

use super::{
    ClusterError, Connection, KafkaCluster,
    node::State,
    poll::{CALL, Look, until},
    topic::{TopicState, topic_name},
};
use kafka_protocol::messages::{
    BrokerId, ListOffsetsRequest,
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
};
use std::collections::BTreeMap;

/// An end of a log, by the number that stands for it in a request.
#[derive(Clone, Copy)]
pub(super) enum End {
    First = -2,
    Last = -1,
}

impl KafkaCluster {
    /// The offset behind the last replicated record of each partition.
    ///
    /// # Errors
    /// If there is no such topic or a partition has no leader.
    pub async fn end_offsets(&self, topic: &str) -> Result<Vec<i64>, ClusterError> {
        self.offsets(topic, End::Last).await
    }

    pub(super) async fn offsets(&self, topic: &str, end: End) -> Result<Vec<i64>, ClusterError> {
        until(format!("asking for the offsets of {topic}"), || async {
            let state = self.topic(topic).await?;
            self.ask_leaders(&state, end, |_| true).await
        })
        .await
    }

    /// Waits until those who lead the partitions wanted also serve them. A broker's metadata names it
    /// as the leader some milliseconds before it takes requests as such.
    pub(super) async fn wait_until_served(
        &self,
        topic: &str,
        wanted: impl Fn(i32) -> bool + Send + Sync,
    ) -> Result<(), ClusterError> {
        let wanted = &wanted;
        until(
            format!("the leaders of {topic} serving it"),
            || async move {
                let state = self.topic(topic).await?;
                Ok(match self.ask_leaders(&state, End::First, wanted).await? {
                    Look::Done(_) => Look::Done(()),
                    Look::NotYet(seen) => Look::NotYet(seen),
                })
            },
        )
        .await
    }

    /// The offsets of the partitions wanted, in order, one request a leader.
    async fn ask_leaders(
        &self,
        topic: &TopicState,
        end: End,
        wanted: impl Fn(i32) -> bool + Send + Sync,
    ) -> Result<Look<Vec<i64>>, ClusterError> {
        let mut led: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for (partition, state) in (0..)
            .zip(&topic.partitions)
            .filter(|(partition, _)| wanted(*partition))
        {
            match state.leader {
                Some(leader) => led.entry(leader).or_default().push(partition),
                None => {
                    return Ok(Look::NotYet(format!(
                        "{}/{partition} has no leader",
                        topic.name
                    )));
                }
            }
        }
        let mut offsets = BTreeMap::new();
        for (leader, partitions) in led {
            let node = self.node(leader)?;
            if node.state() != State::Running {
                return Ok(Look::NotYet(format!(
                    "node {leader} leads {partitions:?} and does not run"
                )));
            }
            let mut connection = Connection::open(node.listeners.plaintext, CALL).await?;
            let response = connection
                .call(&list_offsets(&topic.name, &partitions, end), 7)
                .await?;
            for answer in response.topics.iter().flat_map(|topic| &topic.partitions) {
                if answer.error_code == UNKNOWN_TOPIC_OR_PARTITION {
                    // The metadata knows it, so it is on its way.
                    return Ok(Look::NotYet(format!(
                        "node {leader} does not know {}",
                        topic.name
                    )));
                }
                let action = format!(
                    "asking for the offsets of {}/{}",
                    topic.name, answer.partition_index
                );
                ClusterError::check(&action, answer.error_code, None)?;
                offsets.insert(answer.partition_index, answer.offset);
            }
        }
        Ok(Look::Done(offsets.into_values().collect()))
    }
}

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

fn list_offsets(topic: &str, partitions: &[i32], end: End) -> ListOffsetsRequest {
    let partitions = partitions.iter().map(|partition| {
        ListOffsetsPartition::default()
            .with_partition_index(*partition)
            .with_current_leader_epoch(-1)
            .with_timestamp(end as i64)
    });
    let topic = ListOffsetsTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(partitions.collect());
    ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_topics(vec![topic])
}
