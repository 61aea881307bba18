//! Records into the body of a record batch (magic 2): what the hot path runs.

use crate::Header;

/// One record's place in its batch and its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Encode<'a> {
    /// Its number in the batch.
    pub offset_delta: i32,
    /// Its timestamp less the batch's base timestamp, in milliseconds.
    pub timestamp_delta: i64,
    /// The key, or null.
    pub key: Option<&'a [u8]>,
    /// The value, or null.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: &'a [Header],
}

impl Encode<'_> {
    /// Its length without the leading length varint.
    #[inline(always)]
    #[must_use]
    pub fn body_len(&self) -> usize {
        1 + varint_len(self.timestamp_delta)
            + varint_len(i64::from(self.offset_delta))
            + bytes_len(self.key)
            + bytes_len(self.value)
            + headers_len(self.headers)
    }

    /// Its length on the wire.
    #[inline]
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let body = self.body_len();
        varint_len(body as i64) + body
    }

    /// Appends it to a batch's body; `body_len` is [`Encode::body_len`], computed once.
    #[inline]
    pub fn write(&self, body_len: usize, out: &mut Vec<u8>) {
        let mut small = Small::default();
        small.varint(body_len as i64, out);
        small.put(0, 1, out); // attributes: none are defined
        small.varint(self.timestamp_delta, out);
        small.varint(i64::from(self.offset_delta), out);
        for bytes in [self.key, self.value] {
            match bytes {
                Some(bytes) => {
                    small.varint(bytes.len() as i64, out);
                    small.flush(out);
                    out.extend_from_slice(bytes);
                }
                None => small.varint(-1, out),
            }
        }
        small.flush(out);
        if self.headers.is_empty() {
            out.push(0);
        } else {
            write_headers(self.headers, out);
        }
    }
}

/// Small fields on their way to a buffer, put together in a register: a call to copy each, or one
/// that reads what was just written byte by byte, would cost more than the fields.
#[derive(Default)]
struct Small {
    bytes: u64,
    len: usize,
}

impl Small {
    /// Adds the first `len` bytes of `bytes`, lowest first; the others are 0.
    #[inline(always)]
    fn put(&mut self, bytes: u64, len: usize, out: &mut Vec<u8>) {
        if self.len + len > size_of::<u64>() {
            self.flush(out);
        }
        self.bytes |= bytes << (8 * self.len);
        self.len += len;
    }

    #[inline(always)]
    fn varint(&mut self, value: i64, out: &mut Vec<u8>) {
        match zigzag(value) {
            one @ ..0x80 => self.put(one, 1, out),
            two @ 0x80..0x4000 => self.put((two & 0x7f) | 0x80 | ((two >> 7) << 8), 2, out),
            _ => {
                self.flush(out);
                push_varint(out, value);
            }
        }
    }

    #[inline(always)]
    fn flush(&mut self, out: &mut Vec<u8>) {
        let bytes = self.bytes.to_le_bytes();
        let end = out.len() + self.len;
        if out.capacity() - out.len() >= bytes.len() {
            // A length that is known makes it one store.
            out.extend_from_slice(&bytes);
            out.truncate(end);
        } else {
            out.extend_from_slice(&bytes[..self.len]);
        }
        *self = Self::default();
    }
}

#[cold]
fn write_headers(headers: &[Header], out: &mut Vec<u8>) {
    push_varint(out, headers.len() as i64);
    for header in headers {
        push_varint(out, header.key.len() as i64);
        out.extend_from_slice(header.key.as_bytes());
        match &header.value {
            None => out.push(1),
            Some(value) => {
                push_varint(out, value.len() as i64);
                out.extend_from_slice(value);
            }
        }
    }
}

fn headers_len(headers: &[Header]) -> usize {
    if headers.is_empty() {
        return 1;
    }
    let each = |header: &Header| {
        varint_len(header.key.len() as i64) + header.key.len() + bytes_len(header.value.as_deref())
    };
    varint_len(headers.len() as i64) + headers.iter().map(each).sum::<usize>()
}

#[inline]
fn bytes_len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint_len(bytes.len() as i64) + bytes.len())
}

#[inline]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// How many bytes `value` takes as a zigzag varint.
#[inline]
#[must_use]
pub fn varint_len(value: i64) -> usize {
    match zigzag(value) {
        // Nearly all are, and a branch that is foreseen is cheaper than the sum.
        ..0x80 => 1,
        0x80..0x4000 => 2,
        more => (70 - more.leading_zeros() as usize) / 7,
    }
}

fn push_varint(out: &mut Vec<u8>, value: i64) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_announced_is_the_length_written() {
        let header = [Header::new("trace", &b"abc"[..]), Header::null("none")];
        for delta in [0, 1, 63, 64, 8191, 8192, i32::MAX] {
            for (key, value) in [
                (None, None),
                (Some(&b""[..]), Some(&b""[..])),
                (Some(&b"k"[..]), Some(&[7; 300][..])),
                (Some(&[1; 100][..]), None),
            ] {
                for headers in [&[][..], &header[..]] {
                    for timestamp_delta in [0, -1, 5000, i64::MIN, i64::MAX] {
                        let record = Encode {
                            offset_delta: delta,
                            timestamp_delta,
                            key,
                            value,
                            headers,
                        };
                        let mut out = Vec::new();
                        record.write(record.body_len(), &mut out);
                        assert_eq!(out.len(), record.encoded_len());
                    }
                }
            }
        }
    }
}
