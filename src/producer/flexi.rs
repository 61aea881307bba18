//! The flexi flow.

use super::{Flow, IntoEnvelope, items::Plain, line::Line, sealed::Sealed};
use crate::{Delivery, Failed, ProduceError, settings::Parts};
use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Made by [`flexi_flow`](super::flexi_flow); goes into [`via`](super::KafkaStreamExt::via).
#[derive(Debug)]
#[must_use = "a flow does nothing until a stream goes `.via` it"]
pub struct FlexiFlow<K, V>(Parts<K, V>);

impl<K, V> FlexiFlow<K, V> {
    pub(super) fn new(parts: Parts<K, V>) -> Self {
        Self(parts)
    }

    /// The same flow with errors as data: a failed element comes out in its place, with everything
    /// that came in, and the stream goes on.
    ///
    /// Items are `Result<Result<Delivery, Failed>, ProduceError>`. The inner error is data. The outer
    /// one ends the stream: its input failed, or the producer is closed or failed for good; every
    /// element in flight gets its outcome first, and no further input is taken.
    ///
    /// ```no_run
    /// # use guanaco::{prelude::*, serialization::StringSerializer};
    /// # use futures_util::{TryStreamExt, StreamExt, stream};
    /// # async fn example() -> Result<(), guanaco::Error> {
    /// # let settings = ProducerSettings::keyless(StringSerializer);
    /// let mut outcomes = stream::iter(["a", "b"])
    ///     .map(|text| Envelope::single(ProducerRecord::new("lines", text.to_owned()), text))
    ///     .via(producer::flexi_flow(settings).with_outcomes());
    ///
    /// while let Some(outcome) = outcomes.try_next().await? {
    ///     match outcome {
    ///         Ok(delivery) => println!("{} is at {:?}", delivery.parts()[0].record.topic, delivery.parts()[0].offset),
    ///         Err(Failed { envelope, error }) => eprintln!("{}: {error}", envelope.into_pass_through()),
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn with_outcomes(self) -> FlexiFlowOutcomes<K, V> {
        FlexiFlowOutcomes(self.0)
    }
}

impl<K, V> Sealed for FlexiFlow<K, V> {}

impl<S, K, V> Flow<S> for FlexiFlow<K, V>
where
    S: Stream,
    S::Item: IntoEnvelope<Key = K, Value = V>,
{
    type Stream = Deliveries<S, K, V, <S::Item as IntoEnvelope>::PassThrough>;

    fn attach(self, upstream: S) -> Self::Stream {
        Deliveries {
            upstream,
            line: Line::new(&self.0, true),
        }
    }
}

/// Made by [`FlexiFlow::with_outcomes`]; goes into [`via`](super::KafkaStreamExt::via).
#[derive(Debug)]
#[must_use = "a flow does nothing until a stream goes `.via` it"]
pub struct FlexiFlowOutcomes<K, V>(Parts<K, V>);

impl<K, V> Sealed for FlexiFlowOutcomes<K, V> {}

impl<S, K, V> Flow<S> for FlexiFlowOutcomes<K, V>
where
    S: Stream,
    S::Item: IntoEnvelope<Key = K, Value = V>,
{
    type Stream = Outcomes<S, K, V, <S::Item as IntoEnvelope>::PassThrough>;

    fn attach(self, upstream: S) -> Self::Stream {
        Outcomes {
            upstream,
            line: Line::new(&self.0, false),
        }
    }
}

pin_project! {
    /// A stream of deliveries, in input order, that ends at the first failure.
    ///
    /// At most `parallelism` elements are in flight; nothing happens until it is polled; after an
    /// error nothing more is pulled.
    ///
    /// # Drop
    /// Results that were not taken are lost, and elements that were not handed to the producer yet
    /// are not sent. What was handed over is delivered in the background, for at most the close
    /// timeout of a producer of its own.
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Deliveries<S, K, V, P> {
        #[pin]
        upstream: S,
        line: Line<K, V, P>,
    }
}

impl<S, K, V, P> Stream for Deliveries<S, K, V, P>
where
    S: Stream,
    S::Item: IntoEnvelope<Key = K, Value = V, PassThrough = P>,
{
    type Item = Result<Delivery<K, V, P>, ProduceError>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let me = self.project();
        if let Some(delivery) = me.line.pop_acked() {
            return Poll::Ready(Some(Ok(delivery)));
        }
        let next = ready!(me.line.poll_next::<Plain, S>(me.upstream, cx));
        Poll::Ready(next.map(|outcome| Ok(outcome??)))
    }
}

impl<S, K, V, P> FusedStream for Deliveries<S, K, V, P>
where
    S: Stream,
    S::Item: IntoEnvelope<Key = K, Value = V, PassThrough = P>,
{
    fn is_terminated(&self) -> bool {
        self.line.is_done()
    }
}

pin_project! {
    /// A stream of outcomes, in input order: failed elements are among them.
    ///
    /// At most `parallelism` elements are in flight; nothing happens until it is polled.
    ///
    /// # Drop
    /// As for [`Deliveries`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Outcomes<S, K, V, P> {
        #[pin]
        upstream: S,
        line: Line<K, V, P>,
    }
}

impl<S, K, V, P> Stream for Outcomes<S, K, V, P>
where
    S: Stream,
    S::Item: IntoEnvelope<Key = K, Value = V, PassThrough = P>,
{
    type Item = Result<Result<Delivery<K, V, P>, Failed<K, V, P>>, ProduceError>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let me = self.project();
        if let Some(delivery) = me.line.pop_acked() {
            return Poll::Ready(Some(Ok(Ok(delivery))));
        }
        me.line.poll_next::<Plain, S>(me.upstream, cx)
    }
}

impl<S, K, V, P> FusedStream for Outcomes<S, K, V, P>
where
    S: Stream,
    S::Item: IntoEnvelope<Key = K, Value = V, PassThrough = P>,
{
    fn is_terminated(&self) -> bool {
        self.line.is_done()
    }
}
