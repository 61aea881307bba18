//! The scenarios: one function for each row of faults.

mod brokers;
mod ends;
mod input;
mod network;
mod outages;
mod starts;
mod streams;
mod topics;

use crate::{arena::Arena, checker::Verdict, problem::Problem};
use futures_util::future::BoxFuture;
use std::time::Duration;

/// What a scenario comes to: its histories, judged; or why it could not be played.
pub type Played = Result<Verdict, Problem>;

/// A fault and the outcome that it must have.
#[derive(Clone, Copy)]
pub struct Row {
    /// Its name in the list of faults, such as `F3`.
    pub name: &'static str,
    /// The fault, in a few words.
    pub about: &'static str,
    /// How long it may take with full time-outs; a quarter of it with scaled ones.
    pub limit: Duration,
    /// Plays it.
    pub play: for<'a> fn(&'a Arena) -> BoxFuture<'a, Played>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

macro_rules! rows {
    ($($name:literal $about:literal $minutes:literal $play:path,)*) => {
        &[$(Row {
            name: $name,
            about: $about,
            limit: Duration::from_secs(60 * $minutes),
            play: |arena| Box::pin($play(arena)),
        },)*]
    };
}

/// Every row.
pub const ROWS: &[Row] = rows![
    "F1" "leader killed with -9" 6 brokers::leader_killed,
    "F2" "leader terminated, leaderships moved" 6 brokers::leader_moved,
    "F3" "leader frozen" 12 brokers::leader_frozen,
    "F4" "active controller killed, quorum lost" 8 outages::controller_lost,
    "F7" "every node killed in turn" 16 outages::rolling_kills,
    "F8" "all brokers away for a while" 8 outages::all_down_for_a_while,
    "F9" "all brokers away for too long" 8 outages::all_down_for_too_long,
    "F10" "too few replicas in sync" 10 outages::too_few_replicas,
    "F11" "refused after the append" 8 outages::refused_after_append,
    "F16" "partitions added" 4 topics::partitions_added,
    "F17" "sequences lost, producer ids forgotten" 12 network::sequences_lost,
    "F19" "short-lived connections" 6 network::short_lives,
    "F20" "slow line" 8 network::slow_line,
    "F21" "black hole one way" 8 network::black_hole,
    "F24" "nothing to start from" 4 starts::unreachable,
    "F25" "record too large" 4 input::too_large,
    "F26" "invalid topic, partition out of range" 4 input::invalid_target,
    "F27" "unknown topic" 6 input::unknown_topic,
    "F28" "null and empty, headers, timestamps" 4 topics::contents,
    "F32" "buffer full" 4 streams::buffer_full,
    "F37" "sends dropped" 6 streams::sends_dropped,
    "F38" "stream dropped" 4 streams::stream_dropped,
    "F40" "close while unreachable" 4 ends::close_unreachable,
    "F41" "runtime gone, small, missing" 4 ends::runtime_gone,
    "F42" "input ends or fails" 4 streams::input_ends,
    "F43" "downstream cancels" 4 streams::downstream_cancels,
    "F54" "wrong settings" 4 starts::bad_settings,
    "F55" "shared producer dies" 4 ends::shared_dies,
    "AWAY" "deliveries expire while two of three are away" 16 outages::two_away,
];

/// One pass of these is part of every check of a change.
pub const CI: &[&str] = &[
    "F1", "F2", "F3", "F8", "F9", "F10", "F16", "F19", "F25", "F26", "F27", "F32", "F40", "F42",
    "F55",
];

/// The row of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name.eq_ignore_ascii_case(name))
}

const SECOND: Duration = Duration::from_secs(1);

/// The memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kib.unwrap_or(0) << 10
}
