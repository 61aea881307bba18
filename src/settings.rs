//! What a producing stage is made from.

mod client;
#[cfg(feature = "config")]
pub mod config;
mod producer;
mod shared;
mod source;

pub(crate) use client::ClientSettings;
pub(crate) use producer::Limits;
pub use producer::ProducerSettings;
pub use shared::SharedProducerSettings;
pub use source::ProducerSource;
pub(crate) use source::{Creation, Origin, Parts, Rights};
