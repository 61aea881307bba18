//! The probe's half of the protocol: record batches and Produce v7, encoded by hand into one
//! buffer.

use crate::error::BenchError;
use kafka_protocol::{
    messages::{
        ApiKey, InitProducerIdRequest, InitProducerIdResponse, RequestHeader, ResponseHeader,
    },
    protocol::{Decodable, Encodable, StrBytes},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

const CLIENT: &str = "probe";
const TIMEOUT_MS: i32 = 30_000;
/// Most that a record of up to 2^31 bytes needs beside its value.
pub(crate) const RECORD_OVERHEAD: usize = 20;

/// Who an idempotent batch comes from, and its first sequence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    id: i64,
    epoch: i16,
    sequence: i32,
}

impl Identity {
    /// The broker may need a moment after its start to hand out ids.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Asks the broker for a producer id.
    pub(crate) fn init(socket: &mut TcpStream) -> Result<Self, BenchError> {
        const VERSION: i16 = 1;
        let api = ApiKey::InitProducerId;
        let request = InitProducerIdRequest::default().with_transactional_id(None);
        let mut frame = vec![0; 4];
        let encoded = RequestHeader::default()
            .with_request_api_key(api as i16)
            .with_request_api_version(VERSION)
            .with_client_id(Some(StrBytes::from_static_str(CLIENT)))
            .encode(&mut frame, api.request_header_version(VERSION))
            .and_then(|()| request.encode(&mut frame, VERSION));
        encoded.map_err(|error| BenchError::Check(error.to_string()))?;
        close_frame(&mut frame);
        let start = Instant::now();
        loop {
            socket.write_all(&frame)?;
            let mut length = [0; 4];
            socket.read_exact(&mut length)?;
            let mut answer = vec![0; u32::from_be_bytes(length) as usize];
            socket.read_exact(&mut answer)?;
            let mut answer = bytes::Bytes::from(answer);
            let response =
                ResponseHeader::decode(&mut answer, api.response_header_version(VERSION))
                    .and_then(|_| InitProducerIdResponse::decode(&mut answer, VERSION))
                    .map_err(|error| BenchError::Check(error.to_string()))?;
            match response.error_code {
                0 => {
                    let (id, epoch) = (response.producer_id.0, response.producer_epoch);
                    return Ok(Self {
                        id,
                        epoch,
                        sequence: 0,
                    });
                }
                code if start.elapsed() > Self::PATIENCE => {
                    return Err(BenchError::Broker {
                        request: "InitProducerId",
                        code,
                    });
                }
                _ => thread::sleep(Duration::from_millis(100)),
            }
        }
    }
}

/// Encodes produce requests of one batch for partition 0 of one topic.
pub(crate) struct Requests<'a> {
    topic: &'a str,
    identity: Identity,
    correlation: i32,
    frame: Vec<u8>,
}

impl<'a> Requests<'a> {
    pub(crate) fn new(topic: &'a str, identity: Identity) -> Self {
        Self {
            topic,
            identity,
            correlation: 0,
            frame: Vec::new(),
        }
    }

    /// The next request: as many of `records` copies of `value` as fit in `batch_bytes`, at least
    /// one.
    pub(crate) fn next(&mut self, value: &[u8], records: u64, batch_bytes: usize) -> (&[u8], u64) {
        let Identity {
            id,
            epoch,
            sequence,
        } = self.identity;
        let frame = &mut self.frame;
        frame.clear();
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(&(ApiKey::Produce as i16).to_be_bytes());
        frame.extend_from_slice(&7i16.to_be_bytes());
        frame.extend_from_slice(&self.correlation.to_be_bytes());
        put_string(frame, CLIENT);
        frame.extend_from_slice(&(-1i16).to_be_bytes()); // no transactional id
        frame.extend_from_slice(&(-1i16).to_be_bytes()); // acks=all
        frame.extend_from_slice(&TIMEOUT_MS.to_be_bytes());
        frame.extend_from_slice(&1i32.to_be_bytes());
        put_string(frame, self.topic);
        frame.extend_from_slice(&1i32.to_be_bytes());
        frame.extend_from_slice(&0i32.to_be_bytes()); // partition
        let length_at = frame.len();
        frame.extend_from_slice(&[0; 4]);

        let start = frame.len();
        let now = now_ms().to_be_bytes();
        frame.extend_from_slice(&0i64.to_be_bytes()); // base offset
        frame.extend_from_slice(&[0; 4]); // batch length
        frame.extend_from_slice(&(-1i32).to_be_bytes()); // leader epoch
        frame.push(2);
        frame.extend_from_slice(&[0; 4]); // CRC
        let checked = frame.len();
        frame.extend_from_slice(&0i16.to_be_bytes());
        let last_delta_at = frame.len();
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(&now);
        frame.extend_from_slice(&now);
        frame.extend_from_slice(&id.to_be_bytes());
        frame.extend_from_slice(&epoch.to_be_bytes());
        frame.extend_from_slice(&sequence.to_be_bytes());
        let count_at = frame.len();
        frame.extend_from_slice(&[0; 4]);
        let value_length = value.len() as i64;
        let mut count = 0u32;
        loop {
            let delta = i64::from(count);
            // Attributes, time delta, null key and header count take one byte each.
            let body = 4 + varint_length(delta) + varint_length(value_length) + value.len();
            put_varint(frame, body as i64);
            frame.push(0);
            put_varint(frame, 0);
            put_varint(frame, delta);
            put_varint(frame, -1);
            put_varint(frame, value_length);
            frame.extend_from_slice(value);
            frame.push(0);
            count += 1;
            let size = frame.len() - start;
            if u64::from(count) >= records || size + value.len() + RECORD_OVERHEAD > batch_bytes {
                break;
            }
        }
        let size = frame.len() - start;
        set_i32(frame, start + 8, size - 12);
        set_i32(frame, last_delta_at, count as usize - 1);
        set_i32(frame, count_at, count as usize);
        set_i32(frame, length_at, size);
        let crc = crc32c::crc32c(&frame[checked..]);
        frame[checked - 4..checked].copy_from_slice(&crc.to_be_bytes());
        close_frame(frame);
        self.correlation = self.correlation.wrapping_add(1);
        // Sequences wrap from 2^31 - 1 to 0.
        self.identity.sequence = sequence.wrapping_add_unsigned(count) & i32::MAX;
        (&self.frame, u64::from(count))
    }

