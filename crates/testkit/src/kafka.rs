//! A real Apache Kafka on loopback: one node or several, killed, frozen and brought back at will.
//!
//! The jars come from `scripts/fetch-kafka`, which needs a JDK and Maven and is called when they are
//! missing. Each node is a JVM of its own, combined broker and controller, with its data in a
//! temporary directory. Nothing outlives the cluster: dropping it kills the nodes and removes the
//! data, and nodes whose test process was killed notice that and do the same by themselves.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use guanaco_testkit::kafka::KafkaCluster;
//!
//! let cluster = KafkaCluster::builder().nodes(3).start().await?;
//! cluster.create_topic("orders", 6, 3, &[]).await?;
//! // ... produce to cluster.bootstrap_servers() ...
//! let leader = cluster.leader("orders", 0).await?;
//! cluster.kill(leader).await?;
//! cluster.restart(leader).await?;
//! cluster.wait_in_sync().await?;
//! let partitions = cluster.read_all("orders").await?;
//! # Ok(())
//! # }
//! ```
//!
//! A cluster may be used from several tokio runtimes, so a `static` one serves all tests of a
//! binary.

mod admin;
mod builder;
mod error;
mod faults;
mod jars;
mod leaders;
mod node;
mod poll;
mod ports;
mod properties;
mod read;
mod topic;
mod wire;

pub use admin::ConfigResource;
pub use builder::KafkaClusterBuilder;
pub use error::{ClusterError, StartKafkaError};
pub use read::LogRecord;
pub use topic::{PartitionState, TopicState};
pub use wire::Connection;

use jars::Jars;
use node::{Directory, Node};
use std::net::SocketAddr;

/// A release of Apache Kafka that the test kit knows how to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KafkaVersion {
    /// 3.9: the last line before the protocol's old versions were dropped.
    V3_9,
    /// 4.3, the newest.
    #[default]
    V4_3,
}

impl KafkaVersion {
    /// The exact release.
    #[must_use]
    pub fn release(self) -> &'static str {
        match self {
            Self::V3_9 => "3.9.2",
            Self::V4_3 => "4.3.1",
        }
    }
}

/// Kafka nodes that form one cluster and live as long as this value.
#[derive(Debug)]
pub struct KafkaCluster {
    version: KafkaVersion,
    id: String,
    jars: Jars,
    // Dropped in this order: processes end before their directory goes.
    nodes: Vec<Node>,
    _directory: Directory,
}

impl KafkaCluster {
    /// A cluster to be configured and started.
    #[must_use]
    pub fn builder() -> KafkaClusterBuilder {
        KafkaClusterBuilder::default()
    }

    /// The release that runs.
    #[must_use]
    pub fn version(&self) -> KafkaVersion {
        self.version
    }

    /// The cluster id that its brokers answer with.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The nodes' ids, from 1.
    pub fn nodes(&self) -> impl Iterator<Item = i32> + '_ {
        self.nodes.iter().map(|node| node.id)
    }

    /// What a client puts into `bootstrap.servers`: every node.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        let addresses: Vec<_> = self
            .nodes
            .iter()
            .map(|node| node.address.to_string())
            .collect();
        addresses.join(",")
    }

    /// Where a node listens.
    ///
    /// # Errors
    /// If there is no such node.
    pub fn address(&self, node: i32) -> Result<SocketAddr, ClusterError> {
        Ok(self.node(node)?.address)
    }

    /// The end of a node's log, for a failing test's message.
    ///
    /// # Errors
    /// If there is no such node.
    pub fn log_tail(&self, node: i32) -> Result<String, ClusterError> {
        Ok(self.node(node)?.log_tail())
    }

    fn node(&self, id: i32) -> Result<&Node, ClusterError> {
        self.nodes
            .iter()
            .find(|node| node.id == id)
            .ok_or(ClusterError::Node {
                node: id,
                state: "does not exist",
            })
    }
}
