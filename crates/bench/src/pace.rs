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

    /// Waits for the next tick and says when its record was offered: now, or, if the thread is late
    /// for it, when it was due. A stall then counts for every record that was due in it, not only
    /// for those few that were on their way.
    pub(crate) fn wait(&mut self) -> Instant {
        let due = self.next;
        self.next += self.interval;
        match due.checked_duration_since(Instant::now()) {
            None => due,
            Some(early) => {
                thread::sleep(early);
                Instant::now()
            }
        }
    }
}
