//! The fixed part of a record batch.

use super::decode::BatchError;

/// The bytes of a batch before its first record.
pub const HEADER_LEN: usize = 61;

/// The bytes that `batch_length` does not count: the base offset and the length itself.
const UNCOUNTED: usize = 12;
/// Where the checksum stands, and where the bytes begin that it covers.
const CRC_AT: usize = 17;
const CRC_FROM: usize = 21;
const MAGIC_AT: usize = 16;
const MAGIC: i8 = 2;

const CODEC_MASK: i16 = 0b111;
const LOG_APPEND_TIME: i16 = 1 << 3;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;

/// A batch's header, field by field; magic and checksum are implied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The first record's offset; a producer sends 0 and the broker sets it.
    pub base_offset: i64,
    /// The bytes after this field, to the batch's end. [`encode`](Self::encode) computes it.
    pub batch_length: i32,
    /// The leader epoch that the broker appended under; a producer sends -1.
    pub partition_leader_epoch: i32,
    /// Codec and flags: see [`codec`](Self::codec) and its neighbours.
    pub attributes: i16,
    /// The last record's offset less the first one's.
    pub last_offset_delta: i32,
    /// What the records' timestamps are relative to.
    pub base_timestamp: i64,
    /// The largest timestamp, or the broker's append time.
    pub max_timestamp: i64,
    /// The producer's id; -1 without idempotence.
    pub producer_id: i64,
    /// The producer's epoch; -1 without idempotence.
    pub producer_epoch: i16,
    /// The first record's sequence number; -1 without idempotence.
    pub base_sequence: i32,
    /// How many records the body holds.
    pub record_count: i32,
}

