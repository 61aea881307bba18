//! The handle on a producer.

use crate::{
    Cause, CloseReport, DeliveryError, Health, Metrics, ProducerConfig, RecordRef, StartError,
    Topic, Written,
    appender::Appender,
    core::{Core, Ticket},
    io::{
        bootstrap::ConnectOptions,
        driver,
        resolve::{Resolver, StaticAddresses},
        shared::{Shared, now},
    },
    room::Room,
    sending::Sending,
};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{runtime::Handle, time::timeout};

/// Chooses partitions for records that name none, instead of Kafka's own rule.
///
/// Runs outside the producer's lock: on the caller's task, or, for a single send to a topic that the
/// producer does not know yet, on the task that learns the topic, once it is known. So it must not
/// block. A panic in it fails the record, nothing else.
pub trait Partitioner: Send + Sync + 'static {
    /// The partition, `0..count`.
    fn partition(&self, topic: &Topic, key: Option<&[u8]>, value: Option<&[u8]>, count: i32)
    -> i32;
}

/// Parts of a producer that are not settings. Each replaces what Kafka's own producer does.
#[derive(Clone, Default)]
pub struct StartOptions {
    /// Chooses partitions.
    pub partitioner: Option<Arc<dyn Partitioner>>,
    /// Finds the cluster; `bootstrap.servers` are not looked at then.
    pub resolver: Option<Arc<dyn Resolver>>,
}

impl std::fmt::Debug for StartOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StartOptions")
            .field("partitioner", &self.partitioner.is_some())
            .field("resolver", &self.resolver)
            .finish()
    }
}

/// A running producer. Clones share it.
///
/// # Drop
/// Dropping the last handle (a clone, an [`Appender`] or an unfinished [`Sending`]) does not block:
/// intake ends, and what was accepted is still tried for, in the background, for at most
/// `close.timeout.ms` while the runtime lives; what is left then is counted in one warning.
#[derive(Clone, Debug)]
pub struct Producer(Arc<Owner>);

/// Counts the handles: the driver's tasks hold only what is inside.
#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        let shared = Arc::clone(&self.shared);
        if shared.with(|core| {
            core.close();
            core.is_dead()
        }) {
            return;
        }
        let limit = shared.config.close_timeout;
        let runtime = shared.runtime.clone();
        // A runtime that was shut down drops the task at once; the driver's guard has ended, or
        // will end, what is left.
        runtime.spawn(async move { finish(&shared, limit).await });
    }
}

/// Reads a producer's counters and health; it is no handle on the producer, which is closed without
/// regard to it.
#[derive(Clone, Debug)]
pub struct Observer(Arc<Shared>);

impl Observer {
    /// As [`Producer::metrics`]; of a producer that is gone, the last.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.0.with(|core| core.metrics(now()))
    }

    /// As [`Producer::health`].
    #[must_use]
    pub fn health(&self) -> Health {
        self.0.with(|core| core.health(now()))
    }

    /// Resolves when every record has its outcome and nothing will be sent any more.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
    pub async fn ended(&self) {
        until(&self.0, || self.0.with(|core| core.is_dead().then_some(()))).await;
    }
}

impl Producer {
    /// Starts one on the current tokio runtime. Returns at once;
    /// [`connected`](Self::connected) waits for the cluster.
    ///
    /// # Errors
    /// [`StartError::Config`] if settings contradict each other, [`StartError::NoRuntime`] outside
    /// a runtime.
    pub fn start(config: ProducerConfig) -> Result<Self, StartError> {
        Self::start_with(config, StartOptions::default())
    }

    /// As [`start`](Self::start), with parts of one's own.
    ///
    /// # Errors
    /// As `start`.
    pub fn start_with(config: ProducerConfig, options: StartOptions) -> Result<Self, StartError> {
        let StartOptions {
            partitioner,
            resolver,
        } = options;
        let resolver = match resolver {
            Some(own) => {
                config.validate_all_but_addresses()?;
                own
            }
            None => {
                config.validate()?;
                StaticAddresses::parse(&config.bootstrap_servers)
                    .map(|addresses| Arc::new(addresses) as Arc<dyn Resolver>)
                    .map_err(|error| StartError::Unreachable {
                        failures: error.to_string().into(),
                        waited: Duration::ZERO,
                    })?
            }
        };
        if !config.enable_idempotence && config.unanswered_per_partition() > 1 {
            tracing::warn!(
                "max.in.flight.per.partition > 1 without idempotence: retries can reorder"
            );
        }
        for warning in config.security.warnings() {
            tracing::warn!("{warning}");
        }
        let connect = ConnectOptions::of(&config)?;
        let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let shared = Arc::new(Shared::new(
            Arc::new(config),
            connect,
            partitioner,
            runtime.clone(),
        ));
        runtime.spawn(driver::run(Arc::clone(&shared), resolver));
        Ok(Self::of(shared))
    }

