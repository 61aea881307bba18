//! Settings from text: `set` and `from_properties`, and the defaults that follow what was set.

use super::{
    ConfigProviders, ProducerConfig,
    keys::{self, Place},
    nearest,
    read::Refusal,
};
use crate::{Acks, Compression, ConfigError, ConfigWarning};

/// What a broker remembers of each producer and partition to tell a retry from a new batch.
const MAX_UNANSWERED: usize = 5;

impl ProducerConfig {
    /// From Kafka's property names and their values, as a properties file has them. Of a key that
    /// comes twice the last value counts.
    ///
    /// What values refer to by [config providers](ConfigProviders) is looked up now: it may read
    /// files.
    ///
    /// That the settings fit together, and that there is an address, is checked by
    /// [`validate`](Self::validate), which starting a producer calls.
    ///
    /// # Errors
    /// At the first key that does not exist or is not supported yet, and the first value that its
    /// key cannot have or that refers to something that is not there. The error names the key, never
    /// the value.
    pub fn from_properties<K: AsRef<str>, V: AsRef<str>>(
        properties: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(Self, Vec<ConfigWarning>), ConfigError> {
        let mut config = Self::default();
        let mut warnings = Vec::new();
        let properties: Vec<_> = properties.into_iter().collect();
        let pairs = || {
            properties
                .iter()
                .map(|(key, value)| (key.as_ref(), value.as_ref()))
        };
        let providers = ConfigProviders::from_properties(pairs())?;
        for (key, value) in pairs().filter(|(key, _)| !ConfigProviders::owns(key)) {
            let value = providers.resolve(key, value)?;
            warnings.extend(config.set(key, &value)?);
        }
        Ok((config, warnings))
    }

    /// Sets one key of Kafka's producer configuration, or one of our own, from its text.
    ///
    /// The text is taken as it is: [config providers](ConfigProviders) are for settings that come
    /// together. What was set counts as explicit. Defaults that depend on other keys follow them otherwise:
    /// `enable.idempotence` is off with `acks` other than `all` and with `retries=0`,
    /// `batch.adaptive` is off if there is a `batch.size`, and `delivery.timeout.ms` is at least
    /// `linger.ms` + `request.timeout.ms`.
    ///
    /// # Errors
    /// If the key does not exist or is not supported yet, or cannot have this value; the settings
    /// are unchanged then.
    pub fn set(&mut self, key: &str, value: &str) -> Result<Option<ConfigWarning>, ConfigError> {
        let Some(found) = keys::find(key) else {
            let key: String = key
                .split('=')
                .next()
                .unwrap_or("")
                .chars()
                .take(100)
                .collect();
            let nearest = nearest::to(&key);
            return Err(ConfigError::Unknown { key, nearest });
        };
        let (key, value) = (found.name(), value.trim());
        let harmless = |values: &[&str]| values.iter().any(|it| it.eq_ignore_ascii_case(value));
        let advice = match found.place {
            Place::Supported(apply) => match apply(self, value) {
                Ok(advice) => advice,
                Err(Refusal::Rule(rule)) => return Err(ConfigError::Invalid { key, rule }),
                Err(Refusal::NotYet(waits_for)) => {
                    return Err(ConfigError::NotYet { key, waits_for });
                }
            },
            Place::Meaningless { unless, .. } if harmless(unless) => None,
            Place::Meaningless { advice, .. } => Some(advice),
            Place::NotYet { unless, .. } if harmless(unless) => None,
            Place::NotYet { waits_for, .. } => return Err(ConfigError::NotYet { key, waits_for }),
        };
        Ok(advice.map(|advice| ConfigWarning { key, advice }))
    }

    /// After a change of `acks` or `retries`: idempotence that nobody asked for gives way, and comes
    /// back with what it needs.
    pub(super) fn follow_idempotence(&mut self) {
        let possible = self.acks == Acks::All && self.retries > 0;
        let given_up = self.explicit.idempotence_given_up;
        if !self.explicit.enable_idempotence && (self.enable_idempotence || given_up) {
            self.enable_idempotence = possible;
            self.explicit.idempotence_given_up = !possible;
        }
    }

    /// After a change of one of its parts: a time-out that nobody chose makes room for them.
    pub(super) fn follow_delivery_timeout(&mut self) {
        if !self.explicit.delivery_timeout {
            let least = self.linger.saturating_add(self.request_timeout);
            self.delivery_timeout = self.delivery_timeout.max(least);
        }
    }

    /// How many batches of one partition may be unanswered: what brokers remember with idempotence
    /// (KIP-98); without it one, because a retry of several would swap them, unless asked for.
    pub(crate) fn unanswered_per_partition(&self) -> usize {
        let wish = self
            .max_in_flight_per_partition
            .min(self.max_in_flight)
            .max(1);
        let idempotent = self.enable_idempotence && self.acks == Acks::All;
        match (idempotent, self.explicit.max_in_flight_per_partition) {
            (true, _) => wish.min(MAX_UNANSWERED),
            (false, true) => wish,
            (false, false) => 1,
        }
    }

    /// After a change of a codec or a level, which come in any order.
    pub(super) fn follow_levels(&mut self) {
        let given = self.explicit;
        self.compression = match self.compression {
            Compression::Gzip(level) => Compression::Gzip(given.gzip.unwrap_or(level)),
            Compression::Lz4(level) => Compression::Lz4(given.lz4.unwrap_or(level)),
            Compression::Zstd(level) => Compression::Zstd(given.zstd.unwrap_or(level)),
            unlevelled => unlevelled,
        };
    }
}

/// Which settings were given, where a default depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Explicit {
    pub(super) enable_idempotence: bool,
    idempotence_given_up: bool,
    pub(super) batch_adaptive: bool,
    pub(super) delivery_timeout: bool,
    pub(super) max_in_flight_per_partition: bool,
    /// Levels may come before the codec that they are for.
    pub(super) gzip: Option<i32>,
    pub(super) lz4: Option<i32>,
    pub(super) zstd: Option<i32>,
}
