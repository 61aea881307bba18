//! Records into the body of a record batch (magic 2): what the hot path runs.

use crate::Header;

/// One record's place in its batch and its bytes, ready to be written.
#[derive(Clone, Copy, Debug)]
pub struct Encode<'a> {
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &'a [Header],
    offset_delta: i32,
    timestamp_delta: i64,
    /// Its length without the leading length varint.
    body_len: usize,
    /// What stands between that varint and the key, and between key and value.
    before_key: Short,
    before_value: Short,
}

impl<'a> Encode<'a> {
    /// A record whose number in its batch is `offset_delta`, and whose timestamp is
    /// `timestamp_delta` milliseconds after the batch's base timestamp. `None` is null.
    #[inline(always)]
    #[must_use]
    pub fn new(
        offset_delta: i32,
        timestamp_delta: i64,
        key: Option<&'a [u8]>,
        value: Option<&'a [u8]>,
        headers: &'a [Header],
    ) -> Self {
        let attributes = Short { bytes: 0, len: 1 }; // none are defined
        let before_key = attributes
            .then(Short::varint(timestamp_delta))
            .then(Short::varint(i64::from(offset_delta)))
            .then(Short::varint(len_of(key)));
        let before_value = Short::varint(len_of(value));
        let bytes = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        let heads = before_key.len as usize + before_value.len as usize;
        Self {
            key,
            value,
            headers,
            offset_delta,
            timestamp_delta,
            body_len: heads + bytes + headers_len(headers),
            before_key,
            before_value,
        }
    }

    /// Its length on the wire.
    #[inline(always)]
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        varint_len(self.body_len as i64) + self.body_len
    }

    /// Writes it to the front of `out`, which has room for it; returns its length.
    ///
    /// # Panics
    /// If there is no room.
    #[inline(always)]
    pub fn write(&self, out: &mut [u8]) -> usize {
        let length = Short::varint(self.body_len as i64);
        let heads = [length, self.before_key, self.before_value];
        let room = length.len as usize + self.body_len + Short::SIZE;
        if !heads.iter().all(|head| head.is_short()) || out.len() < room {
            return self.write_long(out);
        }
        // Whole words: what is too much of one is written over by what comes next.
        let mut at = length.write(out, 0);
        at = self.before_key.write(out, at);
        if let Some(key) = self.key {
            at = put(out, at, key);
        }
        at = self.before_value.write(out, at);
        if let Some(value) = self.value {
            at = put(out, at, value);
        }
        if self.headers.is_empty() {
            out[at] = 0;
            return at + 1;
        }
        write_headers(self.headers, out, at)
    }

    /// As `write`, for large numbers and where there is no room for whole words.
    #[cold]
    fn write_long(&self, out: &mut [u8]) -> usize {
        let mut at = put_varint(out, 0, self.body_len as i64);
        at = put(out, at, &[0]);
        at = put_varint(out, at, self.timestamp_delta);
        at = put_varint(out, at, i64::from(self.offset_delta));
        for bytes in [self.key, self.value] {
            at = put_varint(out, at, len_of(bytes));
            at = put(out, at, bytes.unwrap_or_default());
        }
        write_headers(self.headers, out, at)
    }

    /// Appends it to `out`.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        let at = out.len();
        out.resize(at + self.encoded_len(), 0);
        self.write(&mut out[at..]);
    }
}

/// A few small fields in a register, lowest byte first: they cost one store together.
#[derive(Clone, Copy, Debug)]
struct Short {
    /// The first of their bytes, as many as there is room for.
    bytes: u64,
    /// How many they are.
    len: u32,
}

impl Short {
    /// The bytes of a store.
    const SIZE: usize = size_of::<u64>();

    #[inline(always)]
    fn varint(value: i64) -> Self {
        match zigzag(value) {
            // Nearly all are small, and a branch that is foreseen is cheaper than arithmetic.
            bytes @ ..0x80 => Self { bytes, len: 1 },
            two @ 0x80..0x4000 => Self {
                bytes: (two & 0x7f) | 0x80 | ((two >> 7) << 8),
                len: 2,
            },
            more => Self::long_varint(more),
        }
    }

    #[inline(never)]
    fn long_varint(zigzag: u64) -> Self {
        let len = varint_bytes(zigzag);
        let group = |n: usize| {
            let goes_on = if n + 1 < len { 0x80 } else { 0 };
            ((zigzag >> (7 * n)) & 0x7f | goes_on) << (8 * n)
        };
        Self {
            bytes: (0..len.min(Self::SIZE)).map(group).sum(),
            len: len as u32,
        }
    }

