//! Which message of a Protobuf schema a value is.

use crate::serialization::registry::FrameError;

/// Deeper nesting than this is nobody's schema.
const MAX_INDEXES: usize = 64;

/// The message indexes as they are written: their count and then each, as zigzag varints. The first
/// message of a file, `[0]`, has a form of its own: one zero.
pub(super) fn encode_indexes(indexes: &[u32]) -> Vec<u8> {
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
pub(super) fn read_indexes(mut bytes: &[u8]) -> Result<(Vec<u32>, &[u8]), FrameError> {
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
