//! Plays rows one after another; one that fails does not stop the others.

use crate::{
    arena::{Arena, Mode},
    checker::Verdict,
    problem::Problem,
    rows::Row,
};
use futures_util::{FutureExt, future::BoxFuture};
use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// What became of a row.
#[derive(Clone, Debug)]
pub struct Result {
    /// The row's name.
    pub row: &'static str,
    /// Its fault, in a few words.
    pub about: &'static str,
    /// In which mode.
    pub mode: Mode,
    /// Why it could not be played to its end.
    pub problem: Option<String>,
    /// What the checker said.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

impl Result {
    /// Whether all was as it must be.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problem.is_none() && self.verdict.is_clean()
    }
}

/// Plays a row on a cluster that is well, and leaves it well.
pub async fn play(arena: &mut Arena, row: &'static Row, mode: Mode) -> Result {
    let limit = if arena.is_scaled() {
        row.limit / 4
    } else {
        row.limit
    };
    act(arena, row.name, row.about, mode, limit, row.play).await
}

/// As [`play`], for what is no row.
pub async fn act(
    arena: &mut Arena,
    row: &'static str,
    about: &'static str,
    mode: Mode,
    limit: Duration,
    play: impl for<'a> FnOnce(&'a Arena) -> BoxFuture<'a, std::result::Result<Verdict, Problem>>,
) -> Result {
    arena.mode = mode;
    arena.say(format_args!("{row} ({about}), mode {}", mode.name()));
    let began = Instant::now();
    let played = AssertUnwindSafe(timeout(limit, play(arena)))
        .catch_unwind()
        .await;
    let played = match played {
        Ok(Ok(played)) => played,
        Ok(Err(_)) => Err(format!("it was not through after {limit:?}").into()),
        Err(panic) => Err(format!("it panicked: {}", words(&*panic)).into()),
    };
    let took = began.elapsed();
    let (problem, verdict) = match played {
        Ok(verdict) => (None, verdict),
        Err(problem) => (Some(line(&problem)), Verdict::default()),
    };
    let result = Result {
        row,
        about,
        mode,
        problem,
        verdict,
        took,
    };
    tell(arena, &result);
    if let Err(problem) = arena.recover().await {
        arena.say(format_args!("the cluster is replaced: {}", line(&problem)));
        if let Err(error) = arena.renew().await {
            arena.say(format_args!("no new cluster: {error}"));
        }
    }
    result
}

fn tell(arena: &Arena, result: &Result) {
    let figures = &result.verdict.figures;
    arena.say(format_args!(
        "{} {} in {:.1} s: {} records, {} acknowledged, {} failed, worst stall {:.2} s",
        result.row,
        if result.passed() { "passed" } else { "FAILED" },
        result.took.as_secs_f64(),
        figures.records,
        figures.acknowledged,
        figures.failed(),
        figures.worst_stall.as_secs_f64(),
    ));
    for (what, classes) in [
        ("not written", &figures.not_written),
        ("maybe written", &figures.maybe_written),
    ] {
        if !classes.is_empty() {
            arena.say(format_args!("  {what}: {classes:?}"));
        }
    }
    if figures.maybe_in_log + figures.duplicates > 0 {
        arena.say(format_args!(
            "  in the log after all: {}; duplicates: {}",
            figures.maybe_in_log, figures.duplicates
        ));
    }
    if let Some(problem) = &result.problem {
        arena.say(format_args!("  problem: {problem}"));
    }
    for (kind, count) in &result.verdict.counts {
        arena.say(format_args!("  {count} x {}", kind.name()));
    }
    for anomaly in &result.verdict.anomalies {
        arena.say(format_args!("  {anomaly}"));
    }
}

/// An error with its causes, in one line.
#[must_use]
pub fn line(problem: &Problem) -> String {
    let mut line = problem.to_string();
    let mut cause = problem.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message")
}
