//! What a subscriber of `tracing` is told of requests and batches, by OpenTelemetry's conventions
//! for messaging. With none that wants it, one look at a flag for each request is all there is.

use super::resolve::Address;
use crate::{
    KafkaError, Written,
    core::{Answer, ProduceRequest, Trouble},
    error::DISCONNECTED,
};
use tracing::{
    Level, Span, debug, debug_span,
    field::{Empty, display},
    span_enabled,
};

/// Spans of produce requests.
const REQUEST: &str = "guanaco::request";
/// Spans of the batches in them, and events of those that are retried or fail.
const BATCH: &str = "guanaco::batch";

/// The spans of one request, from before it is written until its answer is read; none where nobody
/// wants them.
#[derive(Debug)]
pub(super) struct Trace(Option<Box<Spans>>);

#[derive(Debug)]
struct Spans {
    request: Span,
    /// In the order of the request's parts.
    batches: Vec<Span>,
}

impl Trace {
    pub(super) fn begin(
        request: &ProduceRequest,
        client_id: &str,
        broker: i32,
        address: &Address,
    ) -> Self {
        let requests = span_enabled!(target: REQUEST, Level::DEBUG);
        if !requests && !span_enabled!(target: BATCH, Level::DEBUG) {
            return Self(None);
        }
        Self(Some(Box::new(Spans::new(
            request, client_id, broker, address,
        ))))
    }

    /// Ends the spans with what the broker said.
    pub(super) fn answered(mut self, answer: &Answer) {
        let Some(spans) = self.0.take() else { return };
        for (span, part) in spans.batches.iter().zip(&answer.parts) {
            let Some(part) = part else {
                span.record("error.type", DISCONNECTED);
                continue;
            };
            match KafkaError::from_code(part.error, part.message.as_deref()) {
                Some(error) => {
                    span.record("error.type", error.name());
                    span.record("otel.status_code", "ERROR");
                    span.record("otel.status_description", display(&error));
                }
                None if part.base_offset >= 0 => {
                    span.record("messaging.kafka.offset", part.base_offset);
                }
                None => {}
            }
        }
    }

    /// Ends the spans of a request that nothing will answer: it is written.
    pub(super) fn written(mut self) {
        self.0 = None;
    }
}

impl Drop for Trace {
    /// The connection ended before the answer came.
    fn drop(&mut self) {
        let Some(spans) = &self.0 else { return };
        for span in spans.batches.iter().chain([&spans.request]) {
            span.record("error.type", DISCONNECTED);
            span.record("otel.status_code", "ERROR");
        }
    }
}

impl Spans {
    fn new(request: &ProduceRequest, client_id: &str, broker: i32, address: &Address) -> Self {
        let records: i64 = request
            .parts
            .iter()
            .map(|part| i64::from(part.header.record_count))
            .sum();
        let bytes: usize = request.parts.iter().map(|part| part.body.len()).sum();
        let span = debug_span!(
            target: REQUEST,
            parent: None,
            "produce",
            otel.kind = "client",
            otel.status_code = Empty,
            messaging.system = "kafka",
            messaging.operation.name = "send",
            messaging.operation.type = "send",
            messaging.client.id = client_id,
            messaging.batch.message_count = records,
            server.address = &*address.host,
            server.port = address.port,
            guanaco.broker.id = broker,
            guanaco.request.batches = request.parts.len(),
            guanaco.request.bytes = bytes,
            error.type = Empty,
        );
        let batches = request.parts.iter().map(|part| {
            debug_span!(
                target: BATCH,
                parent: &span,
                "send",
                otel.name = format_args!("send {}", part.topic.as_str()),
                otel.kind = "client",
                otel.status_code = Empty,
                otel.status_description = Empty,
                messaging.system = "kafka",
                messaging.operation.name = "send",
                messaging.operation.type = "send",
                messaging.client.id = client_id,
                messaging.destination.name = part.topic.as_str(),
                messaging.destination.partition.id = %part.partition,
                messaging.batch.message_count = part.header.record_count,
                messaging.kafka.offset = Empty,
                server.address = &*address.host,
                server.port = address.port,
                error.type = Empty,
            )
        });
        Self {
            batches: batches.collect(),
            request: span,
        }
    }
}

/// Tells of a batch that is sent again or failed. Whoever sent the records has the error as well,
/// so this is no warning.
pub(super) fn tell(trouble: &Trouble) {
    let error = &trouble.error;
    let what = if trouble.again {
        "a batch is sent again"
    } else {
        "a batch failed"
    };
    debug!(
        target: BATCH,
        {
            messaging.system = "kafka",
            messaging.destination.name = error.topic().as_str(),
            messaging.destination.partition.id = error.partition().map(display),
            messaging.batch.message_count = trouble.records,
            error.type = error.class(),
            reason = %error.cause(),
            attempts = error.attempts(),
            maybe_written = error.written() == Written::Maybe,
        },
        "{what}"
    );
}
