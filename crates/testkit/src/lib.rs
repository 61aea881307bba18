//! Test kit.

#[cfg(unix)]
pub mod kafka;
