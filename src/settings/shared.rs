//! Settings with a producer from elsewhere.

use super::{ProducerSettings, source::Origin};
use std::fmt;

/// Settings whose stages use a producer from elsewhere: see
/// [`with_producer`](ProducerSettings::with_producer) and
/// [`with_producer_factory`](ProducerSettings::with_producer_factory).
///
/// Every stage that may share a producer takes these as well as [`ProducerSettings`].
pub struct SharedProducerSettings<K, V> {
    pub(super) settings: ProducerSettings<K, V>,
    pub(super) origin: Origin<K, V>,
}

impl<K, V> SharedProducerSettings<K, V> {
    pub(super) fn new(settings: ProducerSettings<K, V>, origin: Origin<K, V>) -> Self {
        Self { settings, origin }
    }

    /// The settings without the producer.
    #[must_use]
    pub fn settings(&self) -> &ProducerSettings<K, V> {
        &self.settings
    }
}

impl<K, V> Clone for SharedProducerSettings<K, V> {
    fn clone(&self) -> Self {
        Self::new(self.settings.clone(), self.origin.clone())
    }
}

impl<K, V> fmt::Debug for SharedProducerSettings<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedProducerSettings")
            .field("settings", &self.settings)
            .field("origin", &self.origin)
            .finish()
    }
}
