//! A Kafka producer without streams: a pure, simulated core and a tokio driver.

pub mod batch;
mod config;
pub mod core;
mod error;
mod io;
mod metrics;
mod producer;
mod record;
mod sync;
mod topic;

pub use config::{Acks, Compression, ConfigKey, KeyStatus, ProducerConfig};
pub use error::{Cause, ConfigError, ConfigWarning, DeliveryError, KafkaError, StartError, Written};
pub use metrics::{CloseReport, MetricName, Metrics};
pub use producer::{Appender, Partitioner, Placement, Producer, Sending};
pub use record::{Ack, Header, RecordRef, Timestamp};
pub use topic::Topic;
