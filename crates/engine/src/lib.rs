//! A Kafka producer without streams: a pure, simulated core and a tokio driver.

mod appender;
pub mod batch;
mod config;
mod contain;
pub mod core;
mod credentials;
mod detached;
mod error;
mod health;
mod io;
mod metrics;
mod producer;
mod record;
mod room;
mod secret;
mod sending;
#[cfg(feature = "tls")]
mod store;
mod sync;
mod token;
mod topic;

pub use appender::{Appender, Placement, Placements};
pub use config::{
    Acks, Compression, ConfigKey, ConfigProviders, KerberosSettings, KeyStatus, Mechanism,
    OAuthSettings, ProducerConfig, SaslSettings, Security, SecurityProtocol, TlsSettings,
    TlsSource, TlsVersions, nearest, properties,
};
#[doc(hidden)]
pub use contain::without_panic;
pub use credentials::{Credentials, CredentialsError, CredentialsFuture, CredentialsProvider};
#[doc(hidden)]
pub use detached::Detached;
pub use error::{
    AuthFailure, Cause, ConfigError, ConfigWarning, DeliveryError, KafkaError, KerberosFailure,
    StartError, Written,
};
pub use health::{Health, HealthProblem};
pub use io::resolve::{Address, Resolver, Resolving, Unresolved};
pub use metrics::{CloseReport, Distribution, MetricName, Metrics};
pub use producer::{Observer, Partitioner, Producer, StartOptions};
pub use record::{Ack, Header, RecordRef, Timestamp};
pub use room::Room;
pub use secret::Secret;
pub use sending::Sending;
pub use token::{Token, TokenError, TokenFuture, TokenProvider};
pub use topic::Topic;
