//! The numbers of a run.

use crate::history::{Class, Element, Outcome};
use std::{collections::BTreeMap, time::Duration};

/// What happened, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Elements that the library accepted.
    pub records: u64,
    /// Of these, acknowledged.
    pub acknowledged: u64,
    /// Failed as "not written", by class.
    pub not_written: BTreeMap<Class, u64>,
    /// Failed as "maybe written", by class.
    pub maybe_written: BTreeMap<Class, u64>,
    /// Of those, how many are in the log.
    pub maybe_in_log: u64,
    /// Records of the run in the log, copies included.
    pub in_log: u64,
    /// Second and later copies.
    pub duplicates: u64,
    /// The longest time without an acknowledgement in a partition while one was due.
    pub worst_stall: Duration,
}

impl Figures {
    /// How many failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        let sum = |classes: &BTreeMap<Class, u64>| classes.values().sum::<u64>();
        sum(&self.not_written) + sum(&self.maybe_written)
    }

    pub(super) fn count(&mut self, element: &Element, in_log: bool) {
        self.records += 1;
        match element.outcome {
            Outcome::Open => {}
            Outcome::Acknowledged { .. } => self.acknowledged += 1,
            Outcome::NotWritten(class) => *self.not_written.entry(class).or_default() += 1,
            Outcome::MaybeWritten(class) => {
                *self.maybe_written.entry(class).or_default() += 1;
                self.maybe_in_log += u64::from(in_log);
            }
        }
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.acknowledged += other.acknowledged;
        for (class, count) in &other.not_written {
            *self.not_written.entry(class).or_default() += count;
        }
        for (class, count) in &other.maybe_written {
            *self.maybe_written.entry(class).or_default() += count;
        }
        self.maybe_in_log += other.maybe_in_log;
        self.in_log += other.in_log;
        self.duplicates += other.duplicates;
        self.worst_stall = self.worst_stall.max(other.worst_stall);
    }
}
