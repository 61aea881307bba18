//! Counters under Kafka's metric names.

use std::collections::BTreeMap;

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
