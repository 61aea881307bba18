//! lz4 frames of independent blocks: the Java client refuses blocks that depend on each other.
//!
//! The encoder knows one level. `compression.lz4.level` above 9 would be slower and smaller in Java.

use super::{CompressError, failed, read_within};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use std::io::Write as _;

pub(super) fn compress(input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
    // The reader allocates a whole block, so blocks are of the size that Java writes.
    let info = FrameInfo::new()
        .block_mode(BlockMode::Independent)
        .block_size(BlockSize::Max64KB);
    let mut encoder = FrameEncoder::with_frame_info(info, out);
    encoder
        .write_all(input)
        .map_err(|error| failed("lz4", error))?;
    encoder.finish().map_err(|error| failed("lz4", error))?;
    Ok(())
}

pub(super) fn decompress(
    input: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    read_within("lz4", FrameDecoder::new(input), limit, out)
}
