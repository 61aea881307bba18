//! A produce request as bytes, and its answer as data.
//!
//! Written by hand: the records go to the socket from the batches themselves, uncopied, and the
//! checksum is computed here, off the core's lock.

use super::{
    frame::{decode_response, frame_header, seal_frame},
    shape::Malformed,
};
use crate::{
    Acks,
    batch::Buffer,
    core::{Answer, BrokerView, DrainedPart, LeaderHint, PartAnswer, ProduceRequest},
};
use bytes::Bytes;
use kafka_protocol::messages::{ApiKey, ProduceResponse};
use std::{io::IoSlice, ops::Range, sync::Arc, time::Duration};
use uuid::Uuid;

/// From this version on topics go by their ids (KIP-516).
const BY_ID: i16 = 13;

/// How many pieces one write is given at most; the system takes 1,024.
const SLICES: usize = 256;

/// A request on its way to the socket.
#[derive(Debug)]
pub(super) struct Outgoing {
    head: Vec<u8>,
    pieces: Vec<Piece>,
    /// The first piece not wholly written, and how much of it was.
    at: usize,
    offset: usize,
}

#[derive(Debug)]
enum Piece {
    Head(Range<usize>),
    Records(Arc<Buffer>),
}

/// What its answer is matched against.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) correlation: i32,
    pub(super) version: i16,
    parts: Vec<(Arc<str>, Uuid, i32)>,
}

/// The constants of one connection.
#[derive(Clone, Debug)]
pub(super) struct Format {
    pub(super) version: i16,
    pub(super) client_id: Arc<str>,
    pub(super) acks: Acks,
    pub(super) timeout: Duration,
}

impl Format {
    /// Encodes a request; its records stay where they are.
    pub(super) fn encode(&self, request: ProduceRequest, correlation: i32) -> (Outgoing, Expected) {
        let named = request.parts.iter().any(|part| part.topic_id.is_nil());
        let version = if named {
            self.version.min(BY_ID - 1)
        } else {
            self.version
        };
        let mut out = Writer {
            head: Vec::with_capacity(128),
            pieces: Vec::new(),
            sealed: 0,
            records: 0,
        };
        frame_header(
            ApiKey::Produce,
            version,
            correlation,
            &self.client_id,
            &mut out.head,
        );
        out.head.push(0); // no transactional id
        let acks: i16 = match self.acks {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        };
        out.head.extend_from_slice(&acks.to_be_bytes());
        let timeout = i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX);
        out.head.extend_from_slice(&timeout.to_be_bytes());
        let same =
            |a: &DrainedPart, b: &DrainedPart| a.topic == b.topic && a.topic_id == b.topic_id;
        let topics = request.parts.chunk_by(same);
        out.compact_len(topics.clone().count());
        for parts in topics {
            out.topic(parts, version);
        }
        out.head.push(0); // no tagged fields
        let expected = Expected {
            correlation,
            version,
            parts: request
                .parts
                .iter()
                .map(|part| (part.topic.as_str().into(), part.topic_id, part.partition))
                .collect(),
        };
        (out.finish(), expected)
    }
}

struct Writer {
    head: Vec<u8>,
    pieces: Vec<Piece>,
    sealed: usize,
    records: usize,
}

impl Writer {
    fn topic(&mut self, parts: &[DrainedPart], version: i16) {
        let Some(first) = parts.first() else { return };
        if version >= BY_ID {
            self.head.extend_from_slice(first.topic_id.as_bytes());
        } else {
            self.compact_len(first.topic.len());
            self.head.extend_from_slice(first.topic.as_bytes());
        }
        self.compact_len(parts.len());
        for part in parts {
            self.head.extend_from_slice(&part.partition.to_be_bytes());
            let header = part.header.encode(&part.body);
            self.compact_len(header.len() + part.body.len());
            self.head.extend_from_slice(&header);
            self.records(Arc::clone(&part.body));
            self.head.push(0);
        }
        self.head.push(0);
    }

