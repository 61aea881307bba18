//! The task that keeps a producer going: it finds the cluster, asks for metadata and a producer id,
//! starts a task per broker, and watches the clock.

use super::{
    backoff::Backoff,
    bootstrap::{ConnectOptions, bootstrap, reach_any},
    calls,
    connection::{CallError, Connection},
    dial::line,
    produce,
    resolve::{Address, Resolver},
    shared::{Shared, now},
    stream::Stream,
};
use crate::{AuthFailure, Cause, KafkaError, StartError, Topic};
use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep_until};

const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;

/// The longest that connecting for an errand may take.
const CONTROL_LIMIT: Duration = Duration::from_secs(5);

/// How long the first request of an errand may take before another broker is asked; twice as long
/// after each failure, up to `request.timeout.ms`. A healthy broker needs milliseconds, and a frozen
/// one keeps partitions waiting for their new leaders.
const PATIENCE: Duration = Duration::from_secs(1);

/// Time is looked at this often at the least, whatever was computed.
const TICK: Duration = Duration::from_secs(1);

/// Runs until the producer is dead. However it ends, also by a panic or with its runtime, every
/// record gets its outcome.
pub(crate) async fn run(shared: Arc<Shared>, resolver: Arc<dyn Resolver>) {
    let guard = Guard(shared);
    let shared = &guard.0;
    let mut control = Control::new(shared, resolver);
    let mut tasks = JoinSet::new();
    // Errands can take long; the clock and the brokers' tasks do not wait for them.
    tokio::select! {
        () = control.run() => {}
        () = watch(shared, &mut tasks) => {}
    }
}

/// Fails everything that is left when the driver's task is gone.
struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.with(|core| core.end(Cause::DriverGone, now()));
        self.0.changed.notify_waiters();
        self.0.wake_links();
    }
}

/// Runs the errands that need the cluster, one at a time.
struct Control {
    shared: Arc<Shared>,
    resolver: Arc<dyn Resolver>,
    options: ConnectOptions,
    rng: fastrand::Rng,
    connection: Option<Connection<Stream>>,
    /// A broker that keeps hanging up at our first request, before the producer is connected.
    aloof: Option<Address>,
    /// How often in a row that happened; once may be a broker that goes down.
    hang_ups: u32,
    start: tokio::time::Instant,
    id_not_before: Instant,
    patience: Backoff,
}

enum Errand {
    Metadata(Vec<Topic>),
    ProducerId,
}

impl Control {
    fn new(shared: &Arc<Shared>, resolver: Arc<dyn Resolver>) -> Self {
        let config = &shared.config;
        Self {
            shared: Arc::clone(shared),
            resolver,
            options: shared.connect.clone(),
            rng: fastrand::Rng::new(),
            connection: None,
            aloof: None,
            hang_ups: 0,
            start: tokio::time::Instant::now() + config.start_timeout,
            id_not_before: now(),
            patience: Backoff::new(PATIENCE, config.request_timeout, fastrand::Rng::new()),
        }
    }

    /// Returns when the producer cannot be helped any more.
    async fn run(&mut self) {
        loop {
            let errand = match self.look() {
                Ok(errand) => errand,
                Err(again) => {
                    let woken = self.shared.control.notified();
                    match again {
                        None => woken.await,
                        Some(at) => tokio::select! {
                            () = woken => {}
                            () = sleep_until(at.into()) => {}
                        },
                    }
                    continue;
                }
            };
            let connected = self.shared.with(|core| core.is_connected());
            let deadline = (!connected).then_some(self.start);
            match self.go(errand, deadline).await {
                Ok(()) => {}
                Err(Trouble::Start(error)) => {
                    let error = self.explained(error);
                    let detail = line(&error).into();
                    let cause = match &error {
                        StartError::Auth { .. } => Cause::Auth { detail },
                        _ => Cause::Unreachable { detail },
                    };
                    // Only this task sets it, and it ends here.
                    let _ = self.shared.start_error.set(error);
                    self.shared.with(|core| core.end(cause, now()));
                    return;
                }
                Err(Trouble::Fatal(error)) => {
                    self.shared
                        .with(|core| core.end(Cause::Fatal(error), now()));
                    return;
                }
                Err(Trouble::Later(why)) => {
                    tracing::debug!(why, "control request failed");
                    if !self.connection.as_ref().is_some_and(Connection::is_usable) {
                        self.connection = None;
                    }
                    self.shared.with(|core| core.errand_failed(&why, now()));
                    self.id_not_before = now() + self.shared.config.retry_backoff;
                }
            }
        }
    }

    /// That brokers answer and then hang up says more than that none was reached in the end.
    fn explained(&mut self, error: StartError) -> StartError {
        match (error, self.aloof.take()) {
            (StartError::Unreachable { .. }, Some(address)) => StartError::Auth {
                address: address.to_string().into(),
                reason: AuthFailure::NeedsSasl,
            },
            (error, _) => error,
        }
    }

