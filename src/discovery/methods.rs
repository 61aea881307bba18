//! Methods by the names that configuration files have for them.

use super::{AggregateDiscovery, Discovery, StaticDiscovery};
use crate::DiscoveryError;
use std::{collections::BTreeMap, fmt, sync::Arc};

const AGGREGATE: &str = "aggregate";
const DNS: [&str; 3] = ["dns", "akka-dns", "pekko-dns"];
const CONFIG: &str = "config";

/// What leaves the choice to [`Methods::with_default`].
const DEFAULT: [&str; 4] = ["", "akka.discovery", "pekko.discovery", "guanaco.discovery"];

/// The discovery methods that can be asked for by name, as `discovery-method` does in a configuration
/// file.
///
/// | name | method |
/// |---|---|
/// | `config` | [`StaticDiscovery`], with the [services](Self::with_services) |
/// | `dns`, `akka-dns`, `pekko-dns` | `DnsDiscovery`, of the feature `dns` |
/// | `aggregate` | [`AggregateDiscovery`] of the [methods named](Self::with_aggregate) |
/// | `akka.discovery`, `pekko.discovery`, `guanaco.discovery`, empty | the [default](Self::with_default) |
/// | any other | as [registered](Self::with_method) |
///
/// ```
/// use guanaco::discovery::{Methods, StaticDiscovery};
///
/// # fn main() -> Result<(), guanaco::DiscoveryError> {
/// let methods = Methods::new()
///     .with_services(StaticDiscovery::new().with_service("kafka", ["broker:9092"])?)
///     .with_default("config");
/// assert_eq!(methods.by_name("akka.discovery")?.method(), "config");
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Methods {
    default: String,
    services: StaticDiscovery,
    aggregate: Vec<String>,
    own: BTreeMap<String, Arc<dyn Discovery>>,
    #[cfg(feature = "dns")]
    dns: super::DnsDiscovery,
}

impl Methods {
    /// The methods without any settings of theirs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The method that `akka.discovery` stands for: the value of `akka.discovery.method`.
    #[must_use]
    pub fn with_default(mut self, name: impl Into<String>) -> Self {
        self.default = name.into();
        self
    }

    /// What `config` finds: `akka.discovery.config.services`.
    #[must_use]
    pub fn with_services(mut self, services: StaticDiscovery) -> Self {
        self.services = services;
        self
    }

    /// The names of what `aggregate` asks, in this order: `akka.discovery.aggregate.discovery-methods`.
    #[must_use]
    pub fn with_aggregate<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.aggregate = names.into_iter().map(Into::into).collect();
        self
    }

    /// How `dns` asks.
    #[cfg(feature = "dns")]
    #[must_use]
    pub fn with_dns(mut self, dns: super::DnsDiscovery) -> Self {
        self.dns = dns;
        self
    }

    /// A method of one's own, by a name for it. It replaces what had the name before.
    #[must_use]
    pub fn with_method(mut self, name: impl Into<String>, method: impl Discovery) -> Self {
        self.own.insert(name.into(), Arc::new(method));
        self
    }

    /// The method of this name.
    ///
    /// # Errors
    /// [`DiscoveryError::UnknownMethod`], [`DiscoveryError::Disabled`] where it was compiled out,
    /// [`DiscoveryError::NoMethod`] where the default was asked for without being set, and
    /// [`DiscoveryError::Method`] where `aggregate` has no methods, or itself.
    pub fn by_name(&self, name: &str) -> Result<Arc<dyn Discovery>, DiscoveryError> {
        if let Some(own) = self.own.get(name) {
            return Ok(Arc::clone(own));
        }
        match name {
            CONFIG => Ok(Arc::new(self.services.clone())),
            AGGREGATE => self.aggregate(),
            _ if DNS.contains(&name) => self.dns(name),
            _ if !DEFAULT.contains(&name) => Err(self.unknown(name)),
            // The default cannot be left to the default.
            _ if DEFAULT.contains(&&*self.default) => Err(DiscoveryError::NoMethod),
            _ => self.by_name(&self.default),
        }
    }

    fn aggregate(&self) -> Result<Arc<dyn Discovery>, DiscoveryError> {
        let refuse = |rule| DiscoveryError::Method {
            name: AGGREGATE.into(),
            rule,
        };
        if self.aggregate.is_empty() {
            return Err(refuse("needs at least one method: set discovery-methods"));
        }
        let mut all = AggregateDiscovery::new();
        for name in &self.aggregate {
            let is_default = DEFAULT.contains(&&**name) && self.default == AGGREGATE;
            if name == AGGREGATE || is_default {
                return Err(refuse("cannot be one of the methods that it asks"));
            }
            all = all.or(self.by_name(name)?);
        }
        Ok(Arc::new(all))
    }

    #[cfg(feature = "dns")]
    fn dns(&self, _: &str) -> Result<Arc<dyn Discovery>, DiscoveryError> {
        Ok(Arc::new(self.dns.clone()))
    }

    #[cfg(not(feature = "dns"))]
    fn dns(&self, name: &str) -> Result<Arc<dyn Discovery>, DiscoveryError> {
        Err(DiscoveryError::Disabled {
            name: name.into(),
            feature: "dns",
        })
    }

    fn unknown(&self, name: &str) -> DiscoveryError {
        let known = [CONFIG, AGGREGATE].into_iter().chain(DNS);
        let known = known.chain(self.own.keys().map(String::as_str));
        DiscoveryError::UnknownMethod {
            name: name.into(),
            nearest: guanaco_engine::nearest(name, known).map(Into::into),
        }
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Methods")
            .field("default", &self.default)
            .field("services", &self.services)
            .field("aggregate", &self.aggregate)
            .field("own", &self.own.keys())
            .finish_non_exhaustive()
    }
}