    /// A length in the compact form: one more, as an unsigned varint.
    fn compact_len(&mut self, len: usize) {
        let mut rest = len as u64 + 1;
        while rest >= 0x80 {
            self.head.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.head.push(rest as u8);
    }

    fn records(&mut self, body: Arc<Buffer>) {
        self.pieces.push(Piece::Head(self.sealed..self.head.len()));
        self.sealed = self.head.len();
        self.records += body.len();
        self.pieces.push(Piece::Records(body));
    }

    fn finish(mut self) -> Outgoing {
        self.pieces.push(Piece::Head(self.sealed..self.head.len()));
        seal_frame(&mut self.head, 0, self.records);
        Outgoing {
            head: self.head,
            pieces: self.pieces,
            at: 0,
            offset: 0,
        }
    }
}

impl Outgoing {
    /// What is still to be written, as much of it as one write takes.
    pub(super) fn slices(&self) -> Vec<IoSlice<'_>> {
        let mut rest = self.pieces[self.at..].iter();
        let mut slices = Vec::with_capacity(rest.len().min(SLICES));
        if let Some(first) = rest.next() {
            slices.push(IoSlice::new(&self.bytes(first)[self.offset..]));
        }
        slices.extend(
            rest.take(SLICES - 1)
                .map(|piece| IoSlice::new(self.bytes(piece))),
        );
        slices
    }

    /// So many bytes were written; whether that was all.
    pub(super) fn advance(&mut self, mut written: usize) -> bool {
        while let Some(piece) = self.pieces.get(self.at) {
            let left = self.bytes(piece).len() - self.offset;
            if written < left {
                self.offset += written;
                return false;
            }
            written -= left;
            self.at += 1;
            self.offset = 0;
        }
        true
    }

    fn bytes<'a>(&'a self, piece: &'a Piece) -> &'a [u8] {
        match piece {
            Piece::Head(range) => &self.head[range.clone()],
            Piece::Records(body) => body,
        }
    }
}

impl Expected {
    /// The answer in the order of the request's parts.
    pub(super) fn decode(&self, frame: Bytes) -> Result<Answer, Malformed> {
        let response: ProduceResponse = decode_response(frame, self.version)?;
        let mut parts = vec![None; self.parts.len()];
        // A broker answers in the order of the request, so the next one is nearly always the one.
        let mut next = 0;
        for topic in response.responses {
            for part in topic.partition_responses {
                let is_it = |(name, id, partition): &(Arc<str>, Uuid, i32)| {
                    *partition == part.index
                        && if self.version >= BY_ID {
                            *id == topic.topic_id
                        } else {
                            **name == **topic.name
                        }
                };
                let at = match self.parts.get(next) {
                    Some(expected) if is_it(expected) => Some(next),
                    _ => self.parts.iter().position(is_it),
                };
                let Some(at) = at else {
                    return Err(Malformed("it answers for another partition"));
                };
                next = at + 1;
                let hint = &part.current_leader;
                parts[at] = Some(PartAnswer {
                    error: part.error_code,
                    message: part.error_message.as_deref().map(Into::into),
                    base_offset: part.base_offset,
                    log_append_time: part.log_append_time_ms,
                    leader: (hint.leader_id.0 >= 0).then_some(LeaderHint {
                        id: hint.leader_id.0,
                        epoch: hint.leader_epoch,
                    }),
                });
            }
        }
        let leaders = response.node_endpoints.iter().filter_map(|node| {
            let port = u16::try_from(node.port).ok()?;
            Some(BrokerView {
                id: node.node_id.0,
                host: (&*node.host).into(),
                port,
            })
        });
        Ok(Answer {
            leaders: leaders.collect(),
            parts,
            throttle: Duration::from_millis(u64::try_from(response.throttle_time_ms).unwrap_or(0)),
        })
    }
}
