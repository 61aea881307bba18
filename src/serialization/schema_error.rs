//! [`SchemaError`].

use std::sync::Arc;

/// Why a schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this {kind} schema cannot be used: {problem}")]
#[non_exhaustive]
pub struct SchemaError {
    /// The schema's language.
    pub kind: &'static str,
    /// What is wrong.
    pub problem: Arc<str>,
}

impl SchemaError {
    pub(crate) fn new(kind: &'static str, problem: impl Into<Arc<str>>) -> Self {
        let problem = problem.into();
        Self { kind, problem }
    }
}
