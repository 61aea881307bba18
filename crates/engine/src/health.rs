//! Whether a producer is well, as data.

use crate::{Cause, error::Millis};
use std::{fmt, sync::Arc, time::Duration};

/// How a producer is at one moment: what is wrong, and the facts behind it.
///
/// It tells what the producer has noticed, and asks the cluster nothing. A producer with nothing to
/// send talks to the cluster only every `metadata.max.age.ms`, so what it knows may be that old:
/// [`last_answer`](Self::last_answer) says how old.
///
/// For a readiness probe ask [`is_healthy`](Self::is_healthy), for a liveness probe
/// [`is_over`](Self::is_over): all other problems may pass without a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// What is wrong; empty if nothing is.
    pub problems: Vec<HealthProblem>,
    /// How long ago a broker last answered a request; `None` if none has yet.
    pub last_answer: Option<Duration>,
    /// How long the oldest record that was accepted has been waiting for its outcome; `None` if
    /// none waits.
    pub oldest_unacknowledged: Option<Duration>,
    /// Whether somebody waits for room in `buffer.memory`. While a stream is faster than the
    /// cluster that is its back-pressure, and no problem by itself.
    pub buffer_full: bool,
}

/// Something that is wrong with a producer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HealthProblem {
    /// The cluster has not answered since the start.
    NotConnected,
    /// The cluster is asked and gives no answer that helps.
    Unreachable {
        /// For how long.
        since: Duration,
        /// What the latest attempt came to.
        reason: Arc<str>,
    },
    /// A broker has had a request for more than half of `request.timeout.ms`.
    SilentBroker {
        /// The broker's node id.
        broker: i32,
        /// For how long.
        waited: Duration,
    },
    /// The oldest record waits for more than half of the time that `delivery.timeout.ms` leaves it
    /// after `linger.ms`.
    Stuck {
        /// For how long.
        waited: Duration,
        /// The whole of `delivery.timeout.ms`.
        limit: Duration,
    },
    /// It was closed: it accepts nothing more, and may still deliver.
    Closed,
    /// It will never send again: build a new one.
    Dead(Cause),
}

impl Health {
    /// The health of a producer that does not exist yet.
    #[must_use]
    pub fn not_connected() -> Self {
        Self {
            problems: vec![HealthProblem::NotConnected],
            ..Self::default()
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether it was closed or died: only a new producer helps.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let over = |problem| matches!(problem, &HealthProblem::Closed | &HealthProblem::Dead(_));
        self.problems.iter().any(over)
    }
}

/// `healthy`, or the problems, separated by semicolons.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_healthy() {
            return f.write_str("healthy");
        }
        for (at, problem) in self.problems.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for HealthProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected => f.write_str("the cluster has not answered yet"),
            Self::Unreachable { since, reason } => {
                write!(
                    f,
                    "the cluster is out of reach for {}: {reason}",
                    Millis(since)
                )
            }
            Self::SilentBroker { broker, waited } => {
                write!(f, "broker {broker} is silent for {}", Millis(waited))
            }
            Self::Stuck { waited, limit } => write!(
                f,
                "the oldest record waits for {}, and delivery.timeout.ms is {}",
                Millis(waited),
                limit.as_millis()
            ),
            Self::Closed => f.write_str("the producer is closed"),
            Self::Dead(cause) => write!(f, "the producer is dead: {cause}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_says_all_that_is_wrong_in_one_line() {
        assert_eq!(Health::default().to_string(), "healthy");
        let health = Health {
            problems: vec![
                HealthProblem::SilentBroker {
                    broker: 2,
                    waited: Duration::from_secs(20),
                },
                HealthProblem::Stuck {
                    waited: Duration::from_secs(70),
                    limit: Duration::from_secs(120),
                },
            ],
            ..Health::default()
        };
        assert!(!health.is_healthy() && !health.is_over());
        assert_eq!(
            health.to_string(),
            "broker 2 is silent for 20000 ms; the oldest record waits for 70000 ms, \
             and delivery.timeout.ms is 120000"
        );
    }
}
