//! Discovery as the engine asks for it.

use super::{Discovery, check};
use crate::{DiscoveryError, SettingsError, StartError};
use guanaco_engine::{Resolver, Resolving, Unresolved};
use std::{fmt, sync::Arc, time::Duration};

/// A method and the service that it is asked for.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) method: Arc<dyn Discovery>,
    pub(crate) name: Arc<str>,
}

impl Service {
    /// Whether the other asks the same method for the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.method, &other.method) && self.name == other.name
    }

    /// For a producer that has `start` to start.
    pub(crate) fn resolver(
        &self,
        timeout: Duration,
        start: Duration,
    ) -> Result<Arc<dyn Resolver>, StartError> {
        if self.name.is_empty() {
            let method = self.method.method().into();
            return Err(DiscoveryError::NoService { method }.into());
        }
        if timeout.is_zero() {
            return Err(StartError::Settings(SettingsError::Invalid {
                setting: "resolve timeout",
                rule: "must be above 0: no lookup could ever succeed",
            }));
        }
        Ok(Arc::new(ServiceResolver {
            service: self.clone(),
            // The first error is known before the start is given up.
            limit: timeout.min(start * 3 / 4),
        }))
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} by {}", self.name, self.method.method())
    }
}

#[derive(Debug)]
struct ServiceResolver {
    service: Service,
    limit: Duration,
}

impl Resolver for ServiceResolver {
    fn resolve(&self) -> Resolving<'_> {
        Box::pin(async {
            let Service { method, name } = &self.service;
            let found = check::lookup(method, name, self.limit).await;
            found.map_err(|error| Unresolved {
                retriable: error.is_retriable(),
                error: Arc::new(error),
            })
        })
    }

    fn limit(&self) -> Duration {
        self.limit
    }

    fn is_ordered(&self) -> bool {
        true
    }
}
