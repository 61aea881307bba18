//! What a run tells at its end, for people and as JSON.

use crate::{
    tally::{Latency, Tally},
    text::{Bytes, Count, Short},
};
use serde::Serialize;
use std::{fmt, time::Duration};

/// How many partitions the summary for people lists.
const LISTED: usize = 16;

/// One run, ready to print.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    topic: String,
    /// `embedded`, or the cluster's id.
    broker: String,
    /// Handed to the producer: `acknowledged` and `failed` add up to it.
    records: u64,
    acknowledged: u64,
    failed: u64,
    /// Of those that failed: not in the log for sure.
    not_written: u64,
    /// Of those that failed: may be in the log.
    maybe_written: u64,
    bad_lines: u64,
    blank_lines: u64,
    interrupted: bool,
    /// Keys and values acknowledged.
    bytes: u64,
    seconds: f64,
    /// Acknowledged records.
    records_per_second: f64,
    bytes_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<LatencyMillis>,
    partitions: Vec<PartitionLine>,
    failures: Vec<FailureLine>,
    /// Of the embedded broker: some of the records, as a consumer reads them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    read_back: Vec<ReadBack>,
}

#[derive(Debug, Serialize)]
struct LatencyMillis {
    p50: f64,
    p90: f64,
    p99: f64,
    p99_9: f64,
    max: f64,
}

#[derive(Debug, Serialize)]
struct PartitionLine {
    partition: i32,
    records: u64,
    first_offset: Option<i64>,
    last_offset: Option<i64>,
}

#[derive(Debug, Serialize)]
struct FailureLine {
    error: String,
    records: u64,
    first_line: u64,
}

/// A record as read from the embedded broker; bytes that are no text are shown as U+FFFD.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ReadBack {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
}

/// What a report says beside its counts.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) topic: String,
    pub(crate) broker: String,
    pub(crate) took: Duration,
    pub(crate) interrupted: bool,
    pub(crate) read_back: Vec<ReadBack>,
}

impl Report {
    pub(crate) fn new(tally: &Tally, context: Context) -> Self {
        let seconds = context.took.as_secs_f64();
        let per_second = |count: u64| {
            if seconds > 0.0 {
                count as f64 / seconds
            } else {
                0.0
            }
        };
        Self {
            topic: context.topic,
            broker: context.broker,
            records: tally.settled(),
            acknowledged: tally.acknowledged,
            failed: tally.failed(),
            not_written: tally.not_written,
            maybe_written: tally.maybe_written,
            bad_lines: tally.bad_lines,
            blank_lines: tally.blank_lines,
            interrupted: context.interrupted,
            bytes: tally.bytes,
            seconds,
            records_per_second: per_second(tally.acknowledged),
            bytes_per_second: per_second(tally.bytes),
            latency_ms: tally.latency().map(LatencyMillis::from),
            partitions: tally
                .partitions
                .iter()
                .map(|(&partition, got)| PartitionLine {
                    partition,
                    records: got.records,
                    first_offset: got.offsets.map(|(low, _)| low),
                    last_offset: got.offsets.map(|(_, high)| high),
                })
                .collect(),
            failures: tally
                .failures
                .iter()
                .map(|kind| FailureLine {
                    error: kind.error.clone(),
                    records: kind.records,
                    first_line: kind.first_line,
                })
                .collect(),
            read_back: context.read_back,
        }
    }

    /// One JSON object on one line.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers, strings and lists always serialize")
    }
}

impl From<Latency> for LatencyMillis {
    fn from(latency: Latency) -> Self {
        let millis = |duration: Duration| duration.as_micros() as f64 / 1e3;
        Self {
            p50: millis(latency.p50),
            p90: millis(latency.p90),
            p99: millis(latency.p99),
            p99_9: millis(latency.p99_9),
            max: millis(latency.max),
        }
    }
}

