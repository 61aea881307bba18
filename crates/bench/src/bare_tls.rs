//! The limit of TLS: a pair of sockets of which one writes, and the other reads and forgets.

use crate::{
    cpu::Stopwatch,
    error::BenchError,
    null_broker::DISCARD,
    sample::{Sample, payload},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use std::{collections::BTreeMap, net::SocketAddr, num::NonZeroUsize, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// What TLS allows: the bytes of so many values through a bare connection, in writes of one size.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct BareTlsArgs {
    /// The address of a null broker with `--tls`.
    #[arg(short = 'b', long)]
    bootstrap_servers: SocketAddr,
    /// Its authority, in PEM.
    #[arg(long, value_name = "PEM", allow_hyphen_values = true)]
    authority: String,
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    #[arg(long, default_value_t = 1024)]
    value_bytes: usize,
    #[arg(long, default_value = "262144")]
    write_bytes: NonZeroUsize,
}

/// Runs once, from the end of the handshake until all bytes have arrived.
pub(crate) fn run(args: &BareTlsArgs) -> Result<Sample, BenchError> {
    // One thread: the socket is polled where it is written.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(write(args))
}

async fn write(args: &BareTlsArgs) -> Result<Sample, BenchError> {
    let chunk = payload(args.write_bytes.get());
    let bytes = args.records * args.value_bytes as u64;
    let mut stream = connect(args).await?;
    let watch = Stopwatch::start()?;
    let mut left = bytes;
    while left > 0 {
        let next = left.min(chunk.len() as u64);
        stream.write_all(&chunk[..next as usize]).await?;
        left -= next;
    }
    stream.shutdown().await?;
    let arrived = stream.read_u64().await?;
    let (seconds, cpu_seconds) = watch.stop()?;
    if arrived != bytes {
        let lost = format!("{bytes} bytes written, {arrived} arrived");
        return Err(BenchError::Check(lost));
    }
    Ok(Sample {
        name: format!("bare TLS, {} KiB writes", args.write_bytes.get() / 1024),
        records: args.records,
        bytes,
        seconds,
        cpu_seconds,
        figures: BTreeMap::new(),
    })
}

/// Connects as a producer does by default: the same provider, and so the same cipher.
async fn connect(args: &BareTlsArgs) -> Result<TlsStream<TcpStream>, BenchError> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(args.authority.as_bytes())?)?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![DISCARD.to_vec()];
    let socket = TcpStream::connect(args.bootstrap_servers).await?;
    socket.set_nodelay(true)?;
    let name = ServerName::IpAddress(args.bootstrap_servers.ip().into());
    let connector = TlsConnector::from(Arc::new(config));
    Ok(connector.connect(name, socket).await?)
}
