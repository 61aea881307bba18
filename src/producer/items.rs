//! What the items of a stream may be.

use crate::{Envelope, ProducerRecord, serialization::BoxError};
use std::convert::Infallible;

/// An error that the stream before a stage may fail with: anything that converts to
/// `Box<dyn std::error::Error + Send + Sync>`. Implemented for all of those, and for nothing else.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a stream that is produced to Kafka",
    label = "does not convert to `Box<dyn std::error::Error + Send + Sync>`",
    note = "implement `std::error::Error` for it (and `Send + Sync + 'static`), or convert it before the stage: `.map_err(|error| error.to_string())`"
)]
pub trait UpstreamError {
    #[doc(hidden)]
    fn into_boxed(self) -> BoxError;
}

// Else the compiler speaks of `From` and `Box` instead of the advice above.
#[diagnostic::do_not_recommend]
impl<E: Into<BoxError>> UpstreamError for E {
    fn into_boxed(self) -> BoxError {
        self.into()
    }
}

/// What an item is as an envelope.
type EnvelopeOf<T> = Envelope<
    <T as IntoEnvelope>::Key,
    <T as IntoEnvelope>::Value,
    <T as IntoEnvelope>::PassThrough,
>;

/// What an item is as an envelope that carries its context.
type ContextEnvelopeOf<T> = Envelope<
    <T as IntoContextEnvelope>::Key,
    <T as IntoContextEnvelope>::Value,
    <T as IntoContextEnvelope>::Context,
>;

/// An item that [`flexi_flow`](super::flexi_flow) and [`plain_sink`](super::plain_sink) take:
/// a [`ProducerRecord`], an [`Envelope`], or a `Result` of one of them.
#[diagnostic::on_unimplemented(
    message = "a stream of `{Self}` cannot be produced to Kafka",
    label = "needs records or envelopes",
    note = "items must be `ProducerRecord<K, V>`, `Envelope<K, V, P>`, or a `Result` of one of them; `.map(|x| ProducerRecord::new(topic, x))` makes records; `(item, context)` goes to a `_with_context` stage"
)]
pub trait IntoEnvelope: Sized {
    /// The type of keys.
    type Key;
    /// The type of values.
    type Value;
    /// The type that is carried along.
    type PassThrough;
    /// The error that ends the stream; `Infallible` where there is none.
    type Error: UpstreamError;

    /// The item as an envelope, or the upstream's error.
    ///
    /// # Errors
    /// If the item is one.
    fn into_envelope(self) -> Result<EnvelopeOf<Self>, Self::Error>;
}

impl<K, V> IntoEnvelope for ProducerRecord<K, V> {
    type Key = K;
    type Value = V;
    type PassThrough = ();
    type Error = Infallible;

    #[inline]
    fn into_envelope(self) -> Result<Envelope<K, V>, Infallible> {
        Ok(self.into())
    }
}

impl<K, V, P> IntoEnvelope for Envelope<K, V, P> {
    type Key = K;
    type Value = V;
    type PassThrough = P;
    type Error = Infallible;

    #[inline]
    fn into_envelope(self) -> Result<Self, Infallible> {
        Ok(self)
    }
}

impl<T: IntoEnvelope<Error = Infallible>, E: UpstreamError> IntoEnvelope for Result<T, E> {
    type Key = T::Key;
    type Value = T::Value;
    type PassThrough = T::PassThrough;
    type Error = E;

    #[inline]
    fn into_envelope(self) -> Result<EnvelopeOf<T>, E> {
        self.map(|item| match item.into_envelope() {
            Ok(envelope) => envelope,
            Err(never) => match never {},
        })
    }
}

/// An item that [`flow_with_context`](super::flow_with_context) takes: `(item, context)`, where the
/// item is a record or an envelope without a pass-through, or a `Result` of that.
#[diagnostic::on_unimplemented(
    message = "a stream of `{Self}` carries no context",
    label = "needs `(item, context)`",
    note = "items must be `(ProducerRecord<K, V>, C)`, `(Envelope<K, V>, C)`, or a `Result` of one of them; without a context use `producer::flexi_flow`"
)]
pub trait IntoContextEnvelope: Sized {
    /// The type of keys.
    type Key;
    /// The type of values.
    type Value;
    /// The type of the context.
    type Context;
    /// The error that ends the stream; `Infallible` where there is none.
    type Error: UpstreamError;

    /// The item as an envelope that carries its context, or the upstream's error.
    ///
    /// # Errors
    /// If the item is one.
    fn into_context_envelope(self) -> Result<ContextEnvelopeOf<Self>, Self::Error>;
}

impl<T, C> IntoContextEnvelope for (T, C)
where
    T: IntoEnvelope<PassThrough = (), Error = Infallible>,
{
    type Key = T::Key;
    type Value = T::Value;
    type Context = C;
    type Error = Infallible;

    #[inline]
    fn into_context_envelope(self) -> Result<Envelope<T::Key, T::Value, C>, Infallible> {
        Ok(self.0.into_envelope()?.with_pass_through(self.1))
    }
}

impl<T, E> IntoContextEnvelope for Result<T, E>
where
    T: IntoContextEnvelope<Error = Infallible>,
    E: UpstreamError,
{
    type Key = T::Key;
    type Value = T::Value;
    type Context = T::Context;
    type Error = E;

    #[inline]
    fn into_context_envelope(self) -> Result<ContextEnvelopeOf<T>, E> {
        self.map(|item| match item.into_context_envelope() {
            Ok(envelope) => envelope,
            Err(never) => match never {},
        })
    }
}

/// An item as a stage takes it.
type Taken<K, V, P> = Result<Envelope<K, V, P>, BoxError>;

/// How a stage reads its items, so that flows with and without context share everything else.
pub(super) trait Intake<T> {
    type Key;
    type Value;
    type Carried;

    fn envelope(item: T) -> Taken<Self::Key, Self::Value, Self::Carried>;
}

/// Items that are records or envelopes.
#[derive(Debug)]
pub(super) struct Plain;

impl<T: IntoEnvelope> Intake<T> for Plain {
    type Key = T::Key;
    type Value = T::Value;
    type Carried = T::PassThrough;

    #[inline]
    fn envelope(item: T) -> Taken<T::Key, T::Value, T::PassThrough> {
        item.into_envelope().map_err(UpstreamError::into_boxed)
    }
}

/// Items with a context beside them.
#[derive(Debug)]
pub(super) struct WithContext;

impl<T: IntoContextEnvelope> Intake<T> for WithContext {
    type Key = T::Key;
    type Value = T::Value;
    type Carried = T::Context;

    #[inline]
    fn envelope(item: T) -> Taken<T::Key, T::Value, T::Context> {
        item.into_context_envelope()
            .map_err(UpstreamError::into_boxed)
    }
}
