//! The futures of a [`SendProducer`](super::SendProducer). All are owned: they can be moved to other
//! tasks, kept, and outlive the producer's handle.

use super::ticket::Pending;
use crate::{
    Delivery, Envelope, Failed, ProduceError, ProducerRecord, RecordMetadata,
    producer::ring::{delivered, multi_error},
};
use guanaco_engine::Ack;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

const POLLED_AGAIN: &str = "a future is not polled after it has completed";

/// The answer to [`SendProducer::send`](super::SendProducer::send).
///
/// # Drop
/// While the record waits for room, dropping this withdraws it: it is not sent. Later only the
/// answer is lost.
#[must_use = "dropping it may withdraw the record, or loses its answer"]
pub struct Sending<K, V> {
    record: Option<ProducerRecord<K, V>>,
    stamp: i64,
    pending: Pending,
}

impl<K, V> Sending<K, V> {
    pub(super) fn new(record: ProducerRecord<K, V>, stamp: i64, pending: Pending) -> Self {
        Self {
            record: Some(record),
            stamp,
            pending,
        }
    }
}

impl<K, V> Unpin for Sending<K, V> {}

impl<K, V> Future for Sending<K, V> {
    type Output = Result<RecordMetadata, Failed<K, V>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(self.pending.poll(cx));
        let record = self.record.take().expect(POLLED_AGAIN);
        Poll::Ready(match outcome {
            Ok(ack) => Ok(record.metadata(&ack, self.stamp)),
            Err(error) => Err(Failed::new(record, error)),
        })
    }
}

/// Room for a record: see [`SendProducer::enqueue`](super::SendProducer::enqueue).
///
/// # Drop
/// Withdraws the record: it is not sent.
#[must_use = "dropping it withdraws the record"]
pub struct Enqueue<K, V>(Option<Sending<K, V>>);

impl<K, V> Enqueue<K, V> {
    pub(super) fn new(sending: Sending<K, V>) -> Self {
        Self(Some(sending))
    }
}

impl<K, V> Unpin for Enqueue<K, V> {}

impl<K, V> Future for Enqueue<K, V> {
    type Output = Result<DeliveryFuture<K, V>, Failed<K, V>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let sending = self.0.as_mut().expect(POLLED_AGAIN);
        let admitted = ready!(sending.pending.poll_admitted(cx));
        let mut sending = self.0.take().expect(POLLED_AGAIN);
        Poll::Ready(match admitted {
            Ok(()) => Ok(DeliveryFuture(sending)),
            Err(error) => Err(Failed::new(
                sending.record.take().expect(POLLED_AGAIN),
                error,
            )),
        })
    }
}

/// The answer to a record that was enqueued.
///
/// # Drop
/// Loses only the answer: the record is on its way.
#[must_use = "dropping it loses the answer: the record is already on its way"]
pub struct DeliveryFuture<K, V>(Sending<K, V>);

impl<K, V> DeliveryFuture<K, V> {
    pub(super) fn new(sending: Sending<K, V>) -> Self {
        Self(sending)
    }
}

impl<K, V> Unpin for DeliveryFuture<K, V> {}

impl<K, V> Future for DeliveryFuture<K, V> {
    type Output = Result<RecordMetadata, Failed<K, V>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

/// The answer to [`SendProducer::send_envelope`](super::SendProducer::send_envelope).
///
/// # Drop
/// Withdraws the records that still wait for room; of the others only the answer is lost.
#[must_use = "dropping it may withdraw records, or loses their answers"]
pub struct SendEnvelope<K, V, P> {
    envelope: Option<Envelope<K, V, P>>,
    stamp: i64,
    parts: Vec<Pending>,
    outcomes: Vec<Result<Ack, ProduceError>>,
    /// Why nothing was sent.
    failed: Option<ProduceError>,
}

impl<K, V, P> SendEnvelope<K, V, P> {
    pub(super) fn new(
        envelope: Envelope<K, V, P>,
        stamp: i64,
        parts: Vec<Pending>,
        failed: Option<ProduceError>,
    ) -> Self {
        Self {
            envelope: Some(envelope),
            stamp,
            outcomes: Vec::with_capacity(parts.len()),
            parts,
            failed,
        }
    }
}

impl<K, V, P> Unpin for SendEnvelope<K, V, P> {}

impl<K, V, P> Future for SendEnvelope<K, V, P> {
    type Output = Result<Delivery<K, V, P>, Failed<K, V, P>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = &mut *self;
        while let Some(part) = me.parts.get_mut(me.outcomes.len()) {
            let outcome = ready!(part.poll(cx));
            me.outcomes.push(outcome);
        }
        let envelope = me.envelope.take().expect(POLLED_AGAIN);
        if let Some(error) = me.failed.take() {
            return Poll::Ready(Err(Failed::new(envelope, error)));
        }
        Poll::Ready(settled(
            envelope,
            std::mem::take(&mut me.outcomes),
            me.stamp,
        ))
    }
}

fn settled<K, V, P>(
    envelope: Envelope<K, V, P>,
    mut outcomes: Vec<Result<Ack, ProduceError>>,
    stamp: i64,
) -> Result<Delivery<K, V, P>, Failed<K, V, P>> {
    match envelope {
        Envelope::PassThrough(pass_through) => Ok(Delivery::PassThrough(pass_through)),
        Envelope::Single {
            record,
            pass_through,
        } => match outcomes.pop().unwrap_or(Err(ProduceError::Closed)) {
            Ok(ack) => Ok(Delivery::single(
                delivered(record, &ack, stamp),
                pass_through,
            )),
            Err(error) => Err(Failed::new(Envelope::single(record, pass_through), error)),
        },
        Envelope::Multi {
            records,
            pass_through,
        } if outcomes.iter().all(Result::is_ok) => {
            let parts = records.into_iter().zip(outcomes.into_iter().flatten());
            let parts = parts.map(|(record, ack)| delivered(record, &ack, stamp));
            Ok(Delivery::multi(parts, pass_through))
        }
        envelope => {
            let error = multi_error(envelope.records(), outcomes, None, stamp);
            Err(Failed::new(envelope, error))
        }
    }
}

macro_rules! debug_without_payload {
    ($($name:ident<$($parameter:ident),*>;)*) => {$(
        impl<$($parameter),*> fmt::Debug for $name<$($parameter),*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

debug_without_payload! {
    Sending<K, V>;
    Enqueue<K, V>;
    DeliveryFuture<K, V>;
    SendEnvelope<K, V, P>;
}
