//! Errors as data: what cannot be delivered goes to a topic of its own, and the stream goes on.

use futures_util::{StreamExt, TryStreamExt, stream};
use guanaco::{Written, prelude::*};
use guanaco_testkit::embedded::EmbeddedBroker;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = EmbeddedBroker::builder()
        .topic("letters", 1)
        .start()
        .await?;

    let settings = ProducerSettings::keyless(StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers())
        .with_property("max.request.size", "1000");
    let shared = settings.create_kafka_producer().await?;

    let mut outcomes = stream::iter([10, 2_000, 20, 3_000])
        .map(|size| Envelope::single(ProducerRecord::new("letters", "x".repeat(size)), size))
        .via(producer::flexi_flow(settings.clone().with_producer(&shared)).with_outcomes());

    let dead_letters = SendProducer::new(settings.with_producer(&shared));
    while let Some(outcome) = outcomes.try_next().await? {
        match outcome {
            Ok(delivery) => println!("{} bytes: delivered", delivery.into_pass_through()),
            // Sending it again, or elsewhere, could double it only after "maybe written".
            Err(failed) => {
                assert_eq!(failed.written(), Written::No);
                let Failed { envelope, error } = failed;
                let size = envelope.into_pass_through();
                println!("{size} bytes: {error}");
                let letter = format!("a letter of {size} bytes");
                let letter = ProducerRecord::new("dead-letters", letter)
                    .with_header("error", error.to_string());
                dead_letters.send(letter).await?;
            }
        }
    }
    shared.close().await;
    println!("dead letters: {:?}", broker.end_offsets("dead-letters")?);
    Ok(())
}
