//! Kafka's error codes: one table (H1 fills it).
use std::sync::Arc;

/// An error that a broker answered with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} ({code})", name = self.name())]
pub struct KafkaError {
    code: i16,
    message: Option<Arc<str>>,
}

impl KafkaError {
    /// From a response's error code and message; `None` for code 0.
    pub fn from_code(code: i16, message: Option<&str>) -> Option<Self> {
        (code != 0).then(|| Self { code, message: message.map(Into::into) })
    }
    /// The code.
    #[must_use]
    pub fn code(&self) -> i16 { self.code }
    /// Kafka's name for it, such as `NOT_LEADER_OR_FOLLOWER`.
    #[must_use]
    pub fn name(&self) -> &'static str { "UNKNOWN" }
    /// The broker's own words, where it gave some.
    #[must_use]
    pub fn message(&self) -> Option<&str> { self.message.as_deref() }
    /// Kafka's own classification.
    #[must_use]
    pub fn is_retriable(&self) -> bool { false }
}
