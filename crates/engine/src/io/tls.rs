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
    time::{Duration, Instant, SystemTime},
};
use tokio::{net::TcpStream, sync::Mutex, time::timeout};
use tokio_rustls::TlsConnector;

/// Makes encrypted streams; looks for changed files before each.
#[derive(Debug)]
pub(crate) struct Tls {
    settings: Arc<TlsSettings>,
    other: Other,
    made: Arc<Mutex<Option<Made>>>,
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
    /// Later files that could not be used, as they were, and when.
    failed: Option<(Vec<Stamp>, Instant)>,
}

/// When a file was changed, its size, and which file it is; `None` where that cannot be told.
type Stamp = Option<(SystemTime, u64, Inode)>;

/// Its number, and when anything about it was changed: what keeps a file's time and size, such as
/// `cp -p`, does not keep these.
#[cfg(unix)]
type Inode = (u64, i64, i64);
#[cfg(not(unix))]
type Inode = ();

/// How long files that could not be used are left alone: a disk may fail and recover.
const RETRY: Duration = Duration::from_secs(60);

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
            made: Arc::new(Mutex::new(None)),
        }
    }

    /// Does the handshake, in which the other side proves to be `host`.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
        limit: Duration,
    ) -> Result<Stream, ConnectErrorKind> {
        let began = tokio::time::Instant::now();
        let late = |step| ConnectErrorKind::Timeout { step, after: limit };
        let config = match timeout(limit, self.config()).await {
            Ok(config) => config.map_err(ConnectErrorKind::Config)?,
            Err(_) => return Err(late("answer from the disk with the certificates")),
        };
        // The zone of a link-local address says how to get there, not who is there.
        let name = host.split('%').next().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| {
            ConnectErrorKind::Auth(AuthFailure::WrongName {
                dialled: host.into(),
            })
        })?;
        let handshake = TlsConnector::from(config).connect(name, stream);
        match timeout(limit.saturating_sub(began.elapsed()), handshake).await {
            Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
            Ok(Err(error)) => Err(match failure(&error, host) {
                Some(failure) => ConnectErrorKind::Auth(failure),
                None => match error.into() {
                    ConnectErrorKind::Closed => ConnectErrorKind::Auth(AuthFailure::NotTls),
                    other => other,
                },
            }),
            Err(_) => Err(late("end of the TLS handshake")),
        }
    }

    /// The configuration from the files as they are now.
    async fn config(&self) -> Result<Arc<ClientConfig>, ConfigError> {
        if let Some(config) = self.settings.custom() {
            return Ok(Arc::clone(config));
        }
        // The guard goes with whoever reads: who waits in vain for a disk must not let others in to it.
        let mut made = Arc::clone(&self.made).lock_owned().await;
        let (settings, other) = (Arc::clone(&self.settings), self.other);
        let looked = tokio::task::spawn_blocking(move || look(&mut made, &settings, other));
        looked.await.unwrap_or_else(|error| {
            let rule = match error.is_panic() {
                true => "could not be read: a defect of the library (it panicked)",
                false => "could not be read: the runtime is gone",
            };
            invalid(ROOTS, rule)
        })
    }
}

impl Made {
    /// Whether nothing is to be gained from files like these.
    fn is_settled(&self, stamps: &[Stamp]) -> bool {
        let failed = self.failed.as_ref();
        self.stamps == stamps
            || failed.is_some_and(|(failed, then)| failed == stamps && then.elapsed() < RETRY)
    }
}

fn look(
    made: &mut Option<Made>,
    settings: &TlsSettings,
    other: Other,
) -> Result<Arc<ClientConfig>, ConfigError> {
    let stamps = stamps(settings);
    if let Some(made) = made.as_ref().filter(|made| made.is_settled(&stamps)) {
        return Ok(Arc::clone(&made.config));
    }
    match (client_config(settings, other), made) {
        (Ok(config), slot) => {
            let config = Arc::new(config);
            *slot = Some(Made {
                config: Arc::clone(&config),
                stamps,
                failed: None,
            });
            Ok(config)
        }
        // Half-written, most likely: they are looked at again when they change.
        (Err(error), Some(made)) => {
            tracing::warn!(%error, "changed certificates cannot be used; the old ones stay");
            made.failed = Some((stamps, Instant::now()));
            Ok(Arc::clone(&made.config))
        }
        (Err(error), None) => Err(error),
    }
}

fn stamps(settings: &TlsSettings) -> Vec<Stamp> {
    let sources = [
        &settings.roots,
        &settings.revoked,
        &settings.certificate,
        &settings.key,
    ];
    sources
        .into_iter()
        .flatten()
        .filter_map(|source| match source {
            TlsSource::File(path) => Some(stamp(path)),
            TlsSource::Pem(_) => None,
        })
        .collect()
}

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), inode(&metadata)))
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> Inode {
    use std::os::unix::fs::MetadataExt;
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> Inode {}

fn invalid<T>(
    key: &'static str,
    rule: impl Into<std::borrow::Cow<'static, str>>,
) -> Result<T, ConfigError> {
    Err(ConfigError::Invalid {
        key,
        rule: rule.into(),
    })
}

#[cfg(all(test, unix))]
mod tests;
