//! Plays fault scenarios against a real Kafka and says which passed.
//!
//! ```text
//! guanaco-chaos ci                       one idempotent pass with scaled time-outs
//! guanaco-chaos smoke39                  every codec and a restart on Kafka 3.9
//! guanaco-chaos rows [--plain] [--full]   every row, in one mode
//! guanaco-chaos one ROW... [--plain] [--full]
//! guanaco-chaos mixed [--minutes N] [--full]
//! guanaco-chaos sum FILE... --json FILE  several results as one
//! ```
//! All take `--seed S` and `--debug`; `--json FILE`, with `--date` and `--commit`, writes the result.
//! `--full` is for Kafka's own time-outs instead of scaled ones, `--plain` for no idempotence.

use guanaco_chaos::{
    arena::{Arena, Mode, Times},
    mixed,
    problem::Problem,
    report::{self, Circumstances},
    rows::{self, Row},
    smoke, stage,
};
use guanaco_testkit::kafka::KafkaVersion;
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

#[tokio::main]
async fn main() -> ExitCode {
    let asked = match Asked::read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(problem) => {
            eprintln!("guanaco-chaos: {problem}");
            eprintln!(
                "usage: guanaco-chaos ci | smoke39 | rows | one ROW... | mixed | sum FILE..."
            );
            return ExitCode::from(2);
        }
    };
    if asked.debug {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(std::io::stderr)
            .init();
    }
    match asked.run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("guanaco-chaos: {}", stage::line(&problem));
            ExitCode::from(2)
        }
    }
}

/// What the command line says.
#[derive(Debug, Default)]
struct Asked {
    command: String,
    rows: Vec<&'static Row>,
    files: Vec<String>,
    seed: u64,
    minutes: Option<u64>,
    plain: bool,
    full: bool,
    debug: bool,
    json: Option<String>,
    date: Option<String>,
    commit: Option<String>,
}

impl Asked {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Problem> {
        let mut asked = Self {
            seed: 1,
            ..Self::default()
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--seed" => asked.seed = value()?.parse()?,
                "--minutes" => asked.minutes = Some(value()?.parse()?),
                "--json" => asked.json = Some(value()?),
                "--date" => asked.date = Some(value()?),
                "--commit" => asked.commit = Some(value()?),
                "--plain" => asked.plain = true,
                "--full" => asked.full = true,
                "--debug" => asked.debug = true,
                flag if flag.starts_with("--") => return Err(format!("{flag} is unknown").into()),
                command if asked.command.is_empty() => asked.command = command.to_owned(),
                file if asked.command == "sum" => asked.files.push(file.to_owned()),
                row => asked
                    .rows
                    .push(rows::named(row).ok_or_else(|| format!("there is no row {row}"))?),
            }
        }
        let known = ["ci", "smoke39", "rows", "one", "mixed", "sum"];
        if !known.contains(&asked.command.as_str()) {
            return Err(format!("what to play is one of {known:?}").into());
        }
        if (asked.command == "one") == asked.rows.is_empty() {
            return Err("rows are for `one`, which needs at least one".into());
        }
        Ok(asked)
    }

    async fn run(&self) -> Result<bool, Problem> {
        if self.command == "sum" {
            return self.sum();
        }
        let began = Instant::now();
        let mut about = Circumstances {
            date: self.date.clone(),
            commit: self.commit.clone(),
            kafka: KafkaVersion::V4_3.release().to_owned(),
            seed: self.seed,
            ..Circumstances::default()
        };
        let results = if self.command == "smoke39" {
            about.kafka = KafkaVersion::V3_9.release().to_owned();
            smoke::play(self.seed).await?
        } else {
            let times = if self.full {
                Times::FULL
            } else {
                Times::SCALED
            };
            let mut arena = Arena::start(times, self.seed).await?;
            let results = self.play(&mut arena, &mut about).await;
            about.faults = arena.faults();
            results
        };
        about.seconds = began.elapsed().as_secs();
        print!("{}", report::table(&results));
        if let Some(path) = &self.json {
            let text = serde_json::to_string_pretty(&report::json(&about, &results))?;
            std::fs::write(path, text + "\n")?;
        }
        let passed = results.iter().filter(|result| result.passed()).count();
        println!("{passed} passed, {} failed", results.len() - passed);
        Ok(passed == results.len())
    }

    async fn play(&self, arena: &mut Arena, about: &mut Circumstances) -> Vec<stage::Result> {
        if self.command == "mixed" {
            about.mixed_minutes = self.minutes.unwrap_or(30);
            let time = Duration::from_secs(60 * about.mixed_minutes);
            return mixed::play(arena, time).await;
        }
        let rows: Vec<_> = match self.command.as_str() {
            "ci" => rows::CI
                .iter()
                .filter_map(|name| rows::named(name))
                .collect(),
            "rows" => rows::ROWS.iter().collect(),
            _ => self.rows.clone(),
        };
        let mode = if self.plain { Mode::P } else { Mode::I };
        let mut results = Vec::new();
        for row in rows {
            results.push(stage::play(arena, row, mode).await);
        }
        results
    }

    fn sum(&self) -> Result<bool, Problem> {
        let read = |file: &String| -> Result<_, Problem> {
            Ok(serde_json::from_str(&std::fs::read_to_string(file)?)?)
        };
        let parts: Vec<_> = self.files.iter().map(read).collect::<Result<_, _>>()?;
        let sum = report::sum(parts);
        if let Some(path) = &self.json {
            std::fs::write(path, serde_json::to_string_pretty(&sum)? + "\n")?;
        }
        println!("{} passed, {} failed", sum["passed"], sum["failed"]);
        Ok(sum["failed"] == 0)
    }
}
