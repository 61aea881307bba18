//! The formats of a schema registry, against a registry in memory and a real one.

mod ask;
#[cfg(unix)]
mod confluent;
mod formats;
mod hostile;
#[cfg(unix)]
mod real;
mod stages;
mod support;
mod tls;
