//! From an address to a socket, and what can go wrong up to a ready connection.

use super::resolve::Address;
use crate::{AuthFailure, ConfigError, KafkaError, ProducerConfig};
use std::{error::Error, fmt, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// Settings of a socket; `None` leaves a buffer's size to the system.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SocketOptions {
    pub(crate) send_buffer: Option<usize>,
    pub(crate) receive_buffer: Option<usize>,
}

/// Why an address gave no ready connection.
#[derive(Debug)]
pub(crate) struct ConnectError {
    pub(crate) address: Arc<str>,
    pub(crate) kind: ConnectErrorKind,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectErrorKind {
    #[error("its name could not be resolved")]
    Dns(#[source] io::Error),
    #[error("connection refused")]
    Refused,
    #[error("no {step} within {} ms", .after.as_millis())]
    Timeout { step: &'static str, after: Duration },
    #[error("the connection failed")]
    Io(#[source] io::Error),
    #[error(
        "it closed the connection instead of answering (is it a TLS port, or no Kafka broker?)"
    )]
    Closed,
    #[error("it is not a Kafka broker: {0}")]
    NotKafka(&'static str),
    #[error("{0}")]
    Unsupported(String),
    #[error("it refused the handshake: {0}")]
    Rejected(KafkaError),
    #[error(transparent)]
    Auth(AuthFailure),
    /// Something that only shows when it is used: a file that cannot be read.
    #[cfg_attr(
        not(feature = "tls"),
        allow(dead_code, reason = "no files without TLS")
    )]
    #[error(transparent)]
    Config(ConfigError),
}

/// Connects to the first socket address behind `address` that accepts; `limit` bounds the lookup
/// and each attempt.
pub(crate) async fn dial(
    address: &Address,
    options: SocketOptions,
    limit: Duration,
) -> Result<TcpStream, ConnectError> {
    let found = match timeout(limit, address.lookup()).await {
        Ok(Ok(found)) => dial_any(&found, options, limit).await,
        Ok(Err(error)) => Err(ConnectErrorKind::Dns(error)),
        Err(_) => Err(ConnectErrorKind::Timeout {
            step: "answer from the name service",
            after: limit,
        }),
    };
    found.map_err(|kind| kind.at(address))
}

/// Tries one after another; the last failure is the one reported.
pub(super) async fn dial_any(
    targets: &[SocketAddr],
    options: SocketOptions,
    limit: Duration,
) -> Result<TcpStream, ConnectErrorKind> {
    let late = || ConnectErrorKind::Timeout {
        step: "connection",
        after: limit,
    };
    let mut last = late();
    for target in targets {
        match timeout(limit, connect(*target, options)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error.into(),
            Err(_) => last = late(),
        }
    }
    Err(last)
}

async fn connect(target: SocketAddr, options: SocketOptions) -> io::Result<TcpStream> {
    let socket = if target.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    // Before the connection exists: the window's scale is agreed upon in its first packet.
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(size(bytes))?;
    }
    if let Some(bytes) = options.receive_buffer {
        socket.set_recv_buffer_size(size(bytes))?;
    }
    socket.set_keepalive(true)?;
    let stream = socket.connect(target).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl SocketOptions {
    pub(crate) fn of(config: &ProducerConfig) -> Self {
        Self {
            send_buffer: config.send_buffer_bytes,
            receive_buffer: config.receive_buffer_bytes,
        }
    }
}

impl ConnectErrorKind {
    pub(crate) fn at(self, address: &Address) -> ConnectError {
        ConnectError {
            address: address.to_string().into(),
            kind: self,
        }
    }
}

impl From<io::Error> for ConnectErrorKind {
    fn from(error: io::Error) -> Self {
        // A broker that does not like our certificate says so when the handshake is over for us.
        #[cfg(feature = "tls")]
        if let Some(failure) = super::tls::failure(&error, "") {
            return Self::Auth(failure);
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

impl ConnectError {
    /// Whether one side does not accept the other, or our own certificates cannot be used.
    pub(crate) fn is_distrust(&self) -> bool {
        matches!(
            self.kind,
            ConnectErrorKind::Auth(_) | ConnectErrorKind::Config(_)
        )
    }

    /// With the text of its causes, for where an error can only be shown as one line.
    pub(crate) fn line(&self) -> String {
        line(self)
    }
}

/// An error with the text of its causes.
pub(crate) fn line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.kind)
    }
}

impl Error for ConnectError {
    /// The cause of its kind: the kind itself is in the text already.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}
