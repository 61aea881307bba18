//! One producer for many streams: their records share batches and connections.

use futures_util::{StreamExt, future::try_join_all, stream};
use guanaco::prelude::*;
use guanaco_testkit::embedded::EmbeddedBroker;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = EmbeddedBroker::builder().topic("events", 4).start().await?;

    let settings = ProducerSettings::keyless(StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers());
    let shared = settings.create_kafka_producer().await?;

    let streams = (1..=3).map(|source| {
        let sink = producer::plain_sink(settings.clone().with_producer(&shared));
        stream::iter(1..=1000)
            .map(move |n| ProducerRecord::new("events", format!("{n} of source {source}")))
            .run_with(sink)
    });
    try_join_all(streams).await?;

    // No stage closes a shared producer.
    let report = shared.close().await;
    println!("{} records acknowledged", report.acknowledged);
    Ok(())
}
