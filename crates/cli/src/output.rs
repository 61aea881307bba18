//! Writing to standard output and standard error.

use std::io::{self, Write};

/// One line on standard error. Nobody may be listening any more; that is no reason to fail.
pub(crate) fn note(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "guanaco: {line}");
}

/// Text on standard output, with a line end. A reader that has gone away (`| head`) is no error.
pub(crate) fn print(text: impl std::fmt::Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
