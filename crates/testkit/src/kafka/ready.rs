//! Waiting for a node to answer as a member of its cluster.

use super::{
    ClusterError, Connection, KafkaCluster, StartKafkaError,
    node::{Listeners, Node},
    poll::{CALL, INTERVAL},
    topic::METADATA,
};
use kafka_protocol::messages::{ApiVersionsRequest, MetadataRequest};
use std::time::{Duration, Instant};

impl KafkaCluster {
    /// Waits until `node` answers as a broker of this cluster that sees `members` of them.
    pub(super) async fn wait_ready(
        &self,
        node: &Node,
        members: usize,
        patience: Duration,
        deadline: Instant,
    ) -> Result<(), StartKafkaError> {
        loop {
            let last = match self.members_seen_by(node).await {
                Ok((cluster, _)) if cluster != self.id => {
                    return Err(StartKafkaError::WrongCluster {
                        address: node.listeners.plaintext.to_string(),
                        found: cluster,
                        expected: self.id.clone(),
                    });
                }
                Ok((_, seen)) if seen >= members => return Ok(()),
                Ok((_, seen)) => format!("node {} sees {seen} of {members} brokers", node.id),
                Err(error) => error.to_string(),
            };
            if let Some(status) = node.exited() {
                return Err(StartKafkaError::Exited {
                    node: node.id,
                    status,
                    log: node.log_tail(),
                });
            }
            if Instant::now() > deadline {
                return Err(StartKafkaError::NotReady {
                    node: node.id,
                    waited: patience,
                    last,
                    log: node.log_tail(),
                });
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// The cluster id that a node answers with, and how many brokers it knows to be alive. Both of its
    /// listeners have to answer.
    async fn members_seen_by(&self, node: &Node) -> Result<(String, usize), ClusterError> {
        let Listeners {
            plaintext,
            external,
            ..
        } = node.listeners;
        let mut connection = Connection::open(external, CALL).await?;
        let versions = connection.call(&ApiVersionsRequest::default(), 0).await?;
        ClusterError::check("asking for the API versions", versions.error_code, None)?;

        let mut connection = Connection::open(plaintext, CALL).await?;
        let request = MetadataRequest::default().with_topics(Some(Vec::new()));
        let metadata = connection.call(&request, METADATA).await?;
        let cluster = metadata
            .cluster_id
            .map_or_else(String::new, |id| id.to_string());
        Ok((cluster, metadata.brokers.len()))
    }
}
