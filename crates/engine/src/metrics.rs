//! Counters under Kafka's metric names.

use std::collections::BTreeMap;

/// Values below this share one bucket: a microsecond, where the unit is a millisecond.
const SMALLEST: f64 = 1.0 / 1024.0;

/// Values from `SMALLEST` times two to the power of this on share the last bucket.
const OCTAVES: usize = 52;

/// Bits of a float below its exponent and the two highest bits of its fraction.
const DETAIL_BITS: u32 = 50;

/// A metric's name, as Kafka's `MetricName`: name, group and tags.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricName {
    /// Such as `record-send-total`.
    pub name: &'static str,
    /// Such as `producer-metrics`, `producer-topic-metrics` or `producer-node-metrics`.
    pub group: &'static str,
    /// Such as `client-id`, `topic`, `node-id`.
    pub tags: BTreeMap<&'static str, String>,
}

/// A snapshot of a producer's counters.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Metrics {
    /// Value by name.
    pub values: BTreeMap<MetricName, f64>,
    /// What the `-avg` and `-max` among the values are made from, without that ending:
    /// `request-latency`, of the producer and of each broker, `record-queue-time` and
    /// `produce-throttle-time` in milliseconds, `batch-size` in bytes.
    pub distributions: BTreeMap<MetricName, Distribution>,
}

/// How often which values came since the start: four buckets for each power of two, so that a
/// quantile is at most a quarter too high.
///
/// ```
/// let mut latency = guanaco_engine::Distribution::default();
/// (1..=1000).for_each(|ms| latency.add(f64::from(ms)));
/// assert_eq!((latency.count(), latency.max(), latency.average()), (1000, 1000.0, 500.5));
/// assert!((990.0..=1000.0).contains(&latency.quantile(0.99)));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    count: u64,
    sum: f64,
    max: f64,
    buckets: Vec<u64>,
}

impl Distribution {
    /// Counts a value. Negative ones and NaN count as 0.
    pub fn add(&mut self, value: f64) {
        let value = value.max(0.0);
        self.count += 1;
        self.sum += value;
        self.max = self.max.max(value);
        let bucket = bucket_of(value);
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
    }

    /// How many values came.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The largest; 0 if none came.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.max
    }

    /// Their average; 0 if none came.
    #[must_use]
    pub fn average(&self) -> f64 {
        if self.count == 0 {
            0.0
        } else {
            self.sum / self.count as f64
        }
    }

    /// A value that this share of them, from 0 to 1, do not exceed; 0 if none came.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        let wanted = (share.clamp(0.0, 1.0) * self.count as f64).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return lower_bound(bucket + 1).min(self.max);
            }
        }
        self.max
    }

    /// The middle of each bucket, in rising order, and how many values came in it.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let middle = |bucket| f64::midpoint(lower_bound(bucket), lower_bound(bucket + 1));
        let counts = self.buckets.iter().enumerate();
        counts.map(move |(bucket, count)| (middle(bucket), *count))
    }
}

/// Floats are their own logarithm: the exponent, then the fraction, from the highest bit down.
fn bucket_of(value: f64) -> usize {
    if value < SMALLEST {
        return 0;
    }
    let above = (value.to_bits() >> DETAIL_BITS) - (SMALLEST.to_bits() >> DETAIL_BITS);
    1 + (above as usize).min(4 * OCTAVES)
}

fn lower_bound(bucket: usize) -> f64 {
    match bucket {
        0 => 0.0,
        _ => {
            let above = bucket as u64 - 1;
            f64::from_bits((above + (SMALLEST.to_bits() >> DETAIL_BITS)) << DETAIL_BITS)
        }
    }
}

/// What a close left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CloseReport {
    /// Records acknowledged over the producer's life.
    pub acknowledged: u64,
    /// Records given up now that never went out, or were refused: not in the log.
    pub not_written: u64,
    /// Records given up now whose fate is unknown.
    pub maybe_written: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_the_bucket_that_its_bounds_enclose() {
        for value in [
            0.0, 0.0005, SMALLEST, 0.01, 1.0, 1.3, 2.0, 1e3, 65_536.0, 1e9,
        ] {
            let bucket = bucket_of(value);
            assert!(lower_bound(bucket) <= value, "{value}");
            assert!(value < lower_bound(bucket + 1), "{value}");
        }
    }

    #[test]
    fn values_beyond_all_bounds_are_counted_and_take_no_room() {
        let mut distribution = Distribution::default();
        for value in [f64::MAX, f64::INFINITY, f64::NAN, -1.0] {
            distribution.add(value);
        }
        assert_eq!(distribution.count(), 4);
        assert_eq!(
            distribution.buckets().map(|(_, count)| count).sum::<u64>(),
            4
        );
        assert!(distribution.buckets().count() <= 4 * OCTAVES + 2);
    }

    #[test]
    fn a_quantile_is_a_quarter_too_high_at_the_most() {
        let mut distribution = Distribution::default();
        assert_eq!(distribution.quantile(0.5), 0.0);
        (1..=10_000).for_each(|value| distribution.add(f64::from(value)));
        for (share, exact) in [(0.5, 5_000.0), (0.9, 9_000.0), (0.999, 9_990.0)] {
            let found = distribution.quantile(share);
            assert!((exact..=exact * 1.25).contains(&found), "{share}: {found}");
        }
        assert_eq!(distribution.quantile(1.0), 10_000.0);
    }
}
