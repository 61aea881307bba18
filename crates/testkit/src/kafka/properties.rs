//! A node's `server.properties`.

use std::{collections::BTreeMap, fmt::Write};

/// Keys and values of a `.properties` file; a later value replaces an earlier one.
#[derive(Clone, Debug, Default)]
pub(super) struct Properties(BTreeMap<String, String>);

impl Properties {
    /// What all our clusters have in common.
    pub(super) fn of_a_cluster(nodes: usize) -> Self {
        let replicas = nodes.min(3);
        let in_sync = replicas.div_ceil(2);
        let mut properties = Self::default();
        for (key, value) in [
            ("process.roles", "broker,controller"),
            ("controller.listener.names", "CONTROLLER"),
            ("inter.broker.listener.name", "PLAINTEXT"),
            (
                "listener.security.protocol.map",
                "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,EXT:PLAINTEXT",
            ),
            // A misspelt topic must not come into being, and leaders move only when a test moves them.
            ("auto.create.topics.enable", "false"),
            ("auto.leader.rebalance.enable", "false"),
            ("unclean.leader.election.enable", "false"),
            ("offsets.topic.num.partitions", "4"),
            ("transaction.state.log.num.partitions", "4"),
            ("group.initial.rebalance.delay.ms", "0"),
            // Fewer threads and no 128 MiB buffer for a cleaner with nothing to clean: a node starts
            // sooner and three of them fit a small machine.
            ("num.network.threads", "2"),
            ("num.io.threads", "4"),
            ("log.cleaner.dedupe.buffer.size", "4194304"),
        ] {
            properties.set(key, value);
        }
        for key in [
            "default.replication.factor",
            "offsets.topic.replication.factor",
            "transaction.state.log.replication.factor",
        ] {
            properties.set(key, replicas.to_string());
        }
        for key in ["min.insync.replicas", "transaction.state.log.min.isr"] {
            properties.set(key, in_sync.to_string());
        }
        properties
    }

    /// Time-outs scaled down, so that a dead or frozen node is noticed in about three seconds.
    pub(super) fn set_short_timeouts(&mut self) {
        for (key, value) in [
            ("broker.session.timeout.ms", "3000"),
            ("broker.heartbeat.interval.ms", "500"),
            ("replica.lag.time.max.ms", "5000"),
            ("replica.fetch.wait.max.ms", "250"),
            ("replica.fetch.backoff.ms", "250"),
            ("controller.quorum.election.timeout.ms", "500"),
            ("controller.quorum.fetch.timeout.ms", "1000"),
            ("controller.quorum.election.backoff.max.ms", "500"),
            (
                "transaction.abort.timed.out.transaction.cleanup.interval.ms",
                "1000",
            ),
        ] {
            self.set(key, value);
        }
    }

    /// Says what a listener of this name speaks.
    pub(super) fn add_protocol(&mut self, listener: &str, protocol: &str) {
        let map = self
            .0
            .entry("listener.security.protocol.map".to_owned())
            .or_default();
        // Writing to a string cannot fail.
        let _ = write!(map, ",{listener}:{protocol}");
    }

    pub(super) fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.insert(key.into(), value.into());
    }

    pub(super) fn extend(&mut self, others: &[(String, String)]) {
        self.0.extend(others.iter().cloned());
    }

    /// The file's text. Only the escapes that paths and regular expressions need are made.
    pub(super) fn text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, (key, value)| {
            let value = value.replace('\\', "\\\\").replace('\n', "\\n");
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key}={value}");
            text
        })
    }
}
