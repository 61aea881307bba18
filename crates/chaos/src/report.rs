//! What is left of a pass: a table for people, an object for `docs/chaos-result.json`.

use crate::{
    checker::{Figures, Verdict},
    history::Class,
    stage::Result,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write};

/// One line a row.
#[must_use]
pub fn table(results: &[Result]) -> String {
    let mut text = format!(
        "{:<8}{:<5}{:<8}{:>9}{:>9}{:>9}{:>7}{:>9}{:>8}  fault\n",
        "row", "mode", "", "records", "acked", "failed", "dup", "stall s", "took s"
    );
    for result in results {
        let figures = &result.verdict.figures;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<8}{:<5}{:<8}{:>9}{:>9}{:>9}{:>7}{:>9.2}{:>8.1}  {}",
            result.row,
            result.mode.name(),
            if result.passed() { "passed" } else { "FAILED" },
            figures.records,
            figures.acknowledged,
            figures.failed(),
            figures.duplicates,
            figures.worst_stall.as_secs_f64(),
            result.took.as_secs_f64(),
            result.about,
        );
        for line in complaints(result) {
            let _ = writeln!(text, "        {line}");
        }
    }
    text
}

fn complaints(result: &Result) -> Vec<String> {
    let verdict = &result.verdict;
    let problem = result.problem.clone().into_iter();
    let counts = verdict.counts.iter();
    let counts = counts.map(|(kind, count)| format!("{count} x {}", kind.name()));
    let told = verdict.anomalies.iter().map(ToString::to_string);
    problem.chain(counts).chain(told).collect()
}

/// What a pass was made of, beside its results.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// When, as the caller wrote it.
    pub date: Option<String>,
    /// Of which commit, as the caller wrote it.
    pub commit: Option<String>,
    /// The release of Kafka.
    pub kafka: String,
    /// Of every random choice.
    pub seed: u64,
    /// How long the mixed part was to take.
    pub mixed_minutes: u64,
    /// How many faults there were.
    pub faults: u64,
    /// How long everything took, in seconds.
    pub seconds: u64,
}

/// Everything as one object.
#[must_use]
pub fn json(about: &Circumstances, results: &[Result]) -> Value {
    let passed = results.iter().filter(|result| result.passed()).count();
    let total = results.iter().fold(Verdict::default(), |sum, result| {
        sum.and(result.verdict.clone())
    });
    let rows: Vec<Value> = results.iter().map(row).collect();
    json!({
        "date": about.date,
        "commit": about.commit,
        "kafka": about.kafka,
        "seed": about.seed,
        "mixed_minutes": about.mixed_minutes,
        "seconds": about.seconds,
        "faults": about.faults,
        "passed": passed,
        "failed": results.len() - passed,
        "figures": figures(&total.figures),
        "rows": rows,
    })
}

/// The results of several passes as one: what they share on top, then each.
#[must_use]
pub fn sum(mut passes: Vec<Value>) -> Value {
    let shared = ["date", "commit", "kafka", "seed"];
    let mut sum = serde_json::Map::new();
    for name in shared {
        let values = passes.iter_mut().filter_map(|pass| pass.as_object_mut());
        let values: Vec<_> = values.filter_map(|pass| pass.remove(name)).collect();
        sum.extend(
            values
                .into_iter()
                .next()
                .map(|value| (name.to_owned(), value)),
        );
    }
    for name in ["passed", "failed", "faults"] {
        let all: u64 = passes.iter().filter_map(|pass| pass[name].as_u64()).sum();
        sum.insert(name.to_owned(), all.into());
    }
    sum.insert("passes".to_owned(), Value::Array(passes));
    Value::Object(sum)
}

fn row(result: &Result) -> Value {
    json!({
        "row": result.row,
        "about": result.about,
        "mode": result.mode.name(),
        "passed": result.passed(),
        "seconds": seconds(result.took),
        "figures": figures(&result.verdict.figures),
        "complaints": complaints(result),
    })
}

fn figures(figures: &Figures) -> Value {
    let classes = |classes: &BTreeMap<Class, u64>| json!(classes);
    json!({
        "records": figures.records,
        "acknowledged": figures.acknowledged,
        "not_written": classes(&figures.not_written),
        "maybe_written": classes(&figures.maybe_written),
        "maybe_written_found_in_log": figures.maybe_in_log,
        "duplicates": figures.duplicates,
        "worst_stall_seconds": seconds(figures.worst_stall),
    })
}

fn seconds(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 100.0).round() / 100.0
}
