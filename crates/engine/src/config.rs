//! The producer's settings, by Kafka's names.

pub(crate) mod address;
mod apply;
mod keys;
mod nearest;
pub mod properties;
mod providers;
mod read;
pub(crate) mod security;
mod set;
mod validate;

pub use keys::{ConfigKey, KeyStatus};
pub use nearest::nearest;
pub use providers::ConfigProviders;
pub use security::{
    KerberosSettings, Mechanism, OAuthSettings, SaslSettings, Security, SecurityProtocol,
    TlsSettings, TlsSource, TlsVersions,
};

use std::time::Duration;

/// Every setting of a producer, typed and checked against the others.
///
/// Each field is one key of Kafka's producer configuration (dots become underscores, `.ms` is left
/// out); defaults are Kafka 4.3's. `docs/settings.md` says what each does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProducerConfig {
    /// `bootstrap.servers`: `host:port` each.
    pub bootstrap_servers: Vec<String>,
    /// `client.id`
    pub client_id: String,
    /// `acks`
    pub acks: Acks,
    /// `enable.idempotence` (true). It takes `acks=all`: with weaker acks it is off, unless it was set
    /// by its key, which is a contradiction then.
    pub enable_idempotence: bool,
    /// `linger.ms` (5 ms)
    pub linger: Duration,
    /// `batch.size` in bytes (16,384): when a batch becomes ready.
    pub batch_size: usize,
    /// `batch.adaptive` (ours; default true unless `batch.size` was set): a batch whose partition
    /// cannot send yet grows past `batch.size`, up to 1 MiB.
    pub batch_adaptive: bool,
    /// `buffer.memory` in bytes (33,554,432)
    pub buffer_memory: usize,
    /// `max.block.ms` (60 s)
    pub max_block: Duration,
    /// `max.request.size` in bytes (1,048,576)
    pub max_request_size: usize,
    /// `max.in.flight.requests.per.connection` (5)
    pub max_in_flight: usize,
    /// `request.timeout.ms` (30 s)
    pub request_timeout: Duration,
    /// `delivery.timeout.ms` (120 s)
    pub delivery_timeout: Duration,
    /// `retries` (i32::MAX)
    pub retries: u32,
    /// `retry.backoff.ms` (100 ms)
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms` (1 s)
    pub retry_backoff_max: Duration,
    /// `reconnect.backoff.ms` (50 ms)
    pub reconnect_backoff: Duration,
    /// `reconnect.backoff.max.ms` (1 s)
    pub reconnect_backoff_max: Duration,
    /// `socket.connection.setup.timeout.ms` (10 s)
    pub connection_setup_timeout: Duration,
    /// `socket.connection.setup.timeout.max.ms` (30 s)
    pub connection_setup_timeout_max: Duration,
    /// `connections.max.idle.ms` (9 min)
    pub connections_max_idle: Duration,
    /// `metadata.max.age.ms` (5 min)
    pub metadata_max_age: Duration,
    /// `metadata.max.idle.ms` (5 min)
    pub metadata_max_idle: Duration,
    /// `compression.type` with its level
    pub compression: Compression,
    /// `partitioner.ignore.keys` (false)
    pub partitioner_ignore_keys: bool,
    /// `partitioner.adaptive.partitioning.enable` (true)
    pub partitioner_adaptive: bool,
    /// `partitioner.availability.timeout.ms` (0: never): keyless records avoid a broker whose records
    /// have been ready for this long without going.
    pub partitioner_availability_timeout: Duration,
    /// `send.buffer.bytes` (131,072; `None` = the system's, Kafka's -1)
    pub send_buffer_bytes: Option<usize>,
    /// `receive.buffer.bytes` (32,768; `None` = the system's, Kafka's -1)
    pub receive_buffer_bytes: Option<usize>,
    /// `close.timeout.ms` (ours; 60 s): how long a producer whose last handle was dropped goes on
    /// delivering in the background.
    pub close_timeout: Duration,
    /// `max.in.flight.per.partition` (ours; 5): unanswered batches of one partition. Without
    /// idempotence it is 1 unless [`set`](Self::set) says otherwise: more lets a retry swap records.
    pub max_in_flight_per_partition: usize,
    /// `start.timeout.ms` (ours; 30 s): the first connection must be up by then.
    pub start_timeout: Duration,
    /// `pending.sends.max` (ours; 100,000): `send` calls that may wait for room at once.
    pub pending_sends_max: usize,
    /// `security.protocol`, `ssl.*` and `sasl.*`
    pub security: Security,
    pub(crate) explicit: set::Explicit,
}

/// `acks`: what the leader waits for before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// 0: no answer at all; a record is done when it is written to the socket.
    None,
    /// 1: the leader's own log.
    Leader,
    /// -1 or `all`: every in-sync replica.
    All,
}

/// `compression.type`, with `compression.<type>.level` where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// none
    None,
    /// gzip, level 1 to 9 (-1 = 6)
    Gzip(i32),
    /// snappy
    Snappy,
    /// lz4, level 1 to 17. The encoder has one level: any of them gives its speed and size.
    Lz4(i32),
    /// zstd, level -131072 to 22
    Zstd(i32),
}

impl Compression {
    /// The id that batches carry in their attributes.
    #[must_use]
    pub fn id(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip(_) => 1,
            Self::Snappy => 2,
            Self::Lz4(_) => 3,
            Self::Zstd(_) => 4,
        }
    }
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            bootstrap_servers: Vec::new(),
            client_id: String::new(),
            acks: Acks::All,
            enable_idempotence: true,
            linger: Duration::from_millis(5),
            batch_size: 16_384,
            batch_adaptive: true,
            buffer_memory: 32 << 20,
            max_block: Duration::from_secs(60),
            max_request_size: 1 << 20,
            max_in_flight: 5,
            request_timeout: Duration::from_secs(30),
            delivery_timeout: Duration::from_secs(120),
            retries: i32::MAX as u32,
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(1),
            connection_setup_timeout: Duration::from_secs(10),
            connection_setup_timeout_max: Duration::from_secs(30),
            connections_max_idle: Duration::from_secs(540),
            metadata_max_age: Duration::from_secs(300),
            metadata_max_idle: Duration::from_secs(300),
            compression: Compression::None,
            partitioner_ignore_keys: false,
            partitioner_adaptive: true,
            partitioner_availability_timeout: Duration::ZERO,
            send_buffer_bytes: Some(131_072),
            receive_buffer_bytes: Some(32_768),
            close_timeout: Duration::from_secs(60),
            max_in_flight_per_partition: 5,
            start_timeout: Duration::from_secs(30),
            pending_sends_max: 100_000,
            security: Security::default(),
            explicit: set::Explicit::default(),
        }
    }
}
