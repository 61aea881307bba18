//! The part of the settings that a Kafka client is made from: no types of the stream in it.

use crate::{Partitioner, SettingsError, StartError, discovery::Service};
use guanaco_engine::{ConfigProviders, ProducerConfig, Resolver, Security, StartOptions};
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

/// Settings whose values may be shown, by their names in code and in configuration files; the rest
/// may be, or contain, secrets.
const HARMLESS: &[&str] = &[
    "acks",
    "batch.adaptive",
    "batch.size",
    "bootstrap.servers",
    "buffer.memory",
    "client.id",
    "close-on-producer-stop",
    "close-timeout",
    "close.timeout.ms",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "config.providers",
    "connections.max.idle.ms",
    "delivery.timeout.ms",
    "discovery-method",
    "enable.idempotence",
    "eos-commit-interval",
    "linger.ms",
    "max.block.ms",
    "max.in.flight.per.partition",
    "max.in.flight.requests.per.connection",
    "max.request.size",
    "metadata.max.age.ms",
    "metadata.max.idle.ms",
    "parallelism",
    "parallelism-bytes",
    "partitioner.adaptive.partitioning.enable",
    "partitioner.ignore.keys",
    "pending.sends.max",
    "receive.buffer.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "resolve-timeout",
    "retries",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "sasl.mechanism",
    "security.protocol",
    "send.buffer.bytes",
    "service-name",
    "socket.connection.setup.timeout.max.ms",
    "socket.connection.setup.timeout.ms",
    "start.timeout.ms",
    "transaction-id-prefix",
    "transactional-max-in-flight-requests-per-connection",
    "use-dispatcher",
];

/// What is shown of the others.
pub(super) const MASK: &str = "***";

/// Whether the value of this setting may be shown.
pub(super) fn is_harmless(setting: &str) -> bool {
    HARMLESS.contains(&setting)
}

/// What code does to the settings of security, after the properties.
pub(crate) type SecurityHook = Arc<dyn Fn(&mut Security) + Send + Sync>;

#[derive(Clone)]
pub(crate) struct ClientSettings {
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) partitioner: Option<Arc<dyn Partitioner>>,
    /// What finds the brokers, instead of `bootstrap.servers`.
    pub(crate) discovery: Option<Service>,
    /// For one lookup.
    pub(crate) resolve_timeout: Duration,
    pub(crate) security: Option<SecurityHook>,
    /// Where it is not left to `close.timeout.ms`.
    pub(crate) close_timeout: Option<Duration>,
    /// Zero: counters are not published.
    #[cfg(feature = "metrics")]
    pub(crate) metrics_interval: Duration,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            properties: BTreeMap::new(),
            partitioner: None,
            security: None,
            discovery: None,
            resolve_timeout: Duration::from_secs(3),
            close_timeout: None,
            #[cfg(feature = "metrics")]
            metrics_interval: Duration::from_secs(5),
        }
    }
}

impl ClientSettings {
    /// Checks the properties, and says in the log what does nothing.
    pub(crate) fn config(&self) -> Result<ProducerConfig, SettingsError> {
        let (mut config, warnings) = ProducerConfig::from_properties(&self.properties)?;
        config.close_timeout = self.close_timeout.unwrap_or(config.close_timeout);
        if let Some(hook) = &self.security {
            hook(&mut config.security);
        }
        // With discovery there need be no addresses; the rest is validated at the start as well.
        if self.discovery.is_none() {
            config.validate()?;
        }
        for warning in warnings {
            tracing::warn!(setting = warning.key, "{warning}");
        }
        Ok(config)
    }

    /// What else a producer is started with.
    pub(crate) fn options(&self, config: &ProducerConfig) -> Result<StartOptions, StartError> {
        let discovered = |service: &Service| -> Result<Arc<dyn Resolver>, StartError> {
            if !config.bootstrap_servers.is_empty() {
                tracing::warn!(
                    setting = "bootstrap.servers",
                    "bootstrap.servers has no effect: service discovery finds the brokers"
                );
            }
            service.resolver(self.resolve_timeout, config.start_timeout)
        };
        Ok(StartOptions {
            partitioner: self.partitioner.clone(),
            resolver: self.discovery.as_ref().map(discovered).transpose()?,
        })
    }

    /// For how long closing may take; the default, if the properties cannot be read.
    pub(crate) fn close_timeout(&self) -> Duration {
        let of_property = || self.with_only("close.timeout.ms").close_timeout;
        self.close_timeout.unwrap_or_else(of_property)
    }

    /// A configuration in which this key alone is set; the default, if it cannot be read.
    pub(crate) fn with_only(&self, key: &str) -> ProducerConfig {
        let all = self.properties.iter();
        let some = all.filter(|(name, _)| *name == key || ConfigProviders::owns(name));
        let config = ProducerConfig::from_properties(some);
        config.map_or_else(|_| ProducerConfig::default(), |(config, _)| config)
    }

    /// Whether a producer made from `self` does what `asked` asks of it, or what it lacks.
    pub(crate) fn serves(&self, asked: &Self) -> Result<(), SettingsError> {
        for (key, value) in &asked.properties {
            if self.properties.get(key).map(|own| own.trim()) != Some(value.trim()) {
                return refuse(key);
            }
        }
        match (&self.security, &asked.security) {
            (_, None) => {}
            (Some(own), Some(asked)) if Arc::ptr_eq(own, asked) => {}
            (_, Some(_)) => return refuse("with_security"),
        }
        match (&self.discovery, &asked.discovery) {
            (_, None) => {}
            (Some(own), Some(asked)) if own.is(asked) => {}
            (_, Some(_)) => return refuse("service discovery"),
        }
        self.chooses_as(asked)
    }

    /// Whether it leaves the choice of partitions to whom `asked` leaves it.
    pub(crate) fn chooses_as(&self, asked: &Self) -> Result<(), SettingsError> {
        match (&self.partitioner, &asked.partitioner) {
            (_, None) => Ok(()),
            (Some(own), Some(asked)) if Arc::ptr_eq(own, asked) => Ok(()),
            (_, Some(_)) => refuse("a partitioner"),
        }
    }
}

fn refuse(setting: &str) -> Result<(), SettingsError> {
    let setting = setting.to_owned();
    Err(SettingsError::Shared { setting })
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSettings")
            .field("properties", &Masked(&self.properties))
            .field("partitioner", &self.partitioner.is_some())
            .field("discovery", &self.discovery)
            .field("security", &self.security.is_some())
            .field("close_timeout", &self.close_timeout)
            .finish()
    }
}

/// Properties without the values that may be secrets.
pub(super) struct Masked<'a>(pub(super) &'a BTreeMap<String, String>);

impl fmt::Debug for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .0
            .iter()
            .map(|(key, value)| (key, if is_harmless(key) { value } else { MASK }));
        f.debug_map().entries(shown).finish()
    }
}
