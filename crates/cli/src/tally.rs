//! Counts of what became of the lines.

use hdrhistogram::Histogram;
use std::{collections::BTreeMap, time::Duration};

/// How many different failures are told apart; the others are counted together.
const KINDS: usize = 5;

/// What became of the lines so far.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) acknowledged: u64,
    /// Bytes of keys and values acknowledged.
    pub(crate) bytes: u64,
    pub(crate) not_written: u64,
    pub(crate) maybe_written: u64,
    pub(crate) bad_lines: u64,
    pub(crate) blank_lines: u64,
    pub(crate) partitions: BTreeMap<i32, Partition>,
    /// In the order of their first line.
    pub(crate) failures: Vec<FailureKind>,
    latency: Histogram<u64>,
}

/// What a partition got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) records: u64,
    /// The lowest and the highest offset; none are told with `acks=0`.
    pub(crate) offsets: Option<(i64, i64)>,
}

/// Records that failed for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FailureKind {
    pub(crate) error: String,
    pub(crate) records: u64,
    pub(crate) first_line: u64,
}

/// Where an acknowledged record went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) partition: i32,
    pub(crate) offset: Option<i64>,
}

/// How long the acknowledgements took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Latency {
    pub(crate) p50: Duration,
    pub(crate) p90: Duration,
    pub(crate) p99: Duration,
    pub(crate) p99_9: Duration,
    pub(crate) max: Duration,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            acknowledged: 0,
            bytes: 0,
            not_written: 0,
            maybe_written: 0,
            bad_lines: 0,
            blank_lines: 0,
            partitions: BTreeMap::new(),
            failures: Vec::new(),
            // 1 us to an hour in three digits.
            latency: Histogram::new_with_bounds(1, 3_600_000_000, 3)
                .expect("1 <= 3.6e9 / 2, and 3 digits are allowed"),
        }
    }

    pub(crate) fn acknowledge(&mut self, placed: Placed, bytes: usize, latency_micros: u64) {
        self.acknowledged += 1;
        self.bytes += bytes as u64;
        self.latency.saturating_record(latency_micros.max(1));
        let partition = self
            .partitions
            .entry(placed.partition)
            .or_insert(Partition {
                records: 0,
                offsets: None,
            });
        partition.records += 1;
        if let Some(offset) = placed.offset {
            let (low, high) = partition.offsets.unwrap_or((offset, offset));
            partition.offsets = Some((low.min(offset), high.max(offset)));
        }
    }

    /// `maybe_written`: it can be in the log all the same.
    pub(crate) fn fail(&mut self, line: u64, maybe_written: bool, error: String) {
        *if maybe_written {
            &mut self.maybe_written
        } else {
            &mut self.not_written
        } += 1;
        let known = self.failures.iter().position(|kind| kind.error == error);
        match known {
            Some(at) => self.failures[at].records += 1,
            None if self.failures.len() < KINDS => {
                self.failures.push(FailureKind {
                    error,
                    records: 1,
                    first_line: line,
                });
            }
            None if self.failures.len() == KINDS => {
                self.failures.push(FailureKind {
                    error: "other errors".to_owned(),
                    records: 1,
                    first_line: line,
                });
            }
            None => self.failures[KINDS].records += 1,
        }
    }

    /// Counts `records` without an outcome, from `line` on.
    pub(crate) fn abandon(&mut self, records: u64, line: u64, error: String) {
        self.maybe_written += records;
        self.failures.push(FailureKind {
            error,
            records,
            first_line: line,
        });
    }

    pub(crate) fn failed(&self) -> u64 {
        self.not_written + self.maybe_written
    }

    /// Records that got an outcome.
    pub(crate) fn settled(&self) -> u64 {
        self.acknowledged + self.failed()
    }

    /// `None` before the first acknowledgement.
    pub(crate) fn latency(&self) -> Option<Latency> {
        let at = |quantile| Duration::from_micros(self.latency.value_at_quantile(quantile));
        (!self.latency.is_empty()).then(|| Latency {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: at(1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(partition: i32, offset: impl Into<Option<i64>>) -> Placed {
        Placed {
            partition,
            offset: offset.into(),
        }
    }

    #[test]
    fn offsets_and_counts_are_kept_per_partition() {
        let mut tally = Tally::new();
        for (partition, offset) in [(1, 7), (0, 3), (1, 8), (1, 12)] {
            tally.acknowledge(placed(partition, offset), 10, 5);
        }
        assert_eq!(
            tally.partitions[&0],
            Partition {
                records: 1,
                offsets: Some((3, 3))
            }
        );
        assert_eq!(
            tally.partitions[&1],
            Partition {
                records: 3,
                offsets: Some((7, 12))
            }
        );
        assert_eq!((tally.acknowledged, tally.bytes), (4, 40));
    }

    #[test]
    fn records_without_an_offset_are_still_counted() {
        let mut tally = Tally::new();
        tally.acknowledge(placed(0, None), 1, 1);
        assert_eq!(
            tally.partitions[&0],
            Partition {
                records: 1,
                offsets: None
            }
        );
    }

    #[test]
    fn latencies_are_percentiles_of_what_was_recorded() {
        let mut tally = Tally::new();
        assert_eq!(tally.latency(), None);
        for micros in 0..1000 {
            tally.acknowledge(placed(0, None), 1, micros);
        }
        tally.acknowledge(placed(0, None), 1, u64::MAX);
        let latency = tally.latency().unwrap();
        assert_eq!(latency.p50.as_micros(), 500);
        assert_eq!(latency.p99.as_micros(), 990);
        assert!(
            latency.max >= Duration::from_secs(3600),
            "saturates instead of failing"
        );
    }

    #[test]
    fn abandoned_records_count_as_maybe_written() {
        let mut tally = Tally::new();
        tally.abandon(7, 3, "left".into());
        assert_eq!(
            (tally.not_written, tally.maybe_written, tally.settled()),
            (0, 7, 7)
        );
        assert_eq!(
            tally.failures,
            [FailureKind {
                error: "left".into(),
                records: 7,
                first_line: 3
            }]
        );
    }

    #[test]
    fn failures_are_grouped_and_bounded() {
        let mut tally = Tally::new();
        for line in 1..=20 {
            tally.fail(line, line % 2 == 0, format!("error {}", line.min(8)));
        }
        assert_eq!(
            (tally.not_written, tally.maybe_written, tally.failed()),
            (10, 10, 20)
        );
        assert_eq!(tally.failures.len(), KINDS + 1);
        assert_eq!(tally.failures[KINDS].error, "other errors");
        assert_eq!(
            tally.failures.iter().map(|kind| kind.records).sum::<u64>(),
            20
        );
        assert_eq!(
            tally.failures[1],
            FailureKind {
                error: "error 2".into(),
                records: 1,
                first_line: 2
            }
        );
    }
}
