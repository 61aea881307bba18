//! What the client saw: one entry for each element, from its acceptance to its end.

use std::time::Duration;

/// Why an element failed, by name: the cause's kind, or Kafka's name of the error.
pub type Class = &'static str;

/// How an element ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has not.
    Open,
    /// It is said to be in the log.
    Acknowledged {
        /// In this partition.
        partition: i32,
        /// At this offset, where the broker knew it.
        offset: Option<i64>,
    },
    /// It is said not to be in the log, and never to be.
    NotWritten(Class),
    /// Nothing is said about the log.
    MaybeWritten(Class),
}

/// One element of a writer; its sequence number is its place in the writer's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// When the library took it, from the run's start.
    pub accepted: Duration,
    /// When its outcome was seen.
    pub ended: Duration,
    /// What became of it.
    pub outcome: Outcome,
}

/// Everything that the writers of a run did and saw.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The run's id, as the records carry it.
    pub run: u64,
    /// Each writer's elements, by sequence number.
    pub writers: Vec<Vec<Element>>,
    /// When it was taken: elements still open have been so until then.
    pub taken: Duration,
}
