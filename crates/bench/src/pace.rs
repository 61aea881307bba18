//! A steady pace for a thread that offers records.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Waits for the next tick; ticks that were missed come at once, so that the average rate holds.
pub(crate) struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            next: Instant::now(),
        }
    }

    pub(crate) fn wait(&mut self) {
        thread::sleep(self.next.saturating_duration_since(Instant::now()));
        self.next += self.interval;
    }
}
