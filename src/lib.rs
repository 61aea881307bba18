//! Async streams to Apache Kafka.

mod envelope;
mod error;
mod partitioner;
pub mod prelude;
pub mod producer;
mod record;
mod send_producer;
pub mod serialization;
mod settings;

pub use envelope::{Delivered, Delivery, Envelope};
pub use error::{Error, Failed, PartOutcome, ProduceError, SettingsError, StartError, UserError};
pub use guanaco_engine::{
    Cause, CloseReport, ConfigError, DeliveryError, Header, KafkaError, MetricName, Metrics,
    Timestamp, Topic, Written,
};
pub use partitioner::{PartitionWith, Partitioner, partition_with};
pub use producer::{KafkaProducer, KafkaStreamExt};
pub use record::{Headers, ProducerRecord, RecordMetadata};
pub use send_producer::{DeliveryFuture, Enqueue, SendEnvelope, SendProducer, Sending};
pub use serialization::{BoxError, NoKey, Serializer, serialize_with};
pub use settings::{ProducerSettings, ProducerSource, SharedProducerSettings};
