//! What can go wrong with a registry, and with what it frames.

use super::SchemaKind;
use crate::serialization::{RecordPart, SchemaError};
use guanaco_engine::Topic;
use std::{error::Error as StdError, sync::Arc, time::Duration};

/// Why a schema registry could not be used.
///
/// No error holds a credential, and none a record's payload.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A setting has a value that it cannot have.
    #[error("{setting} {rule}")]
    Settings {
        /// The setting.
        setting: &'static str,
        /// What must hold.
        rule: &'static str,
    },
    /// There is no tokio runtime to run on.
    #[error(
        "a schema registry must be asked inside a tokio runtime, with its I/O and time drivers on"
    )]
    NoRuntime,
    /// No address of the registry answered.
    #[error("the schema registry at {address} could not be reached in {attempts} attempts")]
    Unreachable {
        /// The address that was tried last.
        address: Arc<str>,
        /// How often it was tried.
        attempts: u32,
        /// What the last attempt met.
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// A registry did not answer in time, in every attempt.
    #[error(
        "the schema registry at {address} did not answer within {} ms, in {attempts} attempts",
        .waited.as_millis()
    )]
    TimedOut {
        /// The address that was tried last.
        address: Arc<str>,
        /// How often it was tried.
        attempts: u32,
        /// For how long an answer was waited for, each time.
        waited: Duration,
    },
    /// The registry says that it cannot answer now: status 5xx or 429, in every attempt.
    #[error("the schema registry at {address} answered {status} in {attempts} attempts: {message}")]
    Unavailable {
        /// The address that was tried last.
        address: Arc<str>,
        /// How often it was tried.
        attempts: u32,
        /// The HTTP status.
        status: u16,
        /// What the registry says.
        message: Arc<str>,
    },
    /// The credentials are missing or wrong (401), or do not allow this (403).
    #[error(
        "the schema registry at {address} refused the credentials for {what} with status {status}"
    )]
    Unauthorized {
        /// The address.
        address: Arc<str>,
        /// What was asked for.
        what: Arc<str>,
        /// The HTTP status.
        status: u16,
    },
    /// The schema is not compatible with those that the subject has (409).
    #[error("the schema is not compatible with those of subject {subject}: {message}")]
    Incompatible {
        /// The subject.
        subject: Arc<str>,
        /// What the registry says.
        message: Arc<str>,
    },
    /// The registry does not take the schema (422).
    #[error("the registry refuses the schema for subject {subject}: {message}")]
    InvalidSchema {
        /// The subject.
        subject: Arc<str>,
        /// What the registry says.
        message: Arc<str>,
    },
    /// The registry has no such subject.
    #[error("the schema registry has no subject {subject}")]
    UnknownSubject {
        /// The subject.
        subject: Arc<str>,
    },
    /// The subject exists and does not have this schema.
    #[error("subject {subject} does not have this schema: register it, or let it be registered")]
    NotRegistered {
        /// The subject.
        subject: Arc<str>,
    },
    /// The subject exists and does not have this version.
    #[error("subject {subject} has no version {version}")]
    UnknownVersion {
        /// The subject.
        subject: Arc<str>,
        /// The version.
        version: Arc<str>,
    },
    /// The registry has no schema of this id.
    #[error("the schema registry has no schema of id {id}")]
    UnknownId {
        /// The id.
        id: i32,
    },
    /// The answer is not one that a schema registry gives. Perhaps the address is another service's.
    #[error("the answer of {address} to {what} is not a schema registry's: {problem}")]
    Protocol {
        /// The address.
        address: Arc<str>,
        /// What was asked for.
        what: Arc<str>,
        /// What is wrong with it.
        problem: Arc<str>,
    },
    /// A schema refers to others, and they cannot be collected.
    #[error("the references of a schema cannot be resolved: {problem}")]
    References {
        /// What is wrong with them.
        problem: &'static str,
    },
    /// A value was to be serialized before its schema's id was asked for: await
    /// [`prepare`](super::RegistrySerializer::prepare) for the topic before its first record.
    #[error(
        "the id of the schema for the {part} of records of {topic} is not known yet: await `prepare` for the topic first"
    )]
    NotPrepared {
        /// The topic.
        topic: Topic,
        /// Which part of its records.
        part: RecordPart,
    },
    /// A value was to be read before the schema of its id was asked for: await
    /// [`prepare`](super::RegistryDeserializer::prepare) with its bytes first.
    #[error("the schema of id {id} is not known yet: await `prepare` with the bytes first")]
    NotFetched {
        /// The id.
        id: i32,
    },
    /// A schema cannot be used.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Bytes are not framed as a registry's.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl RegistryError {
    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TimedOut { .. }
                | Self::Unavailable { .. }
                | Self::NotPrepared { .. }
                | Self::NotFetched { .. }
        )
    }
}

/// Why bytes are not a value in a registry's framing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// There is no room for the magic byte and the id.
    #[error(
        "{length} bytes cannot hold a magic byte and a schema id: was this written without a registry?"
    )]
    TooShort {
        /// How many bytes there are.
        length: usize,
    },
    /// The first byte is not 0.
    #[error("the first byte is {found:#04x} and not 0x00: was this written without a registry?")]
    Magic {
        /// The first byte.
        found: u8,
    },
    /// The list that says which message of a Protobuf schema follows is cut short, too long, or
    /// names a message that the schema does not have.
    #[error("the Protobuf message indexes are not valid: {problem}")]
    MessageIndexes {
        /// What is wrong with them.
        problem: &'static str,
    },
    /// A Protobuf value is another message than the one that is read.
    #[error("this is a message {found}, not {expected}")]
    OtherMessage {
        /// The full name that was expected.
        expected: Arc<str>,
        /// The full name of the one that is there.
        found: Arc<str>,
    },
    /// The schema is of another language than what is read.
    #[error("the schema of id {id} is {found}, not {expected}")]
    OtherKind {
        /// The id.
        id: i32,
        /// The language that was expected.
        expected: SchemaKind,
        /// The language of the schema.
        found: SchemaKind,
    },
}
