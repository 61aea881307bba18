//! The trace of the current span goes with a record, in its headers.

use guanaco::{CurrentSpan, prelude::*};
use guanaco_testkit::embedded::EmbeddedBroker;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Instrument;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A program of yours adds an exporter here.
    let provider = SdkTracerProvider::builder().build();
    let tracer = provider.tracer("shop");
    tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(tracer))
        .init();

    let broker = EmbeddedBroker::builder().topic("orders", 1).start().await?;
    let settings = ProducerSettings::keyless(StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers())
        .with_trace_context(CurrentSpan);
    let orders = SendProducer::new(settings);

    let order = |n: u32| ProducerRecord::new("orders", format!("order {n}"));
    for n in 1..=2 {
        // The call itself has to be in the span: it takes the record's place in the order, and its trace.
        let sent = async { orders.send(order(n)).await };
        sent.instrument(tracing::info_span!("take an order", n))
            .await?;
    }

    for record in broker.records("orders")?.remove(0) {
        let headers: Vec<_> = record.headers.iter().map(|(name, _)| name).collect();
        println!("order @{}: {headers:?}", record.offset);
    }
    orders.close().await?;
    Ok(())
}
