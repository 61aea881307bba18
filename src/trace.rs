//! The trace that a record belongs to, in its headers: W3C Trace Context.

use crate::{Envelope, ProducerRecord};
use guanaco_engine::Header;
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

/// A place in a trace, as the headers `traceparent` and `tracestate` carry it.
///
/// ```
/// use guanaco::TraceContext;
///
/// let context = TraceContext::new(0x0af7651916cd43dd8448eb211c80319c, 0xb7ad6b7169203331, 1);
/// let context = context.expect("neither id is zero");
/// let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// assert_eq!(context.traceparent(), parent);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
    state: Option<String>,
}

impl TraceContext {
    /// From a trace's id, the id of the span that the record comes from, and the trace's flags (bit
    /// 0: sampled). `None` if one of the ids is zero, which stands for no trace.
    #[must_use]
    pub fn new(trace_id: u128, span_id: u64, flags: u8) -> Option<Self> {
        (trace_id != 0 && span_id != 0).then_some(Self {
            trace_id,
            span_id,
            flags,
            state: None,
        })
    }

    /// With a `tracestate`, as its header has it; an empty one is none.
    #[must_use]
    pub fn with_state(mut self, state: impl Into<String>) -> Self {
        self.state = Some(state.into()).filter(|state| !state.is_empty());
        self
    }

    /// The value of the header `traceparent`.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let Self {
            trace_id,
            span_id,
            flags,
            ..
        } = self;
        format!("00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    }

    fn headers(&self) -> impl Iterator<Item = Header> {
        let parent = Header::new(PARENT, self.traceparent());
        let state = self.state.clone().map(|state| Header::new(STATE, state));
        [parent].into_iter().chain(state)
    }
}

/// Says which trace a record belongs to: see
/// [`with_trace_context`](crate::ProducerSettings::with_trace_context). Any closure that gives an
/// `Option<TraceContext>` is one.
pub trait TraceSource: Send + Sync + 'static {
    /// The trace that goes on right now, if any. Asked once for each envelope, where it is accepted:
    /// in the call of a send, or in the poll of a stage. It should neither block nor panic; after a
    /// panic the records go without a trace.
    fn current(&self) -> Option<TraceContext>;
}

impl<F> TraceSource for F
where
    F: Fn() -> Option<TraceContext> + Send + Sync + 'static,
{
    fn current(&self) -> Option<TraceContext> {
        self()
    }
}

/// The trace of the current [`tracing`] span, for programs whose spans go to OpenTelemetry through
/// `tracing-opentelemetry`; else that of OpenTelemetry's current context.
///
/// It sees the spans of a program that has the same versions of both crates as Guanaco
/// (`opentelemetry` 0.33, `tracing-opentelemetry` 0.34), and no trace in others. For those, a
/// [`TraceSource`] of one's own is three lines.
#[cfg(feature = "otel")]
#[derive(Clone, Copy, Debug, Default)]
pub struct CurrentSpan;

#[cfg(feature = "otel")]
impl TraceSource for CurrentSpan {
    fn current(&self) -> Option<TraceContext> {
        use opentelemetry::{Context, trace::TraceContextExt};
        use tracing_opentelemetry::OpenTelemetrySpanExt;

        let of = |context: &Context| {
            let span = context.span();
            let found = span.span_context();
            let trace_id = u128::from_be_bytes(found.trace_id().to_bytes());
            let span_id = u64::from_be_bytes(found.span_id().to_bytes());
            TraceContext::new(trace_id, span_id, found.trace_flags().to_u8())
                .map(|context| context.with_state(found.trace_state().header()))
        };
        of(&tracing::Span::current().context()).or_else(|| Context::map_current(of))
    }
}

/// What a stage marks its records with; nothing unless asked.
#[derive(Clone, Default)]
pub(crate) struct Traces(Option<Arc<dyn TraceSource>>);

impl Traces {
    pub(crate) fn of(source: impl TraceSource) -> Self {
        Self(Some(Arc::new(source)))
    }

    #[inline]
    pub(crate) fn mark<K, V, P>(&self, envelope: &mut Envelope<K, V, P>) {
        if let Some(source) = &self.0 {
            mark(&**source, envelope.records_mut());
        }
    }

    #[inline]
    pub(crate) fn mark_record<K, V>(&self, record: &mut ProducerRecord<K, V>) {
        if let Some(source) = &self.0 {
            mark(&**source, std::slice::from_mut(record));
        }
    }
}

/// Records that have a `traceparent` keep it: it came with them from somewhere.
#[cold]
fn mark<K, V>(source: &dyn TraceSource, records: &mut [ProducerRecord<K, V>]) {
    let is_bare = |record: &&mut ProducerRecord<K, V>| {
        let mut headers = record.headers.iter();
        !headers.any(|header| header.key == PARENT)
    };
    let mut bare = records.iter_mut().filter(is_bare).peekable();
    if bare.peek().is_none() {
        return;
    }
    // It has nothing of ours in its hands.
    match catch_unwind(AssertUnwindSafe(|| source.current())) {
        Ok(Some(context)) => bare.for_each(|record| record.headers.extend(context.headers())),
        Ok(None) => {}
        Err(_) => tracing::warn!("a trace source panicked: records go without their trace"),
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Traces").field(&self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(traces: &Traces, record: ProducerRecord<(), ()>) -> Vec<String> {
        let mut envelope = Envelope::from(record);
        traces.mark(&mut envelope);
        let headers = envelope.records()[0].headers.iter();
        headers
            .map(|header| {
                let value = header.value.clone().unwrap_or_default();
                format!("{}={}", header.key, String::from_utf8_lossy(&value))
            })
            .collect()
    }

    fn here() -> Option<TraceContext> {
        Some(TraceContext::new(1, 2, 1)?.with_state("a=b"))
    }

    #[test]
    fn a_record_gets_both_headers_behind_its_own() {
        let record = ProducerRecord::new("t", ()).with_header("own", "1");
        let parent = "traceparent=00-00000000000000000000000000000001-0000000000000002-01";
        assert_eq!(
            marked(&Traces::of(here), record),
            ["own=1", parent, "tracestate=a=b"]
        );
    }

    #[test]
    fn a_trace_that_a_record_brings_is_kept() {
        let record = ProducerRecord::new("t", ()).with_header("traceparent", "its own");
        assert_eq!(marked(&Traces::of(here), record), ["traceparent=its own"]);
    }

    #[test]
    fn without_a_trace_nothing_is_added() {
        let record = ProducerRecord::new("t", ());
        assert!(marked(&Traces::of(|| None), record.clone()).is_empty());
        assert!(marked(&Traces::of(|| panic!("boo")), record.clone()).is_empty());
        assert!(marked(&Traces::default(), record).is_empty());
        assert_eq!(TraceContext::new(0, 1, 0), None);
        assert_eq!(TraceContext::new(1, 0, 0), None);
    }

    #[test]
    fn an_empty_state_is_none() {
        let traces = Traces::of(|| Some(TraceContext::new(1, 2, 0)?.with_state("")));
        assert_eq!(marked(&traces, ProducerRecord::new("t", ())).len(), 1);
    }
}
