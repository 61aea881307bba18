//! Why a configuration cannot be used. Nothing here ever holds a value: it may be a secret.

use super::{Format, Origin};
use crate::DiscoveryError;
use std::{borrow::Cow, fmt, sync::Arc};

/// A configuration that cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{file} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        file: Arc<str>,
        /// What the system says.
        reason: Arc<str>,
    },
    /// The file's ending stands for no format.
    #[error(
        "{file} has an ending that stands for no format; known are .conf, .hocon, .json, \
         .properties, .toml, .yaml and .yml"
    )]
    UnknownFormat {
        /// The file.
        file: Arc<str>,
    },
    /// The format was compiled out.
    #[error("reading {format} needs the cargo feature {feature:?}")]
    Disabled {
        /// The format.
        format: Format,
        /// The feature.
        feature: &'static str,
    },
    /// The text is not what its format asks for.
    #[error("{at}: not valid {format}{}", Reason(.what))]
    Syntax {
        /// Where.
        at: Origin,
        /// The format.
        format: Format,
        /// What is wrong, where it can be told without quoting the text.
        what: Option<&'static str>,
    },
    /// An include that is required is missing, includes itself, or cannot be read.
    #[error("{file} cannot be included")]
    Include {
        /// The file that was to be included.
        file: Arc<str>,
    },
    /// A substitution such as `${kafka.servers}` that stands for nothing.
    #[error("{at}: {path} refers to {} that is not set", Reference(.reference))]
    Unresolved {
        /// Where.
        at: Origin,
        /// The setting.
        path: String,
        /// What it refers to, where it is known.
        reference: Option<String>,
    },
    /// There is no such section.
    #[error("there is no section {path}{}", Hint(.nearest))]
    NoSection {
        /// As asked for.
        path: String,
        /// The closest one that exists.
        nearest: Option<String>,
    },
    /// There is more than one default section.
    #[error(
        "{section} ({at}) and {other} ({other_at}) are both set: name the section that is meant"
    )]
    Ambiguous {
        /// One of them.
        section: &'static str,
        /// Where it is set.
        at: Origin,
        /// Another.
        other: &'static str,
        /// Where that is set.
        other_at: Origin,
    },
    /// No such key.
    #[error("{at}: unknown setting {path}{}", Hint(.nearest))]
    Unknown {
        /// Where.
        at: Origin,
        /// The setting.
        path: String,
        /// The closest one that exists.
        nearest: Option<String>,
    },
    /// The value is not of the key's type or range.
    #[error("{at}: {path} {rule}")]
    Invalid {
        /// Where.
        at: Origin,
        /// The setting.
        path: String,
        /// What its value must be.
        rule: Cow<'static, str>,
    },
    /// One key is given twice, in two spellings.
    #[error("{at}: {path} is set at {other} as well, in another spelling; keep one")]
    Twice {
        /// Where.
        at: Origin,
        /// The setting.
        path: String,
        /// Where else.
        other: Origin,
    },
    /// Known, and not here yet; without it the producer would not be as safe as it was meant to be.
    #[error("{at}: {path} is not supported yet: it waits for {waits_for}")]
    NotYet {
        /// Where.
        at: Origin,
        /// The setting.
        path: String,
        /// What has to exist first.
        waits_for: &'static str,
    },
    /// The discovery method, or what it needs, cannot be used.
    #[error("{at}: {path} cannot be used")]
    Discovery {
        /// Where.
        at: Origin,
        /// The setting.
        path: String,
        /// Why.
        #[source]
        error: DiscoveryError,
    },
    /// A key that makes whoever can write the configuration as powerful as the code.
    #[error("{at}: {path} {why}; set it in code, or trust the configuration as much as the code")]
    Guarded {
        /// Where.
        at: Origin,
        /// The setting.
        path: String,
        /// What it does.
        why: &'static str,
    },
}

/// A setting that was accepted but does nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// Where it is.
    pub at: Origin,
    /// The setting.
    pub path: String,
    /// Why it does nothing, and what to use instead.
    pub advice: &'static str,
    /// Whether it is one of Kafka's keys.
    pub(super) of_kafka: bool,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at, path, advice, ..
        } = self;
        write!(f, "{at}: {path} has no effect: {advice}")
    }
}

struct Reason<'a>(&'a Option<&'static str>);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |what| write!(f, ": {what}"))
    }
}

struct Reference<'a>(&'a Option<String>);

impl fmt::Display for Reference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(path) => write!(f, "${{{path}}}"),
            None => f.write_str("something"),
        }
    }
}

struct Hint<'a>(&'a Option<String>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(nearest) => write!(f, ", did you mean {nearest}?"),
            None => Ok(()),
        }
    }
}
