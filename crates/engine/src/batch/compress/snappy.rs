//! snappy in the framing of the Java library (xerial): a header of 16 bytes, then blocks of raw
//! snappy behind their lengths. Other clients write one raw block without a header: read as well.

use super::{CompressError, failed};
use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

const MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
/// The magic, the framing's version and the oldest compatible one, both 1.
const HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// Snappy itself works in blocks of 64 KiB, so longer ones would not be smaller.
const BLOCK: usize = 64 << 10;

pub(super) fn compress(input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
    let mut encoder = Encoder::new();
    out.extend_from_slice(&HEADER);
    for block in input.chunks(BLOCK) {
        let length_at = out.len();
        let start = length_at + 4;
        out.resize(start + max_compress_len(block.len()), 0);
        let length = encoder
            .compress(block, &mut out[start..])
            .map_err(|error| failed("snappy", error))?;
        out.truncate(start + length);
        // A block of 64 KiB grows by a sixth at most, far below 4 GiB.
        out[length_at..start].copy_from_slice(&(length as u32).to_be_bytes());
    }
    Ok(())
}

pub(super) fn decompress(
    input: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    if !input.starts_with(&MAGIC) {
        return block(input, limit, limit, out);
    }
    let mut rest = input
        .get(HEADER.len()..)
        .ok_or_else(|| failed("snappy", "no header"))?;
    let end = out.len().saturating_add(limit);
    while !rest.is_empty() {
        let (length, after) = rest
            .split_first_chunk::<4>()
            .ok_or_else(|| failed("snappy", "a block's length is cut short"))?;
        let length = u32::from_be_bytes(*length) as usize;
        let (compressed, after) = after
            .split_at_checked(length)
            .ok_or_else(|| failed("snappy", "a block is cut short"))?;
        block(compressed, end - out.len(), limit, out)?;
        rest = after;
    }
    Ok(())
}

fn block(input: &[u8], room: usize, limit: usize, out: &mut Vec<u8>) -> Result<(), CompressError> {
    let length = decompress_len(input).map_err(|error| failed("snappy", error))?;
    if length > room {
        return Err(CompressError::TooLarge { limit });
    }
    // A copy element of three bytes unpacks to 64, so more than this is a lie told to get memory.
    if length / 32 > input.len() {
        return Err(failed("snappy", "a block promises more than it can hold"));
    }
    let start = out.len();
    out.resize(start + length, 0);
    Decoder::new()
        .decompress(input, &mut out[start..])
        .map_err(|error| failed("snappy", error))?;
    Ok(())
}
