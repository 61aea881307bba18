//! The formats of a schema registry, against a registry in memory and a real one.

mod ask;
mod formats;
mod hostile;
mod stages;
mod support;
