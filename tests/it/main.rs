//! The stages against the embedded broker: one module per subject, one binary.

#[cfg(all(feature = "config-toml", feature = "config-yaml"))]
mod config;
mod discovery;
#[cfg(feature = "dns")]
mod discovery_dns;
#[cfg(feature = "dns")]
mod dns_server;
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
