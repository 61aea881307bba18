//! Judges a history against the log: pure, one record at a time.

mod figures;
mod times;

pub use figures::Figures;

use crate::{
    history::{Class, History, Outcome},
    value::Value,
};
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    time::Duration,
};

/// Something that must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Acknowledged, and not in the log.
    Lost,
    /// One value at two offsets.
    Duplicate,
    /// Two records of a writer stand in a partition in the other order.
    Reorder,
    /// The acknowledgement said one place, the log says another.
    InconsistentOffset,
    /// In the log although it was said not to be written.
    WrittenAlthoughNot,
    /// No outcome by the bound.
    Hung,
    /// No acknowledgement for longer than the bound, although some were due.
    Stall,
    /// A record that nobody wrote, or a damaged one.
    UnexpectedRecord,
    /// It failed in a way that the scenario does not allow.
    WrongClass,
}

impl Kind {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Duplicate => "duplicate",
            Self::Reorder => "reorder",
            Self::InconsistentOffset => "inconsistent-offset",
            Self::WrittenAlthoughNot => "written-although-not",
            Self::Hung => "hung",
            Self::Stall => "stall",
            Self::UnexpectedRecord => "unexpected-record",
            Self::WrongClass => "wrong-class",
        }
    }
}

/// An anomaly and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// Which one.
    pub kind: Kind,
    /// Where, in words.
    pub detail: String,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.detail)
    }
}

/// What a run allows.
#[derive(Clone, Debug)]
pub struct Rules {
    /// No duplicates, and everything in the log in order. Without: duplicates are counted, and the
    /// first copies of acknowledged records are in order.
    pub idempotent: bool,
    /// The longest time without an acknowledgement; `None` where there is no bound.
    pub stall: Option<Duration>,
    /// Every element has ended by this time after it was accepted.
    pub hung: Duration,
    /// The classes that elements may fail with.
    pub failures: Vec<Class>,
}

impl Rules {
    /// At most so long without an acknowledgement.
    #[must_use]
    pub fn stall(mut self, bound: Duration) -> Self {
        self.stall = Some(bound);
        self
    }

    /// Elements may fail in these ways.
    #[must_use]
    pub fn failing(mut self, classes: &[Class]) -> Self {
        self.failures.extend(classes);
        self
    }

    /// Every element has ended by this time after it was accepted.
    #[must_use]
    pub fn hung(mut self, bound: Duration) -> Self {
        self.hung = bound;
        self
    }
}

/// What the checker found.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The first anomalies of each kind.
    pub anomalies: Vec<Anomaly>,
    /// How many of each kind there are.
    pub counts: BTreeMap<Kind, u64>,
    /// The numbers of the run.
    pub figures: Figures,
}

/// How many anomalies of a kind are told in detail.
const TOLD: u64 = 5;

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.counts.is_empty()
    }

    /// Puts two runs of one scenario together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.anomalies.extend(other.anomalies);
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
        self.figures.add(&other.figures);
        self
    }

    /// Adds an anomaly that was seen elsewhere than in the history.
    pub fn note(&mut self, kind: Kind, detail: impl Into<String>) {
        self.flag(kind, || detail.into());
    }

    fn flag(&mut self, kind: Kind, detail: impl FnOnce() -> String) {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        if *count <= TOLD {
            self.anomalies.push(Anomaly {
                kind,
                detail: detail(),
            });
        }
    }
}

/// Takes the log's records, partition by partition in order of offset, and judges them.
#[derive(Debug)]
pub struct Checker<'a> {
    history: &'a History,
    rules: Rules,
    /// Where each element was seen first.
    seen: Vec<Vec<Option<Place>>>,
    /// The last record of each writer in each partition.
    last: HashMap<(usize, i32), (u32, i64)>,
    verdict: Verdict,
}

type Place = (i32, i64);

impl<'a> Checker<'a> {
    /// A checker of one run.
    #[must_use]
    pub fn new(history: &'a History, rules: Rules) -> Self {
        let seen = history.writers.iter().map(|it| vec![None; it.len()]);
        Self {
            history,
            rules,
            seen: seen.collect(),
            last: HashMap::new(),
            verdict: Verdict::default(),
        }
    }

    /// The next record of a partition.
    pub fn record(&mut self, partition: i32, offset: i64, value: Option<&[u8]>) {
        let known = value.ok_or("no value").and_then(|bytes| self.known(bytes));
        let (writer, seq) = match known {
            Ok(known) => known,
            Err(wrong) => {
                let detail = || format!("{partition}@{offset}: {wrong}");
                return self.verdict.flag(Kind::UnexpectedRecord, detail);
            }
        };
        self.verdict.figures.in_log += 1;
        let at = seq as usize;
        if let Some(first) = self.seen[writer][at] {
            self.verdict.figures.duplicates += 1;
            if self.rules.idempotent {
                let detail = || {
                    let (there, before) = first;
                    format!("writer {writer} #{seq}: {there}@{before} and {partition}@{offset}")
                };
                self.verdict.flag(Kind::Duplicate, detail);
            }
            self.learn_place(writer, at, (partition, offset));
            return;
        }
        self.seen[writer][at] = Some((partition, offset));
        self.check_order(writer, seq, (partition, offset));
        if let Outcome::NotWritten(class) = self.history.writers[writer][at].outcome {
            let detail = || format!("writer {writer} #{seq} ({class}): {partition}@{offset}");
            self.verdict.flag(Kind::WrittenAlthoughNot, detail);
        }
    }

