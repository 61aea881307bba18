//! Bytes that are written in place.

use std::{fmt, ops::Deref};

/// Memory of a fixed size, of which the first bytes are in use; it reads as those.
///
/// A `Vec` would look for room, and settle its length, at every field of every record. Here all of
/// the memory is there from the start (zeroed by the system, which costs nothing), and a record is
/// written into a slice.
#[derive(Clone)]
pub struct Buffer {
    bytes: Vec<u8>,
    len: usize,
}

impl Buffer {
    /// An empty one that holds `size` bytes.
    #[must_use]
    pub fn with_size(size: usize) -> Self {
        Self {
            bytes: vec![0; size],
            len: 0,
        }
    }

    /// How many bytes it can hold.
    #[inline]
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// What is not in use: write to its front, then [`advance`](Self::advance).
    #[inline]
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.len..]
    }

    /// The first `written` bytes of the room are in use now.
    #[inline]
    pub fn advance(&mut self, written: usize) {
        self.len = self.size().min(self.len + written);
    }

    /// Appends bytes that there is room for.
    ///
    /// # Panics
    /// If there is none.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.room()[..bytes.len()].copy_from_slice(bytes);
        self.advance(bytes.len());
    }

    /// Nothing of it is in use any more.
    pub fn clear(&mut self) {
        self.len = 0;
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        let len = bytes.len();
        Self { bytes, len }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} of {} bytes)", self.len, self.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_reads_as_what_was_written_to_it() {
        let mut buffer = Buffer::with_size(8);
        buffer.extend_from_slice(b"abc");
        buffer.room()[0] = b'd';
        assert_eq!(&*buffer, b"abc", "not in use yet");
        buffer.advance(1);
        assert_eq!(&*buffer, b"abcd");
        buffer.clear();
        assert_eq!((&*buffer, buffer.size()), (&b""[..], 8));
    }

    #[test]
    fn a_buffer_is_never_in_use_beyond_its_size() {
        let mut buffer = Buffer::with_size(2);
        buffer.advance(5);
        assert_eq!(buffer.len(), 2);
    }
}
