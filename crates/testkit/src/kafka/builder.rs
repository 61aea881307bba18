//! Starting a cluster.

use super::{
    ClusterError, Connection, Jars, KafkaCluster, KafkaVersion, StartKafkaError,
    node::{Directory, Node},
    poll::{CALL, INTERVAL},
    ports::{free_ports, loopback},
    properties::Properties,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kafka_protocol::messages::{ApiVersionsRequest, MetadataRequest};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// A cluster before it is started: [`KafkaCluster::builder`].
#[derive(Clone, Debug)]
pub struct KafkaClusterBuilder {
    version: KafkaVersion,
    nodes: usize,
    properties: Vec<(String, String)>,
    jvm_options: Vec<String>,
    stock_timeouts: bool,
    patience: Duration,
}

impl Default for KafkaClusterBuilder {
    fn default() -> Self {
        Self {
            version: KafkaVersion::default(),
            nodes: 1,
            properties: Vec::new(),
            jvm_options: vec!["-Xms256m".into(), "-Xmx512m".into()],
            stock_timeouts: false,
            patience: Duration::from_secs(120),
        }
    }
}

impl KafkaClusterBuilder {
    /// The release; 4.3 if not said.
    #[must_use]
    pub fn version(mut self, version: KafkaVersion) -> Self {
        self.version = version;
        self
    }

    /// How many nodes; one if not said. Three replicate everything three times and want two in sync.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        assert!(nodes > 0, "a cluster has at least one node");
        self.nodes = nodes;
        self
    }

    /// A broker property. It wins over the harness's own, so leave ports and directories alone.
    #[must_use]
    pub fn property(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.push((key.into(), value.into()));
        self
    }

    /// An option for the nodes' JVMs, after the harness's own (`-Xmx512m`, `-XX:TieredStopAtLevel=1`
    /// and the like): a later one wins. A broker that is measured wants `-Xmx1g` and
    /// `-XX:TieredStopAtLevel=4`.
    #[must_use]
    pub fn jvm_option(mut self, option: impl Into<String>) -> Self {
        self.jvm_options.push(option.into());
        self
    }

    /// Kafka's own session and lag time-outs instead of ones scaled down to about three seconds.
    #[must_use]
    pub fn stock_timeouts(mut self) -> Self {
        self.stock_timeouts = true;
        self
    }

    /// How long the start may take; two minutes if not said, fetching the jars not counted.
    #[must_use]
    pub fn start_timeout(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts the nodes and waits until each answers and knows all the others.
    ///
    /// # Errors
    /// If the jars cannot be fetched, a node ends, or they are not ready in time. Nothing is left
    /// behind then.
    pub async fn start(self) -> Result<KafkaCluster, StartKafkaError> {
        let jars = Jars::fetch(self.version).await?;
        let mut attempt = 1;
        loop {
            match self.start_with(&jars).await {
                // Somebody took one of the ports between our look and the node's.
                Err(StartKafkaError::Exited { log, .. })
                    if attempt < 3 && log.contains("Address already in use") =>
                {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn start_with(&self, jars: &Jars) -> Result<KafkaCluster, StartKafkaError> {
        let directory =
            Directory::temporary().map_err(StartKafkaError::io("making a temporary directory"))?;
        let id = random_id();
        let nodes = self.format(jars, directory.path(), &id)?;
        for node in &nodes {
            node.spawn(jars)?;
        }
        let cluster = KafkaCluster {
            version: self.version,
            id,
            jars: jars.clone(),
            nodes,
            _directory: directory,
        };
        let deadline = Instant::now() + self.patience;
        for node in &cluster.nodes {
            cluster
                .wait_ready(node, cluster.nodes.len(), self.patience, deadline)
                .await?;
        }
        Ok(cluster)
    }

    fn format(
        &self,
        jars: &Jars,
        directory: &Path,
        cluster_id: &str,
    ) -> Result<Vec<Node>, StartKafkaError> {
        let ports =
            free_ports(2 * self.nodes).map_err(StartKafkaError::io("looking for free ports"))?;
        let members: Vec<_> = (1..).zip(ports.chunks_exact(2)).collect();
        let voters: Vec<_> = members
            .iter()
            .map(|(id, ports)| format!("{id}@{}", loopback(ports[1])))
            .collect();

        let mut properties = Properties::of_a_cluster(self.nodes);
        if !self.stock_timeouts {
            properties.set_short_timeouts();
        }
        properties.set("controller.quorum.voters", voters.join(","));

        members
            .into_iter()
            .map(|(id, ports)| {
                let (plaintext, controller) = (loopback(ports[0]), loopback(ports[1]));
                let mut properties = properties.clone();
                properties.set("node.id", id.to_string());
                properties.set(
                    "listeners",
                    format!("PLAINTEXT://{plaintext},CONTROLLER://{controller}"),
                );
                properties.set("advertised.listeners", format!("PLAINTEXT://{plaintext}"));
                Node::format(
                    id,
                    plaintext,
                    (directory, cluster_id),
                    jars,
                    self.jvm_options.clone(),
                    |data| {
                        properties.set("log.dirs", data.display().to_string());
                        properties.extend(&self.properties);
                        properties.text()
                    },
                )
            })
            .collect()
    }
}

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
                        address: node.address.to_string(),
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

    /// The cluster id that a node answers with, and how many brokers it knows to be alive.
    async fn members_seen_by(&self, node: &Node) -> Result<(String, usize), ClusterError> {
        let mut connection = Connection::open(node.address, CALL).await?;
        let versions = connection.call(&ApiVersionsRequest::default(), 0).await?;
        ClusterError::check("asking for the API versions", versions.error_code, None)?;
        let metadata = connection
            .call(
                &MetadataRequest::default().with_topics(Some(Vec::new())),
                12,
            )
            .await?;
        let cluster = metadata
            .cluster_id
            .map_or_else(String::new, |id| id.to_string());
        Ok((cluster, metadata.brokers.len()))
    }
}

/// An id as Kafka makes them: 16 random bytes in base64.
pub(super) fn random_id() -> String {
    URL_SAFE_NO_PAD.encode(fastrand::u128(..).to_be_bytes())
}
