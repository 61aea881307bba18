//! The choice of a partition: the record's own, its key's, or the sticky one.

use super::{
    Core,
    broker::Broker,
    murmur2::partition_of,
    partition::{Head, PartitionId},
};
use crate::{Cause, DeliveryError, RecordRef, Written};
use std::time::Instant;

impl Core {
    /// The partition for a record: the one it names, its key's, or the sticky one.
    #[inline]
    pub(super) fn choose(
        &mut self,
        topic: usize,
        record: &RecordRef<'_>,
        now: Instant,
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
            _ => self.sticky(topic, record, now),
        };
        Ok(self.topics[topic].partitions[number])
    }

    /// The partition for a record without a key (KIP-480): one until it has had `batch.size` bytes,
    /// then another, the busier ones less often (KIP-794).
    fn sticky(&mut self, topic: usize, record: &RecordRef<'_>, now: Instant) -> usize {
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
                let number = self.next_sticky(topic, now);
                let left = self.limits.batch.saturating_sub(size);
                self.topics[topic].sticky = Some((number, left));
                number
            }
        }
    }

    fn next_sticky(&mut self, topic: usize, now: Instant) -> usize {
        let partitions = &self.topics[topic].partitions;
        let behind = self.brokers_behind(now);
        let leader = |partition: &PartitionId| self.partitions[*partition].leader;
        let keeps_up = |partition: &PartitionId| {
            leader(partition).is_some_and(|broker| !behind.get(broker).is_some_and(|it| *it))
        };
        let any_led = partitions.iter().any(|it| leader(it).is_some());
        let any_keeps_up = partitions.iter().any(keeps_up);
        let is_open = |partition: &PartitionId| match (any_keeps_up, any_led) {
            (true, _) => keeps_up(partition),
            (false, true) => leader(partition).is_some(),
            (false, false) => true,
        };
        let queued: Vec<usize> = partitions
            .iter()
            .map(|partition| {
                if !self.config.partitioner_adaptive {
                    0
                } else if is_open(partition) {
                    self.partitions[*partition].queued_bytes() / self.limits.batch.max(1)
                } else {
                    usize::MAX
                }
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

    /// Which brokers have taken nothing for longer than `partitioner.availability.timeout.ms`, with
    /// something ready for them for as long; empty if that is off. What waits for an answer about
    /// itself, or for its back-off, says nothing about the broker.
    fn brokers_behind(&self, now: Instant) -> Vec<bool> {
        let patience = self.config.partitioner_availability_timeout;
        if patience.is_zero() || !self.config.partitioner_adaptive {
            return Vec::new();
        }
        let is_over = |since: Instant| since + patience < now;
        let linger = self.config.linger;
        let is_behind = |broker: &Broker| {
            let is_full = broker.unanswered.len() >= self.limits.per_broker;
            let waits = |partition: &PartitionId| {
                let p = &self.partitions[*partition];
                let can_go = matches!(
                    p.head(now, self.limits.per_partition),
                    Head::Closed(_) | Head::Open
                );
                (can_go || is_full) && p.unsent().is_some_and(|since| is_over(since + linger))
            };
            broker.drained.is_none_or(is_over) && broker.listed.iter().any(waits)
        };
        self.brokers.iter().map(is_behind).collect()
    }
}

/// What a record counts for before the sticky partition changes.
#[inline]
pub(super) fn sticky_size(record: &RecordRef<'_>) -> usize {
    record.value.map_or(0, <[u8]>::len) + record.key.map_or(0, <[u8]>::len) + 8
}
