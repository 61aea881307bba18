//! What can go wrong, one type per thing that is tried.

mod discovery;
mod failed;
mod produce;
mod start;

pub use discovery::DiscoveryError;
pub use failed::{Failed, PartOutcome};
pub use produce::ProduceError;
pub use start::{SettingsError, StartError, UserError};

use std::{error::Error as StdError, sync::Arc};

/// Any error of another's, shared so that an error stays cheap to clone.
pub(crate) type SharedError = Arc<dyn StdError + Send + Sync>;

/// Any error of this crate, for `?` in a `main`.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An element was not delivered, or a stream of them ended early.
    #[error(transparent)]
    Produce(#[from] ProduceError),
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A producer could not be created.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A configuration cannot be used.
    #[cfg(feature = "config")]
    #[error(transparent)]
    Load(#[from] crate::config::LoadError),
}

impl<K, V, P> From<Failed<K, V, P>> for Error {
    fn from(failed: Failed<K, V, P>) -> Self {
        Self::Produce(failed.error)
    }
}

impl From<DiscoveryError> for Error {
    fn from(error: DiscoveryError) -> Self {
        Self::Start(error.into())
    }
}

impl Error {
    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Produce(error) => error.is_retriable(),
            Self::Settings(_) => false,
            Self::Start(error) => error.is_retriable(),
            #[cfg(feature = "config")]
            Self::Load(_) => false,
        }
    }

    /// Whether the producer is of no more use.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Produce(error) => error.is_fatal(),
            Self::Settings(_) | Self::Start(_) => true,
            #[cfg(feature = "config")]
            Self::Load(_) => true,
        }
    }

    /// The error of type `E` that the upstream failed with.
    #[must_use]
    pub fn upstream<E: StdError + 'static>(&self) -> Option<&E> {
        match self {
            Self::Produce(error) => error.upstream(),
            Self::Settings(_) | Self::Start(_) => None,
            #[cfg(feature = "config")]
            Self::Load(_) => None,
        }
    }
}
