//! Lookups whose answers cannot do harm: in time, without panics, checked and capped.

use super::{Discovery, Endpoint};
use crate::{DiscoveryError, error::UserError, serialization::BoxError};
use guanaco_engine::{Address, without_panic};
use std::{collections::HashSet, sync::Arc, time::Duration};

/// So many addresses of an answer are used at most, those to be tried first. One that answers is
/// enough, and tells of all others.
pub const MAX_ADDRESSES: usize = 100;

/// Looks a service up by hand, and gives what [`lookup`](Discovery::lookup) found as the text of
/// `bootstrap.servers`, for instance in
/// [`with_enrich_async`](crate::ProducerSettings::with_enrich_async). It has hosts as they were
/// found, without the IP addresses that they may have come with.
///
/// # Errors
/// [`DiscoveryError`], after `timeout` at the latest. Nothing is tried again.
pub async fn bootstrap_servers(
    method: &(impl Discovery + ?Sized),
    service: &str,
    timeout: Duration,
) -> Result<String, DiscoveryError> {
    let found = lookup(method, service, timeout).await?;
    let mut servers: Vec<_> = found.iter().map(Address::host_and_port).collect();
    let mut seen = HashSet::new();
    servers.retain(|server| seen.insert(server.clone()));
    Ok(servers.join(","))
}

/// The addresses of a service in the order in which they are to be tried: at least one, at most
/// [`MAX_ADDRESSES`].
pub(super) async fn lookup(
    method: &(impl Discovery + ?Sized),
    service: &str,
    timeout: Duration,
) -> Result<Vec<Address>, DiscoveryError> {
    usable(method, service, ask(method, service, timeout).await?)
}

/// Asks a method: in time, and without its panics.
pub(super) async fn ask(
    method: &(impl Discovery + ?Sized),
    service: &str,
    timeout: Duration,
) -> Result<Vec<Endpoint>, DiscoveryError> {
    let (by, service_name) = (|| method.method().into(), || service.into());
    if service.is_empty() {
        return Err(DiscoveryError::NoService { method: by() });
    }
    // The call itself is in the future: it may panic as well.
    let asking = without_panic(async { method.lookup(service, timeout).await });
    match tokio::time::timeout(timeout, asking).await {
        Ok(Some(Ok(found))) if found.is_empty() => Err(DiscoveryError::Empty {
            method: by(),
            service: service_name(),
        }),
        Ok(Some(Ok(found))) => Ok(found),
        Ok(Some(Err(error))) => Err(named(by(), service_name(), error)),
        Ok(None) => Err(DiscoveryError::Panicked {
            method: by(),
            service: service_name(),
        }),
        Err(_) => Err(DiscoveryError::Timeout {
            method: by(),
            service: service_name(),
            after: timeout,
        }),
    }
}

/// Checks and orders what was found.
pub(super) fn usable(
    method: &(impl Discovery + ?Sized),
    service: &str,
    found: Vec<Endpoint>,
) -> Result<Vec<Address>, DiscoveryError> {
    let mut first_refused = None;
    let mut refused = 0;
    let mut seen = HashSet::new();
    let mut ranked = Vec::new();
    for (endpoint, position) in found.iter().zip(1..) {
        let address = match Address::parse(&endpoint.text) {
            Ok(address) => address,
            Err(rule) => {
                refused += 1;
                first_refused.get_or_insert((position, rule));
                continue;
            }
        };
        let address = match endpoint.ip {
            Some(ip) => address.at(ip),
            None => address,
        };
        if seen.insert(address.clone()) {
            ranked.push((endpoint.priority, lot(endpoint.weight), address));
        }
    }
    let by = method.method();
    if let Some((position, rule)) = first_refused {
        if ranked.is_empty() {
            return Err(DiscoveryError::Address {
                method: by.into(),
                service: service.into(),
                position,
                rule,
            });
        }
        tracing::warn!(
            method = by,
            service,
            refused,
            position,
            "addresses are skipped; the first {rule}"
        );
    }
    if ranked.len() > MAX_ADDRESSES {
        let found = ranked.len();
        tracing::warn!(method = by, service, found, "too many addresses");
    }
    ranked.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    ranked.truncate(MAX_ADDRESSES);
    Ok(ranked.into_iter().map(|(.., address)| address).collect())
}

/// A lot for a place among others: the lowest one goes to each with a probability in proportion to
/// its weight. RFC 2782 asks for just that, and for a small chance with weight 0.
fn lot(weight: u16) -> f64 {
    let weight = f64::from(weight).max(0.01);
    // Above 0, so that its logarithm is finite.
    let drawn = 1.0 - fastrand::f64();
    -drawn.ln() / weight
}

/// An error of a method: one of ours as it is, another's as the cause.
fn named(method: Arc<str>, service: Arc<str>, error: BoxError) -> DiscoveryError {
    match error.downcast() {
        Ok(own) => *own,
        Err(error) => DiscoveryError::Lookup {
            method,
            service,
            source: UserError(error.into()),
        },
    }
}
