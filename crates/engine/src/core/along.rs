//! The records behind one that go the same way: what most of a chunk runs through.

use super::{Core, batch::Body, choose::sticky_size, partition::PartitionId};
use crate::{RecordRef, Topic, batch::HEADER_LEN};

impl Core {
    /// Appends the first of `records` to the open batch of `partition`, which has just taken the
    /// record before them: as many as are for the same partition by a look at each alone, find room
    /// as it is, and reach no size at which the batch is looked at again. Says how many.
    pub(super) fn put_along(
        &mut self,
        topic: usize,
        partition: PartitionId,
        name: &Topic,
        records: &[RecordRef<'_>],
    ) -> u32 {
        let ignores_keys = self.config.partitioner_ignore_keys;
        let p = &mut self.partitions[partition];
        let Some(batch) = &mut p.open else { return 0 };
        let Body::Open(buffer) = &batch.body else {
            return 0;
        };
        let state = &mut self.topics[topic];
        let only = state.partitions.len() == 1;
        let mut none = 0;
        let sticky_left = match &mut state.sticky {
            Some((number, left)) if *number as i32 == p.index => left,
            _ => &mut none,
        };
        let largest = p.most.min(p.check_at.saturating_sub(1));
        let most = largest.saturating_sub(HEADER_LEN).min(buffer.size());
        let mut len = buffer.len();
        let mut count = 0;
        for record in records {
            let encode = batch.encode(record);
            len += encode.encoded_len();
            if len > most || !record.topic.is_same(name) {
                break;
            }
            match (record.partition, record.key) {
                (Some(number), _) if number == p.index => {}
                (None, _) if only => {}
                (None, key) if *sticky_left > 0 && (key.is_none() || ignores_keys) => {
                    *sticky_left = sticky_left.saturating_sub(sticky_size(record));
                }
                _ => break,
            }
            batch.push(&encode, record.timestamp);
            count += 1;
        }
        count
    }
}
