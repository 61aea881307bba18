//! What a partition remembers of its producers: Kafka's idempotence rules.

use super::code;
use std::collections::HashMap;

/// How many of a producer's last batches can be recognised when they come again.
const CACHED_BATCHES: usize = 5;

/// All producers of one partition, by id.
#[derive(Debug, Default)]
pub(super) struct Producers {
    entries: HashMap<i64, Entry>,
}

/// Who wrote a batch, and where it stands in that producer's sequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub(super) producer_id: i64,
    pub(super) epoch: i16,
    pub(super) base_sequence: i32,
    pub(super) last_offset_delta: i32,
    pub(super) timestamp: i64,
}

/// A batch that a producer wrote earlier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cached {
    last_sequence: i32,
    last_offset_delta: i32,
    pub(super) base_offset: i64,
    pub(super) timestamp: i64,
}

#[derive(Debug)]
struct Entry {
    epoch: i16,
    last_timestamp: i64,
    /// Of this epoch only, oldest first, never empty.
    batches: Vec<Cached>,
}

impl Producers {
    /// Whether the batch may be appended: `Ok(None)`. One that is remembered is `Ok(Some(_))`.
    pub(super) fn check(&self, stamp: &Stamp) -> Result<Option<Cached>, i16> {
        let Some(entry) = self.entries.get(&stamp.producer_id) else {
            // Its state may have expired, so a broker takes any sequence from an unknown producer.
            return Ok(None);
        };
        if stamp.epoch == entry.epoch
            && let Some(duplicate) = entry.batches.iter().find(|cached| cached.is(stamp))
        {
            return Ok(Some(*duplicate));
        }
        if stamp.epoch < entry.epoch {
            return Err(code::INVALID_PRODUCER_EPOCH);
        }
        let expected = match entry.batches.last() {
            Some(last) if stamp.epoch == entry.epoch => after(last.last_sequence, 1),
            _ => 0,
        };
        if stamp.base_sequence == expected {
            Ok(None)
        } else {
            Err(code::OUT_OF_ORDER_SEQUENCE_NUMBER)
        }
    }

    /// Remembers a batch that was appended at `base_offset`.
    pub(super) fn remember(&mut self, stamp: &Stamp, base_offset: i64) {
        let entry = self
            .entries
            .entry(stamp.producer_id)
            .or_insert_with(|| Entry {
                epoch: stamp.epoch,
                last_timestamp: stamp.timestamp,
                batches: Vec::with_capacity(CACHED_BATCHES),
            });
        if entry.epoch != stamp.epoch {
            entry.epoch = stamp.epoch;
            entry.batches.clear();
        }
        if entry.batches.len() == CACHED_BATCHES {
            entry.batches.remove(0);
        }
        entry.last_timestamp = stamp.timestamp;
        entry.batches.push(Cached {
            last_sequence: stamp.last_sequence(),
            last_offset_delta: stamp.last_offset_delta,
            base_offset,
            timestamp: stamp.timestamp,
        });
    }

    /// Forgets the producers whose last batch is that old.
    pub(super) fn expire(&mut self, now: i64, expiration_ms: i64) {
        self.entries
            .retain(|_, entry| now.saturating_sub(entry.last_timestamp) < expiration_ms);
    }

