//! Buffers for batches, used again instead of freed.

use crate::batch::Buffer;

/// The smallest buffer, in bytes; each size class above it is twice the one before.
pub(super) const SMALLEST: usize = 1 << 10;
const CLASSES: usize = 12;

/// Empty buffers by size class.
#[derive(Debug, Default)]
pub(super) struct Pool {
    free: [Vec<Buffer>; CLASSES],
    held: usize,
}

impl Pool {
    /// The size of the buffer that [`take`](Self::take) gives for `bytes`.
    #[must_use]
    pub(super) fn size_for(bytes: usize) -> usize {
        bytes.max(SMALLEST).next_power_of_two()
    }

    /// An empty buffer of `size` bytes, a size that [`size_for`](Self::size_for) gave.
    pub(super) fn take(&mut self, size: usize) -> Buffer {
        match class(size).and_then(|class| self.free[class].pop()) {
            Some(buffer) => {
                self.held -= size;
                buffer
            }
            None => Buffer::with_size(size),
        }
    }

    /// Keeps a buffer for later, unless that would hold more than `limit` bytes in all: pooled and
    /// used memory together stay within `buffer.memory`.
    pub(super) fn put(&mut self, mut buffer: Buffer, limit: usize) {
        let size = buffer.size();
        if !size.is_power_of_two() || self.held + size > limit {
            return;
        }
        if let Some(class) = class(size) {
            buffer.clear();
            self.held += size;
            self.free[class].push(buffer);
        }
    }

    /// Bytes of memory held.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Frees pooled buffers until at most `limit` bytes are held.
    pub(super) fn shrink(&mut self, limit: usize) {
        if self.held <= limit {
            return;
        }
        for class in (0..CLASSES).rev() {
            while self.held > limit && self.free[class].pop().is_some() {
                self.held -= SMALLEST << class;
            }
        }
    }
}

fn class(size: usize) -> Option<usize> {
    let class = (size / SMALLEST).checked_ilog2()? as usize;
    (class < CLASSES).then_some(class)
}
