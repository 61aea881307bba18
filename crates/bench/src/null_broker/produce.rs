//! Skims a Produce request (v3 to v13) and writes its answer in the same pass.

use super::{
    skim::{Skimmer, malformed},
    topics::Topics,
};
use kafka_protocol::error::ResponseError;
use std::{
    io::{self, Read},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use uuid::Uuid;

/// From the start of a record batch to its first record.
const BATCH_HEADER: usize = 61;
const RECORD_COUNT_AT: usize = 57;

/// What came in, since the start.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) requests: AtomicU64,
    pub(super) batches: AtomicU64,
    pub(super) records: AtomicU64,
    pub(super) batch_bytes: AtomicU64,
}

/// Reads the request's body; the answer's body is appended to `reply`. False: the client wants no
/// answer.
pub(super) fn produce<R: Read>(
    skim: &mut Skimmer<'_, R>,
    version: i16,
    topics: &Mutex<Topics>,
    counters: &Counters,
    reply: &mut Vec<u8>,
) -> io::Result<bool> {
    let flexible = version >= 9;
    let wire = Wire { flexible };
    if let Some(length) = wire.string_length(skim)? {
        skim.skip(length)?; // transactional id
    }
    let acks = skim.i16()?;
    skim.skip(4)?; // time-out
    let topic_count = wire.array_length(skim)?;
    wire.put_array_length(reply, topic_count);
    for _ in 0..topic_count {
        let topic = if version >= 13 {
            let id: [u8; 16] = skim.take()?;
            reply.extend_from_slice(&id);
            lock(topics).position_of_id(Uuid::from_bytes(id))
        } else {
            let length = wire
                .string_length(skim)?
                .ok_or_else(|| malformed("topic without a name"))?;
            let name = skim.take_vec(length)?;
            wire.put_string(reply, &name);
            let name = std::str::from_utf8(&name).map_err(|_| malformed("topic is not UTF-8"))?;
            Some(lock(topics).position(name))
        };
        let partition_count = wire.array_length(skim)?;
        wire.put_array_length(reply, partition_count);
        for _ in 0..partition_count {
            let partition = skim.i32()?;
            let records = batch(&wire, skim, counters)?;
            wire.skip_tags(skim)?;

            let base_offset = match topic {
                None => Err(ResponseError::UnknownTopicId),
                Some(at) => lock(topics)
                    .get_mut(at)
                    .and_then(|topic| topic.append(partition, records))
                    .ok_or(ResponseError::UnknownTopicOrPartition),
            };
            reply.extend_from_slice(&partition.to_be_bytes());
            reply.extend_from_slice(&base_offset.err().map_or(0, |e| e.code()).to_be_bytes());
            reply.extend_from_slice(&base_offset.unwrap_or(-1).to_be_bytes());
            reply.extend_from_slice(&(-1i64).to_be_bytes()); // log append time
            if version >= 5 {
                reply.extend_from_slice(&0i64.to_be_bytes()); // log start offset
            }
            if version >= 8 {
                wire.put_array_length(reply, 0); // record errors
                wire.put_null_string(reply); // error message
            }
            wire.put_no_tags(reply);
        }
        wire.skip_tags(skim)?;
        wire.put_no_tags(reply);
    }
    wire.skip_tags(skim)?;
    reply.extend_from_slice(&0i32.to_be_bytes()); // throttle time
    wire.put_no_tags(reply);
    counters.requests.fetch_add(1, Relaxed);
    Ok(acks != 0)
}

/// Skips one partition's batch; returns how many records its header declares.
fn batch<R: Read>(wire: &Wire, skim: &mut Skimmer<'_, R>, counters: &Counters) -> io::Result<i32> {
    let length = wire.bytes_length(skim)?;
    if length < BATCH_HEADER {
        return Err(malformed("no record batch"));
    }
    skim.skip(RECORD_COUNT_AT)?;
    let records = skim.i32()?;
    let count = u64::try_from(records).map_err(|_| malformed("negative record count"))?;
    skim.skip(length - BATCH_HEADER)?;
    counters.batches.fetch_add(1, Relaxed);
    counters.records.fetch_add(count, Relaxed);
    counters.batch_bytes.fetch_add(length as u64, Relaxed);
    Ok(records)
}

/// The two encodings of lengths: fixed width, and from v9 on varints of length + 1 with tag
/// sections.
struct Wire {
    flexible: bool,
}

impl Wire {
    fn string_length<R: Read>(&self, skim: &mut Skimmer<'_, R>) -> io::Result<Option<usize>> {
        if self.flexible {
            Ok((skim.unsigned_varint()? as usize).checked_sub(1))
        } else {
            Ok(usize::try_from(skim.i16()?).ok())
        }
    }

    fn bytes_length<R: Read>(&self, skim: &mut Skimmer<'_, R>) -> io::Result<usize> {
        let length = if self.flexible {
            (skim.unsigned_varint()? as usize).checked_sub(1)
        } else {
            usize::try_from(skim.i32()?).ok()
        };
        length.ok_or_else(|| malformed("no records"))
    }

