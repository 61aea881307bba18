//! The trace of a `tracing` span that goes to OpenTelemetry.

use crate::support::{broker, settings, text, within};
use guanaco::{CurrentSpan, prelude::*};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;

#[tokio::test]
async fn a_record_names_the_span_that_it_was_sent_in() {
    let provider = SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let subscriber = tracing_subscriber::registry().with(layer);
    let _guard = crate::listen(subscriber);

    let broker = broker("t", 1).await;
    let sends = SendProducer::new(settings(&broker).with_trace_context(CurrentSpan));
    let span = tracing::info_span!("handle an order");
    let context = span.context().span().span_context().clone();
    within(sends.send(text("t", 0))).await.unwrap();
    let in_span = async { within(sends.send(text("t", 1))).await.unwrap() };
    in_span.instrument(span).await;

    let records = broker.records("t").unwrap().remove(0);
    assert!(records[0].headers.is_empty(), "outside of all spans");
    let (key, value) = &records[1].headers[0];
    let expected = format!("00-{}-{}-01", context.trace_id(), context.span_id());
    assert_eq!(&**key, "traceparent");
    assert_eq!(value.as_deref(), Some(expected.as_bytes()));
}
