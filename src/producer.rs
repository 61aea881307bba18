//! Stages that produce: sinks that end a stream, and flows that continue it.
//!
//! # Choosing a producer
//!
//! | factory | shared producer | element | carries | gives |
//! |---|---|---|---|---|
//! | [`plain_sink`] | yes | [`ProducerRecord`](crate::ProducerRecord) or [`Envelope`](crate::Envelope) | – | a future: all acknowledged |
//! | [`flexi_flow`] | yes | the same | a pass-through of any type | [`Delivery`](crate::Delivery), in input order |
//! | [`flow_with_context`] | yes | `(element, context)` | a context of any type | `(Delivery, context)`, in input order |
//!
//! Elements may also be `Result`s: the first `Err` ends the stream, after everything before it was
//! settled. Both flows have [`with_outcomes`](FlexiFlow::with_outcomes), where a failed element is
//! data instead of the stream's end. Outside of streams there is [`SendProducer`](crate::SendProducer).
//!
//! # What every stage does
//!
//! - It is lazy: nothing is created, dialled or pulled before it is polled.
//! - Results come in input order; at most
//!   [`parallelism`](crate::ProducerSettings::with_parallelism) elements are in flight.
//! - When its input ends, it waits for all results, then closes a producer of its own.
//! - After the first failure it pulls nothing more, and on a producer of its own whatever is not on
//!   the wire at that moment is given up, so that nothing later overtakes the lost record. Results
//!   that were acknowledged before it still come, in order; then the failure. (A record that is
//!   refused before it is sent, as too large for instance, harms none before it.)
//! - When its input fails, all in flight is settled first, then the error is passed on.
//! - Dropping it gives up what was not handed to the producer yet; what was is delivered in the
//!   background, for at most the close timeout.

mod append;
mod context;
mod flexi;
mod handle;
mod held;
mod items;
mod line;
pub(crate) mod ring;
mod sink;
pub(crate) mod staging;
mod verbs;

pub use context::{ContextDeliveries, ContextOutcomes, FlowWithContext, FlowWithContextOutcomes};
pub use flexi::{Deliveries, FlexiFlow, FlexiFlowOutcomes, Outcomes};
pub use handle::KafkaProducer;
pub use items::{IntoContextEnvelope, IntoEnvelope, UpstreamError};
pub use sink::{PlainSink, ProducerSink, RunPlainSink};
pub use verbs::{Flow, KafkaStreamExt, RunSink};

pub(crate) mod sealed {
    pub trait Sealed {}
}

use crate::ProducerSource;

/// A sink for records and envelopes: [`run_with`](KafkaStreamExt::run_with) gives a future that is
/// `Ok(())` when the stream has ended and every record is acknowledged.
///
/// ```no_run
/// # use guanaco::{prelude::*, serialization::StringSerializer};
/// # use futures_util::{StreamExt, stream};
/// # async fn example() -> Result<(), guanaco::Error> {
/// let settings = ProducerSettings::keyless(StringSerializer)
///     .with_bootstrap_servers("localhost:9092");
/// stream::iter(1..=100)
///     .map(|n| ProducerRecord::new("numbers", n.to_string()))
///     .run_with(producer::plain_sink(settings))
///     .await?;
/// # Ok(()) }
/// ```
#[doc(alias = "plainSink")]
pub fn plain_sink<S: ProducerSource>(settings: S) -> PlainSink<S::Key, S::Value> {
    PlainSink::new(settings.into_parts())
}

/// A flow of records and envelopes into deliveries, in input order.
///
/// ```no_run
/// # use guanaco::{prelude::*, serialization::StringSerializer};
/// # use futures_util::{TryStreamExt, StreamExt, stream};
/// # async fn example() -> Result<(), guanaco::Error> {
/// let settings = ProducerSettings::keyless(StringSerializer)
///     .with_bootstrap_servers("localhost:9092");
/// let orders = stream::iter([(1, vec!["a", "b"]), (2, vec![]), (3, vec!["c"])]);
/// let mut deliveries = orders
///     .map(|(order, lines)| {
///         let records = lines.iter().map(|line| ProducerRecord::new("lines", line.to_string()));
///         Envelope::multi(records, order)
///     })
///     .via(producer::flexi_flow(settings));
///
/// while let Some(delivery) = deliveries.try_next().await? {
///     for part in delivery.parts() {
///         println!("{}/{} @{:?}", part.record.topic, part.partition, part.offset);
///     }
///     println!("order {} is done", delivery.into_pass_through());
/// }
/// # Ok(()) }
/// ```
#[doc(alias = "flexiFlow")]
pub fn flexi_flow<S: ProducerSource>(settings: S) -> FlexiFlow<S::Key, S::Value> {
    FlexiFlow::new(settings.into_parts())
}

/// A flow of `(record or envelope, context)` into `(delivery, context)`, in input order.
///
/// ```no_run
/// # use guanaco::{prelude::*, serialization::StringSerializer};
/// # use futures_util::{TryStreamExt, StreamExt, stream};
/// # async fn example() -> Result<(), guanaco::Error> {
/// let settings = ProducerSettings::keyless(StringSerializer)
///     .with_bootstrap_servers("localhost:9092");
/// let mut deliveries = stream::iter(["a", "b"])
///     .enumerate()
///     .map(|(line, text)| (ProducerRecord::new("lines", text.to_owned()), line))
///     .via(producer::flow_with_context(settings));
///
/// while let Some((delivery, line)) = deliveries.try_next().await? {
///     println!("line {line}: offset {:?}", delivery.parts()[0].offset);
/// }
/// # Ok(()) }
/// ```
#[doc(alias = "flowWithContext")]
pub fn flow_with_context<S: ProducerSource>(settings: S) -> FlowWithContext<S::Key, S::Value> {
    FlowWithContext::new(settings.into_parts())
}
