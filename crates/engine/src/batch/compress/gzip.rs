//! gzip: one member; several are read.

use super::{CompressError, failed, read_within};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use std::io::Write as _;

pub(super) fn compress(level: i32, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
    // Kafka's -1 is the codec's own default.
    let level = u32::try_from(level).map_or_else(
        |_| Compression::default(),
        |level| Compression::new(level.min(9)),
    );
    let mut encoder = GzEncoder::new(out, level);
    encoder
        .write_all(input)
        .map_err(|error| failed("gzip", error))?;
    encoder.finish().map_err(|error| failed("gzip", error))?;
    Ok(())
}

pub(super) fn decompress(
    input: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    read_within("gzip", MultiGzDecoder::new(input), limit, out)
}
