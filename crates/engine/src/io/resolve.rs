//! Where the cluster can be found.

use crate::config::address;
use std::{
    error::Error,
    fmt,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

/// A future that a trait object returns.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Gives the addresses to start from. Asked when a producer starts, and again, with pauses, whenever
/// every known broker is lost.
pub trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// The addresses as of now. It runs on the producer's runtime and must not block; it is dropped
    /// when nobody waits any longer.
    fn resolve(&self) -> Resolving<'_>;

    /// For how long `resolve` may take. A search for a lost cluster lasts so much longer.
    fn limit(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether the addresses come in the order in which they are to be tried. If not, they are
    /// shuffled, so that the clients of a cluster do not all begin with the same broker.
    fn is_ordered(&self) -> bool {
        false
    }
}

/// What [`Resolver::resolve`] returns.
pub type Resolving<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<Address>, Unresolved>> + Send + 'a>>;

/// Why a [`Resolver`] has no address.
#[derive(Clone, Debug)]
pub struct Unresolved {
    /// The error itself.
    pub error: Arc<dyn Error + Send + Sync>,
    /// Whether it may go away: if not, a producer that starts does not ask again.
    pub retriable: bool,
}

/// One `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    /// Where to connect to, if the host's name need not be looked up.
    pub(crate) ip: Option<IpAddr>,
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

impl Resolver for StaticAddresses {
    fn resolve(&self) -> Resolving<'_> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

impl Address {
    /// From `host:port`, or `[IPv6]:port`.
    ///
    /// # Errors
    /// The rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        address::split(text).map(|(host, port)| Self::new(host, port))
    }

    /// The same host, without a lookup of its name: connections go to `ip`. The name is still what
    /// the broker is known by, and what a certificate has to be for.
    #[must_use]
    pub fn at(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// The host's name, or its IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host, an IPv6 address in brackets, and the port: what [`parse`](Self::parse) reads.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    pub(crate) fn new(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            ip: None,
        }
    }

    /// Every socket address behind the name. The lookup runs on tokio's blocking threads.
    pub(crate) async fn lookup(&self) -> io::Result<Vec<SocketAddr>> {
        if let Some(ip) = self.ip {
            return Ok(vec![SocketAddr::new(ip, self.port)]);
        }
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
        f.write_str(&self.host_and_port())?;
        match self.ip {
            Some(ip) => write!(f, " at {ip}"),
            None => Ok(()),
        }
    }
}
