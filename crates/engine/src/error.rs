//! What can go wrong, as data.

mod auth;
mod code;
mod config;
mod kerberos;

pub use auth::AuthFailure;
pub use code::KafkaError;
pub(crate) use code::{ProduceClass, produce_class};
pub use config::{ConfigError, ConfigWarning};
pub use kerberos::KerberosFailure;

use crate::Topic;
use std::{sync::Arc, time::Duration};

/// Whether a failed record can be in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Written {
    /// It is not in the log and never will be: sending it again cannot double it.
    No,
    /// It was on the wire and no definite answer came: sending it again may double it.
    Maybe,
}

/// Why one record was not acknowledged. Cheap to clone: records of one batch share it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("record for {}{} was {}: {cause}", .0.topic, PartitionSuffix(.0.partition), WrittenWords(.0.written), cause = .0.cause)]
pub struct DeliveryError(pub(crate) Arc<DeliveryFailure>);

#[derive(Debug)]
pub(crate) struct DeliveryFailure {
    pub(crate) topic: Topic,
    pub(crate) partition: Option<i32>,
    pub(crate) written: Written,
    pub(crate) cause: Cause,
    pub(crate) attempts: u32,
}

/// The reason inside a [`DeliveryError`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The broker refused, for good or until time ran out.
    #[error("{0}")]
    Broker(KafkaError),
    /// `delivery.timeout.ms` ran out; `last` is the latest answer or connection failure seen.
    #[error("delivery.timeout.ms ({}) expired{}", Millis(.after), LastSeen(.last))]
    Expired {
        /// The time allowed.
        after: Duration,
        /// What stood in the way, where something was seen.
        last: Option<Arc<str>>,
    },
    /// No answer came: the connection closed, or an answer was not understood.
    #[error("no answer: {detail}")]
    Disconnected {
        /// What happened to the connection.
        detail: Arc<str>,
    },
    /// Serialized, with its framing, it is larger than `max.request.size`.
    #[error("it takes {size} bytes and max.request.size is {limit}")]
    TooLarge {
        /// Its size in a batch of its own.
        size: usize,
        /// The setting's value.
        limit: usize,
    },
    /// The cluster did not know the topic within `max.block.ms`.
    #[error("the cluster does not know this topic (asked for {})", Millis(.waited))]
    UnknownTopic {
        /// How long it was asked for.
        waited: Duration,
    },
    /// The topic's name breaks Kafka's rules.
    #[error("the topic's name is invalid: {rule}")]
    InvalidTopic {
        /// The rule it breaks.
        rule: &'static str,
    },
    /// The topic has fewer partitions.
    #[error("the topic has {count} partitions, numbered from 0")]
    UnknownPartition {
        /// How many it has.
        count: i32,
    },
    /// The custom partitioner failed for it.
    #[error("the partitioner failed: {0}")]
    Partitioner(Arc<str>),
    /// The topic was deleted and created anew while the record was on its way (KIP-516 topic ids).
    #[error("the topic was deleted and created anew meanwhile")]
    TopicRecreated,
    /// Another record of the same stream failed, so this one was held back.
    #[error("another record of its stream failed")]
    StreamFailed,
    /// The producer was closed.
    #[error("the producer is closed")]
    Closed,
    /// No room in `buffer.memory`, or in the queue of pending sends, within `max.block.ms`.
    #[error("no room in buffer.memory within {}", Millis(.waited))]
    BufferFull {
        /// How long it waited.
        waited: Duration,
    },
    /// No broker could be reached within `start.timeout.ms`.
    #[error("{detail}")]
    Unreachable {
        /// The addresses that were tried, and what each did.
        detail: Arc<str>,
    },
    /// A broker and this client did not come to trust each other when the producer started.
    #[error("{detail}")]
    Auth {
        /// The broker, and what is wrong.
        detail: Arc<str>,
    },
    /// The task that talks to the cluster is gone: its runtime was shut down, or it panicked.
    #[error("the producer's driver task is gone (was its runtime shut down?)")]
    DriverGone,
    /// The producer can no longer be used.
    #[error("the producer failed: {0}")]
    Fatal(KafkaError),
}

impl DeliveryError {
    /// Why a record failed; for tests of code that takes failures. `attempts` is how often the record
    /// was put on the wire.
    #[must_use]
    pub fn new(
        topic: &Topic,
        partition: Option<i32>,
        written: Written,
        cause: Cause,
        attempts: u32,
    ) -> Self {
        Self(Arc::new(DeliveryFailure {
            topic: topic.clone(),
            partition,
            written,
            cause,
            attempts,
        }))
    }

