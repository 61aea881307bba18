//! Async streams to Apache Kafka: sinks, flows that go on after Kafka, and single sends, on a Kafka
//! client of our own that treats the stream as the batch.
//!
//! ```no_run
//! use futures_util::{StreamExt, stream};
//! use guanaco::prelude::*;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), guanaco::Error> {
//!     let settings = ProducerSettings::new(StringSerializer, StringSerializer)
//!         .with_bootstrap_servers("localhost:9092");
//!
//!     stream::iter(1..=100)
//!         .map(|n| ProducerRecord::new("numbers", n.to_string()).with_key("all".to_owned()))
//!         .run_with(producer::plain_sink(settings))
//!         .await?; // Ok(()) = every record is acknowledged
//!     Ok(())
//! }
//! ```
//!
//! # The nouns
//!
//! - [`ProducerRecord`]: topic, value, and if wanted key, partition, timestamp and headers, in types
//!   of the stream. [`Envelope`]: one record, several, or none, with a value that is carried along.
//! - [`ProducerSettings`]: serializers, Kafka's properties, how much may be in flight; made in code,
//!   or read from configuration files in Alpakka's layout (feature `config`).
//! - Stages, in [`producer`]: [`plain_sink`](producer::plain_sink) ends a stream with
//!   [`run_with`](KafkaStreamExt::run_with); [`flexi_flow`](producer::flexi_flow) and
//!   [`flow_with_context`](producer::flow_with_context) continue it with
//!   [`via`](KafkaStreamExt::via). [`SendProducer`] needs no stream.
//! - [`Delivery`]: what came in, acknowledged. [`Failed`]: what came in, and why not; every failure
//!   says whether it was [not written or maybe written](Written).
//!
//! # Recipes
//!
//! - [Choosing a producer](producer#choosing-a-producer)
//! - [Errors as data, dead letters, restarts, 1-to-n](_documentation::producer)
//! - [Single sends, back-pressure, a web service](_documentation::send_producer)
//! - [What is retried, and what may be sent again](_documentation::retries)
//! - [Graceful shutdown, and what dropping does](_documentation::shutdown)
//! - [Brokers found by the name of a service](_documentation::discovery)
#![cfg_attr(
    feature = "config",
    doc = "- [Every setting, and settings from configuration files](_documentation::settings)"
)]
//! - [TLS and SASL](_documentation::security)
//! - [Traces, metrics, health](_documentation::observability)
//! - [Runtimes, threads, platforms, features](_documentation::runtime)
//! - [Serializers](serialization::Serializer) and [partitioners](partition_with) of one's own
//! - [Formats, nulls, a schema registry](_documentation::serialization)
//! - Tests of one's own pipelines, without Kafka and with it: the crate `guanaco-testkit`, and
//!   `docs/testing.md`
//!
//! # Not here yet
//!
//! Transactions, consuming and committing.

/// The longer documents. Their snippets are compiled with the tests.
pub mod _documentation {
    #[doc = include_str!("../docs/producer.md")]
    pub mod producer {}
    #[doc = include_str!("../docs/send-producer.md")]
    pub mod send_producer {}
    #[doc = include_str!("../docs/retries.md")]
    pub mod retries {}
    #[doc = include_str!("../docs/serialization.md")]
    pub mod serialization {}
    #[doc = include_str!("../docs/shutdown.md")]
    pub mod shutdown {}
    #[doc = include_str!("../docs/discovery.md")]
    pub mod discovery {}
    #[cfg(feature = "config")]
    #[doc = include_str!("../docs/settings.md")]
    pub mod settings {}
    #[doc = include_str!("../docs/security.md")]
    pub mod security {}
    #[doc = include_str!("../docs/observability.md")]
    pub mod observability {}
    #[doc = include_str!("../docs/runtime.md")]
    pub mod runtime {}
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub mod discovery;
mod envelope;
mod error;
#[cfg(feature = "metrics")]
mod export;
mod partitioner;
pub mod prelude;
pub mod producer;
mod record;
mod send_producer;
pub mod serialization;
mod settings;
mod trace;

pub use envelope::{Delivered, Delivery, Envelope};
pub use error::{
    DiscoveryError, Error, Failed, PartOutcome, ProduceError, SettingsError, StartError, UserError,
};
pub use guanaco_engine::{
    AuthFailure, Cause, CloseReport, ConfigError, DeliveryError, Distribution, Header, Health,
    HealthProblem, KafkaError, KerberosFailure, MetricName, Metrics, Timestamp, Topic, Written,
};
pub use guanaco_engine::{
    Credentials, CredentialsError, CredentialsFuture, CredentialsProvider, KerberosSettings,
    Mechanism, OAuthSettings, SaslSettings, Secret, Security, SecurityProtocol, TlsSettings,
    TlsSource, TlsVersions, Token, TokenError, TokenFuture, TokenProvider,
};
pub use partitioner::{PartitionWith, Partitioner, partition_with};
pub use producer::{KafkaProducer, KafkaStreamExt};
pub use record::{Headers, ProducerRecord, RecordMetadata};
#[cfg(feature = "tower")]
pub use send_producer::ProducerService;
pub use send_producer::{DeliveryFuture, Enqueue, SendEnvelope, SendProducer, Sending};
pub use serialization::{
    BoxError, Deserializer, NoKey, Serializer, deserialize_with, serialize_with,
};
#[cfg(feature = "config")]
pub use settings::config;
pub use settings::{ProducerSettings, ProducerSource, SharedProducerSettings};
#[cfg(feature = "otel")]
pub use trace::CurrentSpan;
pub use trace::{TraceContext, TraceSource};
