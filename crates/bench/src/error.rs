//! What can go wrong in a bench.

use std::{error::Error, io};

/// Why a measurement has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("input or output failed")]
    Io(#[from] io::Error),
    #[error("bad JSON from a child process")]
    Json(#[from] serde_json::Error),
    /// Results out of order, records missing: the figure would be worthless.
    #[error("check failed: {0}")]
    Check(String),
    #[error("the broker answered error {code} to {request}")]
    Broker { request: &'static str, code: i16 },
    #[error("`{command}` {what}")]
    Child { command: String, what: String },
    #[error("TLS failed")]
    Tls(#[from] rustls::Error),
    #[error("bad PEM")]
    Pem(#[from] rustls::pki_types::pem::Error),
    #[error("producing failed")]
    Guanaco(#[from] guanaco::Error),
    #[error("the Kafka cluster did not start")]
    Start(#[from] guanaco_testkit::kafka::StartKafkaError),
    #[error("the Kafka cluster failed")]
    Cluster(#[from] guanaco_testkit::kafka::ClusterError),
}

/// The error and all that caused it, on one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
