//! [`DnsDiscovery`].

use super::{Discovery, Endpoint, Lookup, MAX_ADDRESSES};
use crate::{DiscoveryError, serialization::BoxError};
use guanaco_engine::Address;
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{RData, RecordType, rdata::SRV},
};
use std::{net::SocketAddr, time::Duration};
use tokio::task::{JoinSet, spawn_blocking};

/// An answer that takes longer does not come.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// So many targets of SRV records are looked up at the same time.
const AT_ONCE: usize = 16;

/// Addresses from DNS: method `dns`.
///
/// | service name | asks for | gives |
/// |---|---|---|
/// | `_kafka._tcp.example.com` | SRV, then A and AAAA of each target | each target with its own port, by priority and weight (RFC 2782) |
/// | `kafka.example.com`, `kafka.example.com:9093` | A and AAAA | each IP address, with the port of the name, else the [default](Self::with_port) |
///
/// A certificate has to be for the name that was asked for with A and AAAA, and for the target of
/// an SRV record. The latter comes from the DNS: believe it only where the DNS or the certificates'
/// authority is your own.
///
/// Every lookup asks anew, and nothing is cached. A lost packet is sent again after a third of the
/// time that a lookup has, or five seconds; a truncated answer is asked for by TCP. No thread of the
/// runtime is blocked.
///
/// To ask the system's resolver as every other program does, no discovery is needed:
/// `bootstrap.servers` are looked up at each connection. This is for SRV records, for servers of
/// one's own, and for trying all addresses of a name side by side.
#[derive(Clone, Debug)]
pub struct DnsDiscovery {
    /// Empty: those of the system.
    servers: Vec<SocketAddr>,
    port: u16,
}

impl DnsDiscovery {
    /// Asks the servers that the system is configured with, and its hosts file.
    #[must_use]
    pub fn system() -> Self {
        Self::with_servers([])
    }

    /// Asks these servers, by UDP and TCP. None: as [`system`](Self::system).
    #[must_use]
    pub fn with_servers(servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            servers: servers.into_iter().collect(),
            port: 9092,
        }
    }

    /// The port that goes with A and AAAA records where the service's name has none: 9092 if it is
    /// not set.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    async fn ask(&self, service: &str, timeout: Duration) -> Result<Vec<Endpoint>, BoxError> {
        let text = match service.contains(':') {
            true => service.to_owned(),
            false => format!("{service}:{}", self.port),
        };
        let asked = Address::parse(&text).map_err(|rule| DiscoveryError::Service {
            method: self.method().into(),
            service: service.into(),
            rule,
        })?;
        let resolver = self.resolver(timeout).await?;
        let found = match service.starts_with('_') {
            true => targets(&resolver, asked.host()).await,
            false => addresses(&resolver, asked.host(), asked.port()).await,
        };
        match found {
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            found => Ok(found?),
        }
    }

    /// One for a single lookup: its sockets belong to the runtime that it is used on.
    async fn resolver(&self, timeout: Duration) -> Result<TokioResolver, BoxError> {
        let servers: Vec<_> = self.servers.iter().copied().map(server).collect();
        // Building one may read files.
        let resolver = spawn_blocking(move || {
            let mut builder = match servers.is_empty() {
                true => TokioResolver::builder_tokio()?,
                false => {
                    let config = ResolverConfig::from_parts(None, Vec::new(), servers);
                    let provider = TokioRuntimeProvider::default();
                    let mut builder = TokioResolver::builder_with_config(config, provider);
                    builder.options_mut().use_hosts_file = ResolveHosts::Never;
                    builder
                }
            };
            let options = builder.options_mut();
            options.attempts = 2;
            options.timeout = (timeout / 3).min(LONGEST_WAIT);
            options.cache_size = 0;
            options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
            builder.build()
        });
        Ok(resolver.await??)
    }
}

impl Default for DnsDiscovery {
    fn default() -> Self {
        Self::system()
    }
}

impl Discovery for DnsDiscovery {
    fn method(&self) -> &str {
        "dns"
    }

    fn lookup<'a>(&'a self, service: &'a str, timeout: Duration) -> Lookup<'a> {
        Box::pin(self.ask(service, timeout))
    }
}

fn server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    let connections = connections.map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// A and AAAA.
async fn addresses(
    resolver: &TokioResolver,
    host: &str,
    port: u16,
) -> Result<Vec<Endpoint>, NetError> {
    let found = resolver.lookup_ip(host).await?;
    let endpoint = Endpoint::new(host, port);
    Ok(found.iter().map(|ip| endpoint.clone().at(ip)).collect())
}

/// SRV, and the addresses of its targets. Targets without an address are left out if others have
/// one.
async fn targets(resolver: &TokioResolver, name: &str) -> Result<Vec<Endpoint>, NetError> {
    let found = resolver.lookup(name, RecordType::SRV).await?;
    let records = found.answers().iter();
    let mut records: Vec<SRV> = records
        .filter_map(|record| match &record.data {
            // The root as target says that there is no such service.
            RData::SRV(record) if !record.target.is_root() => Some(record.clone()),
            _ => None,
        })
        .collect();
    records.sort_by_key(|record| record.priority);
    records.truncate(MAX_ADDRESSES);
    let mut waiting = records.into_iter();
    let mut lookups = JoinSet::new();
    let mut endpoints = Vec::new();
    let mut failure = None;
    loop {
        for record in waiting.by_ref().take(AT_ONCE - lookups.len()) {
            let resolver = resolver.clone();
            lookups.spawn(async move { target(&resolver, &record).await });
        }
        match lookups.join_next().await {
            None => break,
            Some(Ok(Ok(found))) => endpoints.extend(found),
            Some(Ok(Err(error))) => failure = Some(error),
            // Only the end of the runtime cancels it.
            Some(Err(_)) => return Err(NetError::Message("a lookup was cut short")),
        }
    }
    match failure {
        Some(error) if endpoints.is_empty() => Err(error),
        Some(error) => {
            tracing::debug!(%error, service = name, "a target has no address");
            Ok(endpoints)
        }
        None => Ok(endpoints),
    }
}

async fn target(resolver: &TokioResolver, record: &SRV) -> Result<Vec<Endpoint>, NetError> {
    let host = record.target.to_ascii();
    // The final dot makes the name absolute for the lookup; certificates are for it without the dot.
    let found = resolver.lookup_ip(host.as_str()).await?;
    let endpoint = Endpoint::new(host.trim_end_matches('.'), record.port)
        .with_priority(record.priority)
        .with_weight(record.weight);
    Ok(found.iter().map(|ip| endpoint.clone().at(ip)).collect())
}
