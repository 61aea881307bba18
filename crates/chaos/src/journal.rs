//! The history while it is made: writers enter what they do, scenarios look on.

use crate::history::{Element, History, Outcome};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// What the writers of a run enter.
#[derive(Debug)]
pub struct Journal {
    run: u64,
    began: Instant,
    writers: Vec<Mutex<Page>>,
}

#[derive(Debug, Default)]
struct Page {
    elements: Vec<Element>,
    open: usize,
    /// Everything before this has ended.
    first_open: usize,
    acknowledged: usize,
    /// When the youngest acknowledged element was accepted.
    fresh: Option<Duration>,
    /// How the writer's stream ended, if it ended by an error.
    broken: Option<String>,
}

/// A writer's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Elements accepted.
    pub accepted: usize,
    /// Elements without an outcome.
    pub open: usize,
    /// For how long the oldest of them has been open.
    pub oldest_open: Duration,
    /// Elements acknowledged.
    pub acknowledged: usize,
    /// When the youngest acknowledged element was accepted.
    pub fresh: Option<Duration>,
    /// How its stream ended, if it ended by an error.
    pub broken: Option<String>,
}

impl Journal {
    /// For a run with so many writers.
    #[must_use]
    pub fn new(run: u64, writers: usize) -> Self {
        Self {
            run,
            began: Instant::now(),
            writers: (0..writers).map(|_| Mutex::default()).collect(),
        }
    }

    /// The run's id.
    #[must_use]
    pub fn run(&self) -> u64 {
        self.run
    }

    /// The time since the run's start.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// A writer hands an element over: its sequence number.
    pub fn accept(&self, writer: u32) -> u32 {
        let now = self.now();
        let mut page = self.page(writer);
        let seq = page.elements.len();
        page.elements.push(Element {
            accepted: now,
            ended: now,
            outcome: Outcome::Open,
        });
        page.open += 1;
        // Four billion records are months at the rate of a run.
        seq as u32
    }

    /// An element's outcome was seen.
    pub fn end(&self, writer: u32, seq: u32, outcome: Outcome) {
        let now = self.now();
        let mut page = self.page(writer);
        let element = &mut page.elements[seq as usize];
        element.ended = now;
        element.outcome = outcome;
        let accepted = element.accepted;
        page.open -= 1;
        if matches!(outcome, Outcome::Acknowledged { .. }) {
            page.acknowledged += 1;
            page.fresh = page.fresh.max(Some(accepted));
        }
    }

    /// Whoever waited for a writer's open elements is gone: how many there were.
    pub fn end_open(&self, writer: u32, outcome: Outcome) -> usize {
        let open: Vec<u32> = (0..)
            .zip(&self.page(writer).elements)
            .filter(|(_, element)| element.outcome == Outcome::Open)
            .map(|(seq, _)| seq)
            .collect();
        open.iter().for_each(|seq| self.end(writer, *seq, outcome));
        open.len()
    }

    /// A writer's stream ended by an error.
    pub fn broke(&self, writer: u32, error: impl Into<String>) {
        self.page(writer).broken = Some(error.into());
    }

    /// How far each writer is.
    #[must_use]
    pub fn progress(&self) -> Vec<Progress> {
        (0..self.writers.len() as u32)
            .map(|writer| {
                let now = self.now();
                let mut page = self.page(writer);
                let ended = page.elements[page.first_open..]
                    .iter()
                    .take_while(|element| element.outcome != Outcome::Open)
                    .count();
                page.first_open += ended;
                let oldest = page.elements.get(page.first_open);
                Progress {
                    accepted: page.elements.len(),
                    open: page.open,
                    oldest_open: oldest
                        .map_or(Duration::ZERO, |it| now.saturating_sub(it.accepted)),
                    acknowledged: page.acknowledged,
                    fresh: page.fresh,
                    broken: page.broken.clone(),
                }
            })
            .collect()
    }

    /// Everything so far.
    #[must_use]
    pub fn history(&self) -> History {
        let writers = 0..self.writers.len() as u32;
        History {
            run: self.run,
            writers: writers
                .map(|writer| self.page(writer).elements.clone())
                .collect(),
            taken: self.now(),
        }
    }

    fn page(&self, writer: u32) -> MutexGuard<'_, Page> {
        let page = &self.writers[writer as usize];
        page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
