//! Requests out of a stream of bytes.

use bytes::{Bytes, BytesMut};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// `socket.request.max.bytes`.
const LARGEST: usize = 100 << 20;
const READ: usize = 64 << 10;

/// The frames of a connection, without their length prefixes.
#[derive(Debug)]
pub(super) struct Frames<R> {
    from: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            buffer: BytesMut::new(),
        }
    }

    /// The next frame; `None` at the end. It shares its memory with its neighbours, uncopied.
    pub(super) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let mut missing = READ;
            if let Some(prefix) = self.buffer.first_chunk::<4>() {
                let length = usize::try_from(i32::from_be_bytes(*prefix))
                    .ok()
                    .filter(|length| *length <= LARGEST)
                    .ok_or_else(|| io::Error::other("not the length of a request"))?;
                let total = 4 + length;
                if self.buffer.len() >= total {
                    return Ok(Some(self.buffer.split_to(total).freeze().slice(4..)));
                }
                missing = total - self.buffer.len();
            }
            // Exactly what a large frame lacks, so that little of the next one has to be copied.
            self.buffer
                .reserve(if missing < READ / 2 { READ } else { missing });
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads to the end and forgets it.
    pub(super) async fn discard(&mut self) {
        loop {
            self.buffer.clear();
            self.buffer.reserve(READ);
            match self.from.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn frames(bytes: &[u8]) -> (Vec<Bytes>, bool) {
        let mut frames = Frames::new(bytes);
        let mut found = Vec::new();
        loop {
            match frames.next().await {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => return (found, true),
                Err(_) => return (found, false),
            }
        }
    }

    #[tokio::test]
    async fn splits_what_came_together_and_joins_what_came_apart() {
        let large = vec![7; 300_000];
        let mut bytes = b"\0\0\0\x01a\0\0\0\0".to_vec();
        bytes.extend_from_slice(&300_000_i32.to_be_bytes());
        bytes.extend_from_slice(&large);
        bytes.extend_from_slice(b"\0\0\0\x05cut");
        let (found, clean) = frames(&bytes).await;
        assert_eq!(
            found,
            [Bytes::from_static(b"a"), Bytes::new(), large.into()]
        );
        assert!(clean);
    }

    #[tokio::test]
    async fn refuses_lengths_that_no_request_has() {
        assert_eq!(frames(b"\xff\xff\xff\xff").await, (vec![], false));
        assert_eq!(frames(b"GET / HTTP/1.1").await, (vec![], false));
    }
}
