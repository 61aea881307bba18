//! An element that failed, with everything that came in.

use super::ProduceError;
use crate::{Envelope, RecordMetadata};
use guanaco_engine::Written;
use std::{error::Error as StdError, fmt};

/// An element that was not delivered, with what came in: nothing is lost with it, neither the
/// records nor the pass-through.
///
/// ```
/// use guanaco::{Failed, Written};
///
/// fn explain(failed: &Failed<String, String, u64>) -> &'static str {
///     match failed.written() {
///         Written::No => "safe to send again",
///         Written::Maybe => "may be in the log: sending it again may double it",
///     }
/// }
/// ```
pub struct Failed<K, V, P = ()> {
    /// What came in. Boxed, so that a `Result` with this error is no larger than need be:
    /// `*failed.envelope` to match on it or to own it.
    pub envelope: Box<Envelope<K, V, P>>,
    /// Why it failed.
    pub error: ProduceError,
}

impl<K, V, P> Failed<K, V, P> {
    /// What came in, and why it failed; for tests of code that takes failures, and code that refuses
    /// elements itself.
    #[must_use]
    pub fn new(envelope: impl Into<Envelope<K, V, P>>, error: ProduceError) -> Self {
        Self {
            envelope: Box::new(envelope.into()),
            error,
        }
    }

    /// Whether any record of it may be in the log.
    #[must_use]
    pub fn written(&self) -> Written {
        self.error.written()
    }

    /// See [`ProduceError::is_retriable`].
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        self.error.is_retriable()
    }

    /// See [`ProduceError::is_fatal`].
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.error.is_fatal()
    }

    /// See [`ProduceError::parts`].
    #[must_use]
    pub fn parts(&self) -> &[PartOutcome] {
        self.error.parts()
    }
}

/// Shows the error and no payload.
impl<K, V, P> fmt::Debug for Failed<K, V, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failed")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl<K, V, P> fmt::Display for Failed<K, V, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<K, V, P> StdError for Failed<K, V, P> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

impl<K, V, P> From<Failed<K, V, P>> for ProduceError {
    fn from(failed: Failed<K, V, P>) -> Self {
        failed.error
    }
}

/// What became of one record of a failed [`Multi`](Envelope::Multi).
#[derive(Clone, Debug)]
pub enum PartOutcome {
    /// It is in the log.
    Acknowledged(RecordMetadata),
    /// It is not in the log and never will be.
    NotWritten(ProduceError),
    /// It may be in the log.
    MaybeWritten(ProduceError),
}

impl PartOutcome {
    /// Why the record was not acknowledged.
    #[must_use]
    pub fn error(&self) -> Option<&ProduceError> {
        match self {
            Self::Acknowledged(_) => None,
            Self::NotWritten(error) | Self::MaybeWritten(error) => Some(error),
        }
    }

    pub(crate) fn failed(error: ProduceError) -> Self {
        match error.written() {
            Written::No => Self::NotWritten(error),
            Written::Maybe => Self::MaybeWritten(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_with_it_is_small_whatever_the_records_are() {
        // From 128 bytes on, clippy warns users of `result_large_err`.
        assert!(size_of::<Failed<[u8; 1000], [u8; 1000], [u8; 1000]>>() < 128);
    }
}
