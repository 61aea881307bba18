//! Bounded waiting for a condition.

use super::ClusterError;
use std::time::{Duration, Instant};

/// How long anything asked of a cluster may take: a leader election under load takes seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// How long one request may take, so that one dead broker leaves time to ask another.
pub(super) const CALL: Duration = Duration::from_secs(10);
/// Between two looks.
pub(super) const INTERVAL: Duration = Duration::from_millis(25);

/// What one look at a condition found.
pub(super) enum Look<T> {
    /// It holds.
    Done(T),
    /// Not yet; this is what was seen instead.
    NotYet(String),
}

/// Looks until the condition holds. A failure that may pass counts as "not yet".
pub(super) async fn until<T, F, L>(
    action: impl Into<String>,
    mut look: L,
) -> Result<T, ClusterError>
where
    T: Send,
    F: Future<Output = Result<Look<T>, ClusterError>> + Send,
    L: FnMut() -> F + Send,
{
    let began = Instant::now();
    let action = action.into();
    loop {
        let last = match look().await {
            Ok(Look::Done(value)) => return Ok(value),
            Ok(Look::NotYet(seen)) => seen,
            Err(error) if may_pass(&error) => error.to_string(),
            Err(error) => return Err(error),
        };
        if began.elapsed() > PATIENCE {
            return Err(ClusterError::TimedOut {
                action,
                waited: PATIENCE,
                last,
            });
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

fn may_pass(error: &ClusterError) -> bool {
    match error {
        ClusterError::Io { .. } | ClusterError::TimedOut { .. } => true,
        ClusterError::Refused { error, .. } => PASSING.contains(&error.code()),
        _ => false,
    }
}

/// What brokers answer while leaders, controllers and metadata are on the move. An unknown topic is
/// none of them: who waits for one to appear or to go says so.
const PASSING: [i16; 11] = [
    5,  // LEADER_NOT_AVAILABLE
    6,  // NOT_LEADER_OR_FOLLOWER
    7,  // REQUEST_TIMED_OUT
    8,  // BROKER_NOT_AVAILABLE
    9,  // REPLICA_NOT_AVAILABLE
    13, // NETWORK_EXCEPTION
    41, // NOT_CONTROLLER
    56, // KAFKA_STORAGE_ERROR
    74, // FENCED_LEADER_EPOCH
    75, // UNKNOWN_LEADER_EPOCH
    78, // OFFSET_NOT_AVAILABLE
];
