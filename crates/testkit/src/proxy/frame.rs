//! Kafka's frames, as far as the proxy looks into them.

use bytes::{Bytes, BytesMut};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// A frame with its length prefix: what came is what is forwarded.
#[derive(Clone, Debug)]
pub(super) struct Frame(Bytes);

/// No broker accepts a request of this size, so what claims it is not Kafka's protocol.
const LARGEST: usize = 1 << 30;
const PREFIX: usize = 4;

impl Frame {
    /// The next frame, or `None` where the stream ends between two.
    pub(super) async fn read(
        stream: &mut (impl AsyncRead + Unpin + Send),
    ) -> io::Result<Option<Self>> {
        let mut prefix = [0; PREFIX];
        if stream.read(&mut prefix[..1]).await? == 0 {
            return Ok(None);
        }
        stream.read_exact(&mut prefix[1..]).await?;
        let length = usize::try_from(i32::from_be_bytes(prefix))
            .ok()
            .filter(|length| *length <= LARGEST)
            .ok_or(io::ErrorKind::InvalidData)?;
        let mut bytes = BytesMut::zeroed(PREFIX + length);
        bytes[..PREFIX].copy_from_slice(&prefix);
        stream.read_exact(&mut bytes[PREFIX..]).await?;
        Ok(Some(Self(bytes.freeze())))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The API key and correlation id, if this is a request.
    pub(super) fn as_request(&self) -> Option<(i16, i32)> {
        let api = self.0.get(PREFIX..PREFIX + 2)?;
        let correlation = self.0.get(PREFIX + 4..PREFIX + 8)?;
        Some((
            i16::from_be_bytes(api.try_into().ok()?),
            i32::from_be_bytes(correlation.try_into().ok()?),
        ))
    }

    /// The correlation id, if this is a response.
    pub(super) fn as_response(&self) -> Option<i32> {
        let correlation = self.0.get(PREFIX..PREFIX + 4)?;
        Some(i32::from_be_bytes(correlation.try_into().ok()?))
    }
}
