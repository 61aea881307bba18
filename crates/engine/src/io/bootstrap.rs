//! From an address, or from several that may be dead, to a ready connection.

use super::{
    backoff::Backoff,
    connection::Connection,
    dial::{ConnectError, ConnectErrorKind, SocketOptions, dial, line},
    resolve::{Address, BoxFuture, Resolver, Unresolved},
    secure::Secure,
    stream::Stream,
    versions::handshake,
};
use crate::{AuthFailure, ConfigError, ProducerConfig, StartError};
use std::{
    collections::BTreeMap, error::Error, future::poll_fn, sync::Arc, task::Poll, time::Duration,
};
use tokio::time::{Instant, sleep, timeout_at};

/// How long one address may stay silent before the next is tried beside it.
const STAGGER: Duration = Duration::from_secs(1);

/// What connecting depends on.
#[derive(Clone, Debug)]
pub(crate) struct ConnectOptions {
    pub(crate) client_id: Arc<str>,
    pub(crate) socket: SocketOptions,
    pub(crate) secure: Arc<Secure>,
    /// First and longest time for one attempt.
    pub(crate) setup: (Duration, Duration),
    /// First and longest pause between attempts at the same address.
    pub(crate) reconnect: (Duration, Duration),
}

/// A broker that answered.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) connection: Connection<Stream>,
    pub(crate) address: Address,
}

impl ConnectOptions {
    /// # Errors
    /// If settings of security are missing or contradict each other.
    pub(crate) fn of(config: &ProducerConfig) -> Result<Self, ConfigError> {
        Ok(Self::with(config, Secure::of(config)?))
    }

    pub(crate) fn with(config: &ProducerConfig, secure: Secure) -> Self {
        Self {
            client_id: config.client_id.as_str().into(),
            socket: SocketOptions::of(config),
            secure: Arc::new(secure),
            setup: (
                config.connection_setup_timeout,
                config.connection_setup_timeout_max,
            ),
            reconnect: (config.reconnect_backoff, config.reconnect_backoff_max),
        }
    }

    /// Times for one attempt after another at the same address.
    pub(crate) fn setup_limits(&self, rng: fastrand::Rng) -> Backoff {
        Backoff::new(self.setup.0, self.setup.1, rng)
    }

    /// Pauses between attempts at the same address.
    pub(crate) fn reconnect_pauses(&self, rng: fastrand::Rng) -> Backoff {
        Backoff::new(self.reconnect.0, self.reconnect.1, rng)
    }
}

/// Makes a connection ready: dial, encrypt, agree on versions, say who we are. `limit` bounds each
/// of the steps.
pub(crate) async fn connect(
    address: &Address,
    options: &ConnectOptions,
    limit: Duration,
) -> Result<Connection<Stream>, ConnectError> {
    let socket = dial(address, options.socket, limit).await?;
    let ready = async {
        let secure = &*options.secure;
        let stream = secure.encrypt(socket, &address.host, limit).await?;
        let mut connection = handshake(stream, Arc::clone(&options.client_id), limit).await?;
        connection.set_host(Arc::clone(&address.host));
        secure.authenticate(&mut connection, limit).await?;
        Ok(connection)
    };
    ready
        .await
        .map_err(|kind: ConnectErrorKind| kind.at(address))
}

/// Asks for addresses and tries them, over and over, until a broker answers or the deadline comes
/// (`None`: never). A broker that is too old or refuses our credentials ends it at once, and so does
/// a round in which no address can be trusted, and a resolver that will never have an address:
/// waiting would not help.
///
/// # Cancel safety
/// Dropping it closes what it opened.
pub(crate) async fn bootstrap(
    resolver: &dyn Resolver,
    options: &ConnectOptions,
    rng: &mut fastrand::Rng,
    deadline: Option<Instant>,
) -> Result<Reached, StartError> {
    let started = Instant::now();
    let mut failures = Failures::default();
    let rounds = rounds(resolver, options, rng, &mut failures);
    let outcome = match deadline {
        Some(deadline) => timeout_at(deadline, rounds).await,
        None => Ok(rounds.await),
    };
    let trouble = match outcome {
        Ok(Ok(reached)) => return Ok(reached),
        Ok(Err(trouble)) => Some(trouble),
        Err(_) => None,
    };
    let waited = started.elapsed();
    Err(match trouble {
        Some(Hopeless::Start(error)) => error,
        Some(Hopeless::Unresolved(source)) => StartError::Unresolved { source, waited },
        None => failures.error(waited),
    })
}

