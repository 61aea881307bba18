//! A batch that the broker finds too large becomes several.

use super::{
    Core,
    batch::{Batch, Body, Gather, ResultTo, Stamp},
    partition::{PartitionId, sequence_after},
};
use crate::{
    Cause, Header,
    batch::{self, Buffer, encode::Encode},
    sync::Mutex,
};
use bytes::Bytes;
use std::sync::Arc;

impl Core {
    /// Splits a batch in two. The parts stand where it stood, ahead of all behind it, and cover
    /// exactly its sequences under its identity, so nothing behind it has to change.
    pub(super) fn split(&mut self, partition: PartitionId, batch: Batch, cause: Cause) {
        let Some(halves) = encode_halves(&batch) else {
            // Its bytes are ours, so this would be a defect of the codec: nothing is made up.
            return self.fail(partition, batch, cause);
        };
        self.counters.splits += 1;
        self.note_again(partition, &batch, &cause);
        let (base, gather) = match &batch.result {
            ResultTo::Part { first, gather } => (*first, Arc::clone(gather)),
            ResultTo::Slot(slot) => {
                let told = Mutex::new((0, Vec::new()));
                (
                    0,
                    Arc::new(Gather {
                        slot: Arc::clone(slot),
                        count: batch.count,
                        told,
                    }),
                )
            }
        };
        self.partitions[partition].recovering = true;
        let mut first = 0;
        for (body, count) in halves {
            let no = self.next_batch;
            self.next_batch += 1;
            let stamp = batch.stamp.map(|stamp| Stamp {
                sequence: stamp
                    .sequence
                    .map(|(identity, sequence)| (identity, sequence_after(sequence, first))),
                ..stamp
            });
            // The first part carries what the whole held.
            let (credit, generation) = if first == 0 {
                (batch.credit, batch.generation)
            } else {
                // A flush that waits for the whole waits for all of it.
                (0, self.generations.enter_at(batch.generation))
            };
            let part = Batch {
                no,
                order: (batch.order.0, base + first),
                result: ResultTo::Part {
                    first: base + first,
                    gather: Arc::clone(&gather),
                },
                flows: batch.flows.clone(),
                body: Body::Compressing,
                count,
                base_timestamp: batch.base_timestamp,
                max_timestamp: batch.max_timestamp,
                created: batch.created,
                generation,
                credit,
                attempts: batch.attempts,
                unproven: batch.unproven,
                stamp,
                last_error: Some(cause.clone()),
                expired: false,
                hurried: true,
            };
            let p = &mut self.partitions[partition];
            let at = p.queue.partition_point(|queued| queued.order < part.order);
            p.queue.insert(at, part);
            if self.limits.compressing {
                let job = super::CompressJob {
                    partition,
                    no,
                    input: body,
                };
                self.effects.compress.push(job);
            } else if let Some(part) = p.queue.get_mut(at) {
                part.body = Body::Sealed {
                    bytes: Arc::new(body),
                    codec: 0,
                };
            }
            first += count;
        }
    }
}

/// The two halves of a batch's records, each encoded as a batch of its own.
fn encode_halves(batch: &Batch) -> Option<[(Buffer, u32); 2]> {
    let Body::Sealed { bytes, codec } = &batch.body else {
        return None;
    };
    let sent = batch::Batch {
        header: super::drain::header(batch, *codec),
        body: Bytes::copy_from_slice(bytes),
    };
    let records = sent.records().ok()?;
    let (front, back) = records.split_at(records.len() / 2);
    let encode = |half: &[batch::DecodedRecord]| {
        let mut out = Vec::new();
        for (at, record) in half.iter().enumerate() {
            let headers: Vec<Header> = record
                .headers
                .iter()
                .map(|(key, value)| Header {
                    key: key.clone().into(),
                    value: value.clone(),
                })
                .collect();
            let encode = Encode::new(
                at as i32,
                record.timestamp.wrapping_sub(batch.base_timestamp),
                record.key.as_deref(),
                record.value.as_deref(),
                &headers,
            );
            encode.append_to(&mut out);
        }
        (Buffer::from(out), half.len() as u32)
    };
    (!front.is_empty()).then(|| [encode(front), encode(back)])
}
