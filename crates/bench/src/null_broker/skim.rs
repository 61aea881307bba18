//! Reads requests off a socket without looking at the records in them.

use std::{
    io::{self, Read},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

/// No client sends more than `max.request.size` and its headers; this catches bytes that are not
/// Kafka.
const MAX_FRAME: usize = 256 << 20;
pub(super) const BUFFER: usize = 256 << 10;

/// Reads frames; within one, takes fields and skips the rest through one reused buffer.
pub(super) struct Skimmer<'a, R> {
    inner: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of the current frame that were not taken or skipped yet.
    left: usize,
    limit: Option<&'a RateLimit>,
}

impl<'a, R: Read> Skimmer<'a, R> {
    pub(super) fn new(inner: R, limit: Option<&'a RateLimit>) -> Self {
        // Small reads under a limit: the sleeps between them are short then.
        let size = if limit.is_some() { 32 << 10 } else { BUFFER };
        Self {
            inner,
            buffer: vec![0; size],
            start: 0,
            end: 0,
            left: 0,
            limit,
        }
    }

    /// Skips what is left of the current frame and opens the next. `None` at the end of the stream.
    pub(super) fn next_frame(&mut self) -> io::Result<Option<usize>> {
        self.skip(self.left)?;
        if self.start == self.end && !self.fill()? {
            return Ok(None);
        }
        self.left = 4;
        let length =
            usize::try_from(self.i32()?).map_err(|_| malformed("negative frame length"))?;
        if length > MAX_FRAME {
            return Err(malformed("frame too long"));
        }
        self.left = length;
        Ok(Some(length))
    }

    pub(super) fn left(&self) -> usize {
        self.left
    }

    pub(super) fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut out = [0; N];
        self.read_into(&mut out)?;
        Ok(out)
    }

    pub(super) fn take_vec(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if length > self.left {
            return Err(malformed("field longer than its frame"));
        }
        let mut out = vec![0; length];
        self.read_into(&mut out)?;
        Ok(out)
    }

    pub(super) fn skip(&mut self, mut length: usize) -> io::Result<()> {
        self.claim(length)?;
        loop {
            let step = length.min(self.end - self.start);
            self.start += step;
            length -= step;
            if length == 0 {
                return Ok(());
            }
            self.fill_or_fail()?;
        }
    }

    pub(super) fn i16(&mut self) -> io::Result<i16> {
        self.take().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> io::Result<i32> {
        self.take().map(i32::from_be_bytes)
    }

    pub(super) fn unsigned_varint(&mut self) -> io::Result<u32> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.take()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(malformed("varint longer than five bytes"))
    }

    fn read_into(&mut self, mut out: &mut [u8]) -> io::Result<()> {
        self.claim(out.len())?;
        while !out.is_empty() {
            if self.start == self.end {
                self.fill_or_fail()?;
            }
            let step = out.len().min(self.end - self.start);
            let (now, later) = out.split_at_mut(step);
            now.copy_from_slice(&self.buffer[self.start..self.start + step]);
            self.start += step;
            out = later;
        }
        Ok(())
    }

    fn claim(&mut self, length: usize) -> io::Result<()> {
        self.left = self
            .left
            .checked_sub(length)
            .ok_or_else(|| malformed("field longer than its frame"))?;
        Ok(())
    }

    fn fill_or_fail(&mut self) -> io::Result<()> {
        if self.fill()? {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    fn fill(&mut self) -> io::Result<bool> {
        self.start = 0;
        self.end = 0;
        self.end = self.inner.read(&mut self.buffer)?;
        if let Some(limit) = self.limit {
            limit.pay(self.end);
        }
        Ok(self.end > 0)
    }
}

pub(super) fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Bytes per second over all connections.
pub(super) struct RateLimit {
    bytes_per_second: f64,
    paid_until: Mutex<Instant>,
}

impl RateLimit {
    /// How far a late sleeper may catch up: without it every overshoot of a sleep lowers the rate.
    const CATCH_UP: Duration = Duration::from_millis(10);

    pub(super) fn new(bytes_per_second: f64) -> Self {
        Self {
            bytes_per_second,
            paid_until: Mutex::new(Instant::now()),
        }
    }

    fn pay(&self, bytes: usize) {
        let now = Instant::now();
        let due = {
            let mut until = self
                .paid_until
                .lock()
                .unwrap_or_else(|broken| broken.into_inner());
            let from = now
                .checked_sub(Self::CATCH_UP)
                .map_or(*until, |floor| floor.max(*until));
            *until = from + Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
            *until
        };
        thread::sleep(due.saturating_duration_since(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_and_skips_across_reads_of_any_size() {
        struct Trickle<'a>(&'a [u8]);
        impl Read for Trickle<'_> {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                let n = out.len().min(self.0.len()).min(3);
                out[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }
        let mut bytes = vec![0, 0, 0, 10, 0, 7, 1, 2, 3, 4, 5, 6, 0xac, 0x02];
        bytes.extend([0, 0, 0, 2, 0, 9]);
        let mut skim = Skimmer::new(Trickle(&bytes), None);
        assert_eq!(skim.next_frame().unwrap(), Some(10));
        assert_eq!(skim.i16().unwrap(), 7);
        skim.skip(6).unwrap();
        assert_eq!(skim.unsigned_varint().unwrap(), 300);
        assert_eq!(skim.next_frame().unwrap(), Some(2));
        assert_eq!(skim.i16().unwrap(), 9);
        assert_eq!(skim.next_frame().unwrap(), None);
    }

    #[test]
    fn refuses_a_field_that_leaves_its_frame() {
        let bytes = [0, 0, 0, 2, 0, 7, 0, 0, 0, 0];
        let mut skim = Skimmer::new(&bytes[..], None);
        skim.next_frame().unwrap();
        assert_eq!(skim.i32().unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn keeps_the_reads_under_the_given_rate() {
        let limit = RateLimit::new(10e6);
        let start = Instant::now();
        for _ in 0..10 {
            limit.pay(50_000);
        }
        let seconds = start.elapsed().as_secs_f64();
        assert!(seconds >= 0.035, "500 kB at 10 MB/s took {seconds} s");
    }
}
