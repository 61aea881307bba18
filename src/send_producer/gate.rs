//! The producer behind all clones of a [`SendProducer`](super::SendProducer): not started, on its
//! way, there, or gone.

use super::ticket::{Pending, Queued, Ticket};
use crate::{
    CloseReport, Health, HealthProblem, KafkaProducer, Metrics, ProduceError, StartError,
    settings::{ClientSettings, Creation, Origin, Parts},
};
use bytes::Bytes;
use guanaco_engine::{Header, RecordRef, Room, Topic};
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::Notify, time};

/// See the module.
pub(super) struct Gate {
    /// What every send reads. Set once, under the lock of `way`, after all that was queued there.
    ready: OnceLock<Result<KafkaProducer, ProduceError>>,
    way: Mutex<Way>,
    settled: Notify,
    closed: AtomicBool,
    /// Whether the producer is this gate's to close.
    closes: bool,
    close_timeout: Duration,
    queue_limit: usize,
}

/// How far the producer is.
enum Way {
    /// No one needed it yet.
    Idle(Start),
    /// A task creates it; records wait in the order of their calls.
    Opening(Handle, VecDeque<Record>),
    /// See `ready`.
    Settled,
}

enum Start {
    /// Nothing has to be waited for: the producer queues what comes before it is connected.
    AtOnce(ClientSettings),
    InTask(Creation),
}

/// A record with bytes of its own.
struct Record {
    topic: Topic,
    partition: Option<i32>,
    timestamp: i64,
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: Vec<Header>,
    ticket: Arc<Ticket>,
}

impl Gate {
    pub(super) fn new<K, V>(parts: &Parts<K, V>) -> Arc<Self> {
        let settings = &parts.settings;
        let mut ready = OnceLock::new();
        let way = match (parts.check(), &parts.origin) {
            (Err(error), _) => {
                ready = OnceLock::from(Err(error.into()));
                Way::Settled
            }
            (Ok(()), Origin::Shared(producer)) => {
                ready = OnceLock::from(Ok(producer.clone()));
                Way::Settled
            }
            (Ok(()), Origin::Own) if settings.starts_at_once() => {
                Way::Idle(Start::AtOnce(settings.client.clone()))
            }
            (Ok(()), _) => Way::Idle(Start::InTask(parts.creation())),
        };
        let gate = Arc::new(Self {
            ready,
            way: Mutex::new(way),
            settled: Notify::new(),
            closed: AtomicBool::new(false),
            closes: parts.rights().close,
            close_timeout: settings.close_timeout(),
            queue_limit: queue_limit(&settings.client),
        });
        gate.start(&mut gate.lock());
        gate
    }

    pub(super) fn close_timeout(&self) -> Duration {
        self.close_timeout
    }

    /// Sends a record, or queues it until there is a producer.
    pub(super) fn send(self: &Arc<Self>, record: RecordRef<'_>) -> Pending {
        if self.closed.load(Ordering::Relaxed) {
            return Pending::failed(ProduceError::Closed);
        }
        match self.ready.get() {
            Some(Ok(producer)) => Pending::Sent(producer.engine().send(record)),
            Some(Err(error)) => Pending::failed(error.clone()),
            None => self.send_later(record),
        }
    }

    /// As `send`, into room that was kept for the record, if any.
    pub(super) fn send_into(
        self: &Arc<Self>,
        room: Option<&mut Room>,
        record: RecordRef<'_>,
    ) -> Pending {
        match room {
            Some(room) if !self.closed.load(Ordering::Relaxed) => Pending::Sent(room.send(record)),
            _ => self.send(record),
        }
    }

    /// Starts an idle gate if it can be. Resolves when there is a producer, or none will be.
    #[cfg(feature = "tower")]
    pub(super) fn when_opened(self: &Arc<Self>) -> impl Future<Output = ()> + Send + Sync + use<> {
        let mut way = self.lock();
        self.start(&mut way);
        let idle = matches!(*way, Way::Idle(_));
        drop(way);
        let gate = Arc::clone(self);
        async move {
            if !idle {
                // Why there is none is told to those who send.
                drop(gate.opened().await.err());
            }
        }
    }

