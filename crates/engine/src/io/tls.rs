//! TLS by rustls: what is trusted, who we are, and what a failure means.

mod client;
mod identity;
mod lists;
mod material;
mod reason;
mod verify;

pub(super) use reason::failure;

use super::{dial::ConnectErrorKind, stream::Stream};
use crate::{AuthFailure, ConfigError, TlsSettings, TlsSource, config::security::Plan};
use client::client_config;
use material::ROOTS;
use rustls::{ClientConfig, pki_types::ServerName};
use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{net::TcpStream, sync::Mutex, time::timeout};
use tokio_rustls::TlsConnector;

/// Makes encrypted streams; looks for changed files before each.
#[derive(Debug)]
pub(crate) struct Tls {
    settings: Arc<TlsSettings>,
    other: Other,
    made: Mutex<Option<Made>>,
}

/// Who is on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    Broker,
    /// The system's authorities vouch for it too.
    WebServer,
}

/// A configuration, and the files that it was made from as they were.
#[derive(Clone, Debug)]
struct Made {
    config: Arc<ClientConfig>,
    stamps: Vec<Stamp>,
}

/// When a file was changed, and its size; `None` where that cannot be told.
type Stamp = Option<(SystemTime, u64)>;

impl Tls {
    /// For brokers; `None` if the connections are not encrypted.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let settings = plan.tls.clone()?;
        Some(Self::new(settings, Other::Broker))
    }

    /// For a web server: the system's authorities, and those of the settings.
    pub(super) fn for_web(settings: &TlsSettings) -> Self {
        let mut web = TlsSettings::default();
        web.roots = settings.roots.clone();
        web.roots_password = settings.roots_password.clone();
        web.revoked = settings.revoked.clone();
        web.versions = settings.versions;
        Self::new(web, Other::WebServer)
    }

    fn new(settings: TlsSettings, other: Other) -> Self {
        Self {
            settings: Arc::new(settings),
            other,
            made: Mutex::new(None),
        }
    }

    /// Does the handshake, in which the other side proves to be `host`.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
        limit: Duration,
    ) -> Result<Stream, ConnectErrorKind> {
        let config = self.config().await.map_err(ConnectErrorKind::Config)?;
        // The zone of a link-local address says how to get there, not who is there.
        let name = host.split('%').next().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| {
            ConnectErrorKind::Auth(AuthFailure::WrongName {
                dialled: host.into(),
            })
        })?;
        let handshake = TlsConnector::from(config).connect(name, stream);
        match timeout(limit, handshake).await {
            Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
            Ok(Err(error)) => Err(match failure(&error, host) {
                Some(failure) => ConnectErrorKind::Auth(failure),
                None => match error.into() {
                    ConnectErrorKind::Closed => ConnectErrorKind::Auth(AuthFailure::NotTls),
                    other => other,
                },
            }),
            Err(_) => Err(ConnectErrorKind::Timeout {
                step: "end of the TLS handshake",
                after: limit,
            }),
        }
    }

    /// The configuration from the files as they are now.
    async fn config(&self) -> Result<Arc<ClientConfig>, ConfigError> {
        if let Some(config) = self.settings.custom() {
            return Ok(Arc::clone(config));
        }
        let mut made = self.made.lock().await;
        let (settings, other) = (Arc::clone(&self.settings), self.other);
        let before = made.as_ref().map(|made| made.stamps.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let stamps = stamps(&settings);
            if before.as_ref() == Some(&stamps) {
                return Ok(None);
            }
            let config = Arc::new(client_config(&settings, other)?);
            Ok(Some(Made { config, stamps }))
        });
        let looked = looked
            .await
            .unwrap_or_else(|_| invalid(ROOTS, "could not be read: the runtime is gone"));
        match (looked, &mut *made) {
            (Ok(None), Some(made)) => Ok(Arc::clone(&made.config)),
            (Ok(Some(new)), slot) => Ok(Arc::clone(&slot.insert(new).config)),
            // Half-written, most likely: it is looked at again next time.
            (Err(error), Some(made)) => {
                tracing::warn!(%error, "changed certificates cannot be used; the old ones stay");
                Ok(Arc::clone(&made.config))
            }
            (Err(error), None) => Err(error),
            (Ok(None), None) => invalid(ROOTS, "could not be read"),
        }
    }
}

fn stamps(settings: &TlsSettings) -> Vec<Stamp> {
    let sources = [
        &settings.roots,
        &settings.revoked,
        &settings.certificate,
        &settings.key,
    ];
    let stamp = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    sources
        .into_iter()
        .flatten()
        .filter_map(|source| match source {
            TlsSource::File(path) => Some(stamp(path)),
            TlsSource::Pem(_) => None,
        })
        .collect()
}

fn invalid<T>(
    key: &'static str,
    rule: impl Into<std::borrow::Cow<'static, str>>,
) -> Result<T, ConfigError> {
    Err(ConfigError::Invalid {
        key,
        rule: rule.into(),
    })
}