    pub(super) fn forget(&mut self, producer_id: i64) -> bool {
        self.entries.remove(&producer_id).is_some()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// As after a restart from a snapshot, which holds one batch per producer.
    pub(super) fn keep_last_batches(&mut self) {
        for entry in self.entries.values_mut() {
            let older = entry.batches.len().saturating_sub(1);
            entry.batches.drain(..older);
        }
    }
}

impl Stamp {
    fn last_sequence(&self) -> i32 {
        after(self.base_sequence, self.last_offset_delta)
    }
}

impl Cached {
    /// Only the very same range is a duplicate: half of one is out of order.
    fn is(&self, stamp: &Stamp) -> bool {
        self.last_sequence == stamp.last_sequence()
            && self.last_offset_delta == stamp.last_offset_delta
    }
}

/// `steps` sequence numbers on: 0 follows `i32::MAX`.
fn after(sequence: i32, steps: i32) -> i32 {
    sequence.wrapping_add(steps) & i32::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(epoch: i16, base_sequence: i32, count: i32) -> Stamp {
        let last_offset_delta = count - 1;
        Stamp {
            producer_id: 9,
            epoch,
            base_sequence,
            last_offset_delta,
            timestamp: 1_000,
        }
    }

    /// The base offset if it was a duplicate, else `None` after remembering it at `offset`.
    fn write(producers: &mut Producers, stamp: Stamp, offset: i64) -> Result<Option<i64>, i16> {
        let duplicate = producers.check(&stamp)?;
        if duplicate.is_none() {
            producers.remember(&stamp, offset);
        }
        Ok(duplicate.map(|cached| cached.base_offset))
    }

    #[test]
    fn takes_any_first_sequence_from_an_unknown_producer() {
        let mut producers = Producers::default();
        assert_eq!(write(&mut producers, stamp(3, 77, 2), 0), Ok(None));
        assert_eq!(write(&mut producers, stamp(3, 79, 1), 2), Ok(None));
    }

    #[test]
    fn finds_the_last_five_batches_and_no_older_one() {
        let mut producers = Producers::default();
        for n in 0..6 {
            assert_eq!(
                write(&mut producers, stamp(0, n * 10, 10), i64::from(n) * 10),
                Ok(None)
            );
        }
        for n in 1..6 {
            let offset = i64::from(n) * 10;
            assert_eq!(
                write(&mut producers, stamp(0, n * 10, 10), 0),
                Ok(Some(offset))
            );
        }
        let oldest = write(&mut producers, stamp(0, 0, 10), 0);
        assert_eq!(oldest, Err(code::OUT_OF_ORDER_SEQUENCE_NUMBER));
    }

    #[test]
    fn refuses_half_of_a_batch_that_it_has() {
        let mut producers = Producers::default();
        write(&mut producers, stamp(0, 0, 10), 0).expect("unknown producer");
        for half in [stamp(0, 0, 5), stamp(0, 5, 5), stamp(0, 5, 10)] {
            let refused = write(&mut producers, half, 10);
            assert_eq!(refused, Err(code::OUT_OF_ORDER_SEQUENCE_NUMBER), "{half:?}");
        }
    }

    #[test]
    fn a_new_epoch_begins_at_zero_and_shuts_the_old_one_out() {
        let mut producers = Producers::default();
        write(&mut producers, stamp(0, 0, 3), 0).expect("unknown producer");
        let refused = write(&mut producers, stamp(1, 3, 1), 3);
        assert_eq!(refused, Err(code::OUT_OF_ORDER_SEQUENCE_NUMBER));
        assert_eq!(write(&mut producers, stamp(1, 0, 3), 3), Ok(None));
        let old = write(&mut producers, stamp(0, 0, 3), 6);
        assert_eq!(old, Err(code::INVALID_PRODUCER_EPOCH));
    }

    #[test]
    fn sequences_wrap_to_zero_inside_and_between_batches() {
        let mut producers = Producers::default();
        write(&mut producers, stamp(0, i32::MAX - 4, 5), 0).expect("unknown producer");
        assert_eq!(write(&mut producers, stamp(0, 0, 1), 5), Ok(None));
        producers.clear();
        write(&mut producers, stamp(0, i32::MAX - 1, 4), 0).expect("unknown producer");
        assert_eq!(
            write(&mut producers, stamp(0, i32::MAX - 1, 4), 0),
            Ok(Some(0))
        );
        assert_eq!(write(&mut producers, stamp(0, 2, 1), 4), Ok(None));
    }

    #[test]
    fn expires_by_the_timestamps_of_the_records() {
        let mut producers = Producers::default();
        write(&mut producers, stamp(0, 0, 1), 0).expect("unknown producer");
        producers.expire(1_099, 100);
        assert!(write(&mut producers, stamp(0, 7, 1), 1).is_err());
        producers.expire(1_100, 100);
        assert_eq!(write(&mut producers, stamp(0, 7, 1), 1), Ok(None));
    }

    #[test]
    fn a_snapshot_keeps_only_the_last_batch() {
        let mut producers = Producers::default();
        write(&mut producers, stamp(0, 0, 1), 0).expect("unknown producer");
        write(&mut producers, stamp(0, 1, 1), 1).expect("in sequence");
        producers.keep_last_batches();
        assert!(write(&mut producers, stamp(0, 0, 1), 2).is_err());
        assert_eq!(write(&mut producers, stamp(0, 1, 1), 2), Ok(Some(1)));
    }
}
