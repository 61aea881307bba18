//! A stream goes on after Kafka: each result comes in its place, with what was passed through.

use futures_util::{StreamExt, TryStreamExt, stream};
use guanaco::prelude::*;
use guanaco_testkit::embedded::EmbeddedBroker;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = EmbeddedBroker::builder().topic("orders", 3).start().await?;

    let settings = ProducerSettings::new(StringSerializer, StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers());

    let mut deliveries = stream::iter(["llama", "guanaco", "alpaca", "vicuña"])
        .enumerate()
        .map(|(line, animal)| {
            let record = ProducerRecord::new("orders", format!("one {animal}"))
                .with_key(animal.to_owned())
                .with_header("source", "shop");
            Envelope::single(record, line + 1)
        })
        .via(producer::flexi_flow(settings));

    while let Some(delivery) = deliveries.try_next().await? {
        for part in delivery.parts() {
            let offset = part.offset.ok_or("acks=0 tells no offset")?;
            print!("{}/{}@{offset}: ", part.record.topic, part.partition);
        }
        println!("line {} is stored", delivery.into_pass_through());
    }
    Ok(())
}
