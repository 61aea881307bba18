//! Single sends that a partitioner of the user's has to be asked about after they were accepted,
//! because their topic was not known then.
//!
//! The partitioner runs off the lock. Meanwhile the records stay in their topic's waiting room, and
//! whatever is sent to the topic after them goes there too: so the order of the calls is kept.

use super::{Core, slot::Slot, topic::StagedRecord};
use crate::{DeliveryError, RecordRef, Topic};
use std::{sync::Arc, time::Instant};

/// A partition for a record, or why there is none.
pub type Choice = Result<i32, DeliveryError>;

/// Records to choose partitions for: the answer is [`Core::chosen`].
#[derive(Debug)]
pub struct ChoiceJob {
    topic: usize,
    name: Topic,
    count: i32,
    /// Whose waiting room they are in: they may be gone from it when the answer comes.
    slot: Arc<Slot>,
    records: Vec<Arc<StagedRecord>>,
}

impl ChoiceJob {
    /// Asks for each record that names no partition, in order.
    #[must_use]
    pub fn choices(&self, mut ask: impl FnMut(&RecordRef<'_>, i32) -> Choice) -> Vec<Choice> {
        let records = self.records.iter().map(|record| {
            let record = record.to_ref(&self.name);
            match record.partition {
                Some(named) => Ok(named),
                None => ask(&record, self.count),
            }
        });
        records.collect()
    }
}

impl Core {
    /// The same, with a partitioner of the user's that is asked through [`ChoiceJob`]s.
    #[must_use]
    pub fn asking(mut self) -> Self {
        self.asks = true;
        self
    }

    /// The partitioner's answers to a job, in its order.
    pub fn chosen(&mut self, job: &ChoiceJob, choices: Vec<Choice>, now: Instant) {
        let staged = &mut self.topics[job.topic].staged;
        // What failed meanwhile needs no partition.
        let Some(staged) = staged
            .as_mut()
            .filter(|staged| Arc::ptr_eq(&staged.slot, &job.slot))
        else {
            return;
        };
        staged.chosen.extend(choices);
        staged.asking = false;
        self.place_or_ask(job.topic, now);
        self.hand_on(now);
    }

    /// A topic is known: the records that waited for it get their partitions, or have them chosen
    /// first.
    pub(super) fn place_or_ask(&mut self, topic: usize, now: Instant) {
        if self.asks {
            self.ask_partitioner(topic);
        }
        if let Some(staged) = self.topics[topic].staged.take_if(|staged| !staged.asking) {
            self.place_staged(topic, staged, now);
        }
    }

    /// Has the partitioner asked about the records of a topic's waiting room that it did not see
    /// yet, if any of them needs it; one job at a time.
    ///
    /// Once the topic is known callers ask before they send, so the jobs come to an end.
    pub(super) fn ask_partitioner(&mut self, topic: usize) {
        let state = &mut self.topics[topic];
        let Some(staged) = &mut state.staged else {
            return;
        };
        let unseen = &staged.records[staged.chosen.len()..];
        if staged.asking || unseen.iter().all(|record| record.partition.is_some()) {
            return;
        }
        staged.asking = true;
        self.effects.choose.push(ChoiceJob {
            topic,
            name: state.name.clone(),
            count: state.partitions.len() as i32,
            slot: Arc::clone(&staged.slot),
            records: unseen.to_vec(),
        });
    }
}