    /// Of several copies the one that the acknowledgement named is the one to compare with.
    fn learn_place(&mut self, writer: usize, at: usize, place: Place) {
        let said = self.history.writers[writer][at].outcome;
        if said == acknowledged_at(place) {
            self.seen[writer][at] = Some(place);
        }
    }

    fn known(&self, bytes: &[u8]) -> Result<(usize, u32), &'static str> {
        let value = Value::decode(bytes)?;
        if value.run != self.history.run {
            return Err("another run's");
        }
        let writer = value.writer as usize;
        let elements = self.history.writers.get(writer).ok_or("no such writer")?;
        match elements.get(value.seq as usize) {
            Some(_) => Ok((writer, value.seq)),
            None => Err("never accepted"),
        }
    }

    fn check_order(&mut self, writer: usize, seq: u32, (partition, offset): Place) {
        let outcome = self.history.writers[writer][seq as usize].outcome;
        if !self.rules.idempotent && !matches!(outcome, Outcome::Acknowledged { .. }) {
            // It may have been given up and have come late: nothing was promised of it.
            return;
        }
        let last = self
            .last
            .entry((writer, partition))
            .or_insert((seq, offset));
        let (before, there) = *last;
        if before > seq {
            let detail =
                || format!("writer {writer}: #{before} {partition}@{there}, then #{seq} @{offset}");
            self.verdict.flag(Kind::Reorder, detail);
        } else {
            *last = (seq, offset);
        }
    }

    /// All was read: judges what is missing, what took too long, and how things failed.
    #[must_use]
    pub fn finish(mut self) -> Verdict {
        for (writer, elements) in self.history.writers.iter().enumerate() {
            for (seq, element) in elements.iter().enumerate() {
                let found = self.seen[writer][seq];
                self.verdict.figures.count(element, found.is_some());
                self.check_place(writer, seq, element.outcome, found);
                self.check_end(writer, seq);
            }
        }
        self.check_stalls();
        self.verdict
    }

    fn check_place(&mut self, writer: usize, seq: usize, said: Outcome, found: Option<Place>) {
        let Outcome::Acknowledged { partition, offset } = said else {
            return;
        };
        match found {
            None => {
                let detail = || format!("writer {writer} #{seq}: {partition}@{offset:?}");
                self.verdict.flag(Kind::Lost, detail);
            }
            Some((there, at)) if there != partition || offset.is_some_and(|said| said != at) => {
                let detail = || {
                    format!("writer {writer} #{seq}: said {partition}@{offset:?}, is {there}@{at}")
                };
                self.verdict.flag(Kind::InconsistentOffset, detail);
            }
            Some(_) => {}
        }
    }

    fn check_end(&mut self, writer: usize, seq: usize) {
        let element = &self.history.writers[writer][seq];
        let (ended, how) = match element.outcome {
            Outcome::Open => (self.history.taken, "is open"),
            _ => (element.ended, "ended"),
        };
        let took = ended.saturating_sub(element.accepted);
        if element.outcome == Outcome::Open || took > self.rules.hung {
            let detail = || format!("writer {writer} #{seq} {how} after {took:?}");
            self.verdict.flag(Kind::Hung, detail);
        }
        let class = match element.outcome {
            Outcome::NotWritten(class) | Outcome::MaybeWritten(class) => class,
            Outcome::Open | Outcome::Acknowledged { .. } => return,
        };
        if !self.rules.failures.contains(&class) {
            let detail = || format!("writer {writer} #{seq} failed with {class}");
            self.verdict.flag(Kind::WrongClass, detail);
        }
    }

    fn check_stalls(&mut self) {
        for (writer, elements) in self.history.writers.iter().enumerate() {
            for stall in times::stalls(elements) {
                let figures = &mut self.verdict.figures;
                figures.worst_stall = figures.worst_stall.max(stall.lasted);
                if self.rules.stall.is_some_and(|bound| stall.lasted > bound) {
                    let detail = || {
                        format!(
                            "writer {writer}, partition {}: {:?} without an acknowledgement, at {:?}",
                            stall.partition, stall.lasted, stall.ended
                        )
                    };
                    self.verdict.flag(Kind::Stall, detail);
                }
            }
        }
    }
}

fn acknowledged_at((partition, offset): Place) -> Outcome {
    Outcome::Acknowledged {
        partition,
        offset: Some(offset),
    }
}
