//! Why an element was not delivered, or a stream of them ended early.

use super::{Error, PartOutcome, SettingsError, StartError};
use crate::serialization::{BoxError, RecordPart};
use guanaco_engine::{Cause, DeliveryError, Topic, Written};
use std::{any::Any, error::Error as StdError, fmt, sync::Arc};

/// Why an element was not delivered, or why a stream of them ended before its input did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProduceError {
    /// A record was not acknowledged. Says why, and whether it may be in the log.
    Delivery(DeliveryError),
    /// Records of a [`Multi`](crate::Envelope::Multi) were not acknowledged. Has one outcome per
    /// record, in order; at least one of them is not an acknowledgement.
    Multi(Arc<[PartOutcome]>),
    /// The serializer refused a key or a value. Nothing of its envelope was written.
    Serialization {
        /// The record's topic.
        topic: Topic,
        /// Which part of the record.
        part: RecordPart,
        /// What the serializer said.
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// A closure or implementation of the user's panicked. Nothing of its envelope was written.
    UserPanic {
        /// What panicked.
        what: &'static str,
        /// The panic's message, where it was text.
        message: Arc<str>,
    },
    /// The stream before the stage failed; everything that it gave before was settled first. See
    /// [`upstream`](Self::upstream).
    Upstream(Arc<dyn StdError + Send + Sync>),
    /// The producer could not be created.
    Start(StartError),
    /// The producer is closed. Nothing was written.
    Closed,
    /// There is no room for another record now. Nothing was written.
    Full,
}

impl ProduceError {
    /// Whether anything of the element may be in the log: sending it again may double that part.
    #[must_use]
    pub fn written(&self) -> Written {
        let part = |part: &PartOutcome| !matches!(part, PartOutcome::NotWritten(_));
        match self {
            Self::Delivery(error) => error.written(),
            Self::Multi(parts) if parts.iter().any(part) => Written::Maybe,
            _ => Written::No,
        }
    }

    /// Whether the same may succeed later. It does not say that it is safe to try: see
    /// [`written`](Self::written).
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Delivery(error) => error.is_retriable(),
            Self::Multi(parts) => parts
                .iter()
                .filter_map(PartOutcome::error)
                .all(Self::is_retriable),
            Self::Start(error) => error.is_retriable(),
            Self::Full => true,
            Self::Upstream(error) => match nested(&**error) {
                Some(Nested::Produce(error)) => error.is_retriable(),
                Some(Nested::Crate(error)) => error.is_retriable(),
                None => false,
            },
            Self::Serialization { .. } | Self::UserPanic { .. } | Self::Closed => false,
        }
    }

    /// Whether the producer is of no more use: build a new one.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Delivery(error) => error.is_fatal(),
            Self::Multi(parts) => parts
                .iter()
                .filter_map(PartOutcome::error)
                .any(Self::is_fatal),
            Self::Start(_) | Self::Closed => true,
            Self::Upstream(error) => match nested(&**error) {
                Some(Nested::Produce(error)) => error.is_fatal(),
                Some(Nested::Crate(error)) => error.is_fatal(),
                None => false,
            },
            Self::Serialization { .. } | Self::UserPanic { .. } | Self::Full => false,
        }
    }

    /// The error of type `E` that the upstream failed with, through any number of stages.
    ///
    /// ```
    /// # use guanaco::{prelude::*, serialization::StringSerializer};
    /// # use futures_util::{StreamExt, stream};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # let settings = ProducerSettings::keyless(StringSerializer)
    /// #     .with_bootstrap_servers("127.0.0.1:1").with_property("start.timeout.ms", "10");
    /// let lines = stream::iter([Err::<ProducerRecord<_, _>, _>(std::io::Error::other("no disk"))]);
    /// let error = lines.run_with(producer::plain_sink(settings)).await.unwrap_err();
    /// match error.upstream::<std::io::Error>() {
    ///     Some(error) => println!("cannot read the input: {error}"),
    ///     None => println!("cannot write the output: {error}"),
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn upstream<E: StdError + 'static>(&self) -> Option<&E> {
        let Self::Upstream(error) = self else {
            return None;
        };
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        match nested(&**error)? {
            Nested::Produce(error) => error.upstream(),
            Nested::Crate(error) => error.upstream(),
        }
    }

    /// One outcome per record of a Multi that failed after some of it was handed to the producer;
    /// empty for all other errors.
    #[must_use]
    pub fn parts(&self) -> &[PartOutcome] {
        match self {
            Self::Multi(parts) => parts,
            _ => &[],
        }
    }

    /// The record's own failure: of a Multi, that of its first record that failed.
    #[must_use]
    pub fn delivery(&self) -> Option<&DeliveryError> {
        match self {
            Self::Delivery(error) => Some(error),
            Self::Multi(parts) => parts
                .iter()
                .filter_map(PartOutcome::error)
                .find_map(Self::delivery),
            _ => None,
        }
    }

    #[cold]
    pub(crate) fn from_upstream(error: BoxError) -> Self {
        Self::Upstream(error.into())
    }

    #[cold]
    pub(crate) fn serialization(topic: &Topic, part: RecordPart, error: BoxError) -> Self {
        Self::Serialization {
            topic: topic.clone(),
            part,
            source: error.into(),
        }
    }

    #[cold]
    pub(crate) fn panic(what: &'static str, payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&'static str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self::UserPanic {
            what,
            message: text.unwrap_or("(no message)").into(),
        }
    }

    fn first_part(parts: &[PartOutcome]) -> Option<&Self> {
        parts.iter().find_map(PartOutcome::error)
    }
}

