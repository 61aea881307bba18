//! The flow with a context beside each element.

use super::{Flow, IntoContextEnvelope, items::WithContext, line::Line, sealed::Sealed};
use crate::{Delivery, Failed, ProduceError, settings::Parts};
use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Made by [`flow_with_context`](super::flow_with_context); goes into
/// [`via`](super::KafkaStreamExt::via).
#[derive(Debug)]
#[must_use = "a flow does nothing until a stream goes `.via` it"]
pub struct FlowWithContext<K, V>(Parts<K, V>);

impl<K, V> FlowWithContext<K, V> {
    pub(super) fn new(parts: Parts<K, V>) -> Self {
        Self(parts)
    }

    /// The same flow with errors as data; see
    /// [`FlexiFlow::with_outcomes`](super::FlexiFlow::with_outcomes). The context comes out beside
    /// either outcome: `Result<(Result<Delivery, Failed>, C), ProduceError>`.
    pub fn with_outcomes(self) -> FlowWithContextOutcomes<K, V> {
        FlowWithContextOutcomes(self.0)
    }
}

impl<K, V> Sealed for FlowWithContext<K, V> {}

impl<S, K, V> Flow<S> for FlowWithContext<K, V>
where
    S: Stream,
    S::Item: IntoContextEnvelope<Key = K, Value = V>,
{
    type Stream = ContextDeliveries<S, K, V, <S::Item as IntoContextEnvelope>::Context>;

    fn attach(self, upstream: S) -> Self::Stream {
        ContextDeliveries {
            upstream,
            line: Line::new(&self.0, true),
        }
    }
}

/// Made by [`FlowWithContext::with_outcomes`]; goes into [`via`](super::KafkaStreamExt::via).
#[derive(Debug)]
#[must_use = "a flow does nothing until a stream goes `.via` it"]
pub struct FlowWithContextOutcomes<K, V>(Parts<K, V>);

impl<K, V> Sealed for FlowWithContextOutcomes<K, V> {}

impl<S, K, V> Flow<S> for FlowWithContextOutcomes<K, V>
where
    S: Stream,
    S::Item: IntoContextEnvelope<Key = K, Value = V>,
{
    type Stream = ContextOutcomes<S, K, V, <S::Item as IntoContextEnvelope>::Context>;

    fn attach(self, upstream: S) -> Self::Stream {
        ContextOutcomes {
            upstream,
            line: Line::new(&self.0, false),
        }
    }
}

pin_project! {
    /// A stream of deliveries with their contexts, in input order, that ends at the first failure.
    ///
    /// Everything that [`Deliveries`](super::Deliveries) promises holds here.
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct ContextDeliveries<S, K, V, C> {
        #[pin]
        upstream: S,
        line: Line<K, V, C>,
    }
}

impl<S, K, V, C> Stream for ContextDeliveries<S, K, V, C>
where
    S: Stream,
    S::Item: IntoContextEnvelope<Key = K, Value = V, Context = C>,
{
    type Item = Result<(Delivery<K, V>, C), ProduceError>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let me = self.project();
        let next = ready!(me.line.poll_next::<WithContext, S>(me.upstream, cx));
        Poll::Ready(next.map(|outcome| Ok(outcome??.split_pass_through())))
    }
}

impl<S, K, V, C> FusedStream for ContextDeliveries<S, K, V, C>
where
    S: Stream,
    S::Item: IntoContextEnvelope<Key = K, Value = V, Context = C>,
{
    fn is_terminated(&self) -> bool {
        self.line.is_done()
    }
}

pin_project! {
    /// A stream of outcomes with their contexts, in input order: failed elements are among them.
    ///
    /// Everything that [`Outcomes`](super::Outcomes) promises holds here.
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct ContextOutcomes<S, K, V, C> {
        #[pin]
        upstream: S,
        line: Line<K, V, C>,
    }
}

impl<S, K, V, C> Stream for ContextOutcomes<S, K, V, C>
where
    S: Stream,
    S::Item: IntoContextEnvelope<Key = K, Value = V, Context = C>,
{
    type Item = Result<(Result<Delivery<K, V>, Failed<K, V>>, C), ProduceError>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let me = self.project();
        let next = ready!(me.line.poll_next::<WithContext, S>(me.upstream, cx));
        Poll::Ready(next.map(|outcome| {
            Ok(match outcome? {
                Ok(delivery) => {
                    let (delivery, context) = delivery.split_pass_through();
                    (Ok(delivery), context)
                }
                Err(Failed { envelope, error }) => {
                    let (envelope, context) = envelope.swap_pass_through(());
                    (Err(Failed::new(envelope, error)), context)
                }
            })
        }))
    }
}

impl<S, K, V, C> FusedStream for ContextOutcomes<S, K, V, C>
where
    S: Stream,
    S::Item: IntoContextEnvelope<Key = K, Value = V, Context = C>,
{
    fn is_terminated(&self) -> bool {
        self.line.is_done()
    }
}
