//! Without a stream: single sends, from any number of tasks, in the order of the calls.

use futures_util::future::try_join_all;
use guanaco::prelude::*;
use guanaco_testkit::embedded::EmbeddedBroker;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = EmbeddedBroker::builder().topic("orders", 1).start().await?;

    let settings = ProducerSettings::keyless(StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers());
    let orders = SendProducer::new(settings);
    let order = |n: u32| ProducerRecord::new("orders", format!("order {n}"));

    // One at a time.
    let metadata = orders.send(order(0)).await?;
    println!(
        "{}/{} @{:?}",
        metadata.topic, metadata.partition, metadata.offset
    );

    // As fast as there is room; the answers later.
    let mut answers = Vec::new();
    for n in 1..=1000 {
        answers.push(orders.enqueue(order(n)).await?);
    }
    let answers = try_join_all(answers).await?;
    assert!(answers.iter().map(|metadata| metadata.offset).is_sorted());

    // Several records as one, with a value of one's own.
    let envelope = Envelope::multi([order(1001), order(1002)], "the last two");
    let delivery = orders.send_envelope(envelope).await?;
    let parts = delivery.parts().len();
    println!("{}: {parts} records", delivery.into_pass_through());

    let report = orders.close().await?;
    println!(
        "{} acknowledged, {} lost",
        report.acknowledged,
        report.maybe_written + report.not_written
    );
    Ok(())
}
