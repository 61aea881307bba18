//! The topics of a null broker: every topic that is asked for exists.

use std::{collections::HashMap, sync::Arc};
use uuid::Uuid;

pub(super) struct Topic {
    pub(super) name: Arc<str>,
    pub(super) id: Uuid,
    /// The next offset of each partition.
    ends: Vec<i64>,
}

impl Topic {
    pub(super) fn partition_count(&self) -> i32 {
        i32::try_from(self.ends.len()).expect("was made from an i32")
    }

    /// Counts `records` into `partition`; `None` if there is no such partition.
    pub(super) fn append(&mut self, partition: i32, records: i32) -> Option<i64> {
        let end = self.ends.get_mut(usize::try_from(partition).ok()?)?;
        let base = *end;
        *end += i64::from(records);
        Some(base)
    }
}

/// All topics, by position, name and id.
pub(super) struct Topics {
    default_partitions: i32,
    all: Vec<Topic>,
    by_name: HashMap<Arc<str>, usize>,
}

impl Topics {
    pub(super) fn new(default_partitions: i32, named: &[(String, i32)]) -> Self {
        let mut topics = Self {
            default_partitions,
            all: Vec::new(),
            by_name: HashMap::new(),
        };
        for (name, partitions) in named {
            topics.create(name, *partitions);
        }
        topics
    }

    pub(super) fn all(&self) -> &[Topic] {
        &self.all
    }

    /// The topic's position; it is created if it is new.
    pub(super) fn position(&mut self, name: &str) -> usize {
        match self.by_name.get(name) {
            Some(&at) => at,
            None => self.create(name, self.default_partitions),
        }
    }

    pub(super) fn position_of_id(&self, id: Uuid) -> Option<usize> {
        let at = usize::try_from(id.as_u128().checked_sub(1)?).ok()?;
        (at < self.all.len()).then_some(at)
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Topic> {
        self.all.get_mut(at)
    }

    fn create(&mut self, name: &str, partitions: i32) -> usize {
        let at = self.all.len();
        let name: Arc<str> = name.into();
        // The position is in the id, so that a produce request by id needs no second map.
        let id = Uuid::from_u128(at as u128 + 1);
        let ends = vec![0; usize::try_from(partitions).unwrap_or(0)];
        self.all.push(Topic {
            name: Arc::clone(&name),
            id,
            ends,
        });
        self.by_name.insert(name, at);
        at
    }
}
