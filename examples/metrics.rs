//! The producer's counters, under the names that Kafka's own clients use.

use futures_util::{StreamExt, stream};
use guanaco::prelude::*;
use guanaco_testkit::embedded::EmbeddedBroker;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = EmbeddedBroker::builder()
        .topic("numbers", 2)
        .start()
        .await?;

    let settings = ProducerSettings::keyless(StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers())
        .with_client_id("counter");
    let shared = settings.create_kafka_producer().await?;

    stream::iter(1..=10_000)
        .map(|n| ProducerRecord::new("numbers", n.to_string()))
        .run_with(producer::plain_sink(settings.with_producer(&shared)))
        .await?;

    let metrics = shared.metrics();
    for (name, value) in &metrics.values {
        if name.name == "record-send-total" {
            println!("{}:{} {:?} = {value}", name.group, name.name, name.tags);
        }
    }
    shared.close().await;
    Ok(())
}
