//! Producing without streams, one element at a time.

mod futures;
mod gate;
#[cfg(feature = "tower")]
mod service;
mod ticket;

pub use futures::{DeliveryFuture, Enqueue, SendEnvelope, Sending};
#[cfg(feature = "tower")]
pub use service::ProducerService;

use crate::{
    CloseReport, Envelope, Failed, Health, Metrics, ProduceError, ProducerRecord, ProducerSource,
    producer::staging::{Serializers, Staging, recycle, wall_clock, with_record_bytes},
};
use gate::Gate;
use guanaco_engine::{RecordRef, Room};
use std::{fmt, sync::Arc, time::Duration};
use ticket::Pending;

/// Sends records from any number of tasks, each call with an answer of its own.
///
/// A record takes its place **at the call**: what one task sends in order arrives in order, whether
/// and when the futures are awaited. Clones share one producer.
///
/// ```no_run
/// # use guanaco::{prelude::*, serialization::StringSerializer};
/// # async fn example() -> Result<(), guanaco::Error> {
/// let settings = ProducerSettings::keyless(StringSerializer)
///     .with_bootstrap_servers("localhost:9092");
/// let orders = SendProducer::new(settings);
///
/// // One at a time.
/// let metadata = orders.send(ProducerRecord::new("orders", "3 llamas".to_owned())).await?;
/// println!("{}/{} @{:?}", metadata.topic, metadata.partition, metadata.offset);
///
/// // As fast as there is room, and the answers later.
/// let mut answers = Vec::new();
/// for n in 1..=1000 {
///     answers.push(orders.enqueue(ProducerRecord::new("orders", n.to_string())).await?);
/// }
/// for answer in answers {
///     answer.await?;
/// }
/// orders.close().await?;
/// # Ok(()) }
/// ```
///
/// # Room
///
/// | call | without room in `buffer.memory` |
/// |---|---|
/// | [`send`](Self::send), [`send_envelope`](Self::send_envelope) | waits in a line, whether polled or not; fails as `BufferFull` after `max.block.ms`, or at once if `pending.sends.max` wait already |
/// | [`enqueue`](Self::enqueue) | waits in the same line; awaiting it slows the caller down to what Kafka takes |
/// | [`try_enqueue`](Self::try_enqueue) | gives the record back at once |
///
/// # Start
///
/// The producer is created by [`new`](Self::new) if that is called inside a tokio runtime, else by
/// the first send. Records sent before it is connected wait for it, in order. If it cannot be
/// created, every send, and `close`, says why.
///
/// # Drop
///
/// Dropping the last clone delivers what was accepted in the background, for at most the close
/// timeout. Use [`close`](Self::close) to know what became of it.
pub struct SendProducer<K, V> {
    gate: Arc<Gate>,
    serializers: Serializers<K, V>,
}

impl<K, V> SendProducer<K, V> {
    /// A producer of its own, or a handle on a shared one.
    #[must_use]
    pub fn new<S: ProducerSource<Key = K, Value = V>>(settings: S) -> Self {
        let parts = settings.into_parts();
        Self {
            serializers: Serializers::new(&parts.settings),
            gate: Gate::new(&parts),
        }
    }

    /// Sends a record: its place in the order is taken by the call.
    ///
    /// # Errors
    /// [`Failed`], with the record, if it was not acknowledged.
    ///
    /// # Cancel safety
    /// Dropped while it waits for room, the record is withdrawn and not sent; dropped later, only
    /// the answer is lost.
    pub fn send(&self, record: ProducerRecord<K, V>) -> Sending<K, V> {
        self.send_into(None, record)
    }

    /// Sends what an envelope holds: one record, several, or none. The records of a
    /// [`Multi`](Envelope::Multi) take their places by the call, one after another; records of other
    /// tasks may come in between.
    ///
    /// # Errors
    /// [`Failed`], with the envelope, if any record of it was not acknowledged;
    /// [`Failed::parts`] says which. If one cannot be serialized, none is sent.
    ///
    /// # Cancel safety
    /// As for [`send`](Self::send), for each record by itself.
    #[doc(alias = "sendEnvelope")]
    pub fn send_envelope<P>(
        &self,
        envelope: impl Into<Envelope<K, V, P>>,
    ) -> SendEnvelope<K, V, P> {
        self.send_envelope_into(None, envelope.into())
    }

    /// Takes a place for a record and waits until there is room for it. What it gives then resolves
    /// when the record is acknowledged.
    ///
    /// # Errors
    /// [`Failed`], with the record, if there was no room within `max.block.ms`, or it is refused at
    /// once.
    ///
    /// # Cancel safety
    /// Dropped while it waits for room, the record is withdrawn and not sent.
    pub fn enqueue(&self, record: ProducerRecord<K, V>) -> Enqueue<K, V> {
        Enqueue::new(self.send(record))
    }

    /// Enqueues a record if there is room for it now. Never waits.
    ///
    /// # Errors
    /// [`Failed`] with the record: [`ProduceError::Full`] if there is no room, or its producer is
    /// still being created by an enrichment or a factory.
    pub fn try_enqueue(
        &self,
        mut record: ProducerRecord<K, V>,
    ) -> Result<DeliveryFuture<K, V>, Failed<K, V>> {
        self.serializers.traces.mark_record(&mut record);
        let stamp = wall_clock();
        let sent = with_record_bytes(&self.serializers, &record, stamp, |bytes| {
            self.gate.try_send(bytes)
        });
        match sent.and_then(|sent| sent) {
            Ok(sent) => Ok(DeliveryFuture::new(Sending::new(record, stamp, sent))),
            Err(error) => Err(Failed::new(record, error)),
        }
    }

