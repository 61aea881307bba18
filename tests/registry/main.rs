//! The formats of a schema registry, against a registry in memory and a real one.

mod ask;
mod formats;
mod hostile;
#[cfg(unix)]
mod real;
mod stages;
mod support;
mod tls;
