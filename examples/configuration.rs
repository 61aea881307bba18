//! Settings from a configuration file in Alpakka's layout, and where each of them is from.

use futures_util::{StreamExt, stream};
use guanaco::{config::Config, prelude::*};
use guanaco_testkit::embedded::EmbeddedBroker;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = EmbeddedBroker::start().await?;

    let config = Config::load("examples/configuration.conf")?
        .with_env()
        .with_overrides(
            "this example",
            [("bootstrap.servers", broker.bootstrap_servers())],
        );
    let section = config.producer_at("orders.producer")?;
    for entry in section
        .entries()
        .filter(|entry| !entry.origin().is_default())
    {
        println!("{} is from {}", entry.key(), entry.origin());
    }

    let settings = ProducerSettings::keyless(StringSerializer).with_section(&section);
    stream::iter(1..=100)
        .map(|n| ProducerRecord::new("numbers", n.to_string()))
        .run_with(producer::plain_sink(settings))
        .await?;
    println!(
        "{:?} records are in the log",
        broker.end_offsets("numbers")?
    );
    Ok(())
}
