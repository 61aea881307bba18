//! What it costs to be watched: the same run with and without, in turns.

use super::{
    rounds::{Journal, ratio},
    stats::Figure,
};
use crate::{
    child::{self, NullBroker},
    error::BenchError,
    sample::Sample,
};
use std::path::{Path, PathBuf};

/// Two per cent are to be told from none.
const ROUNDS: usize = 9;

/// Short runs of each side in a round, in turns, of which the cheapest counts. Whatever else goes on
/// in a machine only adds to a run; among so many short ones there is one that was left alone.
const RUNS: usize = 12;

/// What is added to this program's name for its build without tracing.
const NO_TRACING: &str = "-no-tracing";

/// CPU per record with tracing compiled in and no subscriber, over that of a build without it.
pub(super) async fn tracing(journal: &mut Journal, name: &str) -> Result<Figure, BenchError> {
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
pub(super) async fn metrics(journal: &mut Journal, name: &str) -> Result<Figure, BenchError> {
    let program = std::env::current_exe()?;
    compare(journal, name, [(&program, &[]), (&program, &["--metrics"])]).await
}

/// The CPU per record of the second over that of the first, round by round.
async fn compare(
    journal: &mut Journal,
    name: &str,
    runs: [(&Path, &[&str]); 2],
) -> Result<Figure, BenchError> {
    let broker = NullBroker::start(&[]).await?;
    let records = journal.scaled(1_000_000);
    let flexi = [
        "path",
        "flexi",
        "--records",
        &records,
        "-b",
        &broker.address,
    ];
    let usual = journal.rounds;
    if !journal.quick {
        journal.rounds = usual.max(ROUNDS);
    }
    let mut samples = [Vec::new(), Vec::new()];
    for round in 1..=journal.rounds {
        let mut all = [Vec::new(), Vec::new()];
        for run in 0..RUNS {
            // Neither is always the first to run.
            for at in [run % 2, (run + 1) % 2] {
                let (program, more) = runs[at];
                all[at].push(child::run_as(program, &[&flexi, more].concat()).await?);
            }
        }
        for (at, all) in all.into_iter().enumerate() {
            let cheapest = all
                .into_iter()
                .min_by(|a, b| a.cpu_ns().total_cmp(&b.cpu_ns()));
            let Some(mut sample) = cheapest else { continue };
            if at == 0 && runs[0].0 != runs[1].0 {
                sample.name.push_str(NO_TRACING);
            }
            journal.note(name, round, &sample);
            samples[at].push(sample);
        }
    }
    journal.rounds = usual;
    let [without, with] = samples;
    ratio(&with, &without, Sample::cpu_ns)
}
