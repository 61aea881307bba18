//! What is before a value: a zero and the schema's id.

use super::FrameError;

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
}
