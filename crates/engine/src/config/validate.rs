//! Settings against each other, before anything is dialled.

use super::{ProducerConfig, address};
use crate::{Acks, Compression, ConfigError};

const I32_MAX: usize = i32::MAX as usize;

impl ProducerConfig {
    /// Whether the settings are complete and fit together. Starting a producer checks it.
    ///
    /// # Errors
    /// The first setting that is out of range, or the first two that exclude each other, by key
    /// and rule.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_addresses()?;
        self.validate_all_but_addresses()
    }

    pub(crate) fn validate_all_but_addresses(&self) -> Result<(), ConfigError> {
        self.validate_ranges()?;
        self.validate_compression()?;
        self.validate_idempotence()?;
        self.security.plan()?;
        if self.delivery_timeout < self.linger.saturating_add(self.request_timeout) {
            return contradiction(
                "delivery.timeout.ms",
                "request.timeout.ms",
                "must be at least linger.ms + request.timeout.ms",
            );
        }
        if self.buffer_memory < self.batch_size {
            return contradiction("buffer.memory", "batch.size", "must be at least batch.size");
        }
        Ok(())
    }

    fn validate_addresses(&self) -> Result<(), ConfigError> {
        const KEY: &str = "bootstrap.servers";
        if self.bootstrap_servers.is_empty() {
            return invalid(KEY, "must name at least one address, host:port");
        }
        for (server, number) in self.bootstrap_servers.iter().zip(1..) {
            if let Err(rule) = address::split(server) {
                let rule = format!("entry {number} {rule}").into();
                return Err(ConfigError::Invalid { key: KEY, rule });
            }
        }
        Ok(())
    }

    /// What `set` refuses can still be written to a field.
    fn validate_ranges(&self) -> Result<(), ConfigError> {
        if self.client_id.len() > i16::MAX as usize {
            return invalid("client.id", "must not be longer than 32767 bytes");
        }
        if self.batch_size > I32_MAX {
            return invalid("batch.size", "must not be larger than 2147483647");
        }
        if self.buffer_memory == 0 {
            return invalid("buffer.memory", "must be at least 1");
        }
        if self.max_request_size == 0 || self.max_request_size > I32_MAX {
            return invalid("max.request.size", "must be from 1 to 2147483647");
        }
        if self.max_in_flight == 0 {
            return invalid(
                "max.in.flight.requests.per.connection",
                "must be at least 1",
            );
        }
        Ok(())
    }

    fn validate_compression(&self) -> Result<(), ConfigError> {
        let feature = match self.compression {
            Compression::Gzip(level) if level != -1 && !(1..=9).contains(&level) => {
                return invalid("compression.gzip.level", "must be from 1 to 9, or -1");
            }
            Compression::Lz4(level) if !(1..=17).contains(&level) => {
                return invalid("compression.lz4.level", "must be from 1 to 17");
            }
            Compression::Zstd(level) if !(-131_072..=22).contains(&level) => {
                return invalid("compression.zstd.level", "must be from -131072 to 22");
            }
            Compression::Gzip(_) if !cfg!(feature = "gzip") => "gzip",
            Compression::Snappy if !cfg!(feature = "snappy") => "snappy",
            Compression::Lz4(_) if !cfg!(feature = "lz4") => "lz4",
            Compression::Zstd(_) if !cfg!(feature = "zstd") => "zstd",
            _ => return Ok(()),
        };
        Err(ConfigError::Disabled {
            key: "compression.type",
            feature,
        })
    }

    fn validate_idempotence(&self) -> Result<(), ConfigError> {
        const KEY: &str = "enable.idempotence";
        if !self.enable_idempotence {
            return Ok(());
        }
        if self.acks != Acks::All {
            // Without a word about idempotence the weaker acks win, as in Java.
            return if self.explicit.enable_idempotence {
                contradiction(KEY, "acks", "needs acks=all")
            } else {
                Ok(())
            };
        }
        if self.retries == 0 {
            return contradiction(KEY, "retries", "needs retries above 0");
        }
        if self.max_in_flight > 5 {
            return contradiction(
                "max.in.flight.requests.per.connection",
                KEY,
                "must be at most 5 unless enable.idempotence is false",
            );
        }
        Ok(())
    }
}

fn invalid(key: &'static str, rule: &'static str) -> Result<(), ConfigError> {
    Err(ConfigError::Invalid {
        key,
        rule: rule.into(),
    })
}

fn contradiction(
    key: &'static str,
    other: &'static str,
    rule: &'static str,
) -> Result<(), ConfigError> {
    Err(ConfigError::Contradiction { key, other, rule })
}
