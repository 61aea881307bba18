//! The stages against the embedded broker: one module per subject, one binary.

mod flow;
mod support;
