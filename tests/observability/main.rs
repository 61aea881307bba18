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

/// Has a subscriber listen on this thread, until the guard is dropped.
///
/// One that listens everywhere is there as well: beside a lone subscriber of one thread, `tracing`
/// takes what another thread meets first for unwanted by all, for good.
fn listen<S>(subscriber: S) -> tracing::subscriber::DefaultGuard
where
    S: tracing::Subscriber + Send + Sync,
{
    static EVERYWHERE: std::sync::Once = std::sync::Once::new();
    EVERYWHERE.call_once(|| {
        // It only fails where there is one already.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    });
    tracing::subscriber::set_default(subscriber)
}