    fn array_length<R: Read>(&self, skim: &mut Skimmer<'_, R>) -> io::Result<u32> {
        if self.flexible {
            Ok(skim.unsigned_varint()?.saturating_sub(1))
        } else {
            u32::try_from(skim.i32()?).map_err(|_| malformed("no array"))
        }
    }

    fn skip_tags<R: Read>(&self, skim: &mut Skimmer<'_, R>) -> io::Result<()> {
        if self.flexible {
            for _ in 0..skim.unsigned_varint()? {
                skim.unsigned_varint()?;
                let length = skim.unsigned_varint()? as usize;
                skim.skip(length)?;
            }
        }
        Ok(())
    }

    fn put_array_length(&self, out: &mut Vec<u8>, length: u32) {
        if self.flexible {
            put_unsigned_varint(out, length + 1);
        } else {
            out.extend_from_slice(&length.to_be_bytes());
        }
    }

    fn put_string(&self, out: &mut Vec<u8>, text: &[u8]) {
        if self.flexible {
            put_unsigned_varint(out, text.len() as u32 + 1);
        } else {
            out.extend_from_slice(&(text.len() as i16).to_be_bytes());
        }
        out.extend_from_slice(text);
    }

    fn put_null_string(&self, out: &mut Vec<u8>) {
        if self.flexible {
            out.push(0);
        } else {
            out.extend_from_slice(&(-1i16).to_be_bytes());
        }
    }

    fn put_no_tags(&self, out: &mut Vec<u8>) {
        if self.flexible {
            out.push(0);
        }
    }
}

fn put_unsigned_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn lock(topics: &Mutex<Topics>) -> std::sync::MutexGuard<'_, Topics> {
    topics.lock().unwrap_or_else(|broken| broken.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use kafka_protocol::{
        messages::{
            ProduceRequest, ProduceResponse, TopicName,
            produce_request::{PartitionProduceData, TopicProduceData},
        },
        protocol::{Decodable, Encodable, StrBytes},
    };

    fn batch_of(records: i32, body: usize) -> Bytes {
        let mut batch = vec![7; BATCH_HEADER + body];
        batch[RECORD_COUNT_AT..BATCH_HEADER].copy_from_slice(&records.to_be_bytes());
        batch.into()
    }

    fn exchange(topics: &Mutex<Topics>, version: i16, acks: i16) -> (bool, ProduceResponse) {
        let partition = |index, records| {
            PartitionProduceData::default()
                .with_index(index)
                .with_records(Some(batch_of(records, 300)))
        };
        let mut topic = TopicProduceData::default().with_partition_data(vec![
            partition(0, 3),
            partition(1, 5),
            partition(9, 1),
        ]);
        if version >= 13 {
            topic.topic_id = lock(topics).all()[0].id;
        } else {
            topic.name = TopicName(StrBytes::from_static_str("orders"));
        }
        let request = ProduceRequest::default()
            .with_acks(acks)
            .with_topic_data(vec![topic]);
        let mut frame = vec![0; 4];
        request.encode(&mut frame, version).unwrap();
        let length = (frame.len() - 4) as u32;
        frame[..4].copy_from_slice(&length.to_be_bytes());

        let mut skim = Skimmer::new(&frame[..], None);
        skim.next_frame().unwrap();
        let mut reply = Vec::new();
        let counters = Counters::default();
        let wanted = produce(&mut skim, version, topics, &counters, &mut reply).unwrap();
        assert_eq!(
            skim.left(),
            0,
            "v{version}: part of the request was not read"
        );
        assert_eq!(counters.batches.load(Relaxed), 3);
        assert_eq!(counters.records.load(Relaxed), 9);
        let mut reply = Bytes::from(reply);
        let response = ProduceResponse::decode(&mut reply, version).unwrap();
        assert!(reply.is_empty(), "v{version}: bytes after the answer");
        (wanted, response)
    }

    #[test]
    fn answers_every_version_with_growing_offsets() {
        for version in 3..=13 {
            let topics = Mutex::new(Topics::new(1, &[("orders".to_owned(), 2)]));
            for round in 0..2 {
                let (wanted, response) = exchange(&topics, version, -1);
                assert!(wanted);
                let partitions = &response.responses[0].partition_responses;
                let seen: Vec<_> = partitions
                    .iter()
                    .map(|p| (p.index, p.error_code, p.base_offset))
                    .collect();
                assert_eq!(seen, [(0, 0, round * 3), (1, 0, round * 5), (9, 3, -1)]);
            }
        }
    }

    #[test]
    fn wants_no_answer_with_acks_0() {
        let topics = Mutex::new(Topics::new(2, &[("orders".to_owned(), 2)]));
        assert!(!exchange(&topics, 11, 0).0);
    }

    #[test]
    fn refuses_bytes_that_are_no_request() {
        let topics = Mutex::new(Topics::new(1, &[]));
        let mut frame = vec![0, 0, 0, 64];
        frame.extend([0xff; 64]);
        for version in 3..=13 {
            let mut skim = Skimmer::new(&frame[..], None);
            skim.next_frame().unwrap();
            let counters = Counters::default();
            assert!(produce(&mut skim, version, &topics, &counters, &mut Vec::new()).is_err());
        }
    }
}