/// For people: a few lines without a trailing line end.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{} of {} records acknowledged in {:.3} s ({}/s, {}/s)",
            if self.interrupted {
                "interrupted: "
            } else {
                ""
            },
            Count(self.acknowledged),
            Count(self.records),
            self.seconds,
            Count(self.records_per_second as u64),
            Bytes(self.bytes_per_second),
        )?;
        if self.failed > 0 {
            write!(
                f,
                "\n{} failed: {} not written, {} maybe written",
                Count(self.failed),
                Count(self.not_written),
                Count(self.maybe_written)
            )?;
        }
        for kind in &self.failures {
            let error = crate::exit::one_line(&kind.error);
            write!(
                f,
                "\n  {} records, first line {}: {error}",
                Count(kind.records),
                kind.first_line
            )?;
        }
        if self.bad_lines > 0 {
            write!(f, "\n{} bad lines", Count(self.bad_lines))?;
        }
        if self.blank_lines > 0 {
            write!(f, "\n{} blank lines passed over", Count(self.blank_lines))?;
        }
        if let Some(ms) = &self.latency_ms {
            write!(
                f,
                "\nlatency in ms: p50 {:.2}, p90 {:.2}, p99 {:.2}, p99.9 {:.2}, max {:.2}",
                ms.p50, ms.p90, ms.p99, ms.p99_9, ms.max
            )?;
        }
        for line in self.partitions.iter().take(LISTED) {
            write!(
                f,
                "\n  {}/{}: {} records",
                self.topic,
                line.partition,
                Count(line.records)
            )?;
            if let (Some(first), Some(last)) = (line.first_offset, line.last_offset) {
                write!(f, ", offsets {first}..={last}")?;
            }
        }
        if self.partitions.len() > LISTED {
            write!(
                f,
                "\n  and {} more partitions (--json lists all)",
                self.partitions.len() - LISTED
            )?;
        }
        if !self.read_back.is_empty() {
            f.write_str("\nread back:")?;
        }
        for record in &self.read_back {
            write!(
                f,
                "\n  {}/{} @{} ",
                self.topic, record.partition, record.offset
            )?;
            if let Some(key) = &record.key {
                write!(f, "{}: ", Short(key, 24))?;
            }
            match &record.value {
                Some(value) => write!(f, "{}", Short(value, 72))?,
                None => f.write_str("(null)")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Placed;

    fn context() -> Context {
        Context {
            topic: "orders".into(),
            broker: "embedded".into(),
            took: Duration::from_millis(500),
            interrupted: false,
            read_back: vec![],
        }
    }

    fn tally() -> Tally {
        let mut tally = Tally::new();
        for offset in 0..1500 {
            tally.acknowledge(
                Placed {
                    partition: 2,
                    offset: Some(offset),
                },
                100,
                1_500,
            );
        }
        tally
    }

    #[test]
    fn a_clean_run_reads_well() {
        assert_eq!(
            Report::new(&tally(), context()).to_string(),
            "1,500 of 1,500 records acknowledged in 0.500 s (3,000/s, 300.0 kB/s)\n\
             latency in ms: p50 1.50, p90 1.50, p99 1.50, p99.9 1.50, max 1.50\n  \
               orders/2: 1,500 records, offsets 0..=1499"
        );
    }

    #[test]
    fn failures_bad_lines_and_records_read_back_are_shown() {
        let mut tally = tally();
        tally.fail(9, true, "late\u{1b}[31m".into());
        tally.bad_lines = 2;
        tally.blank_lines = 3;
        let read_back = |value: Option<&str>| ReadBack {
            partition: 2,
            offset: 7,
            key: value.map(|_| "k".into()),
            value: value.map(Into::into),
        };
        let long = "v".repeat(100);
        let context = Context {
            interrupted: true,
            read_back: vec![read_back(Some(&long)), read_back(None)],
            ..context()
        };
        let text = Report::new(&tally, context).to_string();
        for part in [
            "interrupted: 1,500 of 1,501 records",
            "\n1 failed: 0 not written, 1 maybe written\n  1 records, first line 9: late [31m\n",
            "\n2 bad lines\n3 blank lines passed over\n",
            &format!(
                "\nread back:\n  orders/2 @7 k: {}..\n  orders/2 @7 (null)",
                &long[..72]
            ),
        ] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
    }

    #[test]
    fn only_so_many_partitions_are_listed_for_people_and_all_in_json() {
        let mut tally = Tally::new();
        for partition in 0..20 {
            tally.acknowledge(
                Placed {
                    partition,
                    offset: None,
                },
                1,
                1,
            );
        }
        let report = Report::new(&tally, context());
        assert!(
            report
                .to_string()
                .ends_with("orders/15: 1 records\n  and 4 more partitions (--json lists all)")
        );
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["partitions"].as_array().unwrap().len(), 20);
        assert_eq!(
            json["partitions"][0]["first_offset"],
            serde_json::Value::Null
        );
    }

    #[test]
    fn json_has_the_documented_fields() {
        let mut tally = tally();
        tally.fail(3, false, "too large".into());
        let json: serde_json::Value =
            serde_json::from_str(&Report::new(&tally, context()).json()).unwrap();
        assert_eq!(json["records"], 1501);
        assert_eq!(json["acknowledged"], 1500);
        assert_eq!(json["failed"], 1);
        assert_eq!(json["seconds"], 0.5);
        assert_eq!(json["records_per_second"], 3000.0);
        assert_eq!(json["broker"], "embedded");
        assert_eq!(json["bytes"], 150_000);
        assert_eq!(json["latency_ms"]["p99_9"], 1.5);
        assert_eq!(json["partitions"][0]["last_offset"], 1499);
        assert_eq!(json["failures"][0]["first_line"], 3);
        assert_eq!(json["interrupted"], false);
    }

    #[test]
    fn a_run_without_records_divides_by_nothing() {
        let report = Report::new(
            &Tally::new(),
            Context {
                took: Duration::ZERO,
                ..context()
            },
        );
        assert_eq!(
            report.to_string(),
            "0 of 0 records acknowledged in 0.000 s (0/s, 0.0 B/s)"
        );
        assert!(report.json().contains("\"records_per_second\":0.0"));
    }
}
