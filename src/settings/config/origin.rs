//! Where a setting comes from.

use std::{fmt, path::Path, sync::Arc};

/// Where a setting comes from. `Display` is what a person reads: `application.conf:12`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The `reference.conf` that is part of this crate.
    Default,
    /// A file, or a text that was handed over under a name.
    File {
        /// The file, or the name.
        name: Arc<str>,
        /// The line, counted from 1, where it is known.
        line: Option<usize>,
        /// The environment variable that the file takes it from.
        variable: Option<Arc<str>>,
    },
    /// An environment variable that overrides the files.
    Variable(Arc<str>),
    /// Set over everything else, by whom the name says.
    Override(Arc<str>),
}

impl Origin {
    pub(super) fn of_file(path: &Path) -> Self {
        Self::in_text(&path.display().to_string())
    }

    pub(super) fn in_text(name: &str) -> Self {
        Self::File {
            name: name.into(),
            line: None,
            variable: None,
        }
    }

    /// The same file at a line.
    pub(super) fn at(&self, number: usize) -> Self {
        let mut at = self.clone();
        if let Self::File { line, .. } = &mut at {
            *line = Some(number);
        }
        at
    }

    /// Whether nobody has set it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::Default
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File {
                name,
                line,
                variable,
            } => {
                f.write_str(name)?;
                if let Some(line) = line {
                    write!(f, ":{line}")?;
                }
                match variable {
                    Some(variable) => write!(f, " (${variable})"),
                    None => Ok(()),
                }
            }
            Self::Variable(name) => write!(f, "${name}"),
            Self::Override(name) => f.write_str(name),
        }
    }
}
