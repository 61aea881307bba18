//! The choice of a partition: the record's own, its key's, or the sticky one.

use super::{Core, murmur2::partition_of, partition::PartitionId};
use crate::{Cause, DeliveryError, RecordRef, Written};

impl Core {
    /// The partition for a record: the one it names, its key's, or the sticky one.
    #[inline]
    pub(super) fn choose(
        &mut self,
        topic: usize,
        record: &RecordRef<'_>,
    ) -> Result<PartitionId, DeliveryError> {
        let count = self.topics[topic].partitions.len();
        let number = match (record.partition, record.key) {
            (Some(number), _) if (0..count as i32).contains(&number) => number as usize,
            (Some(number), _) => {
                let cause = Cause::UnknownPartition {
                    count: count as i32,
                };
                self.counters.refused(1);
                let name = &self.topics[topic].name;
                return Err(DeliveryError::new(
                    name,
                    Some(number),
                    Written::No,
                    cause,
                    0,
                ));
            }
            (None, Some(key)) if !self.config.partitioner_ignore_keys => {
                partition_of(key, count as i32) as usize
            }
            _ => self.sticky(topic, record),
        };
        Ok(self.topics[topic].partitions[number])
    }

    /// The partition for a record without a key (KIP-480): one until it has had `batch.size` bytes,
    /// then another, the busier ones less often (KIP-794).
    fn sticky(&mut self, topic: usize, record: &RecordRef<'_>) -> usize {
        let size = sticky_size(record);
        let state = &mut self.topics[topic];
        if state.partitions.len() == 1 {
            return 0;
        }
        match &mut state.sticky {
            Some((number, left)) if *left > 0 && *number < state.partitions.len() => {
                *left = left.saturating_sub(size);
                *number
            }
            _ => {
                let number = self.next_sticky(topic);
                let left = self.limits.batch.saturating_sub(size);
                self.topics[topic].sticky = Some((number, left));
                number
            }
        }
    }

    fn next_sticky(&mut self, topic: usize) -> usize {
        let partitions = &self.topics[topic].partitions;
        let led = |partition: &&PartitionId| self.partitions[**partition].leader.is_some();
        let any_led = partitions.iter().any(|partition| led(&partition));
        let queued: Vec<usize> = partitions
            .iter()
            .map(|partition| match led(&partition) {
                _ if !self.config.partitioner_adaptive => 0,
                false if any_led => usize::MAX,
                _ => self.partitions[*partition].queued_bytes() / self.limits.batch.max(1),
            })
            .collect();
        let most = queued
            .iter()
            .filter(|queued| **queued < usize::MAX)
            .max()
            .copied()
            .unwrap_or(0);
        let weight = |queued: &usize| match *queued {
            usize::MAX => 0,
            queued => most + 1 - queued,
        };
        let mut ticket = self
            .rng
            .usize(..queued.iter().map(weight).sum::<usize>().max(1));
        queued
            .iter()
            .position(|queued| match ticket.checked_sub(weight(queued)) {
                Some(rest) => {
                    ticket = rest;
                    false
                }
                None => true,
            })
            .unwrap_or(0)
    }
}

/// What a record counts for before the sticky partition changes.
#[inline]
pub(super) fn sticky_size(record: &RecordRef<'_>) -> usize {
    record.value.map_or(0, <[u8]>::len) + record.key.map_or(0, <[u8]>::len) + 8
}
