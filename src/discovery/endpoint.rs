//! [`Endpoint`].

use std::net::{IpAddr, SocketAddr};

/// One address in the answer of a lookup, as it came: nothing is checked before it is used.
///
/// ```
/// use guanaco::discovery::Endpoint;
///
/// let endpoints: [Endpoint; 3] = [
///     Endpoint::new("broker-1.example.com", 9092),
///     Endpoint::from("broker-2.example.com:9092"),
///     // Connects there without looking the name up; a certificate is still for the name.
///     Endpoint::new("broker-3.example.com", 9092).at([10, 0, 0, 3].into()),
/// ];
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    pub(super) text: String,
    pub(super) ip: Option<IpAddr>,
    pub(super) priority: u16,
    pub(super) weight: u16,
}

impl Endpoint {
    /// A host, by its name or IP address, and a port.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        match host.contains(':') {
            true => format!("[{host}]:{port}").into(),
            false => format!("{host}:{port}").into(),
        }
    }

    /// Connects to `ip` instead of looking up the host's name. The name is still what a certificate
    /// has to be for.
    #[must_use]
    pub fn at(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// The addresses with the lowest priority are tried first; those with the same in any order.
    /// 0 if it is not set.
    #[must_use]
    pub fn with_priority(mut self, priority: u16) -> Self {
        self.priority = priority;
        self
    }

    /// Among addresses of one priority: one with twice the weight comes first twice as often. 1 if it
    /// is not set; 0 hardly ever comes first.
    #[must_use]
    pub fn with_weight(mut self, weight: u16) -> Self {
        self.weight = weight;
        self
    }
}

/// From `host:port`, or `[IPv6]:port`.
impl From<String> for Endpoint {
    fn from(text: String) -> Self {
        Self {
            text,
            ip: None,
            priority: 0,
            weight: 1,
        }
    }
}

/// From `host:port`, or `[IPv6]:port`.
impl From<&str> for Endpoint {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::new(&address.ip().to_string(), address.port())
    }
}
