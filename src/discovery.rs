//! Finding the cluster by the name of a service.
//!
//! Instead of `bootstrap.servers`, settings can have a [`Discovery`] method and the name of a
//! service: [`with_discovery`](crate::ProducerSettings::with_discovery). The method is asked when a
//! producer starts, and again when every broker of the cluster is lost.
//!
//! | method | | name for configuration files |
//! |---|---|---|
//! | [`StaticDiscovery`] | services and their addresses, as configured | `config` |
//! | `DnsDiscovery` (feature `dns`) | A, AAAA and SRV records | `dns`, `akka-dns`, `pekko-dns` |
//! | [`AggregateDiscovery`] | several, the first that has an address | `aggregate` |
//! | [`lookup_with`], [`Discovery`] | your own | as you [register](Methods::with_method) it |
//!
//! ```no_run
//! use guanaco::{ProducerSettings, discovery::StaticDiscovery, serialization::StringSerializer};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config = StaticDiscovery::new().with_service("kafka", ["broker-1:9092", "broker-2:9092"])?;
//! let settings = ProducerSettings::keyless(StringSerializer).with_discovery(config, "kafka");
//! let producer = settings.create_kafka_producer().await?;
//! # drop(producer);
//! # let _: ProducerSettings<_, String> = settings;
//! # Ok(()) }
//! ```
//!
//! [More of it](crate::_documentation::discovery): what is tried in which order, what is retried,
//! and how long.
//!
//! # Answers are not trusted
//!
//! Every address must be a `host:port` with a host that can exist, a port above 0, and no scheme.
//! Others are skipped with a warning, and it is an error if none is left. Duplicates are dropped, and
//! no more than [`MAX_ADDRESSES`] are used. Certificates are checked against the host's name as the
//! answer has it.

mod aggregate;
mod check;
#[cfg(feature = "dns")]
mod dns;
mod endpoint;
mod fixed;
mod methods;
mod resolver;

pub use aggregate::AggregateDiscovery;
pub use check::{MAX_ADDRESSES, bootstrap_servers};
#[cfg(feature = "dns")]
pub use dns::DnsDiscovery;
pub use endpoint::Endpoint;
pub use fixed::StaticDiscovery;
pub use methods::Methods;
pub(crate) use resolver::Service;

use crate::serialization::BoxError;
use std::{pin::Pin, sync::Arc, time::Duration};

/// A way to find the addresses of a service.
///
/// [`lookup_with`] makes one from an async closure.
///
/// ```
/// use guanaco::discovery::{Discovery, Endpoint, Lookup};
/// use std::time::Duration;
///
/// /// Brokers that are numbered from 0.
/// struct Numbered(u32);
///
/// impl Discovery for Numbered {
///     fn method(&self) -> &str {
///         "numbered"
///     }
///
///     fn lookup<'a>(&'a self, service: &'a str, _: Duration) -> Lookup<'a> {
///         Box::pin(async move {
///             let host = |number| format!("{service}-{number}.internal");
///             Ok((0..self.0).map(|number| Endpoint::new(&host(number), 9092)).collect())
///         })
///     }
/// }
/// ```
pub trait Discovery: Send + Sync + 'static {
    /// What errors call this method.
    fn method(&self) -> &str;

    /// Looks up the addresses of a service, as of now. A producer asks again, with pauses, until it
    /// has found a broker, so an answer should not be kept.
    ///
    /// It must not block: it runs on the producer's runtime. Whoever asks waits for `timeout` and
    /// drops the future then. A [`DiscoveryError`](crate::DiscoveryError) is passed on as it is,
    /// any other as the [cause](crate::DiscoveryError::Lookup) of one. A panic is an error, too.
    fn lookup<'a>(&'a self, service: &'a str, timeout: Duration) -> Lookup<'a>;
}

/// What [`Discovery::lookup`] returns.
pub type Lookup<'a> = Pin<Box<dyn Future<Output = Result<Vec<Endpoint>, BoxError>> + Send + 'a>>;

impl<D: Discovery + ?Sized> Discovery for Arc<D> {
    fn method(&self) -> &str {
        (**self).method()
    }

    fn lookup<'a>(&'a self, service: &'a str, timeout: Duration) -> Lookup<'a> {
        (**self).lookup(service, timeout)
    }
}

/// A method from an async closure, which is given the service and the time it has.
///
/// ```
/// use guanaco::discovery::{Endpoint, lookup_with};
/// # async fn ask(_: &str) -> std::io::Result<Vec<std::net::SocketAddr>> { Ok(vec![]) }
///
/// let registry = lookup_with("registry", |service, _timeout| async move {
///     let found = ask(&format!("http://registry.internal/{service}")).await?;
///     Ok(found.into_iter().map(Endpoint::from).collect())
/// });
/// # drop(registry);
/// ```
pub fn lookup_with<F, R>(method: impl Into<String>, lookup: F) -> LookupWith<F>
where
    F: Fn(String, Duration) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Vec<Endpoint>, BoxError>> + Send + 'static,
{
    LookupWith {
        method: method.into(),
        lookup,
    }
}

/// See [`lookup_with`].
#[derive(Clone)]
pub struct LookupWith<F> {
    method: String,
    lookup: F,
}

impl<F, R> Discovery for LookupWith<F>
where
    F: Fn(String, Duration) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Vec<Endpoint>, BoxError>> + Send + 'static,
{
    fn method(&self) -> &str {
        &self.method
    }

    fn lookup<'a>(&'a self, service: &'a str, timeout: Duration) -> Lookup<'a> {
        Box::pin((self.lookup)(service.to_owned(), timeout))
    }
}

impl<F> std::fmt::Debug for LookupWith<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LookupWith")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}
