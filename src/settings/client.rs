//! The part of the settings that a Kafka client is made from: no types of the stream in it.

use crate::{Partitioner, SettingsError};
use guanaco_engine::ProducerConfig;
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

/// Properties whose values may be shown; the rest may be, or contain, secrets.
const HARMLESS: [&str; 20] = [
    "acks",
    "batch.adaptive",
    "batch.size",
    "bootstrap.servers",
    "buffer.memory",
    "client.id",
    "client.rack",
    "compression.type",
    "connections.max.idle.ms",
    "delivery.timeout.ms",
    "enable.idempotence",
    "linger.ms",
    "max.block.ms",
    "max.in.flight.requests.per.connection",
    "max.request.size",
    "metadata.max.age.ms",
    "request.timeout.ms",
    "retries",
    "retry.backoff.ms",
    "security.protocol",
];

#[derive(Clone)]
pub(crate) struct ClientSettings {
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) partitioner: Option<Arc<dyn Partitioner>>,
    /// Where it is not left to `close.timeout.ms`.
    pub(crate) close_timeout: Option<Duration>,
    /// Zero: counters are not published.
    #[cfg(feature = "metrics")]
    pub(crate) metrics_interval: Duration,
}

impl ClientSettings {
    /// Checks the properties, and says in the log what does nothing.
    pub(crate) fn config(&self) -> Result<ProducerConfig, SettingsError> {
        let (mut config, warnings) = ProducerConfig::from_properties(&self.properties)?;
        config.close_timeout = self.close_timeout.unwrap_or(config.close_timeout);
        config.validate()?;
        for warning in warnings {
            tracing::warn!(setting = warning.key, "{warning}");
        }
        Ok(config)
    }

    /// For how long closing may take; the default, if the properties cannot be read.
    pub(crate) fn close_timeout(&self) -> Duration {
        let default = || {
            let config = ProducerConfig::from_properties(&self.properties);
            config.map_or(ProducerConfig::default().close_timeout, |(config, _)| {
                config.close_timeout
            })
        };
        self.close_timeout.unwrap_or_else(default)
    }

    /// Whether a producer made from `self` does what `asked` asks of it, or what it lacks.
    pub(crate) fn serves(&self, asked: &Self) -> Result<(), SettingsError> {
        let refuse = |setting: &str| {
            let setting = setting.to_owned();
            Err(SettingsError::Shared { setting })
        };
        for (key, value) in &asked.properties {
            if self.properties.get(key).map(|own| own.trim()) != Some(value.trim()) {
                return refuse(key);
            }
        }
        match (&self.partitioner, &asked.partitioner) {
            (_, None) => Ok(()),
            (Some(own), Some(asked)) if Arc::ptr_eq(own, asked) => Ok(()),
            (_, Some(_)) => refuse("a partitioner"),
        }
    }
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSettings")
            .field("properties", &Masked(&self.properties))
            .field("partitioner", &self.partitioner.is_some())
            .field("close_timeout", &self.close_timeout)
            .finish()
    }
}

/// Properties without the values that may be secrets.
pub(super) struct Masked<'a>(pub(super) &'a BTreeMap<String, String>);

impl fmt::Debug for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|(key, value)| {
            let harmless = HARMLESS.contains(&key.as_str());
            (key, if harmless { value } else { "***" })
        });
        f.debug_map().entries(shown).finish()
    }
}
