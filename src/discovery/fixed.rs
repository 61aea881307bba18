//! [`StaticDiscovery`].

use super::{Discovery, Endpoint, Lookup, check::usable};
use crate::{DiscoveryError, serialization::BoxError};
use std::{collections::BTreeMap, time::Duration};

/// Services and their addresses as they were configured: method `config`.
///
/// The addresses are shuffled, unless they have [priorities](Endpoint::with_priority).
#[derive(Clone, Debug, Default)]
pub struct StaticDiscovery(BTreeMap<String, Vec<Endpoint>>);

impl StaticDiscovery {
    /// Without any service.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a service, or replaces its addresses.
    ///
    /// # Errors
    /// [`DiscoveryError::NoService`], [`DiscoveryError::Empty`], or [`DiscoveryError::Address`] for
    /// the first address that cannot be used.
    pub fn with_service<E: Into<Endpoint>>(
        mut self,
        name: impl Into<String>,
        addresses: impl IntoIterator<Item = E>,
    ) -> Result<Self, DiscoveryError> {
        let name = name.into();
        let method = self.method().into();
        let addresses: Vec<Endpoint> = addresses.into_iter().map(Into::into).collect();
        if name.is_empty() {
            return Err(DiscoveryError::NoService { method });
        }
        if addresses.is_empty() {
            let service = name.into();
            return Err(DiscoveryError::Empty { method, service });
        }
        for (address, position) in addresses.iter().zip(1..) {
            // Nobody else is to blame here, so that one is enough to refuse all.
            let alone = usable(&self, &name, vec![address.clone()]);
            if let Err(DiscoveryError::Address { rule, .. }) = alone {
                let service = name.into();
                return Err(DiscoveryError::Address {
                    method,
                    service,
                    position,
                    rule,
                });
            }
        }
        self.0.insert(name, addresses);
        Ok(self)
    }

    fn find(&self, service: &str) -> Result<Vec<Endpoint>, BoxError> {
        match self.0.get(service) {
            Some(found) => Ok(found.clone()),
            None => {
                let known = self.0.keys().map(String::as_str);
                Err(Box::new(DiscoveryError::UnknownService {
                    method: self.method().into(),
                    service: service.into(),
                    nearest: guanaco_engine::nearest(service, known).map(Into::into),
                }))
            }
        }
    }
}

impl Discovery for StaticDiscovery {
    fn method(&self) -> &str {
        "config"
    }

    fn lookup<'a>(&'a self, service: &'a str, _: Duration) -> Lookup<'a> {
        Box::pin(std::future::ready(self.find(service)))
    }
}
