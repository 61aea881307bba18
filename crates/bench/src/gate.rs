//! `gate`: measures every bar, judges it, and prints one JSON object last.

mod bars;
mod experiments;
mod machine;
mod overhead;
mod real;
mod rounds;
mod stall;
mod stats;

use crate::error::{BenchError, with_causes};
use bars::{BARS, Finding};
use experiments::Experiment;
use real::RealKafka;
use rounds::Journal;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Past it nothing more is measured; the rest of the 12 minutes is for the end.
const TIME_LIMIT: Duration = Duration::from_secs(11 * 60 + 15);

/// Measures every bar and judges it. Progress goes to stderr, one JSON object to stdout, last.
///
/// Exits with 1 if a bar is missed or could not be measured.
#[derive(clap::Args, Debug)]
pub(crate) struct GateArgs {
    /// One round, fewer records, a shorter stall: to see that everything works. The figures are
    /// worth less.
    #[arg(long)]
    quick: bool,
    /// Only the experiments that give these keys.
    #[arg(long, value_delimiter = ',', value_parser = known_key)]
    only: Vec<String>,
    /// Rounds of each experiment; the median counts.
    #[arg(long)]
    rounds: Option<usize>,
}

/// What became of each experiment.
#[derive(Default)]
struct Results {
    findings: Vec<Finding>,
    errors: Vec<Value>,
}

/// Runs the gate; whether every bar that was asked for is met.
pub(crate) fn run(args: &GateArgs) -> Result<bool, BenchError> {
    let machine = machine::facts();
    let rounds = args.rounds.unwrap_or(if args.quick { 1 } else { 5 });
    let mut journal = Journal::new(rounds, args.quick);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let results = runtime.block_on(measure(args, &mut journal));

    let asked = |key: &str| args.only.is_empty() || args.only.iter().any(|k| k == key);
    let mut report = Map::new();
    for finding in &results.findings {
        report.insert(finding.key.to_owned(), json!(finding.figure.median));
    }
    let mut verdicts = Vec::new();
    let mut passed = true;
    for (key, rule) in BARS.into_iter().filter(|(key, _)| asked(key)) {
        let figure = results
            .findings
            .iter()
            .find(|f| f.key == key)
            .map(|f| &f.figure);
        let pass = figure.is_some_and(|figure| rule.holds(figure.median));
        passed &= pass;
        report.entry(key).or_insert(Value::Null);
        let value = figure.map_or("not measured".to_owned(), |f| {
            format!("{:.3} ({:.3} to {:.3})", f.median, f.min, f.max)
        });
        let word = if pass { "pass" } else { "MISS" };
        eprintln!(
            "{word}  {key:28} {rule:>8}: {value}",
            rule = rule.to_string()
        );
        verdicts.push(json!({
            "key": key, "bar": rule.to_string(), "pass": pass, "figure": figure,
        }));
    }
    report.insert("passed".to_owned(), json!(passed));
    report.insert("bars".to_owned(), verdicts.into());
    report.insert("also".to_owned(), also(&results.findings));
    report.insert("errors".to_owned(), results.errors.into());
    report.insert("rounds".to_owned(), json!(rounds));
    report.insert("quick".to_owned(), json!(args.quick));
    report.insert("seconds".to_owned(), json!(journal.seconds()));
    report.insert("machine".to_owned(), machine);
    report.insert("samples".to_owned(), journal.into_samples());
    println!("{}", Value::Object(report));
    Ok(passed)
}

/// The spread of the keys that no bar judges.
fn also(findings: &[Finding]) -> Value {
    let unjudged = findings
        .iter()
        .filter(|f| BARS.iter().all(|(key, _)| *key != f.key));
    unjudged
        .map(|f| json!({ "key": f.key, "figure": f.figure }))
        .collect()
}

async fn measure(args: &GateArgs, journal: &mut Journal) -> Results {
    let deadline = Instant::now() + TIME_LIMIT;
    let wanted = |experiment: &Experiment| {
        let asked = |key: &&str| args.only.iter().any(|k| k == key);
        args.only.is_empty() || experiment.keys().iter().any(asked)
    };
    let (real, null): (Vec<_>, Vec<_>) = Experiment::ALL
        .into_iter()
        .filter(wanted)
        .partition(|e| e.needs_real_kafka());
    let mut results = Results::default();
    for experiment in null {
        let outcome = timeout_at(deadline, experiment.run_null(journal)).await;
        results.keep(
            experiment,
            journal,
            outcome.unwrap_or_else(|_| Err(out_of_time())),
        );
    }
    if real.is_empty() {
        return results;
    }
    journal.progress("starting Kafka");
    match timeout_at(deadline, RealKafka::start())
        .await
        .unwrap_or_else(|_| Err(out_of_time()))
    {
        Err(error) => {
            for experiment in real {
                let error = BenchError::Check(format!("no Kafka: {}", with_causes(&error)));
                results.keep(experiment, journal, Err(error));
            }
        }
        Ok(mut kafka) => {
            for experiment in real {
                let outcome = timeout_at(deadline, experiment.run_real(journal, &mut kafka)).await;
                results.keep(
                    experiment,
                    journal,
                    outcome.unwrap_or_else(|_| Err(out_of_time())),
                );
            }
        }
    }
    results
}

impl Results {
    fn keep(
        &mut self,
        experiment: Experiment,
        journal: &Journal,
        outcome: Result<Vec<Finding>, BenchError>,
    ) {
        match outcome {
            Ok(findings) => self.findings.extend(findings),
            Err(error) => {
                let error = with_causes(&error);
                journal.progress(&format!("{experiment:?} FAILED: {error}"));
                self.errors
                    .push(json!({ "experiment": format!("{experiment:?}"), "error": error }));
            }
        }
    }
}

fn out_of_time() -> BenchError {
    BenchError::Check("no time left".to_owned())
}

fn known_key(text: &str) -> Result<String, String> {
    let mut keys = Experiment::ALL
        .iter()
        .flat_map(|experiment| experiment.keys());
    match keys.any(|key| *key == text) {
        true => Ok(text.to_owned()),
        false => Err("no such key; see the bars in `crates/bench/src/gate/bars.rs`".to_owned()),
    }
}
