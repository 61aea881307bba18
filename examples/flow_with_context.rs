//! A context beside each element, when the element is not ours to wrap.

use futures_util::{StreamExt, TryStreamExt, stream};
use guanaco::prelude::*;
use guanaco_testkit::embedded::EmbeddedBroker;
use std::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = EmbeddedBroker::start().await?;

    let settings = ProducerSettings::keyless(StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers());

    let results: Vec<_> = stream::iter(1..=5)
        .map(|n| {
            (
                ProducerRecord::new("numbers", n.to_string()),
                Instant::now(),
            )
        })
        .via(producer::flow_with_context(settings))
        .map_ok(|(delivery, came)| (delivery.parts()[0].offset, came.elapsed()))
        .try_collect()
        .await?;

    for (offset, took) in &results {
        assert!(took.as_secs() < 30);
        println!("offset {offset:?}, with the time that it came");
    }
    Ok(())
}
