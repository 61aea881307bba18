//! The plain sink: as the driver of a stream, and as a `futures_sink::Sink`.

mod drain;
mod queue;

use super::{IntoEnvelope, RunSink, UpstreamError, items::Plain, sealed::Sealed};
use crate::{ProduceError, settings::Parts};
use drain::Drain;
use futures_core::{FusedFuture, Stream};
use futures_sink::Sink;
use pin_project_lite::pin_project;
use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Made by [`plain_sink`](super::plain_sink); goes into
/// [`run_with`](super::KafkaStreamExt::run_with).
#[derive(Debug)]
#[must_use = "a sink does nothing until a stream is `.run_with` it"]
pub struct PlainSink<K, V>(Parts<K, V>);

impl<K, V> PlainSink<K, V> {
    pub(super) fn new(parts: Parts<K, V>) -> Self {
        Self(parts)
    }

    /// The sink as a [`futures_sink::Sink`], for code that pushes. Prefer
    /// [`run_with`](super::KafkaStreamExt::run_with) where there is a stream, and
    /// [`SendProducer`](crate::SendProducer) where there are many callers.
    ///
    /// ```no_run
    /// # use guanaco::{prelude::*, serialization::StringSerializer};
    /// # use futures_util::SinkExt;
    /// # async fn example() -> Result<(), guanaco::Error> {
    /// # let settings = ProducerSettings::keyless(StringSerializer);
    /// let mut sink = producer::plain_sink(settings).into_sink();
    /// sink.feed(ProducerRecord::new("lines", "first".to_owned())).await?;
    /// sink.feed(ProducerRecord::new("lines", "second".to_owned())).await?;
    /// sink.close().await?; // all acknowledged
    /// # Ok(()) }
    /// ```
    pub fn into_sink<T>(self) -> ProducerSink<T>
    where
        T: IntoEnvelope<Key = K, Value = V>,
    {
        ProducerSink {
            drain: Drain::new(&self.0),
            item: PhantomData,
        }
    }
}

impl<K, V> Sealed for PlainSink<K, V> {}

impl<S, K, V> RunSink<S> for PlainSink<K, V>
where
    S: Stream,
    S::Item: IntoEnvelope<Key = K, Value = V>,
{
    type Future = RunPlainSink<S, K, V>;

    fn run(self, upstream: S) -> Self::Future {
        RunPlainSink {
            upstream,
            drain: Drain::new(&self.0),
            done: false,
        }
    }
}

pin_project! {
    /// Drives a stream into Kafka. `Ok(())` when the stream has ended, all its records are
    /// acknowledged and a producer of its own is closed.
    ///
    /// The first failure, in the order of the stream, ends it.
    ///
    /// # Cancel safety
    /// Dropping it pulls nothing more; records that were not handed to the producer yet are not
    /// sent, the others are delivered in the background, for at most the close timeout of a
    /// producer of its own. Use `take_until` on the stream to end it and keep what was pulled.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct RunPlainSink<S, K, V> {
        #[pin]
        upstream: S,
        drain: Drain<K, V>,
        done: bool,
    }
}

impl<S, K, V> Future for RunPlainSink<S, K, V>
where
    S: Stream,
    S::Item: IntoEnvelope<Key = K, Value = V>,
{
    type Output = Result<(), ProduceError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let result = ready!(me.drain.poll_run::<Plain, S>(me.upstream, cx));
        *me.done = true;
        Poll::Ready(result)
    }
}

impl<S, K, V> FusedFuture for RunPlainSink<S, K, V>
where
    S: Stream,
    S::Item: IntoEnvelope<Key = K, Value = V>,
{
    fn is_terminated(&self) -> bool {
        self.done
    }
}

/// A [`Sink`] for items of type `T`: records, envelopes, or `Result`s of them.
///
/// Items are collected and handed to the producer in chunks: `feed` alone may leave some of them
/// here. `flush` hands over all of them and waits until every record is acknowledged; `close`
/// then closes a producer of its own, too. The first failure is the answer to every later call.
///
/// # Cancel safety
/// The `send` and `feed` futures of `SinkExt` hold the item until there is room: dropped before, for
/// instance as the losing branch of a `select!`, they drop the item with them, unsent. In such
/// places use [`SendProducer::enqueue`](crate::SendProducer::enqueue), or poll for room before
/// there is an item to lose. `flush` and `close` lose nothing.
///
/// # Drop
/// Drops what it has collected; what was handed over is delivered in the background.
#[must_use = "sinks do nothing unless polled"]
pub struct ProducerSink<T: IntoEnvelope> {
    drain: Drain<T::Key, T::Value>,
    item: PhantomData<fn(T)>,
}

impl<T: IntoEnvelope> Unpin for ProducerSink<T> {}

impl<T: IntoEnvelope> Sink<T> for ProducerSink<T> {
    type Error = ProduceError;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ProduceError>> {
        self.drain.poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), ProduceError> {
        match item.into_envelope() {
            Ok(envelope) => self.drain.start_send(envelope.with_pass_through(())),
            Err(error) => Err(ProduceError::from_upstream(error.into_boxed())),
        }
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ProduceError>> {
        self.drain.poll_flush(cx)
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ProduceError>> {
        self.drain.poll_close(cx)
    }
}

impl<T: IntoEnvelope> fmt::Debug for ProducerSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProducerSink").field(&self.drain).finish()
    }
}
