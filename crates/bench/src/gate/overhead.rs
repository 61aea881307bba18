//! What it costs to be watched: the same run with and without, in turns.

use super::{
    rounds::Journal,
    stats::{Figure, median},
};
use crate::{
    child::{NullBroker, Process},
    error::BenchError,
    sample::Sample,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Two per cent are to be told from none.
const ROUNDS: usize = 9;

/// Pairs of processes in a round, of which the median counts. Where a process's memory happens to be
/// makes it faster or slower for its whole life, by more than what is to be found.
const PAIRS: usize = 8;

/// Turns of each process. A machine that others work on is another one from second to second; so the
/// two work by turns of milliseconds, and only turns beside each other are compared.
const TURNS: usize = 24;

/// Turns before those that count: caches, pages, and the sizes of batches.
const WARM_UP: usize = 6;

/// Records of a turn.
const RECORDS: u64 = 100_000;

/// Longest that a turn may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is added to this program's name for its build without tracing.
const NO_TRACING: &str = "-no-tracing";

/// CPU per record with tracing compiled in and no subscriber, over that of a build without it.
pub(super) async fn tracing(journal: &Journal, name: &str) -> Result<Figure, BenchError> {
    let with = std::env::current_exe()?;
    let mut without = with.clone().into_os_string();
    without.push(NO_TRACING);
    let without = PathBuf::from(without);
    if !without.exists() {
        let missing = format!("no {}: scripts/bench-gate builds it", without.display());
        return Err(BenchError::Check(missing));
    }
    compare(journal, name, [(&without, &[]), (&with, &[])]).await
}

/// CPU per record with metrics published to a recorder, over that without.
pub(super) async fn metrics(journal: &Journal, name: &str) -> Result<Figure, BenchError> {
    let program = std::env::current_exe()?;
    compare(journal, name, [(&program, &[]), (&program, &["--metrics"])]).await
}

/// The CPU per record of the second over that of the first, round by round.
async fn compare(
    journal: &Journal,
    name: &str,
    runs: [(&Path, &[&str]); 2],
) -> Result<Figure, BenchError> {
    let broker = NullBroker::start(&[]).await?;
    let records = RECORDS.to_string();
    let turns = [
        "path",
        "turns",
        "--records",
        &records,
        "-b",
        &broker.address,
    ];
    let (rounds, pairs) = match journal.quick {
        true => (journal.rounds, 1),
        false => (journal.rounds.max(ROUNDS), PAIRS),
    };
    let mut ratios = Vec::new();
    for round in 1..=rounds {
        let mut of_pairs = Vec::new();
        for _ in 0..pairs {
            let start = |(program, more): &(&Path, &[&str])| {
                Process::start_as(program, &[&turns, *more].concat())
            };
            let sides = runs.iter().map(start).collect::<Result<Vec<_>, _>>()?;
            of_pairs.push(in_turns(sides).await?);
        }
        let ratio = median(of_pairs);
        journal.progress(&format!("{name} {round}/{rounds}: {ratio:.3}"));
        ratios.push(ratio);
    }
    Figure::of(ratios).ok_or_else(|| BenchError::Check("no rounds".to_owned()))
}

/// The CPU per record of the second of two processes over that of the first.
async fn in_turns(mut sides: Vec<Process>) -> Result<f64, BenchError> {
    let mut costs = [Vec::new(), Vec::new()];
    for turn in 0..WARM_UP + TURNS {
        // Neither is always the first.
        for at in [turn % 2, (turn + 1) % 2] {
            sides[at].tell("go").await?;
            let sample: Sample = sides[at].json(PATIENCE).await?;
            if turn >= WARM_UP {
                costs[at].push(sample.cpu_ns());
            }
        }
    }
    let [without, with] = costs;
    let ratios = with
        .iter()
        .zip(&without)
        .map(|(with, without)| with / without);
    Ok(median(ratios))
}
