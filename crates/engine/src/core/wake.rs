//! One task's place to be woken at.

use crate::sync::{Mutex, lock};
use std::task::Waker;

/// Holds the waker of whoever waits; `wake` takes it, so it wakes once.
///
/// The order that loses no wake-up: the waiter *registers, then checks* its condition; the other
/// side *changes* the condition, *then wakes*. Either the check sees the change, or the wake sees
/// the waker.
#[derive(Debug, Default)]
pub struct WakeCell(Mutex<Option<Waker>>);

impl WakeCell {
    /// Keeps `waker` for the next [`wake`](Self::wake), unless the one it holds wakes the same task.
    pub fn register(&self, waker: &Waker) {
        let mut held = lock(&self.0);
        if !held.as_ref().is_some_and(|held| held.will_wake(waker)) {
            *held = Some(waker.clone());
        }
    }

    /// Wakes whoever is registered.
    pub fn wake(&self) {
        let held = lock(&self.0).take();
        if let Some(waker) = held {
            waker.wake();
        }
    }
}
