//! Blocks of the input, cut at line ends and parsed.

use super::{BadLine, BadReason, Broken, Item, Parser};
use bytes::{Buf, Bytes, BytesMut};
use std::io;

/// How much is asked for in one read. Big enough to make the cost of a read and of a channel hop
/// vanish per line.
const BLOCK: usize = 256 << 10;

/// A line without an end must not take all the memory; a record is at most `max.request.size`, 1
/// MiB by default.
const LONGEST_LINE: usize = 64 << 20;

/// The lines of one block.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) items: Vec<Item>,
    /// How much of the input it took.
    pub(crate) bytes: u64,
}

/// Reads and parses an input block by block. What a read returns is passed on at once, up to its
/// last line end, so that a slow source (`tail -f`) is followed line by line.
#[derive(Debug)]
pub(crate) struct Chunks<R> {
    input: R,
    parser: Parser,
    skip_bad: bool,
    longest: usize,
    scratch: Box<[u8]>,
    /// The beginning of a line whose end was not read yet.
    rest: BytesMut,
    lines: u64,
    ended: bool,
}

impl<R: io::Read> Chunks<R> {
    /// With `skip_bad` bad lines are items among others; else the first one ends the input.
    pub(crate) fn new(input: R, parser: Parser, skip_bad: bool) -> Self {
        Self {
            input,
            parser,
            skip_bad,
            longest: LONGEST_LINE,
            scratch: vec![0; BLOCK].into_boxed_slice(),
            rest: BytesMut::new(),
            lines: 0,
            ended: false,
        }
    }

    fn parse(&mut self, block: &Bytes) -> Chunk {
        // A guess that saves most of the growing: the lines of a file are of a kind.
        let mut chunk = Chunk {
            items: Vec::with_capacity(block.len() / 64 + 1),
            bytes: block.len() as u64,
        };
        let mut start = 0;
        while start < block.len() {
            let end = memchr::memchr(b'\n', &block[start..]).map_or(block.len(), |at| start + at);
            let line = &block[start..end];
            start = end + 1;
            self.lines += 1;
            let item =
                self.parser
                    .parse(block, line.strip_suffix(b"\r").unwrap_or(line), self.lines);
            let is_last = matches!(item, Item::Bad(_)) && !self.skip_bad;
            chunk.items.push(item);
            if is_last {
                self.ended = true;
                break;
            }
        }
        chunk
    }

    fn end_with(&mut self, item: Item) -> Chunk {
        self.ended = true;
        Chunk {
            items: vec![item],
            bytes: 0,
        }
    }
}

