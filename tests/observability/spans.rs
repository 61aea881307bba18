//! Spans and events, as a subscriber sees them.

use crate::support::{broker, settings, text, until, within};
use guanaco::{ProducerSettings, prelude::*};
use guanaco_testkit::{
    embedded::{ApiKey, EmbeddedBroker},
    model::code,
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};
use tracing::{
    Event, Id, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Record},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

/// A span or an event, with its fields as text.
#[derive(Clone, Debug, Default)]
struct Seen {
    id: Option<u64>,
    name: &'static str,
    parent: Option<&'static str>,
    fields: BTreeMap<&'static str, String>,
    closed: bool,
}

impl Seen {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    /// Sees what the library tells on this thread, until the guard is dropped.
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::registry().with(log.clone());
        (log, crate::listen(subscriber))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.0.lock().expect("no test panics while it looks")
    }

    fn spans(&self, name: &str) -> Vec<Seen> {
        let all = self.lock();
        let found = all
            .iter()
            .filter(|seen| seen.id.is_some() && seen.name == name);
        found.cloned().collect()
    }

    fn events(&self, message: &str) -> Vec<Seen> {
        let all = self.lock();
        let found = all
            .iter()
            .filter(|seen| seen.field("message") == Some(message));
        found.cloned().collect()
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("guanaco::")
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if is_ours(attributes.metadata()) {
            let parent = context.span(id).and_then(|span| span.parent());
            let mut seen = Seen {
                id: Some(id.into_u64()),
                name: attributes.metadata().name(),
                parent: parent.map(|parent| parent.name()),
                ..Seen::default()
            };
            attributes.record(&mut seen);
            self.lock().push(seen);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        for seen in self.lock().iter_mut().filter(|seen| !seen.closed) {
            if seen.id == Some(id.into_u64()) {
                values.record(seen);
            }
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if is_ours(event.metadata()) {
            let mut seen = Seen::default();
            event.record(&mut seen);
            self.lock().push(seen);
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        for seen in self.lock().iter_mut() {
            seen.closed |= seen.id == Some(id.into_u64());
        }
    }
}

fn quick(broker: &EmbeddedBroker) -> ProducerSettings<guanaco::NoKey, String> {
    settings(broker)
        .with_client_id("traced")
        .with_property("retry.backoff.ms", "1")
        .with_property("retry.backoff.max.ms", "1")
        .with_property("reconnect.backoff.ms", "1")
}

#[tokio::test]
async fn a_request_and_each_of_its_batches_have_a_span_by_the_conventions() {
    let (log, _guard) = Log::start();
    let broker = broker("t", 2).await;
    let sends = SendProducer::new(quick(&broker).with_property("linger.ms", "60000"));
    let records = (0..5).flat_map(|n| [0, 1].map(|p| text("t", n).with_partition(p)));
    let sent = sends.send_envelope(Envelope::multi(records, ()));
    within(sends.flush()).await.unwrap();
    within(sent).await.unwrap();

    let [request] = &log.spans("produce")[..] else {
        panic!("one request: {:?}", log.lock());
    };
    let address = broker.bootstrap_servers();
    let (host, port) = address.split_once(':').unwrap();
    for (name, value) in [
        ("messaging.system", "kafka"),
        ("messaging.operation.name", "send"),
        ("messaging.operation.type", "send"),
        ("messaging.client.id", "traced"),
        ("messaging.batch.message_count", "10"),
        ("server.address", host),
        ("server.port", port),
        ("guanaco.request.batches", "2"),
        ("guanaco.broker.id", "1"),
    ] {
        assert_eq!(request.field(name), Some(value), "{name}");
    }
    assert_eq!((request.parent, request.closed), (None, true));

    let mut batches = log.spans("send");
    batches.sort_by_key(|batch| {
        batch
            .field("messaging.destination.partition.id")
            .map(str::to_owned)
    });
    assert_eq!(batches.len(), 2);
    for (partition, batch) in ["0", "1"].into_iter().zip(&batches) {
        for (name, value) in [
            ("otel.name", "send t"),
            ("otel.kind", "client"),
            ("messaging.system", "kafka"),
            ("messaging.destination.name", "t"),
            ("messaging.destination.partition.id", partition),
            ("messaging.batch.message_count", "5"),
            ("messaging.kafka.offset", "0"),
            ("server.address", host),
            ("server.port", port),
        ] {
            assert_eq!(batch.field(name), Some(value), "{name}");
        }
        assert_eq!(batch.field("error.type"), None);
        assert_eq!((batch.parent, batch.closed), (Some("produce"), true));
    }
}

#[tokio::test]
async fn a_batch_that_is_refused_says_why_and_that_it_is_sent_again() {
    let (log, _guard) = Log::start();
    let broker = broker("t", 1).await;
    let faults = broker.faults();
    faults
        .on(ApiKey::Produce)
        .nth(1)
        .error(code::NOT_ENOUGH_REPLICAS);
    let sends = SendProducer::new(quick(&broker));
    within(sends.send(text("t", 0))).await.unwrap();

    let spans = log.spans("send");
    let errors: Vec<_> = spans.iter().map(|span| span.field("error.type")).collect();
    assert_eq!(errors, [Some("NOT_ENOUGH_REPLICAS"), None]);
    assert_eq!(spans[0].field("otel.status_code"), Some("ERROR"));
    let [again] = &log.events("a batch is sent again")[..] else {
        panic!("{:?}", log.lock());
    };
    for (name, value) in [
        ("messaging.destination.name", "t"),
        ("messaging.destination.partition.id", "0"),
        ("messaging.batch.message_count", "1"),
        ("error.type", "NOT_ENOUGH_REPLICAS"),
        ("attempts", "1"),
        ("maybe_written", "false"),
    ] {
        assert_eq!(again.field(name), Some(value), "{name}");
    }
    assert!(log.events("a batch failed").is_empty());
}

#[tokio::test]
async fn a_batch_that_fails_says_why_without_its_records() {
    let (log, _guard) = Log::start();
    let broker = broker("t", 1).await;
    broker
        .faults()
        .on(ApiKey::Produce)
        .always()
        .error(code::INVALID_RECORD);
    let sends = SendProducer::new(quick(&broker));
    within(sends.send(text("t", "private"))).await.unwrap_err();
    let [failed] = &log.events("a batch failed")[..] else {
        panic!("{:?}", log.lock());
    };
    assert_eq!(failed.field("error.type"), Some("INVALID_RECORD"));
    assert!(failed.field("reason").unwrap().contains("INVALID_RECORD"));
    assert!(!format!("{:?}", log.lock()).contains("private"));
}

#[tokio::test]
async fn a_request_without_an_answer_says_so() {
    let (log, _guard) = Log::start();
    let broker = broker("t", 1).await;
    broker.faults().on(ApiKey::Produce).nth(1).close_before();
    let sends = SendProducer::new(quick(&broker));
    within(sends.send(text("t", 0))).await.unwrap();
    let spans = log.spans("send");
    let errors: Vec<_> = spans.iter().map(|span| span.field("error.type")).collect();
    assert_eq!(errors, [Some("disconnected"), None]);
    let again = &log.events("a batch is sent again")[0];
    assert_eq!(again.field("error.type"), Some("disconnected"));
    assert_eq!(again.field("maybe_written"), Some("true"));
}

#[tokio::test]
async fn without_acknowledgements_a_span_ends_with_the_write() {
    let (log, _guard) = Log::start();
    let broker = broker("t", 1).await;
    let sends = SendProducer::new(quick(&broker).with_property("acks", "0"));
    within(sends.send(text("t", 0))).await.unwrap();
    until("the span is closed", || log.spans("send")[0].closed).await;
    assert_eq!(log.spans("send")[0].field("error.type"), None);
    assert_eq!(log.spans("send")[0].field("messaging.kafka.offset"), None);
}
