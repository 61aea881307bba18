//! Test kit.

#[cfg(unix)]
pub mod kafka;
pub mod proxy;