    /// Reads the answers to the requests.
    pub(crate) fn replies(&self) -> Replies {
        Replies {
            topic_bytes: self.topic.len(),
            correlation: 0,
            next_offset: 0,
            body: Vec::new(),
        }
    }
}

/// Reads and checks answers, in order.
pub(crate) struct Replies {
    topic_bytes: usize,
    correlation: i32,
    next_offset: i64,
    body: Vec<u8>,
}

impl Replies {
    pub(crate) fn read(&mut self, socket: &mut impl Read) -> Result<(), BenchError> {
        let mut length = [0; 4];
        socket.read_exact(&mut length)?;
        self.body.resize(u32::from_be_bytes(length) as usize, 0);
        socket.read_exact(&mut self.body)?;
        let short = || BenchError::Check("produce answer is too short".to_owned());
        let correlation = field::<4>(&self.body, 0)
            .map(i32::from_be_bytes)
            .ok_or_else(short)?;
        // Correlation, topic count, topic, partition count, partition.
        let at = 4 + 4 + 2 + self.topic_bytes + 4 + 4;
        let code = field::<2>(&self.body, at)
            .map(i16::from_be_bytes)
            .ok_or_else(short)?;
        let offset = field::<8>(&self.body, at + 2)
            .map(i64::from_be_bytes)
            .ok_or_else(short)?;
        if correlation != self.correlation {
            return Err(BenchError::Check(format!(
                "answer {correlation} came in the place of {}",
                self.correlation
            )));
        }
        if code != 0 {
            return Err(BenchError::Broker {
                request: "Produce",
                code,
            });
        }
        if offset < self.next_offset {
            return Err(BenchError::Check(format!(
                "offset {offset} after {}",
                self.next_offset
            )));
        }
        self.correlation = self.correlation.wrapping_add(1);
        self.next_offset = offset + 1;
        Ok(())
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.as_millis() as i64
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

fn close_frame(frame: &mut [u8]) {
    set_i32(frame, 0, frame.len() - 4);
}

fn set_i32(frame: &mut [u8], at: usize, value: usize) {
    frame[at..at + 4].copy_from_slice(&(value as i32).to_be_bytes());
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as i16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
    while zigzag >= 0x80 {
        out.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

fn varint_length(value: i64) -> usize {
    let zigzag = ((value << 1) ^ (value >> 63)) as u64;
    (70 - (zigzag | 1).leading_zeros() as usize) / 7
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::{
        messages::ProduceRequest,
        records::{Record, RecordBatchDecoder},
    };

    fn decode(frame: &[u8]) -> Vec<Record> {
        let mut bytes = bytes::Bytes::copy_from_slice(&frame[4..]);
        RequestHeader::decode(&mut bytes, 1).unwrap();
        let request = ProduceRequest::decode(&mut bytes, 7).unwrap();
        assert!(bytes.is_empty());
        assert_eq!(request.acks, -1);
        let mut records = request.topic_data[0].partition_data[0]
            .records
            .clone()
            .unwrap();
        RecordBatchDecoder::decode(&mut records).unwrap().records
    }

    #[test]
    fn requests_are_what_an_independent_decoder_reads() {
        let identity = Identity {
            id: 77,
            epoch: 3,
            sequence: 0,
        };
        let mut requests = Requests::new("orders", identity);
        let mut sent = 0;
        for _ in 0..3 {
            let (frame, count) = requests.next(&[9; 100], 1_000_000, 65_536);
            let records = decode(frame);
            assert!(frame.len() < 65_536 + 100);
            assert_eq!(records.len() as u64, count);
            for (record, sequence) in records.iter().zip(sent..) {
                assert_eq!(record.value.as_deref(), Some(&[9; 100][..]));
                assert_eq!(record.key, None);
                assert_eq!((record.producer_id, record.producer_epoch), (77, 3));
                assert_eq!(record.sequence, sequence);
            }
            sent += count as i32;
        }
    }

    #[test]
    fn a_request_carries_no_more_records_than_are_left() {
        let identity = Identity {
            id: 1,
            epoch: 0,
            sequence: 0,
        };
        let mut requests = Requests::new("orders", identity);
        assert_eq!(requests.next(&[9; 100], 7, 65_536).1, 7);
        assert_eq!(requests.next(&[9; 100], 1, 0).1, 1);
    }

    #[test]
    fn sequences_wrap_to_zero() {
        let identity = Identity {
            id: 1,
            epoch: 0,
            sequence: i32::MAX - 1,
        };
        let mut requests = Requests::new("orders", identity);
        requests.next(&[9; 10], 3, 65_536);
        let records = decode(requests.next(&[9; 10], 1, 65_536).0);
        assert_eq!(records[0].sequence, 1);
    }
}
