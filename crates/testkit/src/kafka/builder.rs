//! Starting a cluster.

use super::{
    Jars, KafkaCluster, KafkaVersion, Listener, StartKafkaError,
    node::{self, Directory, Listeners, Node},
    ports::{free_ports, loopback},
    properties::Properties,
};
use crate::proxy::Proxy;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

/// A cluster before it is started: [`KafkaCluster::builder`].
#[derive(Clone, Debug)]
pub struct KafkaClusterBuilder {
    version: KafkaVersion,
    nodes: usize,
    properties: Vec<(String, String)>,
    listeners: Vec<Listener>,
    jvm_options: Vec<String>,
    stock_timeouts: bool,
    proxied: bool,
    patience: Duration,
}

impl Default for KafkaClusterBuilder {
    fn default() -> Self {
        Self {
            version: KafkaVersion::default(),
            nodes: 1,
            properties: Vec::new(),
            listeners: Vec::new(),
            jvm_options: vec!["-Xms256m".into(), "-Xmx512m".into()],
            stock_timeouts: false,
            proxied: false,
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

    /// One more listener on every node. Names are unique, and none of `PLAINTEXT`, `EXT` and
    /// `CONTROLLER`.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
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

    /// Puts a [`Proxy`] in front of every node. Clients are led through it, by the bootstrap addresses
    /// and by what the brokers advertise; the brokers talk to each other directly, and so does the
    /// harness.
    #[must_use]
    pub fn proxied(mut self) -> Self {
        self.proxied = true;
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
        let each = 3 + self.listeners.len();
        let ports =
            free_ports(each * self.nodes).map_err(StartKafkaError::io("looking for free ports"))?;
        let members: Vec<_> = (1..)
            .zip(ports.chunks_exact(each))
            .map(|(id, ports)| {
                let [plaintext, controller, external] =
                    [ports[0], ports[1], ports[2]].map(loopback);
                let more: Vec<_> = self
                    .listeners
                    .iter()
                    .zip(&ports[3..])
                    .map(|(listener, &port)| (listener.name.clone(), loopback(port)))
                    .collect();
                let listeners = Listeners {
                    plaintext,
                    controller,
                    external,
                };
                (id, listeners, more)
            })
            .collect();
        let voters: Vec<_> = members
            .iter()
            .map(|(id, at, _)| format!("{id}@{}", at.controller))
            .collect();

        let mut common = Properties::of_a_cluster(self.nodes);
        if !self.stock_timeouts {
            common.set_short_timeouts();
        }
        common.set("controller.quorum.voters", voters.join(","));
        for listener in &self.listeners {
            common.add_protocol(&listener.name, listener.protocol);
            common.extend(&listener.named_properties());
        }

        let node = |(id, at, more): (i32, Listeners, Vec<(String, SocketAddr)>)| {
            let proxy = self.proxied.then(|| Proxy::start(at.external)).transpose();
            let proxy = proxy.map_err(StartKafkaError::io("starting a proxy"))?;
            let advertised = proxy.as_ref().map_or(at.external, Proxy::address);
            let directory = directory.join(format!("node-{id}"));

            let mut properties = common.clone();
            properties.set("node.id", id.to_string());
            let Listeners {
                plaintext,
                controller,
                external,
            } = at;
            let others: String = more
                .iter()
                .map(|(name, at)| format!(",{name}://{at}"))
                .collect();
            properties.set(
                "listeners",
                format!(
                    "PLAINTEXT://{plaintext},CONTROLLER://{controller},EXT://{external}{others}"
                ),
            );
            properties.set(
                "advertised.listeners",
                format!("PLAINTEXT://{plaintext},EXT://{advertised}{others}"),
            );
            properties.set("log.dirs", node::data(&directory).display().to_string());
            properties.extend(&self.properties);

            node::format(&directory, id, cluster_id, &properties, jars)?;
            Ok(Node::new(
                id,
                at,
                more,
                proxy,
                directory,
                self.jvm_options.clone(),
            ))
        };
        members.into_iter().map(node).collect()
    }
}

/// An id as Kafka makes them: 16 random bytes in base64.
pub(super) fn random_id() -> String {
    URL_SAFE_NO_PAD.encode(fastrand::u128(..).to_be_bytes())
}