/// Tries brokers that are known, each once, as [`bootstrap`] does: one that is silent does not keep
/// the others waiting.
pub(super) async fn reach_any(
    addresses: Vec<Address>,
    options: &ConnectOptions,
    limit: Duration,
    rng: &mut fastrand::Rng,
) -> Option<Connection<Stream>> {
    let mut failures = Failures::default();
    let reached = round(addresses, options, limit, rng, &mut failures).await;
    // One that is too old is no use, either; a bootstrap will tell why.
    Some(reached.ok()??.connection)
}

async fn rounds(
    resolver: &dyn Resolver,
    options: &ConnectOptions,
    rng: &mut fastrand::Rng,
    failures: &mut Failures,
) -> Result<Reached, Hopeless> {
    let mut limits = options.setup_limits(rng.fork());
    let mut pauses = options.reconnect_pauses(rng.fork());
    loop {
        match resolver.resolve().await {
            Ok(mut addresses) => {
                failures.resolver = None;
                if !resolver.is_ordered() {
                    rng.shuffle(&mut addresses);
                }
                let reached = round(addresses, options, limits.next(), rng, failures).await;
                if let Some(reached) = reached.map_err(Hopeless::Start)? {
                    tracing::debug!(address = %reached.address, "connected");
                    return Ok(reached);
                }
                if let Some((address, reason)) = failures.nobody_to_trust() {
                    return Err(Hopeless::Start(StartError::Auth { address, reason }));
                }
            }
            Err(Unresolved { error, retriable }) => {
                tracing::debug!(error = &*error as &dyn Error, "no addresses");
                if !retriable {
                    return Err(Hopeless::Unresolved(error));
                }
                failures.resolver = Some(error);
            }
        }
        sleep(pauses.next()).await;
    }
}

/// What trying again does not help.
enum Hopeless {
    Start(StartError),
    Unresolved(Arc<dyn Error + Send + Sync>),
}

/// Tries the addresses until each has failed once; the first success wins.
///
/// The next one starts when its predecessor failed or is slow. One that failed is tried again while
/// others stay silent: a broker that comes back need not wait for a black hole.
async fn round(
    addresses: Vec<Address>,
    options: &ConnectOptions,
    limit: Duration,
    rng: &mut fastrand::Rng,
    failures: &mut Failures,
) -> Result<Option<Reached>, StartError> {
    let mut unheard = addresses.len();
    let mut waiting = addresses.into_iter();
    let mut running: Vec<BoxFuture<'_, Outcome>> = Vec::new();
    while unheard > 0 {
        if let Some(address) = waiting.next() {
            failures.trying(&address);
            running.push(Box::pin(attempt(address, None, options, limit)));
        }
        let Outcome {
            address,
            pauses,
            result,
        } = tokio::select! {
            outcome = first(&mut running) => outcome,
            () = sleep(STAGGER), if waiting.len() > 0 => continue,
        };
        match result {
            Ok(connection) => {
                return Ok(Some(Reached {
                    connection,
                    address,
                }));
            }
            Err(ConnectError {
                address,
                kind: ConnectErrorKind::Unsupported(reason),
            }) => {
                return Err(StartError::Unsupported {
                    address,
                    reason: reason.into(),
                });
            }
            Err(ConnectError {
                address,
                kind: ConnectErrorKind::Auth(reason),
            }) if reason.is_final() => return Err(StartError::Auth { address, reason }),
            Err(ConnectError {
                kind: ConnectErrorKind::Config(error),
                ..
            }) => return Err(error.into()),
            Err(error) => {
                tracing::debug!(
                    address = &*error.address,
                    reason = error.line(),
                    "no connection"
                );
                failures.failed(&error);
            }
        }
        unheard -= usize::from(pauses.is_none());
        let pauses = pauses.unwrap_or_else(|| options.reconnect_pauses(rng.fork()));
        running.push(Box::pin(attempt(address, Some(pauses), options, limit)));
    }
    Ok(None)
}

