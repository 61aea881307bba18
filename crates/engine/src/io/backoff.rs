//! Waits that grow: between retries, between reconnects, and per connection attempt.

use std::time::Duration;

/// How far a wait strays to either side, so that clients that failed together do not return
/// together.
const JITTER: f64 = 0.2;

/// Doubles from `base` up to `max`, then strays by a fifth; so a wait can exceed `max` by as much,
/// as Kafka documents for its own settings.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    base: Duration,
    max: Duration,
    failures: u32,
    rng: fastrand::Rng,
}

impl Backoff {
    pub(crate) fn new(base: Duration, max: Duration, rng: fastrand::Rng) -> Self {
        Self {
            base,
            max,
            failures: 0,
            rng,
        }
    }

    /// The wait after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let term = self.base.saturating_mul(factor).min(self.max);
        // A factor below 1.2 cannot overflow a term that some setting in milliseconds allowed, but
        // `Duration::MAX` as "never" must not panic either.
        let nanos = term.as_nanos() as f64 * (1.0 - JITTER + 2.0 * JITTER * self.rng.f64());
        Duration::try_from_secs_f64(nanos / 1e9).unwrap_or(Duration::MAX)
    }

    /// After a success: the next wait is the first one again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}
