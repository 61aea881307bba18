//! What a program can see of its producers: spans, traces in headers, health, metrics.

mod health;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "otel")]
mod otel;
mod spans;
#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "../it/support.rs"]
mod support;
mod trace_context;
