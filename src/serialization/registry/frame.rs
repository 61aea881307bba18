//! What is before a value: a zero, the schema's id, and for Protobuf which message of the schema.

use super::FrameError;

/// Deeper nesting than this is nobody's schema.
const MAX_INDEXES: usize = 64;

/// Writes the zero and the id.
#[inline]
pub(crate) fn write_header(id: i32, out: &mut Vec<u8>) {
    out.push(0);
    out.extend_from_slice(&id.to_be_bytes());
}

/// The id, and what is behind it.
pub(crate) fn read_header(bytes: &[u8]) -> Result<(i32, &[u8]), FrameError> {
    match bytes {
        [0, a, b, c, d, rest @ ..] => Ok((i32::from_be_bytes([*a, *b, *c, *d]), rest)),
        [found, ..] if *found != 0 => Err(FrameError::Magic { found: *found }),
        _ => Err(FrameError::TooShort {
            length: bytes.len(),
        }),
    }
}

/// The message indexes as they are written: their count and then each, as zigzag varints. The first
/// message of a file, `[0]`, has a form of its own: one zero.
pub(crate) fn encode_indexes(indexes: &[u32]) -> Vec<u8> {
    if indexes == [0] {
        return vec![0];
    }
    let mut out = Vec::new();
    let count = u32::try_from(indexes.len()).unwrap_or(u32::MAX);
    for number in std::iter::once(count).chain(indexes.iter().copied()) {
        let mut zigzag = u64::from(number) << 1;
        while zigzag >= 0x80 {
            out.push(zigzag.to_le_bytes()[0] | 0x80);
            zigzag >>= 7;
        }
        out.push(zigzag.to_le_bytes()[0]);
    }
    out
}

/// The message indexes, and what is behind them.
pub(crate) fn read_indexes(mut bytes: &[u8]) -> Result<(Vec<u32>, &[u8]), FrameError> {
    let count = read_number(&mut bytes)?;
    if count == 0 {
        return Ok((vec![0], bytes));
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > MAX_INDEXES {
        return Err(invalid("there are too many"));
    }
    let indexes = (0..count).map(|_| read_number(&mut bytes));
    let indexes = indexes.collect::<Result<_, _>>()?;
    Ok((indexes, bytes))
}

/// A zigzag varint that is not negative.
fn read_number(bytes: &mut &[u8]) -> Result<u32, FrameError> {
    let mut zigzag = 0_u64;
    for shift in [0, 7, 14, 21, 28] {
        let Some((byte, rest)) = bytes.split_first() else {
            return Err(invalid("they are cut short"));
        };
        *bytes = rest;
        zigzag |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return match u32::try_from(zigzag >> 1) {
                Ok(number) if zigzag & 1 == 0 => Ok(number),
                _ => Err(invalid("one is negative or too large")),
            };
        }
    }
    Err(invalid("one is negative or too large"))
}

fn invalid(problem: &'static str) -> FrameError {
    FrameError::MessageIndexes { problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_a_zero_and_the_id_big_endian() {
        let mut out = Vec::new();
        write_header(0x0102_0304, &mut out);
        assert_eq!(out, [0, 1, 2, 3, 4]);
        out.push(9);
        assert_eq!(read_header(&out), Ok((0x0102_0304, &[9][..])));
        assert_eq!(
            read_header(&[1, 0, 0, 0, 1]),
            Err(FrameError::Magic { found: 1 })
        );
        for length in 0..5 {
            assert_eq!(
                read_header(&[0; 5][..length]),
                Err(FrameError::TooShort { length })
            );
        }
    }

    #[test]
    fn indexes_are_the_bytes_that_confluent_documents() {
        // "the array [1, 0] is encoded as the variable-length ints 2,1,0", each zigzag.
        for (indexes, bytes) in [
            (&[0][..], &[0][..]),
            (&[1], &[2, 2]),
            (&[1, 0], &[4, 2, 0]),
            (&[0, 0], &[4, 0, 0]),
            (&[64], &[2, 0x80, 1]),
        ] {
            assert_eq!(encode_indexes(indexes), bytes);
            let mut behind = bytes.to_vec();
            behind.push(0xff);
            let read = read_indexes(&behind);
            assert_eq!(read, Ok((indexes.to_vec(), &[0xff][..])));
        }
    }

    #[test]
    fn indexes_that_are_none_are_errors() {
        for bytes in [
            &[][..],
            &[2],
            &[1],
            &[3],
            &[0x80],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xfe, 0xff, 0xff, 0xff, 0x0f, 0],
            &[4, 0],
            &[2, 1],
        ] {
            assert!(read_indexes(bytes).is_err(), "{bytes:?}");
        }
    }
}