    /// Both, one behind the other. Where they are not [short](Self::is_short), only the length counts.
    #[inline(always)]
    fn then(self, next: Self) -> Self {
        Self {
            bytes: self.bytes | next.bytes.wrapping_shl(8 * self.len),
            len: self.len + next.len,
        }
    }

    #[inline(always)]
    fn is_short(self) -> bool {
        self.len as usize <= Self::SIZE
    }

    #[inline(always)]
    fn write(self, out: &mut [u8], at: usize) -> usize {
        out[at..at + Self::SIZE].copy_from_slice(&self.bytes.to_le_bytes());
        at + self.len as usize
    }
}

#[inline(always)]
fn put(out: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    let end = at + bytes.len();
    out[at..end].copy_from_slice(bytes);
    end
}

fn put_varint(out: &mut [u8], mut at: usize, value: i64) -> usize {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        out[at] = rest as u8 | 0x80;
        at += 1;
        rest >>= 7;
    }
    out[at] = rest as u8;
    at + 1
}

#[cold]
fn write_headers(headers: &[Header], out: &mut [u8], mut at: usize) -> usize {
    at = put_varint(out, at, headers.len() as i64);
    for header in headers {
        at = put_varint(out, at, header.key.len() as i64);
        at = put(out, at, header.key.as_bytes());
        at = put_varint(out, at, len_of(header.value.as_deref()));
        at = put(out, at, header.value.as_deref().unwrap_or_default());
    }
    at
}

#[inline(always)]
fn headers_len(headers: &[Header]) -> usize {
    if headers.is_empty() {
        return 1;
    }
    let bytes_len = |bytes: &[u8]| varint_len(bytes.len() as i64) + bytes.len();
    let each = |header: &Header| {
        bytes_len(header.key.as_bytes()) + header.value.as_deref().map_or(1, bytes_len)
    };
    varint_len(headers.len() as i64) + headers.iter().map(each).sum::<usize>()
}

/// What stands for the length: -1 is null.
#[inline(always)]
fn len_of(bytes: Option<&[u8]>) -> i64 {
    bytes.map_or(-1, |bytes| bytes.len() as i64)
}

#[inline(always)]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// How many bytes `value` takes as a zigzag varint.
#[inline(always)]
fn varint_len(value: i64) -> usize {
    match zigzag(value) {
        ..0x80 => 1,
        0x80..0x4000 => 2,
        more => varint_bytes(more),
    }
}

#[inline]
fn varint_bytes(zigzag: u64) -> usize {
    (70 - (zigzag | 1).leading_zeros() as usize) / 7
}

#[cfg(test)]
mod tests {
    use super::*;

    type Bytes = Option<&'static [u8]>;

    const KEYS_AND_VALUES: [(Bytes, Bytes); 6] = [
        (None, None),
        (Some(b""), Some(b"")),
        (Some(b"k"), Some(&[7; 300])),
        (Some(&[1; 100]), None),
        (Some(&[2; 9_000]), Some(&[3; 70])),
        (None, Some(&[4; 1_100_000])),
    ];

    fn each(mut check: impl FnMut(Encode<'_>)) {
        let header = [Header::new("trace", &b"abc"[..]), Header::null("none")];
        for delta in [0, 1, 63, 64, 8191, 8192, 1_048_576, i32::MAX] {
            for (key, value) in KEYS_AND_VALUES {
                for headers in [&[][..], &header[..]] {
                    for since in [0, -1, 5_000, 8_192, 3_000_000, 1 << 40, i64::MIN, i64::MAX] {
                        check(Encode::new(delta, since, key, value, headers));
                    }
                }
            }
        }
    }

    #[test]
    fn the_length_announced_is_the_length_written() {
        each(|record| {
            let mut out = vec![0; record.encoded_len() + 20];
            assert_eq!(record.write(&mut out), record.encoded_len(), "{record:?}");
        });
    }

    #[test]
    fn a_record_is_the_same_with_and_without_room_to_spare() {
        each(|record| {
            let (mut tight, mut roomy) = (
                vec![0; record.encoded_len()],
                vec![9; record.encoded_len() + 20],
            );
            record.write(&mut tight);
            record.write(&mut roomy);
            assert_eq!(
                tight,
                roomy[..record.encoded_len()],
                "{:?}",
                (record.offset_delta, record.timestamp_delta)
            );
        });
    }

    #[test]
    fn a_record_is_appended_behind_what_is_there() {
        let mut out = b"before".to_vec();
        Encode::new(1, 2, None, Some(b"value"), &[]).append_to(&mut out);
        assert_eq!(out, b"before\x16\0\x04\x02\x01\x0avalue\0");
    }
}
