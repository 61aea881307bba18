//! Exit codes, and errors that end the program with one.

use std::{error::Error, fmt, process::ExitCode};

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Every record was acknowledged.
    Done,
    /// The report or the file of failed lines could not be written.
    Output,
    /// Wrong usage or bad input.
    BadInput,
    /// The cluster cannot be reached, or refuses this client.
    Unreachable,
    /// Some records were not acknowledged.
    Undelivered,
    /// Stopped by a signal, after draining.
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Output => 1,
            Self::BadInput => 2,
            Self::Unreachable => 3,
            Self::Undelivered => 4,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error that ends the program: one line for the user, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
}

impl Failure {
    /// `message` says what is wrong and what to do.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::BadInput, message)
    }

    /// `context`, then `error` with its causes, then `advice`.
    pub(crate) fn caused(exit: Exit, context: &str, error: &dyn Error, advice: &str) -> Self {
        let mut message = format!("{context}: {}", chain(error));
        if !advice.is_empty() {
            message.push_str("; ");
            message.push_str(advice);
        }
        Self::new(exit, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.message))
    }
}

/// An error and its causes, joined by colons. A cause that its parent already quotes is left out.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

/// Words from elsewhere may hold line breaks or terminal escapes; a message is one plain line.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_failure_shows_context_causes_and_advice_on_one_line() {
        let error = Outer(std::io::Error::other("in\nner"));
        let failure = Failure::caused(Exit::BadInput, "reading", &error, "look again");
        assert_eq!(failure.to_string(), "reading: outer: in ner; look again");
    }

    #[test]
    fn a_cause_that_is_already_quoted_is_not_repeated() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer ({0})")]
        struct Quoting(#[source] std::io::Error);
        assert_eq!(
            chain(&Quoting(std::io::Error::other("inner"))),
            "outer (inner)"
        );
    }
}
