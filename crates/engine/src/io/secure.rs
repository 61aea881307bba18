//! What a connection goes through between its socket and its first request.

use super::{connection::Connection, dial::ConnectErrorKind, sasl::Authenticator, stream::Stream};
use crate::{ConfigError, ProducerConfig};
use std::time::Duration;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// TLS and SASL as the settings want them. Shared by all connections of a producer: certificates
/// and tokens are kept in it.
#[derive(Debug, Default)]
pub(crate) struct Secure {
    #[cfg(feature = "tls")]
    tls: Option<super::tls::Tls>,
    login: Option<Authenticator>,
}

impl Secure {
    /// # Errors
    /// If a setting is missing or contradicts another; no file is read yet.
    pub(crate) fn of(config: &ProducerConfig) -> Result<Self, ConfigError> {
        let plan = config.security.plan()?;
        Ok(Self {
            #[cfg(feature = "tls")]
            tls: super::tls::Tls::of(&plan),
            login: plan.login.map(|login| Authenticator::new(login, config)),
        })
    }

    /// Whether we say who we are.
    pub(crate) fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// Has the broker prove to be `host`, where that is asked for.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_async, reason = "nothing to wait for without TLS")
    )]
    pub(super) async fn encrypt(
        &self,
        stream: TcpStream,
        host: &str,
        limit: Duration,
    ) -> Result<Stream, ConnectErrorKind> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.connect(stream, host, limit).await;
        }
        #[cfg(not(feature = "tls"))]
        let _ = (host, limit);
        Ok(Stream::Plain(stream))
    }

    /// Says who we are, for the first time or again; the connection then knows when to do it next.
    ///
    /// # Cancel safety
    /// Dropped, the connection is of no more use.
    pub(super) async fn authenticate<S>(
        &self,
        connection: &mut Connection<S>,
        limit: Duration,
    ) -> Result<(), ConnectErrorKind>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        match &self.login {
            Some(login) => login.authenticate(connection, limit).await,
            None => Ok(()),
        }
    }
}
