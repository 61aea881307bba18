//! Test kit.

pub mod conformance;
pub mod embedded;
#[cfg(unix)]
pub mod kafka;
#[cfg(unix)]
pub mod kdc;
pub mod mock;
pub mod model;
pub mod proxy;
pub mod registry;
pub mod sim;

/// The snippets of the users' page, compiled and, where they need no JVM, run.
#[cfg(all(doctest, unix))]
#[doc = include_str!("../../../docs/testing.md")]
mod testing {}