    /// The first handle.
    pub(crate) fn of(shared: Arc<Shared>) -> Self {
        Self(Arc::new(Owner { shared }))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Waits until the cluster answered once, at most `start.timeout.ms` from the start.
    ///
    /// # Errors
    /// What stood in the way; the producer is of no use then.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
    pub async fn connected(&self) -> Result<(), StartError> {
        let shared = self.shared();
        let state = until(shared, || {
            shared.with(|core| match (core.is_connected(), core.is_dead()) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            })
        });
        if state.await {
            return Ok(());
        }
        Err(shared
            .start_error
            .get()
            .cloned()
            .unwrap_or(StartError::Closed))
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> &ProducerConfig {
        &self.shared().config
    }

    /// The cluster's id, once connected.
    #[must_use]
    pub fn cluster_id(&self) -> Option<Arc<str>> {
        self.shared().with(|core| core.cluster_id())
    }

    /// A way in for one ordered stream of records.
    #[must_use]
    pub fn appender(&self) -> Appender {
        Appender::new(self.clone())
    }

    /// Room to wait for before there is a record.
    #[must_use]
    pub fn room(&self) -> Room {
        Room::new(self.clone())
    }

    /// Appends one record; its place in the order is taken now.
    ///
    /// Without room its bytes are copied to a FIFO that the producer admits from, bounded by
    /// `pending.sends.max`: beyond it the future fails with [`Cause::BufferFull`] at once, as it
    /// does when no room was found within `max.block.ms`.
    pub fn send(&self, record: RecordRef<'_>) -> Sending {
        self.send_with(record, |core, record| core.send(record, now()))
    }

    pub(crate) fn send_with(
        &self,
        record: RecordRef<'_>,
        send: impl FnOnce(&mut Core, &RecordRef<'_>) -> Arc<Ticket>,
    ) -> Sending {
        match self.partitioned(record) {
            Ok(record) => {
                let ticket = self.shared().with(|core| send(core, &record));
                Sending::new(self.clone(), ticket)
            }
            Err(error) => Sending::failed(self.clone(), error),
        }
    }

    /// As [`send`](Self::send), but `None` where it would have to wait for room.
    pub fn try_send(&self, record: RecordRef<'_>) -> Option<Sending> {
        match self.partitioned(record) {
            Ok(record) => {
                let ticket = self.shared().with(|core| core.try_send(&record, now()))?;
                Some(Sending::new(self.clone(), ticket))
            }
            Err(error) => Some(Sending::failed(self.clone(), error)),
        }
    }

    /// Asks the user's partitioner, if there is one and the topic is known. Of a topic that is not
    /// the core has it asked later: see `core/ask.rs`.
    fn partitioned<'a>(&self, record: RecordRef<'a>) -> Result<RecordRef<'a>, DeliveryError> {
        let shared = self.shared();
        let Some(partitioner) = shared
            .partitioner
            .as_ref()
            .filter(|_| record.partition.is_none())
        else {
            return Ok(record);
        };
        let Some(count) = shared.with(|core| core.partition_count(record.topic)) else {
            return Ok(record);
        };
        let partition = choose(&**partitioner, &record, count)
            .inspect_err(|_| shared.with(|core| core.count_refused()))?;
        Ok(RecordRef {
            partition: Some(partition),
            ..record
        })
    }

    /// Resolves when all that was accepted before the call has its outcome; ends lingers early.
    ///
    /// # Cancel safety
    /// Dropping it stops nothing.
    pub async fn flush(&self) {
        let shared = self.shared();
        let flush = shared.with(|core| core.flush());
        until(shared, || {
            shared.with(|core| core.is_settled(flush).then_some(()))
        })
        .await;
    }

    /// Stops intake, flushes for at most `timeout`, and fails the rest with [`Cause::Closed`].
    ///
    /// Idempotent: a later call waits for what an earlier one began, and reports the same. The
    /// report covers the producer's whole life.
    ///
    /// # Cancel safety
    /// Dropped, the producer stays closed for intake and goes on delivering; call it again to wait.
    pub async fn close(&self, timeout: Duration) -> CloseReport {
        let shared = self.shared();
        shared.with(|core| core.close());
        finish(shared, timeout).await
    }

