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
mod authority;
mod builder;
mod error;
mod faults;
mod jars;
pub mod java;
mod leaders;
mod listener;
mod node;
mod offsets;
mod poll;
mod ports;
mod properties;
mod read;
mod ready;
mod topic;
mod users;
mod wire;

pub use admin::ConfigResource;
pub use authority::Authority;
pub use builder::KafkaClusterBuilder;
pub use error::{ClusterError, StartKafkaError};
pub use listener::{Certificate, Listener};
pub use read::LogRecord;
pub use topic::{PartitionState, TopicState};
pub use users::AclResource;
pub use wire::Connection;

use crate::proxy::Proxy;
use jars::Jars;
pub(crate) use node::Directory;
use node::Node;
pub(crate) use ports::free_ports;
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

    /// What a client puts into `bootstrap.servers`: every node, through its proxy where it has one.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        join(self.nodes.iter().map(Node::client_address))
    }

    /// As [`bootstrap_servers`](Self::bootstrap_servers), past the proxies: faults do not reach a
    /// client that starts from here, for it is told the brokers' direct addresses.
    #[must_use]
    pub fn direct_bootstrap_servers(&self) -> String {
        join(self.nodes.iter().map(|node| node.listeners.plaintext))
    }

    /// Where clients reach a node: its proxy, if it has one.
    ///
    /// # Errors
    /// If there is no such node.
    pub fn address(&self, node: i32) -> Result<SocketAddr, ClusterError> {
        Ok(self.node(node)?.client_address())
    }

    /// The proxy in front of a node.
    ///
    /// # Errors
    /// If there is no such node, or the cluster was not built [proxied](KafkaClusterBuilder::proxied).
    pub fn proxy(&self, node: i32) -> Result<&Proxy, ClusterError> {
        let missing = ClusterError::Node {
            node,
            state: "has no proxy",
        };
        self.node(node)?.proxy.as_ref().ok_or(missing)
    }

    /// Every proxy: none if the cluster was not built so.
    pub fn proxies(&self) -> impl Iterator<Item = &Proxy> + '_ {
        self.nodes.iter().filter_map(|node| node.proxy.as_ref())
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

fn join(addresses: impl Iterator<Item = SocketAddr>) -> String {
    addresses
        .map(|address| address.to_string())
        .collect::<Vec<_>>()
        .join(",")
}
