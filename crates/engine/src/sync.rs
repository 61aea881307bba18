//! The primitives that the model checker swaps for its own (`--cfg guanaco_loom`).

#[cfg(guanaco_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(guanaco_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock};

/// Locks, also after a panic of another holder: no user code runs under our locks, and a critical
/// section that panics is followed by the driver's guard, which fails everything.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A `OnceLock` whose one change the model checker sees.
#[cfg(guanaco_loom)]
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    set: loom::sync::atomic::AtomicBool,
    value: std::sync::OnceLock<T>,
}

#[cfg(guanaco_loom)]
impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self {
            set: loom::sync::atomic::AtomicBool::new(false),
            value: std::sync::OnceLock::new(),
        }
    }
}

#[cfg(guanaco_loom)]
impl<T> OnceLock<T> {
    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        self.set.store(true, std::sync::atomic::Ordering::Release);
        Ok(())
    }

    pub(crate) fn get(&self) -> Option<&T> {
        let set = self.set.load(std::sync::atomic::Ordering::Acquire);
        if set { self.value.get() } else { None }
    }
}
