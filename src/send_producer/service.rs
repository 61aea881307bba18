//! A [`SendProducer`] as a [`tower_service::Service`].

use super::{SendEnvelope, SendProducer, Sending};
use crate::{Delivery, Envelope, Failed, ProducerRecord, RecordMetadata};
use guanaco_engine::Room;
use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_service::Service;

/// A [`SendProducer`] as a service, for stacks of `tower`: from
/// [`SendProducer::into_service`] for records, and from
/// [`SendProducer::into_envelope_service`] for envelopes.
///
/// It is ready when there is room in `buffer.memory` for a record of up to `batch.size`, first come
/// first served among all who wait for room. `call` sends into that room; a larger record, and the
/// second and later records of an envelope, may have to wait as with [`SendProducer::send`].
///
/// `poll_ready` never fails. A producer that is closed or could not be created is ready, and `call`
/// says so, with the record. Without a `poll_ready` before it, `call` is the same as `send`.
///
/// ```
/// # use guanaco::{NoKey, prelude::*};
/// use tower::{Service, ServiceExt};
///
/// async fn place(orders: SendProducer<NoKey, String>, order: String) -> Result<(), guanaco::Error> {
///     let mut orders = orders.into_service();
///     let metadata = orders.ready().await?.call(ProducerRecord::new("orders", order)).await?;
///     println!("{}@{:?}", metadata.partition, metadata.offset);
///     Ok(())
/// }
/// ```
///
/// # Clone and drop
/// A clone has no room yet, whatever the original has. Dropping a service gives its room back, or
/// leaves the line for it.
pub struct ProducerService<K, V, R = ProducerRecord<K, V>> {
    producer: SendProducer<K, V>,
    /// Where room is waited for and kept, once the producer is there.
    room: Option<Room>,
    opening: Option<Opening>,
    request: PhantomData<fn(R)>,
}

/// The producer on its way.
type Opening = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

impl<K, V, R> ProducerService<K, V, R> {
    pub(super) fn new(producer: SendProducer<K, V>) -> Self {
        Self {
            producer,
            room: None,
            opening: None,
            request: PhantomData,
        }
    }

    /// The producer behind it.
    #[must_use]
    pub fn producer(&self) -> &SendProducer<K, V> {
        &self.producer
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(room) = &mut self.room {
                return room.poll_ready(cx);
            }
            if let Some(opening) = &mut self.opening {
                ready!(opening.as_mut().poll(cx));
                self.opening = None;
                self.room = self.producer.gate.room();
                if self.room.is_none() {
                    return Poll::Ready(());
                }
                continue;
            }
            self.opening = Some(Box::pin(self.producer.gate.when_opened()));
        }
    }
}

impl<K, V> Service<ProducerRecord<K, V>> for ProducerService<K, V> {
    type Response = RecordMetadata;
    type Error = Failed<K, V>;
    type Future = Sending<K, V>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_room(cx).map(Ok)
    }

    fn call(&mut self, record: ProducerRecord<K, V>) -> Self::Future {
        self.producer.send_into(self.room.as_mut(), record)
    }
}

impl<K, V, P> Service<Envelope<K, V, P>> for ProducerService<K, V, Envelope<K, V, P>> {
    type Response = Delivery<K, V, P>;
    type Error = Failed<K, V, P>;
    type Future = SendEnvelope<K, V, P>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_room(cx).map(Ok)
    }

    fn call(&mut self, envelope: Envelope<K, V, P>) -> Self::Future {
        self.producer
            .send_envelope_into(self.room.as_mut(), envelope)
    }
}

impl<K, V, R> Clone for ProducerService<K, V, R> {
    fn clone(&self) -> Self {
        Self::new(self.producer.clone())
    }
}

impl<K, V, R> fmt::Debug for ProducerService<K, V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerService")
            .field("producer", &self.producer)
            .finish_non_exhaustive()
    }
}