    /// What is due, else when to look again.
    fn look(&self) -> Result<Errand, Option<Instant>> {
        self.shared.with(|core| {
            let now = now();
            let due = match core.metadata_due(now) {
                Ok(topics) => return Ok(Errand::Metadata(topics)),
                Err(due) => due,
            };
            if !core.wants_identity() {
                return Err(due);
            }
            if self.id_not_before <= now {
                return Ok(Errand::ProducerId);
            }
            Err(due.into_iter().chain([self.id_not_before]).min())
        })
    }

    async fn go(
        &mut self,
        errand: Errand,
        deadline: Option<tokio::time::Instant>,
    ) -> Result<(), Trouble> {
        if let Some(connection) = self.connection.as_mut().filter(|it| it.wants_renewal()) {
            let limit = self.shared.config.connection_setup_timeout;
            let limit = limit.min(CONTROL_LIMIT);
            let secure = &self.options.secure;
            if let Err(error) = secure.authenticate(connection, limit).await {
                tracing::warn!(%error, "re-authentication failed; connecting anew");
                self.connection = None;
            }
        }
        let mut fresh = None;
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => {
                let (reached, address) = self.reach(deadline).await?;
                fresh = address;
                self.connection.insert(reached)
            }
        };
        let limit = self.patience.next();
        match errand {
            Errand::Metadata(topics) => {
                let asked = calls::metadata(connection, &topics, limit).await;
                if deadline.is_some() && !self.options.secure.has_login() {
                    let hung_up = matches!(asked, Err(CallError::Closed));
                    self.hang_ups = if hung_up { self.hang_ups + 1 } else { 0 };
                    self.aloof = fresh.filter(|_| self.hang_ups > 1);
                }
                let view = asked?;
                self.shared.with(|core| core.apply(view, now()));
            }
            Errand::ProducerId => match calls::init_producer_id(connection, limit).await {
                Ok((id, epoch)) => self.shared.with(|core| core.identified(id, epoch, now())),
                Err(CallError::Refused(error)) if error.code() == CLUSTER_AUTHORIZATION_FAILED => {
                    return Err(Trouble::Fatal(error));
                }
                Err(error) => return Err(error.into()),
            },
        }
        self.patience.reset();
        Ok(())
    }

    /// A connection to some broker: one that is known, else one of those to start from, with its
    /// address.
    async fn reach(
        &mut self,
        deadline: Option<tokio::time::Instant>,
    ) -> Result<(Connection<Stream>, Option<Address>), Trouble> {
        let mut known: Vec<Address> = self.shared.with(|core| {
            core.brokers()
                .map(|view| Address::new(Arc::clone(&view.host), view.port))
                .collect()
        });
        self.rng.shuffle(&mut known);
        let limit = self
            .shared
            .config
            .connection_setup_timeout
            .min(CONTROL_LIMIT);
        if let Some(connection) = reach_any(known, &self.options, limit, &mut self.rng).await {
            return Ok((connection, None));
        }
        // All that are known are lost, or none is known yet: from the outside, addresses asked anew.
        let again = || tokio::time::Instant::now() + limit + self.resolver.limit();
        let until = deadline.unwrap_or_else(again);
        match bootstrap(&*self.resolver, &self.options, &mut self.rng, Some(until)).await {
            Ok(reached) => Ok((reached.connection, Some(reached.address))),
            Err(error) if deadline.is_some() => Err(Trouble::Start(error)),
            Err(error) => Err(Trouble::Later(line(&error))),
        }
    }
}

/// Expires what is out of time and starts a task for every new broker, again and again; returns
/// when the producer is dead or one of the tasks died of a panic.
async fn watch(shared: &Arc<Shared>, tasks: &mut JoinSet<()>) {
    loop {
        // Registered before the look, so that no change between the two is missed.
        let mut changed = pin!(shared.clock.notified());
        changed.as_mut().enable();
        let (next, known) = shared.with(|core| {
            let next = core.expire(now());
            let known: Vec<i32> = core.brokers().map(|view| view.id).collect();
            (next, (!core.is_dead()).then_some(known))
        });
        let Some(known) = known else { return };
        for broker in known {
            let (link, new) = shared.link(broker);
            if new {
                tasks.spawn(produce::run(Arc::clone(shared), broker, link));
            }
        }
        let cap = now() + TICK;
        let at = next.map_or(cap, |next| next.min(cap));
        tokio::select! {
            () = changed => {}
            () = sleep_until(at.into()) => {}
            Some(ended) = tasks.join_next() => if ended.is_err() { return },
        }
    }
}

enum Trouble {
    Start(StartError),
    Fatal(KafkaError),
    /// It can be tried again.
    Later(String),
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        Self::Later(error.to_string())
    }
}

#[cfg(test)]
mod tests;
