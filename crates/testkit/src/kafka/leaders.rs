//! Who leads, and making it somebody else.

use super::{
    ClusterError, KafkaCluster,
    admin::TIMEOUT_MS,
    node::{Node, State},
    poll::{Look, until},
    topic::topic_name,
};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, BrokerId, ElectLeadersRequest,
    alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic},
    elect_leaders_request::TopicPartitions,
};

impl KafkaCluster {
    /// The leader of a partition, once all running nodes agree and it serves. Right after a kill
    /// that is still the dead one: see [`leader_other_than`](Self::leader_other_than).
    ///
    /// # Errors
    /// If there is no such partition, or it gets no leader.
    pub async fn leader(&self, topic: &str, partition: i32) -> Result<i32, ClusterError> {
        self.wait_for_leader(topic, partition, None).await
    }

    /// The leader of a partition, once all running nodes agree on another one than `deposed`
    /// and it serves.
    ///
    /// # Errors
    /// If there is no such partition, or it gets no other leader.
    pub async fn leader_other_than(
        &self,
        topic: &str,
        partition: i32,
        deposed: i32,
    ) -> Result<i32, ClusterError> {
        self.wait_for_leader(topic, partition, Some(deposed)).await
    }

    /// Waits until every running node sees every partition, internal topics included, with a leader
    /// and all its replicas in sync, and sees every node that runs.
    ///
    /// # Errors
    /// If that does not come true, as when a node is down that holds replicas.
    pub async fn wait_in_sync(&self) -> Result<(), ClusterError> {
        until("every replica getting in sync", || async {
            let alive = self.running().count();
            for node in self.running() {
                let (brokers, topics) = self.all_topics_seen_by(node).await?;
                if brokers < alive {
                    return Ok(Look::NotYet(format!(
                        "node {} sees {brokers} of {alive} brokers",
                        node.id
                    )));
                }
                for topic in topics {
                    let lagging = topic.partitions.iter().position(|partition| {
                        partition.leader.is_none()
                            || partition.in_sync.len() < partition.replicas.len()
                    });
                    if let Some(index) = lagging {
                        let state = &topic.partitions[index];
                        return Ok(Look::NotYet(format!(
                            "{}/{index} on node {}: {state:?}",
                            topic.name, node.id
                        )));
                    }
                }
            }
            Ok(Look::Done(()))
        })
        .await
    }

    /// Makes the first replica of every partition its leader, where that one is in sync.
    ///
    /// # Errors
    /// If it does not come true.
    pub async fn elect_preferred(&self) -> Result<(), ClusterError> {
        let request = ElectLeadersRequest::default()
            .with_topic_partitions(None)
            .with_timeout_ms(TIMEOUT_MS);
        self.elect(&request).await?;
        until("every partition having its preferred leader", || async {
            for node in self.running() {
                let (_, topics) = self.all_topics_seen_by(node).await?;
                for topic in topics {
                    let other = topic.partitions.iter().position(|partition| {
                        partition.leader.is_none()
                            || partition.leader != partition.replicas.first().copied()
                    });
                    if let Some(index) = other {
                        let state = &topic.partitions[index];
                        return Ok(Look::NotYet(format!(
                            "{}/{index} on node {}: {state:?}",
                            topic.name, node.id
                        )));
                    }
                }
            }
            Ok(Look::Done(()))
        })
        .await
    }

    /// Makes `node`, which must hold a replica of the partition, its leader, and waits until every
    /// running node knows.
    ///
    /// # Errors
    /// If it holds none, or does not become the leader.
    pub async fn move_leader(
        &self,
        topic: &str,
        partition: i32,
        node: i32,
    ) -> Result<(), ClusterError> {
        let index = usize::try_from(partition).unwrap_or(usize::MAX);
        let state = self.topic(topic).await?;
        let mut replicas = state
            .partitions
            .get(index)
            .map(|it| it.replicas.clone())
            .unwrap_or_default();
        let Some(place) = replicas.iter().position(|replica| *replica == node) else {
            return Err(ClusterError::Node {
                node,
                state: "holds no replica of the partition",
            });
        };
        if place > 0 {
            replicas[..=place].rotate_right(1);
            self.reassign(topic, partition, &replicas).await?;
        }
        self.wait_for_topic(topic, |seen| {
            seen.partitions
                .get(index)
                .is_some_and(|it| it.replicas == replicas)
        })
        .await?;

        let partitions = TopicPartitions::default()
            .with_topic(topic_name(topic))
            .with_partitions(vec![partition]);
        let request = ElectLeadersRequest::default()
            .with_topic_partitions(Some(vec![partitions]))
            .with_timeout_ms(TIMEOUT_MS);
        self.elect(&request).await?;
        self.wait_for_topic(topic, |seen| {
            seen.partitions
                .get(index)
                .is_some_and(|it| it.leader == Some(node))
        })
        .await?;
        self.wait_until_served(topic, |it| it == partition).await
    }

