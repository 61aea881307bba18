//! [`AggregateDiscovery`].

use super::{Discovery, Endpoint, Lookup, check};
use crate::{DiscoveryError, serialization::BoxError};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Several methods, asked one after another: the first that has an address answers. Method
/// `aggregate`.
///
/// Each may take an equal share of the time that is left, so that one that never answers does not
/// keep the others from being asked.
#[derive(Clone, Default)]
pub struct AggregateDiscovery(Vec<Arc<dyn Discovery>>);

impl AggregateDiscovery {
    /// Without any method.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a method, to be asked when those before it have no address.
    #[must_use]
    pub fn or(mut self, method: impl Discovery) -> Self {
        self.0.push(Arc::new(method));
        self
    }

    async fn ask(&self, service: &str, timeout: Duration) -> Result<Vec<Endpoint>, BoxError> {
        let began = Instant::now();
        let mut errors = Vec::new();
        for (index, method) in self.0.iter().enumerate() {
            let left = u32::try_from(self.0.len() - index).unwrap_or(u32::MAX);
            let share = timeout.saturating_sub(began.elapsed()) / left;
            match check::ask(method, service, share).await {
                // A method whose addresses are all of no use has none.
                Ok(found) => match check::usable(method, service, found.clone()) {
                    Ok(_) => return Ok(found),
                    Err(error) => errors.push(error),
                },
                Err(error) => errors.push(error),
            }
        }
        Err(Box::new(match errors.is_empty() {
            true => DiscoveryError::Method {
                name: self.method().into(),
                rule: "needs at least one method to ask",
            },
            false => DiscoveryError::Aggregate {
                service: service.into(),
                errors: errors.into(),
            },
        }))
    }
}

impl Discovery for AggregateDiscovery {
    fn method(&self) -> &str {
        "aggregate"
    }

    fn lookup<'a>(&'a self, service: &'a str, timeout: Duration) -> Lookup<'a> {
        Box::pin(self.ask(service, timeout))
    }
}

impl fmt::Debug for AggregateDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods = self.0.iter().map(|method| method.method());
        f.debug_list().entries(methods).finish()
    }
}
