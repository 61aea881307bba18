//! What can be wrong with settings. Nothing here ever holds a value: it may be a secret.

use std::borrow::Cow;

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Neither Kafka 4.3's producer nor this one has such a key.
    #[error("unknown setting {key:?}{}", Hint(.nearest))]
    Unknown {
        /// As given, up to an `=`, should somebody have glued the value to it.
        key: String,
        /// The closest key that exists.
        nearest: Option<&'static str>,
    },
    /// The value is not of the key's type or range.
    #[error("{key} {rule}")]
    Invalid {
        /// The key.
        key: &'static str,
        /// What its value must be.
        rule: Cow<'static, str>,
    },
    /// Two settings that are fine by themselves exclude each other.
    #[error("{key} {rule}")]
    Contradiction {
        /// The one to change, in most cases.
        key: &'static str,
        /// The other one.
        other: &'static str,
        /// What must hold between them.
        rule: &'static str,
    },
    /// Kafka's producer has it and this one does not, yet.
    #[error("{key} is not supported yet: it waits for {waits_for}")]
    NotYet {
        /// The key.
        key: &'static str,
        /// What has to exist first.
        waits_for: &'static str,
    },
    /// What it asks for was compiled out.
    #[error("{key} needs the cargo feature {feature:?}")]
    Disabled {
        /// The key.
        key: &'static str,
        /// The feature.
        feature: &'static str,
    },
}

/// A setting that was accepted but does nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigWarning {
    /// The key.
    pub key: &'static str,
    /// Why it does nothing, and what to use instead.
    pub advice: &'static str,
}

impl std::fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} has no effect: {}", self.key, self.advice)
    }
}

struct Hint<'a>(&'a Option<&'static str>);

impl std::fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0
            .map_or(Ok(()), |nearest| write!(f, ", did you mean {nearest:?}?"))
    }
}
