//! Traces in headers, by every way in.

use crate::support::{Text, broker, settings, text, within};
use futures_util::{SinkExt, TryStreamExt, stream};
use guanaco::{TraceContext, prelude::*};
use guanaco_testkit::embedded::EmbeddedBroker;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A source that gives span 1, 2, 3, …
fn counting() -> impl Fn() -> Option<TraceContext> + Send + Sync + 'static {
    let next = Arc::new(AtomicU64::new(1));
    move || TraceContext::new(0xabc, next.fetch_add(1, Ordering::Relaxed), 1)
}

/// The spans that the stored records name, in their order.
fn spans(broker: &EmbeddedBroker) -> Vec<Option<u64>> {
    let records = broker.records("t").unwrap().remove(0);
    let span = |headers: &[guanaco::Header]| {
        let parent = headers.iter().find(|header| header.key == "traceparent")?;
        let value = String::from_utf8(parent.value.clone()?.to_vec()).ok()?;
        let parts: Vec<_> = value.split('-').collect();
        assert_eq!((parts.len(), parts[0], parts[3]), (4, "00", "01"));
        u64::from_str_radix(parts[2], 16).ok()
    };
    let headers = records.iter().map(|record| {
        let headers = record.headers.iter();
        headers
            .map(|(key, value)| guanaco::Header {
                key: key.to_string().into(),
                value: value.clone(),
            })
            .collect::<Vec<_>>()
    });
    headers.map(|headers| span(&headers)).collect()
}

fn three() -> Vec<Text> {
    (0..3).map(|n| text("t", n)).collect()
}

#[tokio::test]
async fn a_flow_marks_each_envelope_and_its_records_come_back_marked() {
    let broker = broker("t", 1).await;
    let traced = settings(&broker).with_trace_context(counting());
    let input = [
        Envelope::single(text("t", 0), ()),
        Envelope::multi([text("t", 1), text("t", 2)], ()),
        Envelope::pass_through(()),
        Envelope::single(text("t", 3), ()),
    ];
    let deliveries = stream::iter(input).via(producer::flexi_flow(traced));
    let deliveries: Vec<_> = within(deliveries.try_collect()).await.unwrap();
    assert_eq!(spans(&broker), [Some(1), Some(2), Some(2), Some(3)]);
    let first = &deliveries[0].parts()[0].record;
    assert_eq!(first.headers[0].key, "traceparent");
}

#[tokio::test]
async fn a_sink_marks_what_it_takes() {
    let broker = broker("t", 1).await;
    let traced = settings(&broker).with_trace_context(counting());
    let run = stream::iter(three()).run_with(producer::plain_sink(traced.clone()));
    within(run).await.unwrap();
    let mut sink = producer::plain_sink(traced).into_sink();
    within(sink.send(text("t", 3))).await.unwrap();
    within(sink.close()).await.unwrap();
    assert_eq!(spans(&broker), [Some(1), Some(2), Some(3), Some(4)]);
}

#[tokio::test]
async fn single_sends_are_marked_by_the_call() {
    let broker = broker("t", 1).await;
    let sends = SendProducer::new(settings(&broker).with_trace_context(counting()));
    within(sends.send(text("t", 0))).await.unwrap();
    within(sends.send_envelope(Envelope::multi(three(), ())))
        .await
        .unwrap();
    within(within(sends.enqueue(text("t", 4))).await.unwrap())
        .await
        .unwrap();
    within(sends.try_enqueue(text("t", 5)).unwrap())
        .await
        .unwrap();
    assert_eq!(
        spans(&broker),
        [1, 2, 2, 2, 3, 4].map(Some),
        "one for each call"
    );
}

#[tokio::test]
async fn without_a_source_records_have_the_headers_that_they_came_with() {
    let broker = broker("t", 1).await;
    let sends = SendProducer::new(settings(&broker));
    within(sends.send(text("t", 0).with_header("own", "1")))
        .await
        .unwrap();
    let record = broker.records("t").unwrap().remove(0).remove(0);
    assert_eq!(record.headers.len(), 1);
    assert_eq!(spans(&broker), [None]);
}