/// How one attempt ended; with `pauses` where it was not the first at its address.
struct Outcome {
    address: Address,
    pauses: Option<Backoff>,
    result: Result<Connection<Stream>, ConnectError>,
}

async fn attempt(
    address: Address,
    mut pauses: Option<Backoff>,
    options: &ConnectOptions,
    limit: Duration,
) -> Outcome {
    if let Some(pauses) = &mut pauses {
        sleep(pauses.next()).await;
    }
    let result = connect(&address, options, limit).await;
    Outcome {
        address,
        pauses,
        result,
    }
}

/// Waits for the first of the futures to finish, and removes it.
async fn first<T>(running: &mut Vec<BoxFuture<'_, T>>) -> T {
    poll_fn(|cx| {
        for index in 0..running.len() {
            if let Poll::Ready(outcome) = running[index].as_mut().poll(cx) {
                drop(running.swap_remove(index));
                return Poll::Ready(outcome);
            }
        }
        Poll::Pending
    })
    .await
}

/// The latest failure of each address, and of the resolver.
#[derive(Debug, Default)]
struct Failures {
    by_address: BTreeMap<Arc<str>, Option<(String, Option<AuthFailure>)>>,
    resolver: Option<Arc<dyn Error + Send + Sync>>,
}

impl Failures {
    fn trying(&mut self, address: &Address) {
        self.by_address
            .entry(address.to_string().into())
            .or_default();
    }

    fn failed(&mut self, error: &ConnectError) {
        let reason = match &error.kind {
            ConnectErrorKind::Auth(reason) => Some(reason.clone()),
            _ => None,
        };
        self.by_address
            .insert(Arc::clone(&error.address), Some((error.line(), reason)));
    }

    /// What they amount to after `waited`.
    fn error(self, waited: Duration) -> StartError {
        if let Some((address, reason)) = self.auth() {
            return StartError::Auth { address, reason };
        }
        match self.resolver {
            Some(source) if self.by_address.is_empty() => StartError::Unresolved { source, waited },
            _ => StartError::Unreachable {
                failures: self.line(),
                waited,
            },
        }
    }

    /// The first that was reached and not trusted, or the other way round.
    fn auth(&self) -> Option<(Arc<str>, AuthFailure)> {
        self.by_address.iter().find_map(|(address, failure)| {
            let (_, reason) = failure.as_ref()?;
            Some((Arc::clone(address), reason.clone()?))
        })
    }

    /// As [`auth`](Self::auth), if that is certain of all addresses.
    fn nobody_to_trust(&self) -> Option<(Arc<str>, AuthFailure)> {
        let certain = |failure: &Option<(String, Option<AuthFailure>)>| matches!(failure, Some((_, Some(reason))) if reason.is_certain());
        self.by_address.values().all(certain).then(|| self.auth())?
    }

    fn line(&self) -> Arc<str> {
        let lines: Vec<_> = self
            .by_address
            .iter()
            .map(|(address, failure)| match failure {
                Some((line, _)) => line.clone(),
                None => format!("{address}: no answer yet"),
            })
            .chain(self.resolver.as_deref().map(|error| line(error)))
            .collect();
        match lines.is_empty() {
            true => "no address is known yet".into(),
            false => lines.join("; ").into(),
        }
    }
}
