//! What the application was told, against what the logs hold.

#[cfg(test)]
mod tests;

use super::history::{History, Id, Told};
use std::{collections::HashMap, fmt};

/// A log as a reader finds it in the end.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The topic, by number.
    pub topic: usize,
    /// The partition.
    pub partition: i32,
    /// Which of the topics that had the name one after the other.
    pub incarnation: usize,
    /// Offsets and records, in the log's order.
    pub entries: Vec<(i64, Id)>,
}

/// What a producer of some settings promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// An acknowledged record is in the log (`acks=all`).
    pub kept: bool,
    /// No record is in the log twice (idempotence).
    pub once: bool,
    /// A sender's acknowledged records keep their order in each partition.
    pub ordered: bool,
    /// And so do all others that are in the log: nothing of an older epoch can come late.
    pub fenced: bool,
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// Its kind.
    pub name: &'static str,
    /// What was seen.
    pub detail: String,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.detail)
    }
}

/// Where a record was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    log: usize,
    place: usize,
    offset: i64,
}

/// Compares; an empty list is the proof.
///
/// | name | what was seen |
/// |---|---|
/// | `hung` | nothing was ever told of a record |
/// | `told-twice` | two outcomes were told of a record |
/// | `alien` | a log holds a record that nobody sent, or that was sent to another topic |
/// | `ghost` | a record told "not written", or withdrawn, is in a log |
/// | `lost` | an acknowledged record is in no log |
/// | `misplaced` | an acknowledged record is not at the partition and offset that were told |
/// | `duplicate` | a record is in the logs more than once |
/// | `reorder` | a sender's records changed places within a partition |
/// | `refused-in-calm` | a record failed although nothing was broken |
/// | `stalled` | a record took long although nothing was broken |
#[must_use]
pub fn check(history: &History, logs: &[Log], promise: Promise) -> Vec<Anomaly> {
    let mut anomalies = Anomalies(Vec::new());
    let found = find(history, logs, &mut anomalies);
    for id in history.told_twice() {
        anomalies.add("told-twice", format!("record {id}"));
    }
    for (id, record) in history.records() {
        let places = found.get(&id).map_or(&[][..], Vec::as_slice);
        match record.told {
            Told::Open => anomalies.add("hung", format!("record {id} of sender {}", record.sender)),
            Told::NotWritten | Told::Withdrawn if !places.is_empty() => {
                anomalies.add("ghost", format!("record {id} was told {:?}", record.told));
            }
            Told::Acked { .. } if places.is_empty() && promise.kept => {
                anomalies.add("lost", format!("record {id} was told {:?}", record.told));
            }
            Told::Acked { partition, offset } if !places.is_empty() && promise.kept => {
                let is_it = |found: &&Found| {
                    logs[found.log].partition == partition
                        && offset.is_none_or(|offset| found.offset == offset)
                };
                if !places.iter().any(|found| is_it(&found)) {
                    let at = (logs[places[0].log].partition, places[0].offset);
                    anomalies.add(
                        "misplaced",
                        format!("record {id}: {:?}, found {at:?}", record.told),
                    );
                }
            }
            _ => {}
        }
        if promise.once && places.len() > 1 {
            let at: Vec<_> = places
                .iter()
                .map(|found| (logs[found.log].partition, found.offset))
                .collect();
            anomalies.add(
                "duplicate",
                format!("record {id} ({:?}) is at {at:?}", record.told),
            );
        }
        let took = record.told_at.saturating_sub(record.at);
        match (record.calm, record.told) {
            (None, _) | (_, Told::Open) => {}
            (Some(limit), Told::Acked { .. }) if took > limit => {
                anomalies.add("stalled", format!("record {id} took {took} us"));
            }
            (Some(_), Told::Acked { .. }) => {}
            (Some(_), told) => {
                anomalies.add("refused-in-calm", format!("record {id} was told {told:?}"));
            }
        }
    }
    if promise.ordered {
        check_order(history, logs, promise, &mut anomalies);
    }
    anomalies.0
}

fn find(history: &History, logs: &[Log], anomalies: &mut Anomalies) -> HashMap<Id, Vec<Found>> {
    let mut found: HashMap<Id, Vec<Found>> = HashMap::with_capacity(history.len());
    for (log, content) in logs.iter().enumerate() {
        for (place, (offset, id)) in content.entries.iter().enumerate() {
            match history.record(*id) {
                Some(record) if record.topic == content.topic => {
                    found.entry(*id).or_default().push(Found {
                        log,
                        place,
                        offset: *offset,
                    });
                }
                _ => anomalies.add("alien", format!("record {id} at offset {offset}")),
            }
        }
    }
    found
}

/// Records of one sender in one log: in the order of their first appearance, those that the promise
/// covers.
fn check_order(history: &History, logs: &[Log], promise: Promise, anomalies: &mut Anomalies) {
    for log in logs {
        let mut last: HashMap<u32, Id> = HashMap::new();
        let mut seen: std::collections::HashSet<Id> = std::collections::HashSet::new();
        for (offset, id) in &log.entries {
            let Some(record) = history.record(*id) else {
                continue;
            };
            if !seen.insert(*id) {
                continue;
            }
            if !promise.fenced && !matches!(record.told, Told::Acked { .. }) {
                continue;
            }
            let before = last.entry(record.sender).or_insert(*id);
            if *before > *id {
                anomalies.add(
                    "reorder",
                    format!(
                        "record {id} ({:?}) is at {}/{offset} behind record {before} of sender {}",
                        record.told, log.partition, record.sender
                    ),
                );
            }
            *before = (*before).max(*id);
        }
    }
}

/// Collects the first few of each kind.
struct Anomalies(Vec<Anomaly>);

impl Anomalies {
    fn add(&mut self, name: &'static str, detail: String) {
        if self.0.iter().filter(|known| known.name == name).count() < 3 {
            self.0.push(Anomaly { name, detail });
        }
    }
}