    /// Where to wait for room, once there is a producer.
    #[cfg(feature = "tower")]
    pub(super) fn room(&self) -> Option<Room> {
        let producer = self.ready.get()?.as_ref().ok()?;
        Some(producer.engine().room())
    }

    /// Sends a record if there is a producer, with room.
    pub(super) fn try_send(
        self: &Arc<Self>,
        record: RecordRef<'_>,
    ) -> Result<Pending, ProduceError> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(ProduceError::Closed);
        }
        if self.ready.get().is_none() {
            self.start(&mut self.lock());
        }
        match self.ready.get() {
            Some(Ok(producer)) => {
                let sent = producer.engine().try_send(record);
                sent.map(Pending::Sent).ok_or(ProduceError::Full)
            }
            Some(Err(error)) => Err(error.clone()),
            None => Err(ProduceError::Full),
        }
    }

    #[cold]
    fn send_later(self: &Arc<Self>, record: RecordRef<'_>) -> Pending {
        let mut way = self.lock();
        self.start(&mut way);
        match &mut *way {
            Way::Opening(_, queue) if queue.len() >= self.queue_limit => {
                Pending::failed(ProduceError::Full)
            }
            Way::Opening(_, queue) => {
                let ticket = Ticket::new();
                queue.push_back(Record::new(&record, Arc::clone(&ticket)));
                Pending::Queued(Queued(ticket))
            }
            Way::Idle(_) => Pending::failed(StartError::NoRuntime.into()),
            Way::Settled => match self.ready.get() {
                Some(Ok(producer)) => Pending::Sent(producer.engine().send(record)),
                Some(Err(error)) => Pending::failed(error.clone()),
                None => Pending::failed(ProduceError::Closed),
            },
        }
    }

    /// Starts an idle gate, if there is a runtime to start it on.
    fn start(self: &Arc<Self>, way: &mut Way) {
        let (Way::Idle(_), Ok(runtime)) = (&*way, Handle::try_current()) else {
            return;
        };
        match std::mem::replace(way, Way::Opening(runtime.clone(), VecDeque::new())) {
            Way::Idle(Start::AtOnce(client)) => {
                let producer = KafkaProducer::start(client.clone(), client);
                drop(self.settle_on(way, producer.map_err(ProduceError::from)));
            }
            Way::Idle(Start::InTask(creation)) => {
                let opening = CutShort(Arc::clone(self));
                runtime.spawn(async move {
                    let producer = creation.await;
                    opening.0.settle(producer.map_err(ProduceError::from));
                });
            }
            other => *way = other,
        }
    }

    /// The producer is there, or never will be; how many records were still waiting for it.
    fn settle(&self, producer: Result<KafkaProducer, ProduceError>) -> u64 {
        let mut way = self.lock();
        if matches!(*way, Way::Settled) {
            return 0; // Closed meanwhile. Dropping the producer closes it.
        }
        let (settled, wakers) = self.settle_on(&mut way, producer);
        drop(way);
        wakers.into_iter().for_each(Waker::wake);
        settled
    }

    /// Hands what was queued to the producer, in order, or fails it.
    fn settle_on(
        &self,
        way: &mut Way,
        producer: Result<KafkaProducer, ProduceError>,
    ) -> (u64, Vec<Waker>) {
        let queue = match std::mem::replace(way, Way::Settled) {
            Way::Opening(_, queue) => queue,
            Way::Idle(_) | Way::Settled => VecDeque::new(),
        };
        let (mut settled, mut wakers) = (0, Vec::new());
        for record in queue {
            if record.ticket.is_withdrawn() {
                continue;
            }
            settled += 1;
            let result = match &producer {
                Ok(producer) => Ok(producer.engine().send(record.as_ref())),
                Err(error) => Err(error.clone()),
            };
            wakers.extend(record.ticket.settle(result));
        }
        // From here on sends go past the queue: it is empty.
        let _ = self.ready.set(producer);
        self.settled.notify_waiters();
        (settled, wakers)
    }

    /// Waits for the producer, if one is on its way.
    async fn opened(&self) -> Result<&KafkaProducer, ProduceError> {
        loop {
            let settled = self.settled.notified();
            if let Some(ready) = self.ready.get() {
                return ready.as_ref().map_err(Clone::clone);
            }
            settled.await;
        }
    }

    pub(super) async fn flush(&self) -> Result<(), ProduceError> {
        if matches!(*self.lock(), Way::Idle(_)) {
            return Ok(());
        }
        self.opened().await?.flush().await;
        Ok(())
    }

    pub(super) async fn close(
        self: &Arc<Self>,
        timeout: Duration,
    ) -> Result<CloseReport, ProduceError> {
        self.closed.store(true, Ordering::Relaxed);
        let runtime = match &*self.lock() {
            Way::Idle(_) => None,
            Way::Opening(runtime, _) => Some(runtime.clone()),
            Way::Settled => match self.ready.get() {
                Some(Ok(producer)) => Some(producer.runtime().clone()),
                Some(Err(_)) | None => None,
            },
        };
        let Some(runtime) = runtime else {
            self.settle(Err(ProduceError::Closed));
            return match self.ready.get() {
                Some(Err(ProduceError::Start(error))) => Err(error.clone().into()),
                _ => Ok(CloseReport::default()),
            };
        };
        let gate = Arc::clone(self);
        let closing = runtime.spawn(async move {
            let began = Instant::now();
            let producer = match time::timeout(timeout, gate.opened()).await {
                Ok(Ok(producer)) => producer,
                Ok(Err(ProduceError::Closed)) => return Ok(CloseReport::default()),
                Ok(Err(error)) => return Err(error),
                Err(_) => {
                    return Ok(CloseReport {
                        not_written: gate.settle(Err(ProduceError::Closed)),
                        ..CloseReport::default()
                    });
                }
            };
            let left = timeout.saturating_sub(began.elapsed());
            if gate.closes {
                return Ok(producer.close_timeout(left).await);
            }
            let _ = time::timeout(left, producer.flush()).await;
            Ok(CloseReport::default())
        });
        // A runtime that is gone took everything with it, and resolved it.
        closing.await.unwrap_or(Ok(CloseReport::default()))
    }

    pub(super) fn metrics(&self) -> Metrics {
        match self.ready.get() {
            Some(Ok(producer)) => producer.metrics(),
            Some(Err(_)) | None => Metrics::default(),
        }
    }

    pub(super) fn health(&self) -> Result<Health, ProduceError> {
        let mut health = match self.ready.get() {
            Some(Ok(producer)) => producer.health(),
            Some(Err(ProduceError::Closed)) => Health::default(),
            Some(Err(error)) => return Err(error.clone()),
            None => Health::not_connected(),
        };
        if self.closed.load(Ordering::Relaxed) && !health.is_over() {
            health.problems.push(HealthProblem::Closed);
        }
        Ok(health)
    }

    fn lock(&self) -> MutexGuard<'_, Way> {
        // The engine's calls under it do not panic; and if one did, the queue would still be whole.
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many records may wait for a producer to be there, as many as may wait for room in it.
fn queue_limit(client: &ClientSettings) -> usize {
    // Wrong settings are told by whoever creates the producer.
    client.with_only("pending.sends.max").pending_sends_max
}

impl Drop for Gate {
    fn drop(&mut self) {
        match self.ready.get() {
            Some(Ok(producer)) if self.closes && !producer.is_closed() => {
                producer.close_in_background();
            }
            _ => {}
        }
    }
}

/// Fails what waits if the task that creates the producer is dropped before it has.
struct CutShort(Arc<Gate>);

impl Drop for CutShort {
    fn drop(&mut self) {
        self.0.settle(Err(StartError::CutShort.into()));
    }
}

impl Record {
    fn new(record: &RecordRef<'_>, ticket: Arc<Ticket>) -> Self {
        Self {
            topic: record.topic.clone(),
            partition: record.partition,
            timestamp: record.timestamp,
            key: record.key.map(Bytes::copy_from_slice),
            value: record.value.map(Bytes::copy_from_slice),
            headers: record.headers.to_vec(),
            ticket,
        }
    }

    fn as_ref(&self) -> RecordRef<'_> {
        RecordRef {
            topic: &self.topic,
            partition: self.partition,
            timestamp: self.timestamp,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &self.headers,
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gate").field(&self.ready.get()).finish()
    }
}
