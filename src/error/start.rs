//! Why there is no producer.

use super::{DiscoveryError, SharedError};
use guanaco_engine::{AuthFailure, ConfigError};
use std::{sync::Arc, time::Duration};

/// Settings that cannot be used. Nothing was dialled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A property of the Kafka client is unknown, has a value that it cannot have, or contradicts
    /// another.
    #[error(transparent)]
    Property(#[from] ConfigError),
    /// A setting of the stages has a value that it cannot have.
    #[error("{setting} {rule}")]
    Invalid {
        /// The setting.
        setting: &'static str,
        /// What must hold.
        rule: &'static str,
    },
    /// The settings ask for something that a shared producer, which exists already, does not do.
    #[error(
        "{setting} is set here, but the shared producer was created without it or with another \
         value: set it where that producer is created"
    )]
    Shared {
        /// The property or setting.
        setting: String,
    },
}

/// Why a producer could not be created.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings are wrong. Nothing was dialled.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// There is no tokio runtime to run on.
    #[error("a producer must be created inside a tokio runtime, with its I/O and time drivers on")]
    NoRuntime,
    /// `blocking_create_kafka_producer` was called on a thread of a tokio runtime, which it would
    /// block.
    #[error(
        "blocking_create_kafka_producer would block a thread of this tokio runtime: use \
         create_kafka_producer().await"
    )]
    InsideRuntime,
    /// The thread for a blocking producer's own runtime could not be started.
    #[error("the producer's own thread could not be started: {0}")]
    Thread(Arc<str>),
    /// No bootstrap address answered as a Kafka broker in time.
    #[error("no broker could be reached within {} ms: {failures}", .waited.as_millis())]
    Unreachable {
        /// The addresses, and what each did.
        failures: Arc<str>,
        /// For how long it was tried.
        waited: Duration,
    },
    /// Service discovery has no address of the cluster, for good or until `start.timeout.ms`.
    #[error("service discovery found no address of the cluster")]
    Discovery(#[from] DiscoveryError),
    /// The cluster is too old for this client, or refused the connection for good.
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
    /// The closure given to `with_enrich_async` failed.
    #[error("the settings could not be enriched")]
    Enrichment(#[source] UserError),
    /// The closure given to `with_producer_factory` failed.
    #[error("the producer factory failed")]
    Factory(#[source] UserError),
    /// The task that created the producer ended early: its runtime was shut down, or a closure of
    /// the settings panicked.
    #[error("the creation of the producer was cut short by a panic or the end of its runtime")]
    CutShort,
    /// The producer was closed before it was connected.
    #[error("the producer was closed before it was connected")]
    Closed,
}

impl StartError {
    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Discovery(error) => error.is_retriable(),
            Self::Auth { reason, .. } => !reason.is_certain(),
            _ => false,
        }
    }
}

impl From<guanaco_engine::StartError> for StartError {
    fn from(error: guanaco_engine::StartError) -> Self {
        use guanaco_engine::StartError as Engine;
        match error {
            Engine::Config(error) => Self::Settings(error.into()),
            Engine::NoRuntime => Self::NoRuntime,
            Engine::Unreachable { failures, waited } => Self::Unreachable { failures, waited },
            Engine::Unresolved { source, waited } => {
                match source.downcast_ref::<DiscoveryError>() {
                    Some(error) => Self::Discovery(error.clone()),
                    None => Self::Unreachable {
                        failures: source.to_string().into(),
                        waited,
                    },
                }
            }
            Engine::Unsupported { address, reason } => Self::Unsupported { address, reason },
            Engine::Auth { address, reason } => Self::Auth { address, reason },
            Engine::Closed => Self::Closed,
            // Kinds that the engine grows later say what they are in words.
            other => Self::Unsupported {
                address: "the cluster".into(),
                reason: other.to_string().into(),
            },
        }
    }
}

/// An error of a closure in the settings, as the cause of a [`StartError`].
#[derive(Clone, Debug)]
pub struct UserError(pub(crate) SharedError);

impl UserError {
    /// The error itself.
    #[must_use]
    pub fn get(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl std::fmt::Display for UserError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for UserError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
