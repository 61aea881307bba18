//! The progress bar: on a terminal only, without colour, on standard error.

use crate::{output::note, text::Count};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    fmt,
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

/// How long a rate is measured before it is shown.
const WINDOW: Duration = Duration::from_millis(500);

/// What the bar shows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Snapshot {
    /// Of the input, in bytes.
    pub(crate) read: u64,
    pub(crate) acknowledged: u64,
    pub(crate) failed: u64,
    pub(crate) in_flight: u64,
}

/// A progress bar, or nothing where none is wanted.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    rate: Rate,
}

impl Progress {
    /// `total` is the size of the input in bytes, where it is known.
    pub(crate) fn new(total: Option<u64>, quiet: bool) -> Self {
        let is_wanted = !quiet
            && io::stderr().is_terminal()
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            bar: is_wanted.then(|| bar(total)),
            rate: Rate::new(Instant::now()),
        }
    }

    pub(crate) fn update(&mut self, now: Instant, at: Snapshot) {
        let Some(bar) = &self.bar else { return };
        self.rate.sample(now, at.acknowledged);
        bar.set_position(at.read);
        bar.set_message(
            Message {
                at,
                per_second: self.rate.per_second,
            }
            .to_string(),
        );
    }

    /// A line above the bar.
    pub(crate) fn note(&self, line: impl fmt::Display) {
        match &self.bar {
            Some(bar) => bar.suspend(|| note(line)),
            None => note(line),
        }
    }

    /// Takes the bar off the screen.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "[{bar:30}] {percent:>3}% {msg}"),
        None => (ProgressBar::new_spinner(), "{spinner} {msg}"),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar.set_style(
        ProgressStyle::with_template(template)
            .expect("both templates are constants and parse")
            .progress_chars("=> ")
            .tick_chars("|/-\\ "),
    );
    bar
}

struct Message {
    at: Snapshot,
    per_second: Option<u64>,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} acknowledged", Count(self.at.acknowledged))?;
        if let Some(rate) = self.per_second {
            write!(f, ", {}/s", Count(rate))?;
        }
        write!(f, ", {} in flight", Count(self.at.in_flight))?;
        match self.at.failed {
            0 => Ok(()),
            failed => write!(f, ", {} failed", Count(failed)),
        }
    }
}

/// Records per second over the last window.
#[derive(Debug)]
struct Rate {
    since: Instant,
    from: u64,
    per_second: Option<u64>,
}

impl Rate {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            from: 0,
            per_second: None,
        }
    }

    fn sample(&mut self, now: Instant, count: u64) {
        let window = now.saturating_duration_since(self.since);
        if window >= WINDOW {
            self.per_second =
                Some((count.saturating_sub(self.from) as f64 / window.as_secs_f64()) as u64);
            (self.since, self.from) = (now, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_window() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        rate.sample(start + Duration::from_millis(100), 1_000);
        assert_eq!(rate.per_second, None, "too early to tell");
        rate.sample(start + Duration::from_secs(1), 5_000);
        assert_eq!(rate.per_second, Some(5_000));
        rate.sample(start + Duration::from_secs(3), 5_000);
        assert_eq!(rate.per_second, Some(0), "a stalled cluster shows");
    }

    #[test]
    fn the_message_names_failures_only_where_there_are_some() {
        let at = Snapshot {
            read: 0,
            acknowledged: 12_345,
            failed: 0,
            in_flight: 678,
        };
        assert_eq!(
            Message {
                at,
                per_second: None
            }
            .to_string(),
            "12,345 acknowledged, 678 in flight"
        );
        let at = Snapshot { failed: 9, ..at };
        assert_eq!(
            Message {
                at,
                per_second: Some(1_000)
            }
            .to_string(),
            "12,345 acknowledged, 1,000/s, 678 in flight, 9 failed"
        );
    }

    #[test]
    fn both_bars_can_be_built() {
        for total in [None, Some(5)] {
            bar(total).abandon();
        }
    }
}
