//! Records of a stream go to a topic; the future says that all of them are acknowledged.

use futures_util::{StreamExt, stream};
use guanaco::prelude::*;
use guanaco_testkit::embedded::EmbeddedBroker;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = EmbeddedBroker::start().await?;

    let settings = ProducerSettings::new(StringSerializer, StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers());

    stream::iter(1..=100)
        .map(|n| ProducerRecord::new("numbers", n.to_string()).with_key("all".to_owned()))
        .run_with(producer::plain_sink(settings))
        .await?;

    println!(
        "{:?} records are in the log",
        broker.end_offsets("numbers")?
    );
    Ok(())
}
