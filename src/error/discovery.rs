//! Why service discovery has no address.

use super::UserError;
use std::{fmt, sync::Arc, time::Duration};

/// Why service discovery has no address. Says which method was asked, and for which service.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The name of the service is empty.
    #[error("the name of the service to look up by {method} is empty: set service-name")]
    NoService {
        /// The method.
        method: Arc<str>,
    },
    /// The name of the service is not one that the method can look up.
    #[error("service {service:?}, to be looked up by {method}, {rule}")]
    Service {
        /// The method.
        method: Arc<str>,
        /// The service.
        service: Arc<str>,
        /// The rule that its name breaks.
        rule: &'static str,
    },
    /// The method is left to the default, and there is none.
    #[error("the discovery method is left to the default, and no default is set")]
    NoMethod,
    /// There is no method of this name.
    #[error("there is no discovery method {name:?}{}", Hint(.nearest))]
    UnknownMethod {
        /// The name that was asked for.
        name: Arc<str>,
        /// The closest one that exists.
        nearest: Option<Arc<str>>,
    },
    /// The method is set up in a way that cannot work.
    #[error("discovery method {name} {rule}")]
    Method {
        /// Its name.
        name: Arc<str>,
        /// What must hold.
        rule: &'static str,
    },
    /// The method was compiled out.
    #[error("discovery method {name} needs the cargo feature {feature:?}")]
    Disabled {
        /// Its name.
        name: Arc<str>,
        /// The feature.
        feature: &'static str,
    },
    /// The static configuration has no service of this name.
    #[error("{method} has no service {service:?}{}", Hint(.nearest))]
    UnknownService {
        /// The method.
        method: Arc<str>,
        /// The service.
        service: Arc<str>,
        /// The closest one that exists.
        nearest: Option<Arc<str>>,
    },
    /// No answer came in time.
    #[error("{method} gave no answer for service {service:?} within {} ms", .after.as_millis())]
    Timeout {
        /// The method.
        method: Arc<str>,
        /// The service.
        service: Arc<str>,
        /// The time allowed.
        after: Duration,
    },
    /// The answer has no address in it.
    #[error("{method} has no address for service {service:?}")]
    Empty {
        /// The method.
        method: Arc<str>,
        /// The service.
        service: Arc<str>,
    },
    /// None of the addresses can be used; this is about the first.
    #[error("address {position} that {method} has for service {service:?} {rule}")]
    Address {
        /// The method.
        method: Arc<str>,
        /// The service.
        service: Arc<str>,
        /// Its place in the answer, from 1.
        position: usize,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// The lookup failed.
    #[error("{method} could not look up service {service:?}")]
    Lookup {
        /// The method.
        method: Arc<str>,
        /// The service.
        service: Arc<str>,
        /// What went wrong.
        source: UserError,
    },
    /// The lookup panicked.
    #[error("the lookup of service {service:?} by {method} panicked")]
    Panicked {
        /// The method.
        method: Arc<str>,
        /// The service.
        service: Arc<str>,
    },
    /// Each of several methods failed.
    #[error("no discovery method has an address for service {service:?}: {}", Each(.errors))]
    Aggregate {
        /// The service.
        service: Arc<str>,
        /// What each method said, in the order of the methods.
        errors: Arc<[DiscoveryError]>,
    },
}

impl DiscoveryError {
    /// Whether the same lookup may succeed later. Others end the start of a producer at once.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Timeout { .. }
            | Self::Empty { .. }
            | Self::Address { .. }
            | Self::Lookup { .. } => true,
            Self::Aggregate { errors, .. } => errors.iter().any(Self::is_retriable),
            _ => false,
        }
    }
}

struct Hint<'a>(&'a Option<Arc<str>>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .as_deref()
            .map_or(Ok(()), |nearest| write!(f, ", did you mean {nearest:?}?"))
    }
}

/// Several errors, each with its causes: only one of them could be the source.
struct Each<'a>(&'a [DiscoveryError]);

impl fmt::Display for Each<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{error}")?;
            let mut cause = std::error::Error::source(error);
            while let Some(error) = cause {
                write!(f, ": {error}")?;
                cause = error.source();
            }
        }
        Ok(())
    }
}
