//! Rounds of runs, one process each, and what is made of their samples.

use super::{
    real::RealKafka,
    stats::{Figure, median},
};
use crate::{
    child::{self, NullBroker},
    error::BenchError,
    sample::Sample,
};
use std::time::Instant;

/// What the measured processes talk to; in other processes than theirs.
pub(crate) enum Server<'a> {
    Null(&'a NullBroker),
    Real(&'a mut RealKafka),
}

impl Server<'_> {
    /// Runs one probe or path against it, in a process of its own.
    pub(crate) async fn run(&mut self, args: &[String]) -> Result<Sample, BenchError> {
        match self {
            Self::Null(broker) => {
                let to = ["-b".to_owned(), broker.address.clone()];
                child::run(&[args, &to].concat()).await
            }
            // Each run has a topic of its own, so that none pays for the log of another.
            Self::Real(kafka) => {
                let topic = kafka.create_topic().await?;
                let to = [
                    "-b".to_owned(),
                    kafka.address().to_owned(),
                    "-t".to_owned(),
                    topic.clone(),
                ];
                let sample = child::run(&[args, &to].concat()).await;
                kafka.delete_topic(&topic).await?;
                sample
            }
        }
    }
}

/// What every experiment works with: how much to run, and where the samples go.
pub(crate) struct Journal {
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    started: Instant,
    samples: serde_json::Map<String, serde_json::Value>,
}

impl Journal {
    pub(crate) fn new(rounds: usize, quick: bool) -> Self {
        Self {
            rounds,
            quick,
            started: Instant::now(),
            samples: serde_json::Map::new(),
        }
    }

    /// A count of records, smaller in a quick run.
    pub(crate) fn scaled(&self, records: u64) -> String {
        let records = if self.quick { records / 5 } else { records };
        records.to_string()
    }

    /// Runs each of `runs` once a round, round by round. The samples come by run, then by round.
    pub(crate) async fn interleave(
        &mut self,
        experiment: &str,
        server: &mut Server<'_>,
        runs: &[Vec<String>],
    ) -> Result<Vec<Vec<Sample>>, BenchError> {
        let mut samples = vec![Vec::new(); runs.len()];
        for round in 1..=self.rounds {
            for (args, samples) in runs.iter().zip(&mut samples) {
                let sample = server.run(args).await?;
                self.note(experiment, round, &sample);
                samples.push(sample);
            }
        }
        Ok(samples)
    }

    /// Keeps a sample for the report and prints it.
    pub(crate) fn note(&mut self, experiment: &str, round: usize, sample: &Sample) {
        self.progress(&format!(
            "{experiment} {round}/{}: {}: {:.0} records/s, {:.1} MB/s, {:.1} ns CPU{}",
            self.rounds,
            sample.name,
            sample.records_per_second(),
            sample.bytes_per_second() / 1e6,
            sample.cpu_ns(),
            sample
                .figures
                .iter()
                .map(|(k, v)| format!(", {k} {v:.1}"))
                .collect::<String>(),
        ));
        let list = self
            .samples
            .entry(experiment)
            .or_insert_with(|| Vec::<u8>::new().into());
        if let Some(list) = list.as_array_mut() {
            list.push(serde_json::json!({ "round": round, "run": sample }));
        }
    }

    pub(crate) fn progress(&self, line: &str) {
        eprintln!("[{:5.1} s] {line}", self.started.elapsed().as_secs_f64());
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    pub(crate) fn into_samples(self) -> serde_json::Value {
        self.samples.into()
    }
}

/// One value a round.
pub(crate) fn figure(
    samples: &[Sample],
    value: impl Fn(&Sample) -> f64,
) -> Result<Figure, BenchError> {
    Figure::of(samples.iter().map(value).collect())
        .ok_or_else(|| BenchError::Check("no rounds".to_owned()))
}

/// `path` over `reference`, round by round.
pub(crate) fn ratio(
    path: &[Sample],
    reference: &[Sample],
    value: impl Fn(&Sample) -> f64,
) -> Result<Figure, BenchError> {
    let ratios = path.iter().zip(reference).map(|(p, r)| value(p) / value(r));
    Figure::of(ratios.collect()).ok_or_else(|| BenchError::Check("no rounds".to_owned()))
}

/// The run with the highest median: of several probes the one to be measured against.
pub(crate) fn best(runs: &[Vec<Sample>], value: impl Fn(&Sample) -> f64) -> &[Sample] {
    runs.iter()
        .max_by(|a, b| median(a.iter().map(&value)).total_cmp(&median(b.iter().map(&value))))
        .map_or(&[], Vec::as_slice)
}
