//! The result of one measured run: what a child process prints and its parent reads.

use crate::error::BenchError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One run of a probe or a path.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// The path's name, with what distinguishes it.
    pub(crate) name: String,
    pub(crate) records: u64,
    /// Bytes of keys and values.
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    /// User and system CPU of the client process.
    pub(crate) cpu_seconds: f64,
    /// What only some runs have: percentiles, memory.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) figures: BTreeMap<String, f64>,
}

impl Sample {
    pub(crate) fn records_per_second(&self) -> f64 {
        self.records as f64 / self.seconds
    }

    pub(crate) fn bytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.seconds
    }

    pub(crate) fn cpu_ns(&self) -> f64 {
        self.cpu_seconds * 1e9 / self.records as f64
    }

    /// Prints it as one line of JSON, for the process that started this one.
    pub(crate) fn print(&self) -> Result<(), BenchError> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }

    /// A named figure; NaN, which meets no bar, if the run did not give it.
    pub(crate) fn figure(&self, name: &str) -> f64 {
        self.figures.get(name).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn with_figure(mut self, name: &str, value: f64) -> Self {
        self.figures.insert(name.to_owned(), value);
        self
    }

    /// Adds the 50th, 99th and 99.9th percentile of `microseconds`.
    pub(crate) fn with_latencies(self, mut microseconds: Vec<f64>) -> Self {
        microseconds.sort_by(f64::total_cmp);
        let at = |q: f64| {
            let rank = (q * microseconds.len() as f64).ceil() as usize;
            microseconds
                .get(rank.saturating_sub(1))
                .copied()
                .unwrap_or(f64::NAN)
        };
        let (p50, p99, p999) = (at(0.5), at(0.99), at(0.999));
        self.with_figure("p50_us", p50)
            .with_figure("p99_us", p99)
            .with_figure("p999_us", p999)
    }
}

/// The payload of every probe and path: bytes that do not compress.
pub(crate) fn payload(bytes: usize) -> Vec<u8> {
    let mut state = 1u64;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ranks_of_the_sorted_values() {
        let empty = Sample {
            name: String::new(),
            records: 1,
            bytes: 1,
            seconds: 1.0,
            cpu_seconds: 0.0,
            figures: BTreeMap::new(),
        };
        let sample = empty.with_latencies((1..=1000).rev().map(f64::from).collect());
        assert_eq!(sample.figures["p50_us"], 500.0);
        assert_eq!(sample.figures["p99_us"], 990.0);
        assert_eq!(sample.figures["p999_us"], 999.0);
    }
}
