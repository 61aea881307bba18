//! Sockets, clocks and tasks: everything around the pure core.

pub(crate) mod backoff;
pub(crate) mod bootstrap;
pub(crate) mod calls;
pub(crate) mod connection;
pub(crate) mod dial;
pub(crate) mod driver;
pub(crate) mod frame;
mod produce;
mod produce_wire;
pub(crate) mod resolve;
pub(crate) mod shape;
pub(crate) mod shared;
mod trace;
pub(crate) mod versions;

#[cfg(test)]
mod tests;