impl BatchHeader {
    /// The header's bytes before `body`: length and checksum are those of this very body, whatever
    /// `batch_length` says. The body is read, not copied.
    ///
    /// # Panics
    /// If the body is larger than 2 GiB; `max.request.size` keeps every batch below it.
    #[must_use]
    pub fn encode(&self, body: &[u8]) -> [u8; HEADER_LEN] {
        let mut out = self.encode_uncovered(body.len());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&out[CRC_FROM..]), body);
        put(&mut out, CRC_AT, crc.to_be_bytes());
        out
    }

    /// As [`encode`](Self::encode), for a body whose CRC32C is known: stamping a batch anew costs
    /// the same for any body.
    ///
    /// # Panics
    /// As `encode` does.
    #[must_use]
    pub fn encode_with_body_crc(&self, body_len: usize, body_crc: u32) -> [u8; HEADER_LEN] {
        let mut out = self.encode_uncovered(body_len);
        let head = crc32c::crc32c(&out[CRC_FROM..]);
        let crc = crc32c::crc32c_combine(head, body_crc, body_len);
        put(&mut out, CRC_AT, crc.to_be_bytes());
        out
    }

    fn encode_uncovered(&self, body_len: usize) -> [u8; HEADER_LEN] {
        let length = i32::try_from(HEADER_LEN - UNCOUNTED + body_len)
            .expect("max.request.size is an i32 and bounds every batch");
        let mut out = [0; HEADER_LEN];
        put(&mut out, 0, self.base_offset.to_be_bytes());
        put(&mut out, 8, length.to_be_bytes());
        put(&mut out, 12, self.partition_leader_epoch.to_be_bytes());
        put(&mut out, MAGIC_AT, MAGIC.to_be_bytes());
        put(&mut out, 21, self.attributes.to_be_bytes());
        put(&mut out, 23, self.last_offset_delta.to_be_bytes());
        put(&mut out, 27, self.base_timestamp.to_be_bytes());
        put(&mut out, 35, self.max_timestamp.to_be_bytes());
        put(&mut out, 43, self.producer_id.to_be_bytes());
        put(&mut out, 51, self.producer_epoch.to_be_bytes());
        put(&mut out, 53, self.base_sequence.to_be_bytes());
        put(&mut out, 57, self.record_count.to_be_bytes());
        out
    }

    /// Reads the header of the batch that `bytes` begin with, checks magic, length and checksum,
    /// and returns it with the batch's whole length.
    ///
    /// # Errors
    /// If the batch is cut short, of another format, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), BatchError> {
        // Older formats share the first 17 bytes and are shorter: tell them before asking for more.
        if bytes.len() > MAGIC_AT && i8::from_be_bytes(get(bytes, MAGIC_AT)) != MAGIC {
            return Err(BatchError::Magic(i8::from_be_bytes(get(bytes, MAGIC_AT))));
        }
        if bytes.len() < HEADER_LEN {
            return Err(BatchError::Truncated);
        }
        let batch_length = i32::from_be_bytes(get(bytes, 8));
        let total = usize::try_from(batch_length)
            .ok()
            .and_then(|length| length.checked_add(UNCOUNTED))
            .filter(|total| *total >= HEADER_LEN)
            .ok_or(BatchError::Length(batch_length))?;
        if bytes.len() < total {
            return Err(BatchError::Truncated);
        }
        let stored = u32::from_be_bytes(get(bytes, CRC_AT));
        let computed = crc32c::crc32c(&bytes[CRC_FROM..total]);
        if stored != computed {
            return Err(BatchError::Crc { stored, computed });
        }
        let header = Self {
            base_offset: i64::from_be_bytes(get(bytes, 0)),
            batch_length,
            partition_leader_epoch: i32::from_be_bytes(get(bytes, 12)),
            attributes: i16::from_be_bytes(get(bytes, 21)),
            last_offset_delta: i32::from_be_bytes(get(bytes, 23)),
            base_timestamp: i64::from_be_bytes(get(bytes, 27)),
            max_timestamp: i64::from_be_bytes(get(bytes, 35)),
            producer_id: i64::from_be_bytes(get(bytes, 43)),
            producer_epoch: i16::from_be_bytes(get(bytes, 51)),
            base_sequence: i32::from_be_bytes(get(bytes, 53)),
            record_count: i32::from_be_bytes(get(bytes, 57)),
        };
        Ok((header, total))
    }

    /// The codec's id: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; 5 to 7 are unassigned.
    #[must_use]
    pub fn codec(&self) -> i16 {
        self.attributes & CODEC_MASK
    }

    /// Whether the broker set the timestamps: then `max_timestamp` is that of every record.
    #[must_use]
    pub fn is_log_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME != 0
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether the batch is a broker's own (a transaction's end marker), not for applications.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// With the codec's id, one of `0..=7`, in the attributes.
    #[must_use]
    pub fn with_codec(mut self, id: i16) -> Self {
        self.attributes = self.attributes & !CODEC_MASK | id & CODEC_MASK;
        self
    }

    /// With or without the mark of the broker's append time.
    #[must_use]
    pub fn with_log_append_time(self, on: bool) -> Self {
        self.with_flag(LOG_APPEND_TIME, on)
    }

    /// With or without the mark of a transaction.
    #[must_use]
    pub fn with_transactional(self, on: bool) -> Self {
        self.with_flag(TRANSACTIONAL, on)
    }

    /// With or without the mark of a control batch.
    #[must_use]
    pub fn with_control(self, on: bool) -> Self {
        self.with_flag(CONTROL, on)
    }

    fn with_flag(mut self, flag: i16, on: bool) -> Self {
        self.attributes = if on {
            self.attributes | flag
        } else {
            self.attributes & !flag
        };
        self
    }
}

/// An empty producer batch: no codec, no identity, offsets and times at zero.
impl Default for BatchHeader {
    fn default() -> Self {
        Self {
            base_offset: 0,
            batch_length: (HEADER_LEN - UNCOUNTED) as i32,
            partition_leader_epoch: -1,
            attributes: 0,
            last_offset_delta: 0,
            base_timestamp: 0,
            max_timestamp: 0,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: 0,
        }
    }
}

fn put<const N: usize>(out: &mut [u8; HEADER_LEN], at: usize, bytes: [u8; N]) {
    out[at..at + N].copy_from_slice(&bytes);
}

/// The caller has checked that `at + N` bytes are there.
fn get<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}
