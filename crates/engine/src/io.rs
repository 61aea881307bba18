//! Sockets, clocks and tasks: everything around the pure core.

pub(crate) mod backoff;
pub(crate) mod bootstrap;
pub(crate) mod calls;
pub(crate) mod connection;
pub(crate) mod dial;
pub(crate) mod driver;
pub(crate) mod frame;
#[cfg(feature = "gssapi")]
mod gssapi;
#[cfg(feature = "tls")]
mod oidc;
mod produce;
mod produce_wire;
pub(crate) mod resolve;
mod sasl;
#[cfg(feature = "tls")]
mod scram;
pub(crate) mod secure;
pub(crate) mod shape;
pub(crate) mod shared;
pub(crate) mod stream;
#[cfg(feature = "tls")]
pub(crate) mod tls;
mod trace;
pub(crate) mod versions;

#[cfg(test)]
mod tests;
