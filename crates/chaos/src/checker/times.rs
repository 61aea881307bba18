//! How long acknowledgements stayed away.

use crate::history::{Element, Outcome};
use std::{collections::HashMap, time::Duration};

/// A time without acknowledgements in a partition while some were due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stall {
    pub(super) partition: i32,
    pub(super) lasted: Duration,
    pub(super) ended: Duration,
}

/// The longest stall of each partition: from the acknowledgement before, or from the acceptance of
/// the element where nothing was due then, to the next acknowledgement.
pub(super) fn stalls(elements: &[Element]) -> impl Iterator<Item = Stall> {
    let mut worst: HashMap<i32, Stall> = HashMap::new();
    let mut last: HashMap<i32, Duration> = HashMap::new();
    // Elements of one partition end in the order in which they were accepted.
    for element in elements {
        let Outcome::Acknowledged { partition, .. } = element.outcome else {
            continue;
        };
        let before = last.insert(partition, element.ended);
        let due = before.map_or(element.accepted, |before| before.max(element.accepted));
        let lasted = element.ended.saturating_sub(due);
        let stall = Stall {
            partition,
            lasted,
            ended: element.ended,
        };
        let longest = worst.entry(partition).or_insert(stall);
        if longest.lasted < lasted {
            *longest = stall;
        }
    }
    worst.into_values()
}
