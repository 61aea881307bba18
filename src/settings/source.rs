//! Where a stage gets its producer from.

use super::{ProducerSettings, SharedProducerSettings};
use crate::{KafkaProducer, SettingsError, StartError, producer::sealed::Sealed};
use std::{fmt, pin::Pin, sync::Arc};

/// What a stage is made from: [`ProducerSettings`], or [`SharedProducerSettings`] for one with a
/// producer from elsewhere. Closed: nothing else can be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot supply a producer",
    label = "not settings",
    note = "pass `ProducerSettings`, or `settings.with_producer(&producer)` to share one"
)]
pub trait ProducerSource: Sealed {
    /// The type of keys.
    type Key;
    /// The type of values.
    type Value;

    #[doc(hidden)]
    fn into_parts(self) -> Parts<Self::Key, Self::Value>;
}

impl<K, V> Sealed for ProducerSettings<K, V> {}

impl<K, V> ProducerSource for ProducerSettings<K, V> {
    type Key = K;
    type Value = V;

    fn into_parts(self) -> Parts<K, V> {
        Parts {
            settings: self,
            origin: Origin::Own,
        }
    }
}

impl<K, V> Sealed for SharedProducerSettings<K, V> {}

impl<K, V> ProducerSource for SharedProducerSettings<K, V> {
    type Key = K;
    type Value = V;

    fn into_parts(self) -> Parts<K, V> {
        Parts {
            settings: self.settings,
            origin: self.origin,
        }
    }
}

/// Settings, and where the producer comes from. Opaque.
pub struct Parts<K, V> {
    pub(crate) settings: ProducerSettings<K, V>,
    pub(crate) origin: Origin<K, V>,
}

pub(crate) enum Origin<K, V> {
    /// The stage creates one.
    Own,
    /// It exists.
    Shared(KafkaProducer),
    /// A closure has it.
    Factory(Factory<K, V>),
}

pub(super) type Factory<K, V> = Arc<dyn Fn(ProducerSettings<K, V>) -> Creation + Send + Sync>;

impl<K, V> Parts<K, V> {
    /// Checks what can be checked without a network.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        self.settings.limits.check()?;
        match &self.origin {
            Origin::Shared(producer) => producer.serves(&self.settings.client),
            Origin::Own | Origin::Factory(_) => Ok(()),
        }
    }

    /// The way to the producer. Runs nothing before it is polled.
    pub(crate) fn creation(&self) -> Creation {
        let checked = self.check();
        let producer: Creation = match &self.origin {
            Origin::Own => self.settings.creation(),
            Origin::Shared(producer) => {
                let producer = producer.clone();
                Box::pin(async move {
                    producer.connected().await?;
                    Ok(producer)
                })
            }
            Origin::Factory(create) => create(self.settings.clone()),
        };
        Box::pin(async move {
            checked.map_err(StartError::from)?;
            producer.await
        })
    }

    /// What a stage that ends may do with its producer.
    pub(crate) fn rights(&self) -> Rights {
        let close = self.settings.close_producer_on_stop;
        match self.origin {
            Origin::Own => Rights {
                abandon: true,
                close,
            },
            Origin::Shared(_) => Rights {
                abandon: false,
                close: false,
            },
            Origin::Factory(_) => Rights {
                abandon: close,
                close,
            },
        }
    }
}

/// A producer on its way. It owns everything it needs and names no type of the stream, so that it
/// can run in a task whatever the stream's records borrow.
pub(crate) type Creation = Pin<Box<dyn Future<Output = Result<KafkaProducer, StartError>> + Send>>;

/// What a stage that ends may do with its producer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rights {
    /// Fail what is not on the wire yet, when the stream failed.
    pub(crate) abandon: bool,
    /// Close it, and wait for that.
    pub(crate) close: bool,
}

impl<K, V> Clone for Origin<K, V> {
    fn clone(&self) -> Self {
        match self {
            Self::Own => Self::Own,
            Self::Shared(producer) => Self::Shared(producer.clone()),
            Self::Factory(create) => Self::Factory(Arc::clone(create)),
        }
    }
}

impl<K, V> fmt::Debug for Origin<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("Own"),
            Self::Shared(producer) => f.debug_tuple("Shared").field(producer).finish(),
            Self::Factory(_) => f.write_str("Factory(..)"),
        }
    }
}

impl<K, V> fmt::Debug for Parts<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("settings", &self.settings)
            .field("origin", &self.origin)
            .finish()
    }
}