    /// The record's topic.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.0.topic
    }

    /// The record's partition, if one was chosen before it failed.
    #[must_use]
    pub fn partition(&self) -> Option<i32> {
        self.0.partition
    }

    /// Whether the record can be in the log.
    #[must_use]
    pub fn written(&self) -> Written {
        self.0.written
    }

    /// What went wrong.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// How often the record was put on the wire.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The class of the error, for spans and logs: Kafka's name for what a broker answered, and a
    /// name of ours for all else.
    pub(crate) fn class(&self) -> &'static str {
        match self.cause() {
            Cause::Broker(error) | Cause::Fatal(error) => error.name(),
            Cause::Expired { .. } => "expired",
            Cause::Disconnected { .. } => DISCONNECTED,
            Cause::TooLarge { .. } => "too_large",
            Cause::UnknownTopic { .. } => "unknown_topic",
            Cause::InvalidTopic { .. } => "invalid_topic",
            Cause::UnknownPartition { .. } => "unknown_partition",
            Cause::Partitioner(_) => "partitioner",
            Cause::TopicRecreated => "topic_recreated",
            Cause::StreamFailed => "stream_failed",
            Cause::Closed => "closed",
            Cause::BufferFull { .. } => "buffer_full",
            Cause::Unreachable { .. } => "unreachable",
            Cause::Auth { .. } => "auth",
            Cause::DriverGone => "driver_gone",
        }
    }

    /// Whether the same call may succeed later. It says nothing about doubling: see
    /// [`written`](Self::written).
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self.cause() {
            Cause::Broker(error) => error.is_retriable(),
            Cause::Expired { .. }
            | Cause::BufferFull { .. }
            | Cause::UnknownTopic { .. }
            | Cause::StreamFailed => true,
            _ => false,
        }
    }

    /// Whether the producer itself is dead: build a new one.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(
            self.cause(),
            Cause::Closed
                | Cause::DriverGone
                | Cause::Unreachable { .. }
                | Cause::Auth { .. }
                | Cause::Fatal(_)
        )
    }
}

/// The class of an error where no answer came.
pub(crate) const DISCONNECTED: &str = "disconnected";

/// Why a producer could not start.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings are wrong; nothing was dialled.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no tokio runtime to run on.
    #[error(
        "a producer must be started inside a tokio runtime (with its I/O and time drivers enabled)"
    )]
    NoRuntime,
    /// No bootstrap address answered as a Kafka broker in time; each is listed with its failure.
    #[error("no broker could be reached within {}: {}", Millis(.waited), .failures)]
    Unreachable {
        /// The addresses and what each did.
        failures: Arc<str>,
        /// How long it was tried.
        waited: Duration,
    },
    /// The resolver found no address, for good or until time ran out.
    #[error("no address of the cluster was found within {}", Millis(.waited))]
    Unresolved {
        /// What the resolver said last.
        source: Arc<dyn std::error::Error + Send + Sync>,
        /// How long it was tried.
        waited: Duration,
    },
    /// The cluster is too old, or refused the connection for good.
    #[error("{address} cannot serve this client: {reason}")]
    Unsupported {
        /// The broker.
        address: Arc<str>,
        /// What it lacks.
        reason: Arc<str>,
    },
    /// A broker and this client did not come to trust each other.
    #[error("{address}: {reason}")]
    Auth {
        /// The broker.
        address: Arc<str>,
        /// What is wrong.
        reason: AuthFailure,
    },
    /// The producer was closed before it was up.
    #[error("the producer was closed before it was connected")]
    Closed,
}

struct PartitionSuffix(Option<i32>);
impl std::fmt::Display for PartitionSuffix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |partition| write!(f, "/{partition}"))
    }
}

struct WrittenWords(Written);
impl std::fmt::Display for WrittenWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Written::No => "not written",
            Written::Maybe => "maybe written",
        })
    }
}

pub(crate) struct Millis<'a>(pub(crate) &'a Duration);
impl std::fmt::Display for Millis<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ms", self.0.as_millis())
    }
}

struct LastSeen<'a>(&'a Option<Arc<str>>);
impl std::fmt::Display for LastSeen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0
            .as_deref()
            .map_or(Ok(()), |last| write!(f, "; last seen: {last}"))
    }
}
