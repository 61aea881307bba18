//! The two verbs on every stream.

use super::sealed::Sealed;
use futures_core::Stream;

/// Something that continues a stream; see [`KafkaStreamExt::via`]. Closed: flows of one's own are
/// what `StreamExt` is for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a flow for this stream",
    label = "not a flow",
    note = "sinks end a stream: use `.run_with(sink)`; flows continue it: use `.via(flow)`"
)]
pub trait Flow<S>: Sealed {
    /// What comes out.
    type Stream: Stream;

    #[doc(hidden)]
    fn attach(self, upstream: S) -> Self::Stream;
}

/// Something that ends a stream; see [`KafkaStreamExt::run_with`]. Closed: sinks of one's own are
/// what `SinkExt` is for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a sink for this stream",
    label = "not a sink",
    note = "flows continue a stream: use `.via(flow)`; sinks end it: use `.run_with(sink)`"
)]
pub trait RunSink<S>: Sealed {
    /// Drives the stream to its end.
    type Future: Future;

    #[doc(hidden)]
    fn run(self, upstream: S) -> Self::Future;
}

/// The two verbs that connect a stream to Kafka. Implemented for every [`Stream`].
pub trait KafkaStreamExt: Stream + Sized {
    /// Continues the stream through a flow, such as [`flexi_flow`](super::flexi_flow).
    fn via<F: Flow<Self>>(self, flow: F) -> F::Stream {
        flow.attach(self)
    }

    /// Ends the stream in a sink, such as [`plain_sink`](super::plain_sink). Nothing happens until
    /// the future is awaited.
    #[doc(alias = "runWith")]
    fn run_with<R: RunSink<Self>>(self, sink: R) -> R::Future {
        sink.run(self)
    }
}

impl<S: Stream> KafkaStreamExt for S {}