    /// Resolves when everything that was sent before is settled, delivered or not. Nothing lingers
    /// meanwhile.
    ///
    /// # Errors
    /// If the producer could not be created.
    ///
    /// # Cancel safety
    /// Dropping the future stops nothing.
    pub async fn flush(&self) -> Result<(), ProduceError> {
        self.gate.flush().await
    }

    /// Stops intake, on all clones, and delivers what was accepted, for at most the close timeout of
    /// the settings. The rest is given up, its sends fail, and the report counts it. Later calls
    /// wait for the first.
    ///
    /// A shared producer is flushed and not closed; nothing is given up then and the report is
    /// empty.
    ///
    /// # Errors
    /// If the producer could not be created.
    ///
    /// # Cancel safety
    /// Dropping the future stops nothing: the close goes on in the background.
    pub async fn close(&self) -> Result<CloseReport, ProduceError> {
        self.gate.close(self.gate.close_timeout()).await
    }

    /// As [`close`](Self::close), with a time of its own.
    ///
    /// # Errors
    /// If the producer could not be created.
    pub async fn close_timeout(&self, timeout: Duration) -> Result<CloseReport, ProduceError> {
        self.gate.close(timeout).await
    }

    /// The producer's counters under Kafka's metric names; empty until there is one.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.gate.metrics()
    }

    /// As a [`tower_service::Service`] for records.
    #[cfg(feature = "tower")]
    #[must_use]
    pub fn into_service(self) -> ProducerService<K, V> {
        ProducerService::new(self)
    }

    /// As a [`tower_service::Service`] for envelopes.
    #[cfg(feature = "tower")]
    #[must_use]
    pub fn into_envelope_service<P>(self) -> ProducerService<K, V, Envelope<K, V, P>> {
        ProducerService::new(self)
    }

    /// Sends a record, into room that was kept for it if there is some.
    fn send_into(
        &self,
        room: Option<&mut Room>,
        mut record: ProducerRecord<K, V>,
    ) -> Sending<K, V> {
        self.serializers.traces.mark_record(&mut record);
        let stamp = wall_clock();
        let sent = with_record_bytes(&self.serializers, &record, stamp, |bytes| {
            self.gate.send_into(room, bytes)
        });
        Sending::new(record, stamp, sent.unwrap_or_else(Pending::failed))
    }

    /// Sends an envelope's records, the first into room that was kept for it if there is some.
    fn send_envelope_into<P>(
        &self,
        mut room: Option<&mut Room>,
        mut envelope: Envelope<K, V, P>,
    ) -> SendEnvelope<K, V, P> {
        self.serializers.traces.mark(&mut envelope);
        let stamp = wall_clock();
        let send = |bytes: RecordRef<'_>| self.gate.send_into(room.take(), bytes);
        match self.send_all(envelope.records(), stamp, send) {
            Ok(sent) => SendEnvelope::new(envelope, stamp, sent, None),
            Err(error) => SendEnvelope::new(envelope, stamp, Vec::new(), Some(error)),
        }
    }

    /// How its producer is: whether the cluster answers, whether anything is stuck. While an
    /// enrichment or a factory still creates it, it is
    /// [not connected](crate::HealthProblem::NotConnected).
    ///
    /// # Errors
    /// If the producer could not be created.
    pub fn health(&self) -> Result<Health, ProduceError> {
        self.gate.health()
    }

    fn send_all(
        &self,
        records: &[ProducerRecord<K, V>],
        stamp: i64,
        mut send: impl FnMut(RecordRef<'_>) -> Pending,
    ) -> Result<Vec<Pending>, ProduceError> {
        let mut staging = Staging::default();
        for record in records {
            staging.add(&self.serializers, record)?;
        }
        let mut sent = Vec::with_capacity(records.len());
        let mut list = Vec::new();
        while !staging.is_empty() {
            let chunk = staging.chunk(&self.serializers, recycle(list), |chunk| {
                records[sent.len()..]
                    .iter()
                    .try_for_each(|record| chunk.push(record, stamp))
            });
            match chunk {
                Ok(chunk) => {
                    let before = sent.len();
                    sent.extend(chunk.iter().map(|bytes| send(*bytes)));
                    list = recycle(chunk);
                    staging.advance(sent.len() - before);
                }
                Err(error) if sent.is_empty() => return Err(error),
                Err(error) => {
                    // Some went already: each of the rest says why it did not.
                    sent.resize_with(records.len(), || Pending::failed(error.clone()));
                    break;
                }
            }
        }
        Ok(sent)
    }
}

impl<K, V> Clone for SendProducer<K, V> {
    fn clone(&self) -> Self {
        Self {
            gate: Arc::clone(&self.gate),
            serializers: self.serializers.clone(),
        }
    }
}

impl<K, V> fmt::Debug for SendProducer<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendProducer")
            .field("producer", &self.gate)
            .finish_non_exhaustive()
    }
}
