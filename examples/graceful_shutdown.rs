//! Ctrl-C ends the input; everything that was read is delivered before the program ends.

use futures_util::{StreamExt, future, stream};
use guanaco::prelude::*;
use guanaco_testkit::embedded::EmbeddedBroker;
use std::time::Duration;
use tokio::{signal, time};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = EmbeddedBroker::builder().topic("ticks", 1).start().await?;

    let settings = ProducerSettings::keyless(StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers())
        .with_close_timeout(Duration::from_secs(5));

    let ticks = stream::unfold(
        time::interval(Duration::from_millis(10)),
        |mut interval| async {
            interval.tick().await;
            Some((ProducerRecord::new("ticks", "tick".to_owned()), interval))
        },
    );
    // Press Ctrl-C; so that the example ends by itself, half a second does the same.
    let stop = Box::pin(signal::ctrl_c());
    let stop = future::select(stop, Box::pin(time::sleep(Duration::from_millis(500))));

    ticks
        .take_until(stop)
        .run_with(producer::plain_sink(settings))
        .await?;

    let stored = broker.end_offsets("ticks")?[0];
    assert!(stored > 0);
    println!("stopped; every tick that was read is in the log");
    Ok(())
}
