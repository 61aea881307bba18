//! The scenarios: one function for each row of faults.

mod brokers;
mod input;

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
    "F3" "leader frozen" 10 brokers::leader_frozen,
    "F25" "record too large" 4 input::too_large,
    "F26" "invalid topic, partition out of range" 4 input::invalid_target,
    "F27" "unknown topic" 6 input::unknown_topic,
];

/// The row of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name.eq_ignore_ascii_case(name))
}