impl<R: io::Read> Iterator for Chunks<R> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        while !self.ended {
            let read = match self.input.read(&mut self.scratch) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let broken = Broken {
                        number: self.lines + 1,
                        error,
                    };
                    return Some(self.end_with(Item::Broken(Box::new(broken))));
                }
            };
            if read == 0 {
                self.ended = true;
                let last = std::mem::take(&mut self.rest).freeze();
                return last.has_remaining().then(|| self.parse(&last));
            }
            let new = &self.scratch[..read];
            let end = memchr::memrchr(b'\n', new).map(|at| at + 1);
            let (whole, open) = new.split_at(end.unwrap_or(0));
            if end.is_none() {
                if self.rest.len() + open.len() > self.longest {
                    let bad = BadLine {
                        number: self.lines + 1,
                        reason: BadReason::TooLong(self.longest),
                        text: Bytes::new(),
                    };
                    return Some(self.end_with(Item::Bad(Box::new(bad))));
                }
                self.rest.extend_from_slice(open);
                continue;
            }
            let mut block = std::mem::replace(&mut self.rest, BytesMut::from(open));
            block.extend_from_slice(whole);
            return Some(self.parse(&block.freeze()));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;
    use std::{collections::VecDeque, io::Read};

    /// Gives out its parts one a read, then the error if there is one.
    struct Parts(VecDeque<&'static str>, Option<io::Error>);

    impl Read for Parts {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match (self.0.pop_front(), self.1.take()) {
                (Some(part), error) => {
                    self.1 = error;
                    into[..part.len()].copy_from_slice(part.as_bytes());
                    Ok(part.len())
                }
                (None, Some(error)) => Err(error),
                (None, None) => Ok(0),
            }
        }
    }

    fn chunks(parts: &[&'static str], format: Format, skip_bad: bool) -> Chunks<Parts> {
        Chunks::new(
            Parts(parts.iter().copied().collect(), None),
            Parser::new(format, false),
            skip_bad,
        )
    }

    fn show(item: &Item) -> String {
        match item {
            Item::Line(line) => {
                format!(
                    "{} {}",
                    line.number,
                    String::from_utf8_lossy(line.value.as_deref().unwrap())
                )
            }
            Item::Bad(bad) => format!("{} bad {}", bad.number, String::from_utf8_lossy(&bad.text)),
            Item::Blank => "blank".to_owned(),
            Item::Broken(broken) => format!("{} broken {}", broken.number, broken.error),
        }
    }

    fn shown(chunks: impl Iterator<Item = Chunk>) -> Vec<Vec<String>> {
        chunks
            .map(|chunk| chunk.items.iter().map(show).collect())
            .collect()
    }

    fn lines(parts: &[&'static str]) -> Vec<Vec<String>> {
        shown(chunks(parts, Format::Lines, false))
    }

    #[test]
    fn lines_are_numbered_across_reads() {
        assert_eq!(
            lines(&["a\nb\nc", "d\n", "e\n"]),
            [vec!["1 a", "2 b"], vec!["3 cd"], vec!["4 e"]]
        );
    }

    #[test]
    fn a_last_line_needs_no_line_end_and_none_follows_one() {
        assert_eq!(lines(&["a\nb"]), [vec!["1 a"], vec!["2 b"]]);
        assert_eq!(lines(&["a\n"]), [vec!["1 a"]]);
        assert_eq!(lines(&[]), Vec::<Vec<String>>::new());
    }

    #[test]
    fn empty_lines_are_lines() {
        assert_eq!(lines(&["\n\na\n"]), [vec!["1 ", "2 ", "3 a"]]);
    }

    #[test]
    fn a_carriage_return_before_the_line_end_goes_with_it_even_across_reads() {
        assert_eq!(
            lines(&["a\r\nb\r", "\nc\rd\r\n"]),
            [vec!["1 a"], vec!["2 b", "3 c\rd"]]
        );
    }

    #[test]
    fn a_line_may_span_many_reads() {
        assert_eq!(lines(&["a", "b", "c", "\nd"]), [vec!["1 abc"], vec!["2 d"]]);
    }

    #[test]
    fn a_bad_line_ends_the_input_unless_it_is_skipped() {
        let parts = ["a:1\nb\nc:3\n", "d\ne:5\n"];
        let keyed = || Format::Keyed(b":".to_vec());
        assert_eq!(
            shown(chunks(&parts, keyed(), false)),
            [vec!["1 1", "2 bad b"]]
        );
        assert_eq!(
            shown(chunks(&parts, keyed(), true)),
            [vec!["1 1", "2 bad b", "3 3"], vec!["4 bad d", "5 5"]]
        );
    }

    #[test]
    fn a_line_that_never_ends_is_bad_and_bounded() {
        let mut endless = Chunks::new(io::repeat(b'x'), Parser::new(Format::Lines, false), true);
        endless.longest = 2 * BLOCK;
        assert_eq!(shown(&mut endless), [vec!["1 bad "]]);
        assert!(endless.rest.len() <= 2 * BLOCK);
    }

    #[test]
    fn a_reading_error_comes_after_the_lines_before_it_and_names_where() {
        let mut broken = chunks(&["a\nb"], Format::Lines, false);
        broken.input.1 = Some(io::Error::other("disk on fire"));
        assert_eq!(shown(broken), [vec!["1 a"], vec!["2 broken disk on fire"]]);
    }

    #[test]
    fn the_bytes_of_all_chunks_are_those_of_the_input() {
        let taken: u64 = chunks(&["a\nbb", "\n", "ccc"], Format::Lines, false)
            .map(|chunk| chunk.bytes)
            .sum();
        assert_eq!(taken, 8);
    }
}
