//! Where the cluster can be found.

use crate::config::address;
use std::{fmt, future::Future, io, net::SocketAddr, pin::Pin, sync::Arc};

/// A future that a trait object returns.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Gives the addresses to start from. Asked again whenever every known broker is lost.
pub(crate) trait Resolve: Send + Sync + fmt::Debug {
    /// The addresses as of now, in any order.
    fn resolve(&self) -> BoxFuture<'_, Result<Vec<Address>, ResolveError>>;
}

/// One `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
}

/// Why there is no address to start from. Never holds what was configured: a password may have
/// slipped into it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error("bootstrap.servers is empty")]
    Empty,
    #[error("entry {position} of bootstrap.servers {rule}")]
    Invalid {
        /// Counted from 1.
        position: usize,
        /// The rule that it breaks.
        rule: &'static str,
    },
}

/// `bootstrap.servers` as it was configured.
#[derive(Clone, Debug)]
pub(crate) struct StaticAddresses(Vec<Address>);

impl StaticAddresses {
    pub(crate) fn parse<T: AsRef<str>>(servers: &[T]) -> Result<Self, ResolveError> {
        let parse = |(index, entry): (usize, &T)| match address::split(entry.as_ref()) {
            Ok((host, port)) => Ok(Address::new(host, port)),
            Err(rule) => Err(ResolveError::Invalid {
                position: index + 1,
                rule,
            }),
        };
        let addresses = servers
            .iter()
            .enumerate()
            .map(parse)
            .collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            return Err(ResolveError::Empty);
        }
        Ok(Self(addresses))
    }
}

impl Resolve for StaticAddresses {
    fn resolve(&self) -> BoxFuture<'_, Result<Vec<Address>, ResolveError>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

impl Address {
    pub(crate) fn new(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    /// Every socket address behind the name. The lookup runs on tokio's blocking threads.
    pub(crate) async fn lookup(&self) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<_> = tokio::net::lookup_host((&*self.host, self.port))
            .await?
            .collect();
        if found.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the name has no address",
            ));
        }
        Ok(found)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}