    /// Whether `close` was called or the producer died.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared().with(|core| core.is_closed())
    }

    /// Fails everything that is not on a socket yet, with [`Cause::StreamFailed`], and accepts
    /// nothing more: the end of a fail-fast stream on a producer of its own.
    pub fn abandon(&self) {
        self.shared().with(|core| core.abandon(now()));
    }

    /// From now on the first record that fails has the producer [abandoned](Self::abandon) before
    /// anything more is put on the wire: for a fail-fast stream on a producer of its own. What is
    /// on the wire by then is not sent again; its outcome is what its answer says.
    ///
    /// A record that is refused before it was accepted (too large, no such partition) lets nothing
    /// in behind it, and those before it are delivered.
    pub fn abandon_on_failure(&self) {
        self.shared().with(|core| core.abandon_on_failure());
    }

    /// The failure that had the producer abandoned, after
    /// [`abandon_on_failure`](Self::abandon_on_failure).
    #[must_use]
    pub fn failure(&self) -> Option<DeliveryError> {
        self.shared().with(|core| core.failure().cloned())
    }

    /// Counters under Kafka's metric names.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.shared().with(|core| core.metrics(now()))
    }

    /// How it is: whether the cluster answers, whether anything is stuck.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared().with(|core| core.health(now()))
    }

    /// A handle that only reads, and keeps nothing open.
    #[must_use]
    pub fn observer(&self) -> Observer {
        Observer(Arc::clone(self.shared()))
    }

    /// The numbers of the topic's partitions, asked of the cluster if they are unknown.
    ///
    /// # Errors
    /// [`Cause::UnknownTopic`] if the cluster does not know it within `max.block.ms`, or what the
    /// cluster said of it.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
    pub async fn partitions_for(&self, topic: &Topic) -> Result<Vec<i32>, DeliveryError> {
        let shared = self.shared();
        shared.with(|core| core.ask_for(topic, now()));
        let found = until(shared, || {
            shared.with(|core| {
                let partitions = core.partitions_of(topic);
                if !partitions.is_empty() {
                    return Some(Ok(partitions));
                }
                let refused = core
                    .refusal_of(topic, now())
                    .or(core.is_dead().then_some(Cause::Closed));
                if refused.is_none() {
                    core.ask_for(topic, now());
                }
                refused.map(Err)
            })
        });
        let waited = shared.config.max_block;
        let found = timeout(waited, found)
            .await
            .unwrap_or(Err(Cause::UnknownTopic { waited }));
        found.map_err(|cause| DeliveryError::new(topic, None, Written::No, cause, 0))
    }
}

/// Asks the user's partitioner; a panic in it, or a number out of range, is the record's error.
pub(crate) fn choose(
    partitioner: &dyn Partitioner,
    record: &RecordRef<'_>,
    count: i32,
) -> Result<i32, DeliveryError> {
    let ask = || partitioner.partition(record.topic, record.key, record.value, count);
    // A panic leaves nothing of ours half done; what it leaves of the user's is the user's.
    let failed = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(ask)) {
        Ok(partition) if (0..count).contains(&partition) => return Ok(partition),
        Ok(partition) => format!("it chose partition {partition} of {count}"),
        Err(_) => "it panicked".to_owned(),
    };
    let cause = Cause::Partitioner(failed.into());
    Err(DeliveryError::new(
        record.topic,
        None,
        Written::No,
        cause,
        0,
    ))
}

/// Waits for what was accepted, at most `limit`, then ends the producer.
async fn finish(shared: &Arc<Shared>, limit: Duration) -> CloseReport {
    let flush = shared.with(|core| core.flush());
    let settled = until(shared, || {
        shared.with(|core| (core.is_settled(flush) || core.is_dead()).then_some(()))
    });
    let in_time = timeout(limit, settled).await.is_ok();
    let (before, report) = shared.with(|core| (core.report(), core.end(Cause::Closed, now())));
    if !in_time && before != report {
        tracing::warn!(
            not_written = report.not_written - before.not_written,
            maybe_written = report.maybe_written - before.maybe_written,
            "closed before everything was delivered"
        );
    }
    shared.control.notify_one();
    shared.clock.notify_one();
    shared.wake_links();
    report
}

/// Waits until `check` says something; it is asked again after each change.
async fn until<T>(shared: &Arc<Shared>, check: impl Fn() -> Option<T>) -> T {
    loop {
        // Registered before the check: a change between the two is not missed.
        let mut changed = pin!(shared.changed.notified());
        changed.as_mut().enable();
        if let Some(found) = check() {
            return found;
        }
        changed.await;
    }
}
