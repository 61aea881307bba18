//! Warnings of the library, on standard error.

use std::io;
use tracing_subscriber::filter::LevelFilter;

/// Shows warnings and errors from now on.
pub(crate) fn init() {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_writer(io::stderr)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .log_internal_errors(false)
        .init();
}
