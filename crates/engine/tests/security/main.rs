//! TLS and SASL on real Kafka: one cluster with a listener for each kind.
#![cfg(feature = "tls")]

mod acl;
mod canary;
mod credentials;
mod failures;
mod log;
mod oauth;
mod revoked;
mod sessions;
mod stores;
mod support;
mod trusted;
