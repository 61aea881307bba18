//! The pieces of a connection against peers that follow a script.

mod backoff;
mod bootstrap;
mod calls;
mod connection;
mod dial;
mod frames;
mod handshake;
mod hostile;
#[cfg(feature = "tls")]
mod oidc;
pub(super) mod peer;
mod resolve;
pub(super) mod sasl;

use std::time::Duration;

/// Longer than any test may take; tests on a paused clock let it pass at once.
const LONG: Duration = Duration::from_secs(20);
