//! Test kit.

pub mod model;
