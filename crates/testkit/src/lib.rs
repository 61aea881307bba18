//! Test kit.

pub mod conformance;
pub mod embedded;
#[cfg(unix)]
pub mod kafka;
pub mod model;
pub mod proxy;
pub mod sim;
