//! zstd: one frame; several are read.

use super::{CompressError, failed, read_within};
use std::{cell::RefCell, io::Cursor};
use zstd::{bulk::Compressor, stream::read::Decoder, zstd_safe::compress_bound};

thread_local! {
    /// A compressor's tables are larger than most batches, so a thread keeps its last one.
    static LAST: RefCell<Option<(i32, Compressor<'static>)>> = const { RefCell::new(None) };
}

pub(super) fn compress(level: i32, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
    LAST.with_borrow_mut(|last| {
        let (_, compressor) = match last.take_if(|(had, _)| *had == level) {
            Some(kept) => last.insert(kept),
            None => {
                let new = Compressor::new(level).map_err(|error| failed("zstd", error))?;
                last.insert((level, new))
            }
        };
        let start = out.len();
        out.reserve(compress_bound(input.len()));
        let mut cursor = Cursor::new(std::mem::take(out));
        cursor.set_position(start as u64);
        let done = compressor.compress_to_buffer(input, &mut cursor);
        *out = cursor.into_inner();
        done.map_err(|error| failed("zstd", error))?;
        Ok(())
    })
}

pub(super) fn decompress(
    input: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    let decoder = Decoder::with_buffer(input).map_err(|error| failed("zstd", error))?;
    read_within("zstd", decoder, limit, out)
}
