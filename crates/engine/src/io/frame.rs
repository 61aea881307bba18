//! Kafka's frames: a length, then a request or a response with its header.

use super::shape::{self, Malformed, Shaped};
use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::{
    messages::ApiKey,
    protocol::{Decodable, HeaderVersion},
};
use std::{
    io,
    pin::pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The largest response that is read. Decoding one can take some times its size in memory.
pub(crate) const MAX_RESPONSE: usize = 64 << 20;

const LENGTH_BYTES: usize = 4;
/// Room that every read gets at least, so that many small frames come with one call.
const READ_AT_LEAST: usize = 4 << 10;
/// Room that is made when there is less.
const READ_BLOCK: usize = 32 << 10;

/// Why no further frame can be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("reading failed")]
    Io(#[source] io::Error),
    #[error("the connection was closed in the middle of an answer")]
    Truncated,
    #[error("an answer of {0} bytes was announced")]
    Length(i32),
}

/// Cuts what a stream delivers into frames.
///
/// What was read of an unfinished frame stays in here, so a caller may stop polling at any time.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    buffer: BytesMut,
}

impl FrameReader {
    /// The next frame, without its length; `None` when the stream ended between two frames. Every
    /// frame that has already been read comes before the next read. After an error the position in
    /// the stream is lost: drop the connection.
    pub(crate) fn poll_frame<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<Result<Option<Bytes>, FrameError>> {
        loop {
            if let Some(frame) = self.take()? {
                return Poll::Ready(Ok(Some(frame)));
            }
            if self.buffer.capacity() - self.buffer.len() < READ_AT_LEAST {
                // Never as much as the frame's length asks for: only bytes that came make it grow.
                self.buffer.reserve(READ_BLOCK.max(self.buffer.len()));
            }
            // The future holds no state between polls, so it can be a new one each time.
            let read = pin!(stream.read_buf(&mut self.buffer));
            match ready!(read.poll(cx)) {
                Ok(0) if self.buffer.is_empty() => return Poll::Ready(Ok(None)),
                Ok(0) => return Poll::Ready(Err(FrameError::Truncated)),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(FrameError::Io(error))),
            }
        }
    }

    fn take(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(&head) = self.buffer.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let announced = i32::from_be_bytes(head);
        let length = match usize::try_from(announced) {
            Ok(length) if length <= MAX_RESPONSE => length,
            _ => return Err(FrameError::Length(announced)),
        };
        if self.buffer.len() < LENGTH_BYTES + length {
            return Ok(None);
        }
        self.buffer.advance(LENGTH_BYTES);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

/// Starts a request at the end of `out`: room for its length, then its header. The body follows,
/// then [`seal_frame`].
pub(crate) fn frame_header(
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: &str,
    out: &mut Vec<u8>,
) {
    // The header has 16 bits for its length.
    let client_id = &client_id[..client_id.floor_char_boundary(i16::MAX as usize)];
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    out.extend_from_slice(&(api as i16).to_be_bytes());
    out.extend_from_slice(&version.to_be_bytes());
    out.extend_from_slice(&correlation_id.to_be_bytes());
    out.extend_from_slice(&(client_id.len() as i16).to_be_bytes());
    out.extend_from_slice(client_id.as_bytes());
    if api.request_header_version(version) >= 2 {
        out.push(0);
    }
}

/// Writes the length of the request that starts at `start` in `out`; `behind` bytes of it are sent
/// after it from elsewhere.
///
/// # Panics
/// If `start` is not where a [`frame_header`] began, or the request exceeds 2 GiB (the caller's
/// limits keep requests far below).
pub(crate) fn seal_frame(out: &mut [u8], start: usize, behind: usize) {
    let length = out.len() - start - LENGTH_BYTES + behind;
    let length = i32::try_from(length).expect("max.request.size is below 2 GiB");
    out[start..start + LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
}

/// The number of the request that a response belongs to.
pub(crate) fn correlation_id(frame: &[u8]) -> Result<i32, Malformed> {
    let id = frame.first_chunk().ok_or(Malformed("it has no header"))?;
    Ok(i32::from_be_bytes(*id))
}

/// Decodes a response, header included, whatever its bytes are.
pub(crate) fn decode_response<T>(mut frame: Bytes, version: i16) -> Result<T, Malformed>
where
    T: Shaped + Decodable + HeaderVersion,
{
    correlation_id(&frame)?;
    frame.advance(size_of::<i32>());
    if T::header_version(version) >= 1 {
        let mut rest = &frame[..];
        shape::skip_tags(&mut rest)?;
        frame.advance(frame.len() - rest.len());
    }
    shape::check::<T>(&frame, version)?;
    // Left to refuse are text that is not UTF-8 and null where it may not be.
    T::decode(&mut frame, version).map_err(|_| Malformed("a field has an illegal value"))
}
