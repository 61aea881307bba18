//! Reading record batches back: a broker's, a log's, or our own before a split.
//!
//! Nothing here trusts a byte: lengths are checked before they are used, sizes are bounded before
//! memory is asked for, and every failure is a [`BatchError`].

use super::{BatchHeader, HEADER_LEN, compress};
use bytes::Bytes;
use std::iter::FusedIterator;

/// How much one batch may unpack to, unless the caller says otherwise: a hundred times the largest
/// batch that brokers accept by default.
const DEFAULT_LIMIT: usize = 128 << 20;

/// Why bytes are not a record batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The bytes end inside the batch. A fetch response may end so.
    #[error("the batch is cut short")]
    Truncated,
    /// Of a message format before Kafka 0.11, or no batch at all.
    #[error("record batch format {0} is not supported, only 2")]
    Magic(i8),
    /// The length field is less than a header's.
    #[error("the batch length {0} is impossible")]
    Length(i32),
    /// The content is not what was checksummed.
    #[error("the batch is damaged: its CRC-32C is {computed:#010x}, not {stored:#010x}")]
    Crc {
        /// As the header has it.
        stored: u32,
        /// Of the bytes that came.
        computed: u32,
    },
    /// The body does not decompress.
    #[error(transparent)]
    Compression(#[from] compress::CompressError),
    /// The body is not the records that the header counts.
    #[error("record {index} of the batch is malformed: {rule}")]
    Record {
        /// Its place in the batch, from 0.
        index: usize,
        /// What it breaks.
        rule: &'static str,
    },
}

/// One batch whose length and checksum were right. Its body shares the memory that it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The header.
    pub header: BatchHeader,
    /// The records, compressed if the header says so.
    pub body: Bytes,
}

/// A record of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedRecord {
    /// Its offset less the batch's base offset.
    pub offset_delta: i32,
    /// In milliseconds since the Unix epoch: the producer's, or the broker's append time if the
    /// batch is marked so.
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<Bytes>,
    /// The value; `None` is null.
    pub value: Option<Bytes>,
    /// The headers in order. Bytes of a name that are not UTF-8 are replaced, as Java does.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// The batches of a sequence, in order; ends after the first error.
#[must_use]
pub fn batches(bytes: Bytes) -> Batches {
    Batches { rest: bytes }
}

/// The iterator of [`batches`].
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
}

impl Iterator for Batches {
    type Item = Result<Batch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match BatchHeader::decode(&self.rest) {
            Ok((header, total)) => {
                let body = self.rest.split_to(total).slice(HEADER_LEN..);
                Some(Ok(Batch { header, body }))
            }
            Err(error) => {
                self.rest = Bytes::new();
                Some(Err(error))
            }
        }
    }
}

impl FusedIterator for Batches {}

impl Batch {
    /// The records, decompressed where they need to be, up to 128 MiB.
    ///
    /// # Errors
    /// If the body does not decompress to at most that, or is not what the header says.
    pub fn records(&self) -> Result<Vec<DecodedRecord>, BatchError> {
        self.records_within(DEFAULT_LIMIT)
    }

    /// As [`records`](Self::records), unpacking at most `limit` bytes.
    ///
    /// # Errors
    /// As `records` does.
    pub fn records_within(&self, limit: usize) -> Result<Vec<DecodedRecord>, BatchError> {
        let codec = self.header.codec();
        if codec == 0 {
            return parse(&self.header, self.body.clone());
        }
        let mut plain = Vec::new();
        compress::decompress(codec, &self.body, limit, &mut plain)?;
        parse(&self.header, plain.into())
    }
}

fn parse(header: &BatchHeader, body: Bytes) -> Result<Vec<DecodedRecord>, BatchError> {
    let count = usize::try_from(header.record_count).map_err(|_| BatchError::Record {
        index: 0,
        rule: "the record count is negative",
    })?;
    // A record takes seven bytes at least, so a lying count cannot ask for memory beyond the body's.
    let mut records = Vec::with_capacity(count.min(body.len() / 7));
    let mut reader = Reader { bytes: body };
    for index in 0..count {
        let record = reader
            .record(header)
            .map_err(|rule| BatchError::Record { index, rule })?;
        records.push(record);
    }
    if !reader.bytes.is_empty() {
        return Err(BatchError::Record {
            index: count,
            rule: "the header does not count it",
        });
    }
    Ok(records)
}

/// The rule that was broken.
type Broken = &'static str;
const SHORT: Broken = "it ends early";

struct Reader {
    bytes: Bytes,
}

impl Reader {
    fn record(&mut self, header: &BatchHeader) -> Result<DecodedRecord, Broken> {
        let length = usize::try_from(self.varint()?).map_err(|_| "its length is negative")?;
        let mut record = Reader {
            bytes: self.take(length)?,
        };
        record.take(1)?; // attributes: none are assigned
        let timestamp_delta = record.varlong()?;
        let offset_delta = record.varint()?;
        let key = record.nullable()?;
        let value = record.nullable()?;
        let count =
            usize::try_from(record.varint()?).map_err(|_| "its header count is negative")?;
        let mut headers = Vec::new();
        for _ in 0..count {
            let name = record.nullable()?.ok_or("a header has no name")?;
            headers.push((
                String::from_utf8_lossy(&name).into_owned(),
                record.nullable()?,
            ));
        }
        if !record.bytes.is_empty() {
            return Err("it is longer than its fields");
        }
        let timestamp = if header.is_log_append_time() {
            header.max_timestamp
        } else {
            header.base_timestamp.wrapping_add(timestamp_delta)
        };
        Ok(DecodedRecord {
            offset_delta,
            timestamp,
            key,
            value,
            headers,
        })
    }

    /// Bytes behind their length. Any negative length is null, as in Java.
    fn nullable(&mut self) -> Result<Option<Bytes>, Broken> {
        match usize::try_from(self.varint()?) {
            Ok(length) => self.take(length).map(Some),
            Err(_) => Ok(None),
        }
    }

    fn take(&mut self, length: usize) -> Result<Bytes, Broken> {
        if length > self.bytes.len() {
            return Err(SHORT);
        }
        Ok(self.bytes.split_to(length))
    }

    fn varint(&mut self) -> Result<i32, Broken> {
        // Bits beyond 32 are dropped, as Java drops them.
        let raw = self.unsigned(5)? as u32;
        Ok((raw >> 1) as i32 ^ -((raw & 1) as i32))
    }

    fn varlong(&mut self) -> Result<i64, Broken> {
        let raw = self.unsigned(10)?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    fn unsigned(&mut self, longest: usize) -> Result<u64, Broken> {
        let mut value = 0;
        for (index, byte) in self.bytes.iter().copied().enumerate().take(longest) {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                let _ = self.bytes.split_to(index + 1);
                return Ok(value);
            }
        }
        Err(if self.bytes.len() < longest {
            SHORT
        } else {
            "a varint is too long"
        })
    }
}
