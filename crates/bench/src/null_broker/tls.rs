//! TLS in front of the null broker, and what a bare pair of TLS sockets has at its other end.

use super::skim::BUFFER;
use crate::error::BenchError;
use guanaco_testkit::kafka::{Authority, Certificate};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{
    cell::RefCell,
    io::{self, BufReader, Read, Write},
    net::TcpStream,
    sync::Arc,
};

/// The ALPN protocol of a client that is no Kafka client: its bytes are read and forgotten, their
/// number is the answer.
pub(crate) const DISCARD: &[u8] = b"discard";

const NAME: &str = "null broker";
const ADDRESS: &str = "127.0.0.1";

/// A certificate, and the authority that only those know who ask for it.
pub(super) struct Tls {
    config: Arc<ServerConfig>,
    authority: String,
}

/// A connection that both reads and writes, in one thread.
pub(super) type Encrypted<'a> = StreamOwned<ServerConnection, Buffered<'a>>;

impl Tls {
    pub(super) fn new() -> Result<Self, BenchError> {
        let authority = Authority::new(NAME)?;
        let Certificate { chain, key } = authority.certify(NAME, &[ADDRESS])?;
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![DISCARD.to_vec()];
        Ok(Self {
            config: Arc::new(config),
            authority: authority.pem().to_owned(),
        })
    }

    /// What a client has to trust, in PEM.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// Does the handshake.
    pub(super) fn accept<'a>(&self, socket: &'a TcpStream) -> io::Result<Encrypted<'a>> {
        let connection =
            ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        let socket = Buffered(BufReader::with_capacity(BUFFER, socket));
        let mut stream = StreamOwned::new(connection, socket);
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(stream)
    }
}

/// Whether the client asked for [`DISCARD`].
pub(super) fn discards(stream: &Encrypted<'_>) -> bool {
    stream.conn.alpn_protocol() == Some(DISCARD)
}

/// Reads to the end and answers with the number of bytes.
pub(super) fn discard(mut stream: Encrypted<'_>) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut count = 0u64;
    loop {
        match stream.read(&mut buffer)? {
            0 => return stream.write_all(&count.to_be_bytes()),
            read => count += read as u64,
        }
    }
}

/// The reading half of a connection.
pub(super) struct Reading<'a, 's>(pub(super) &'a RefCell<Encrypted<'s>>);

impl Read for Reading<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(out)
    }
}

/// A socket from which rustls can have its 4 KiB at a time without a system call for each.
pub(super) struct Buffered<'a>(BufReader<&'a TcpStream>);

impl Read for Buffered<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

impl Write for Buffered<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.get_mut().flush()
    }
}
