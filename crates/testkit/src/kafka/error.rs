//! What can go wrong with a cluster.

use guanaco_engine::KafkaError;
use std::{io, path::PathBuf, time::Duration};

/// Why a cluster did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartKafkaError {
    /// `scripts/fetch-kafka` failed; it needs a JDK, Maven and a registry.
    #[error("the jars of Kafka {version} could not be fetched: {output}")]
    Fetch {
        /// The release.
        version: &'static str,
        /// What the script said.
        output: String,
    },
    /// Something on this machine refused.
    #[error("{action} failed")]
    Io {
        /// What was tried.
        action: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A node's process ended before it was up.
    #[error("node {node} ended with {status} before it was up; its log ends:\n{log}")]
    Exited {
        /// The node.
        node: i32,
        /// How it ended.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// The nodes run but do not answer as one cluster.
    #[error("not ready within {} s ({last}); the log of node {node} ends:\n{log}", .waited.as_secs())]
    NotReady {
        /// The node that was asked last.
        node: i32,
        /// How long it was tried.
        waited: Duration,
        /// What was seen last.
        last: String,
        /// The last lines of its log.
        log: String,
    },
    /// Another cluster listens where ours should.
    #[error("{address} belongs to cluster {found}, not to {expected}")]
    WrongCluster {
        /// Where it listens.
        address: String,
        /// The id it gave.
        found: String,
        /// The id that our nodes were formatted with.
        expected: String,
    },
}

/// Why something asked of a running cluster did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// A broker refused.
    #[error("{action} was refused: {error}{}", Message(.error))]
    Refused {
        /// What was asked.
        action: String,
        /// The refusal.
        error: KafkaError,
    },
    /// The connection, a file or a process failed.
    #[error("{action} failed")]
    Io {
        /// What was tried.
        action: String,
        /// Why it failed.
        source: io::Error,
    },
    /// An answer, or a record batch in it, is not what Kafka sends.
    #[error("{action} was answered with something unreadable: {reason}")]
    Unreadable {
        /// What was asked.
        action: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// It did not come true in time.
    #[error("{action} did not happen within {} s; last seen: {last}", .waited.as_secs_f32())]
    TimedOut {
        /// What was waited for.
        action: String,
        /// How long.
        waited: Duration,
        /// What was seen last.
        last: String,
    },
    /// The cluster has no such node, or it is not in the state that the call needs.
    #[error("node {node} {state}")]
    Node {
        /// The node.
        node: i32,
        /// What is the matter with it.
        state: &'static str,
    },
    /// The node did not come back.
    #[error("node {node} did not come back")]
    Restart {
        /// The node.
        node: i32,
        /// Why.
        source: StartKafkaError,
    },
    /// A Java program of the test kit failed.
    #[error("{program} ended with {status}: {output}")]
    Java {
        /// Its class.
        program: &'static str,
        /// How it ended.
        status: String,
        /// The end of what it wrote to standard error.
        output: String,
    },
}

impl ClusterError {
    /// The broker's refusal, if it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&KafkaError> {
        match self {
            Self::Refused { error, .. } => Some(error),
            _ => None,
        }
    }

    pub(super) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }

    pub(super) fn check(action: &str, code: i16, message: Option<&str>) -> Result<(), Self> {
        match KafkaError::from_code(code, message) {
            None => Ok(()),
            Some(error) => Err(Self::Refused {
                action: action.to_owned(),
                error,
            }),
        }
    }
}

impl StartKafkaError {
    pub(super) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }

    pub(super) fn file(verb: &str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("{verb} {}", PathBuf::from(path).display()))
    }
}

struct Message<'a>(&'a KafkaError);

impl std::fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0
            .message()
            .map_or(Ok(()), |message| write!(f, ": {message}"))
    }
}