/// An error of ours inside an error of the upstream.
enum Nested<'a> {
    Produce(&'a ProduceError),
    Crate(&'a Error),
}

fn nested<'a>(error: &'a (dyn StdError + 'static)) -> Option<Nested<'a>> {
    std::iter::successors(Some(error), |error| cause_of(*error)).find_map(|error| {
        match error.downcast_ref() {
            Some(error) => Some(Nested::Produce(error)),
            None => error.downcast_ref().map(Nested::Crate),
        }
    })
}

fn cause_of<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    // The source of an `io::Error` is the source of what it wraps: that itself would be left out.
    match error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

impl fmt::Display for ProduceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivery(error) => error.fmt(f),
            Self::Multi(parts) => {
                let failed = parts.iter().filter_map(PartOutcome::error).count();
                write!(
                    f,
                    "{failed} of the {} records of an element failed",
                    parts.len()
                )
            }
            Self::Serialization { topic, part, .. } => {
                write!(f, "the {part} of a record for {topic} was not serialized")
            }
            Self::UserPanic { what, message } => write!(f, "{what} panicked: {message}"),
            Self::Upstream(_) => f.write_str("the stream before the producer failed"),
            Self::Start(error) => error.fmt(f),
            Self::Closed => f.write_str("the producer is closed"),
            Self::Full => f.write_str("the producer has no room for another record now"),
        }
    }
}

impl StdError for ProduceError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Delivery(error) => error.source(),
            Self::Multi(parts) => Self::first_part(parts).map(|error| error as _),
            Self::Serialization { source, .. } => Some(&**source),
            Self::Upstream(source) => Some(&**source),
            Self::Start(error) => error.source(),
            Self::UserPanic { .. } | Self::Closed | Self::Full => None,
        }
    }
}

impl From<DeliveryError> for ProduceError {
    #[cold]
    fn from(error: DeliveryError) -> Self {
        match error.cause() {
            Cause::Closed if error.written() == Written::No => Self::Closed,
            _ => Self::Delivery(error),
        }
    }
}

impl From<StartError> for ProduceError {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

impl From<SettingsError> for ProduceError {
    fn from(error: SettingsError) -> Self {
        Self::Start(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn upstream(error: impl Into<BoxError>) -> ProduceError {
        ProduceError::from_upstream(error.into())
    }

    #[test]
    fn predicates_look_through_stages() {
        for (error, retriable, fatal) in [
            (ProduceError::Full, true, false),
            (ProduceError::Closed, false, true),
            (StartError::CutShort.into(), false, true),
        ] {
            let twice = upstream(upstream(error.clone()));
            let wrapped = upstream(io::Error::other(Error::from(error.clone())));
            for error in [error, twice, wrapped] {
                assert_eq!(error.is_retriable(), retriable, "{error:?}");
                assert_eq!(error.is_fatal(), fatal, "{error:?}");
            }
        }
    }

    #[test]
    fn the_upstreams_error_is_found_through_stages() {
        let error = upstream(upstream(io::Error::other("disk")));
        assert_eq!(error.upstream::<io::Error>().unwrap().to_string(), "disk");
        assert!(error.upstream::<fmt::Error>().is_none());
        assert!(ProduceError::Closed.upstream::<io::Error>().is_none());
    }

    #[test]
    fn a_cause_is_told_once() {
        let error = ProduceError::serialization(
            &"orders".into(),
            RecordPart::Value,
            "total is negative".into(),
        );
        assert_eq!(
            error.to_string(),
            "the value of a record for orders was not serialized"
        );
        assert_eq!(error.source().unwrap().to_string(), "total is negative");
    }

    #[test]
    fn a_multi_may_be_written_if_any_part_may() {
        let not = || PartOutcome::NotWritten(ProduceError::Full);
        let multi = |parts: Vec<_>| ProduceError::Multi(parts.into());
        assert_eq!(multi(vec![not(), not()]).written(), Written::No);
        let acknowledged =
            crate::RecordMetadata::new("t", 0, Some(3), guanaco_engine::Timestamp::CreateTime(0));
        let some = multi(vec![PartOutcome::Acknowledged(acknowledged), not()]);
        assert_eq!(some.written(), Written::Maybe);
        assert_eq!(some.to_string(), "1 of the 2 records of an element failed");
    }
}
