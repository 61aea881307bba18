//! The handle on a producer.

use crate::{Ack, CloseReport, ConfigError, DeliveryError, Metrics, ProducerConfig, RecordRef, StartError, Topic};
use std::{future::Future, pin::Pin, sync::Arc, task::{Context, Poll}, time::Duration};

/// Chooses partitions for records that name none, instead of Kafka's own rule.
///
/// Runs on the caller's task, before the producer's lock. A panic in it fails the record, nothing else.
pub trait Partitioner: Send + Sync + 'static {
    /// The partition, `0..count`.
    fn partition(&self, topic: &Topic, key: Option<&[u8]>, value: Option<&[u8]>, count: i32) -> i32;
}

/// A running producer. Clones share it; the last one dropped closes it in the background.
#[derive(Clone, Debug)]
pub struct Producer(Arc<()>);

impl Producer {
    /// Starts one on the current tokio runtime. Returns at once; [`connected`](Self::connected) waits for the cluster.
    pub fn start(config: ProducerConfig) -> Result<Self, StartError> { let _ = config; todo!() }
    /// As `start`, with a partitioner of one's own.
    pub fn start_with_partitioner(config: ProducerConfig, partitioner: Arc<dyn Partitioner>) -> Result<Self, StartError> { let _ = (config, partitioner); todo!() }
    /// Waits until the cluster answered once, at most `start.timeout.ms` from the start. Cancel safe.
    pub async fn connected(&self) -> Result<(), StartError> { todo!() }
    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> &ProducerConfig { todo!() }
    /// The cluster's id, once connected.
    #[must_use]
    pub fn cluster_id(&self) -> Option<Arc<str>> { todo!() }
    /// A way in for one ordered stream of records.
    #[must_use]
    pub fn appender(&self) -> Appender { todo!() }
    /// Appends one record; its place in the order is taken now. Without room its bytes are copied to a FIFO that
    /// the producer admits from, bounded by `pending.sends.max` (beyond it the future fails `BufferFull` at once).
    pub fn send(&self, record: RecordRef<'_>) -> Sending { let _ = record; todo!() }
    /// As `send`, but `None` where it would have to wait for room.
    pub fn try_send(&self, record: RecordRef<'_>) -> Option<Sending> { let _ = record; todo!() }
    /// Resolves when all that was accepted before the call is settled; ends lingers early. Dropping it stops nothing.
    pub async fn flush(&self) { todo!() }
    /// Stops intake, flushes for at most `timeout`, fails the rest. Idempotent: later calls wait for the first.
    pub async fn close(&self, timeout: Duration) -> CloseReport { let _ = timeout; todo!() }
    /// Whether `close` was called or the producer died.
    #[must_use]
    pub fn is_closed(&self) -> bool { todo!() }
    /// Fails everything that is not on a socket yet, with `StreamFailed`, and accepts nothing more: the end of a
    /// fail-fast stream on a producer of its own.
    pub fn abandon(&self) { todo!() }
    /// Counters under Kafka's metric names.
    #[must_use]
    pub fn metrics(&self) -> Metrics { todo!() }
    /// The topic's partitions, asked of the cluster if unknown (for at most `max.block.ms`).
    pub async fn partitions_for(&self, topic: &Topic) -> Result<Vec<i32>, DeliveryError> { let _ = topic; todo!() }
}

/// Where an appended record went, for one [`Appender`]. Opaque; ask the appender for its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement { pub(crate) batch: u32, pub(crate) index: u32 }

/// One ordered stream of records into a producer, and their outcomes back, batch by batch. One waker serves it all.
#[derive(Debug)]
pub struct Appender(Producer);

impl Appender {
    /// Appends `records` in order until one finds no room; pushes a [`Placement`] each. Records that are refused at
    /// once (too large, unknown partition, closed producer) are placed too: their outcome is the error.
    /// `Ready(n)` with n >= 1 of them placed; `Pending` if there is no room for even the first (the waker is kept).
    /// `records` must not be empty.
    pub fn poll_append(&mut self, cx: &mut Context<'_>, records: &[RecordRef<'_>], placed: &mut Vec<Placement>) -> Poll<usize> { let _ = (cx, records, placed); todo!() }
    /// The outcome of a placed record, once: `None` while it is open. Must be taken for each placement exactly once.
    pub fn take(&mut self, placement: Placement) -> Option<Result<Ack, DeliveryError>> { let _ = placement; todo!() }
    /// Keeps the waker for the next change: an outcome, or room. Check `take` again after it.
    pub fn register(&mut self, cx: &mut Context<'_>) { let _ = cx; todo!() }
    /// Ends the linger of every batch that holds records of this stream: it waits for them (upstream ended, or its
    /// limits are reached).
    pub fn hurry(&mut self) { todo!() }
    /// The producer that it appends to.
    #[must_use]
    pub fn producer(&self) -> &Producer { &self.0 }
}

/// The outcome of one `send`. Owned; dropping it before the record was admitted withdraws the record, later it only
/// loses the answer.
#[derive(Debug)]
#[must_use = "dropping it may withdraw the record, or loses its answer"]
pub struct Sending(());

impl Sending {
    /// Waits until the record has room in the buffer: from then on dropping the future loses only the answer.
    pub fn poll_admitted(&mut self, cx: &mut Context<'_>) -> Poll<()> { let _ = cx; todo!() }
}

impl Future for Sending {
    type Output = Result<Ack, DeliveryError>;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> { let _ = cx; todo!() }
}

#[allow(unused)] fn _c(_: ConfigError) {}
