//! Lines in, keys and values out, and back.

mod chunks;
mod escape;
mod json;
mod parser;

pub(crate) use chunks::{Chunk, Chunks};
pub(crate) use escape::unescape;
pub(crate) use parser::{Format, Parser};

use bytes::Bytes;
use std::{io, sync::Arc};

/// What one line of the input became.
#[derive(Debug)]
pub(crate) enum Item {
    Line(Line),
    /// It cannot be parsed.
    Bad(Box<BadLine>),
    /// An empty line between JSON objects.
    Blank,
    /// The input cannot be read any further.
    Broken(Box<Broken>),
}

/// A line as key and value, slices of the block it was read in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: u64,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
}

/// A line that cannot be parsed.
#[derive(Debug)]
pub(crate) struct BadLine {
    pub(crate) number: u64,
    pub(crate) reason: BadReason,
    pub(crate) text: Bytes,
}

/// A reading error, and the line that it hit.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) number: u64,
    pub(crate) error: io::Error,
}

/// What is wrong with a line. Never quotes its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadReason {
    #[error("no key delimiter in it")]
    NoDelimiter,
    #[error("not JSON: {what} at column {column}")]
    NotJson { what: String, column: usize },
    #[error("not a JSON object")]
    NotAnObject,
    #[error("no field {0:?} in it")]
    NoKeyField(Arc<str>),
    #[error("the field {0:?} is in it twice")]
    TwoKeyFields(Arc<str>),
    #[error("its field {field:?} is {kind}; a key must be a string, a number or a boolean")]
    NotAKey { field: Arc<str>, kind: &'static str },
    #[error("longer than {} MiB", .0 >> 20)]
    TooLong(usize),
}
