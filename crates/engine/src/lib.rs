//! A Kafka producer without streams: a pure, simulated core and a tokio driver.

mod appender;
pub mod batch;
mod config;
pub mod core;
mod error;
mod health;
mod io;
mod metrics;
mod producer;
mod record;
mod sending;
mod sync;
mod topic;

pub use appender::{Appender, Placement};
pub use config::{Acks, Compression, ConfigKey, KeyStatus, ProducerConfig};
pub use error::{
    Cause, ConfigError, ConfigWarning, DeliveryError, KafkaError, StartError, Written,
};
pub use health::{Health, HealthProblem};
pub use metrics::{CloseReport, Distribution, MetricName, Metrics};
pub use producer::{Observer, Partitioner, Producer};
pub use record::{Ack, Header, RecordRef, Timestamp};
pub use sending::Sending;
pub use topic::Topic;