    async fn wait_for_leader(
        &self,
        topic: &str,
        partition: i32,
        not: Option<i32>,
    ) -> Result<i32, ClusterError> {
        let leader = self.agreed_leader(topic, partition, not).await?;
        if self.node(leader)?.state() == State::Running {
            self.wait_until_served(topic, |it| it == partition).await?;
        }
        Ok(leader)
    }

    /// Whom all running nodes take for the leader: alive or not, serving already or not yet.
    pub(super) async fn agreed_leader(
        &self,
        topic: &str,
        partition: i32,
        not: Option<i32>,
    ) -> Result<i32, ClusterError> {
        let index = usize::try_from(partition).unwrap_or(usize::MAX);
        until(
            format!("{topic}/{partition} having a leader"),
            || async move {
                let mut found = None;
                for node in self.running() {
                    let leader = self.leader_seen_by(node, topic, index).await?;
                    if leader.is_none()
                        || leader == not
                        || found.is_some_and(|it| Some(it) != leader)
                    {
                        return Ok(Look::NotYet(format!("node {} sees {leader:?}", node.id)));
                    }
                    found = leader;
                }
                Ok(found.map_or_else(|| Look::NotYet("no node runs".into()), Look::Done))
            },
        )
        .await
    }

    async fn leader_seen_by(
        &self,
        node: &Node,
        topic: &str,
        index: usize,
    ) -> Result<Option<i32>, ClusterError> {
        let state = self.topic_seen_by(node, topic).await?;
        let missing = || ClusterError::Unreadable {
            action: format!("asking for topic {topic}"),
            reason: format!("it has no partition {index}"),
        };
        Ok(state.partitions.get(index).ok_or_else(missing)?.leader)
    }

    async fn reassign(
        &self,
        topic: &str,
        partition: i32,
        replicas: &[i32],
    ) -> Result<(), ClusterError> {
        let action = format!("reordering the replicas of {topic}/{partition}");
        let replicas = replicas.iter().copied().map(BrokerId).collect();
        let reassignment = ReassignablePartition::default()
            .with_partition_index(partition)
            .with_replicas(Some(replicas));
        let topic = ReassignableTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![reassignment]);
        let request = AlterPartitionReassignmentsRequest::default()
            .with_timeout_ms(TIMEOUT_MS)
            .with_topics(vec![topic]);
        let response = self.ask_any(&request, 0).await?;
        ClusterError::check(
            &action,
            response.error_code,
            response.error_message.as_deref(),
        )?;
        for partition in response
            .responses
            .iter()
            .flat_map(|topic| &topic.partitions)
        {
            ClusterError::check(
                &action,
                partition.error_code,
                partition.error_message.as_deref(),
            )?;
        }
        Ok(())
    }

    async fn elect(&self, request: &ElectLeadersRequest) -> Result<(), ClusterError> {
        let action = "electing preferred leaders";
        until(action, || async {
            let response = self.ask_any(request, 2).await?;
            ClusterError::check(action, response.error_code, None)?;
            for partition in response
                .replica_election_results
                .iter()
                .flat_map(|topic| &topic.partition_result)
            {
                match partition.error_code {
                    ELECTION_NOT_NEEDED => {}
                    PREFERRED_LEADER_NOT_AVAILABLE | ELIGIBLE_LEADERS_NOT_AVAILABLE => {
                        return Ok(Look::NotYet("a preferred leader is not in sync".into()));
                    }
                    code => ClusterError::check(action, code, partition.error_message.as_deref())?,
                }
            }
            Ok(Look::Done(()))
        })
        .await
    }
}

const PREFERRED_LEADER_NOT_AVAILABLE: i16 = 80;
const ELIGIBLE_LEADERS_NOT_AVAILABLE: i16 = 83;
const ELECTION_NOT_NEEDED: i16 = 84;
