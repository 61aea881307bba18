//! A batch body's compression, in the framings that Kafka's Java client writes and reads.
//!
//! Each codec is behind the cargo feature of its name. The ids are those of the batch attributes.

#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "zstd")]
mod zstd;

use crate::Compression;
use std::sync::Arc;

/// Why bytes could not be compressed or decompressed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompressError {
    /// The codec was compiled out.
    #[error("{feature} compression needs the cargo feature {feature:?}")]
    Disabled {
        /// The feature that brings it.
        feature: &'static str,
    },
    /// Kafka has assigned no codec to this id.
    #[error("there is no compression codec {0}")]
    UnknownCodec(i16),
    /// It unpacks to more than was allowed.
    #[error("it decompresses to more than {limit} bytes")]
    TooLarge {
        /// The bytes allowed.
        limit: usize,
    },
    /// The codec gave up.
    #[error("{codec}: {reason}")]
    Codec {
        /// Which.
        codec: &'static str,
        /// In the codec's words.
        reason: Arc<str>,
    },
}

/// Appends `input`, compressed, to `out`. `None` appends it as it is.
///
/// Settings that a codec cannot follow are harmless: lz4 has one level here, whatever is asked.
///
/// # Errors
/// If the codec was compiled out, or fails. `out` may then hold a part.
pub fn compress(
    compression: Compression,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    match compression {
        Compression::None => {
            out.extend_from_slice(input);
            Ok(())
        }
        #[cfg(feature = "gzip")]
        Compression::Gzip(level) => gzip::compress(level, input, out),
        #[cfg(not(feature = "gzip"))]
        Compression::Gzip(_) => Err(CompressError::Disabled { feature: "gzip" }),
        #[cfg(feature = "snappy")]
        Compression::Snappy => snappy::compress(input, out),
        #[cfg(not(feature = "snappy"))]
        Compression::Snappy => Err(CompressError::Disabled { feature: "snappy" }),
        #[cfg(feature = "lz4")]
        Compression::Lz4(_) => lz4::compress(input, out),
        #[cfg(not(feature = "lz4"))]
        Compression::Lz4(_) => Err(CompressError::Disabled { feature: "lz4" }),
        #[cfg(feature = "zstd")]
        Compression::Zstd(level) => zstd::compress(level, input, out),
        #[cfg(not(feature = "zstd"))]
        Compression::Zstd(_) => Err(CompressError::Disabled { feature: "zstd" }),
    }
}

/// Appends `input`, decompressed by the codec with this id, to `out`: at most `limit` bytes.
///
/// # Errors
/// If the codec is unknown or compiled out, or `input` is not its format or unpacks to more. `out`
/// may then hold a part.
pub fn decompress(
    codec_id: i16,
    input: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    match codec_id {
        0 if input.len() > limit => Err(CompressError::TooLarge { limit }),
        0 => {
            out.extend_from_slice(input);
            Ok(())
        }
        #[cfg(feature = "gzip")]
        1 => gzip::decompress(input, limit, out),
        #[cfg(not(feature = "gzip"))]
        1 => Err(CompressError::Disabled { feature: "gzip" }),
        #[cfg(feature = "snappy")]
        2 => snappy::decompress(input, limit, out),
        #[cfg(not(feature = "snappy"))]
        2 => Err(CompressError::Disabled { feature: "snappy" }),
        #[cfg(feature = "lz4")]
        3 => lz4::decompress(input, limit, out),
        #[cfg(not(feature = "lz4"))]
        3 => Err(CompressError::Disabled { feature: "lz4" }),
        #[cfg(feature = "zstd")]
        4 => zstd::decompress(input, limit, out),
        #[cfg(not(feature = "zstd"))]
        4 => Err(CompressError::Disabled { feature: "zstd" }),
        other => Err(CompressError::UnknownCodec(other)),
    }
}

/// Reads a decoder to its end, but no further than the limit.
#[cfg(any(feature = "gzip", feature = "lz4", feature = "zstd"))]
fn read_within(
    codec: &'static str,
    decoder: impl std::io::Read,
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    use std::io::Read as _;
    // One byte more than allowed tells "exactly full" from "too large".
    let mut bounded = decoder.take((limit as u64).saturating_add(1));
    let read = bounded
        .read_to_end(out)
        .map_err(|error| failed(codec, error))?;
    if read > limit {
        Err(CompressError::TooLarge { limit })
    } else {
        Ok(())
    }
}

#[cfg(any(
    feature = "gzip",
    feature = "snappy",
    feature = "lz4",
    feature = "zstd"
))]
fn failed(codec: &'static str, error: impl std::fmt::Display) -> CompressError {
    CompressError::Codec {
        codec,
        reason: error.to_string().into(),
    }
}
