//! A producer whose driver is somebody else's: what test doubles are made of.

use crate::{
    Cause, Partitioner, Producer, ProducerConfig, StartError,
    core::Core,
    io::{bootstrap::ConnectOptions, secure::Secure, shared::Shared},
};
use std::sync::Arc;

/// The far side of a producer that has no cluster: whoever holds it moves the core on.
#[derive(Debug)]
pub struct Detached(Arc<Shared>);

impl Detached {
    /// A producer that dials nothing, and its far side. The settings are taken as they are.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new(
        config: ProducerConfig,
        partitioner: Option<Arc<dyn Partitioner>>,
    ) -> (Producer, Self) {
        let runtime = tokio::runtime::Handle::current();
        // Nobody connects with it.
        let connect = ConnectOptions::with(&config, Secure::default());
        let shared = Shared::new(Arc::new(config), connect, partitioner, runtime);
        let shared = Arc::new(shared);
        (Producer::of(Arc::clone(&shared)), Self(shared))
    }

    /// Does something with the core, then wakes whom that concerns.
    pub fn with<R>(&self, act: impl FnOnce(&mut Core) -> R) -> R {
        self.0.with(act)
    }

    /// Resolves when the core wants to be looked at, at once if it does already.
    pub async fn changed(&self) {
        self.0.clock.notified().await;
    }

    /// The producer never comes up.
    pub fn fail_start(&self, error: StartError) {
        let cause = Cause::Unreachable {
            detail: error.to_string().into(),
        };
        // A second one comes too late: the producer is dead.
        let _ = self.0.start_error.set(error);
        self.0
            .with(|core| core.end(cause, crate::io::shared::now()));
    }
}
