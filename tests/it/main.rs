//! The stages against the embedded broker: one module per subject, one binary.

mod end;
mod failure;
mod flow;
mod limits;
mod send;
#[cfg(feature = "tower")]
mod service;
mod settings;
mod sink;
mod start;
mod support;
mod types;
