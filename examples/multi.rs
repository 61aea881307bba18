//! One element, several records or none: 1-to-n and 1-to-0.

use futures_util::{StreamExt, TryStreamExt, stream};
use guanaco::prelude::*;
use guanaco_testkit::embedded::EmbeddedBroker;

struct Order {
    id: u32,
    lines: Vec<&'static str>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = EmbeddedBroker::builder().topic("lines", 2).start().await?;

    let settings = ProducerSettings::new(StringSerializer, StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers());

    let orders = [
        Order {
            id: 1,
            lines: vec!["hay", "oats", "salt"],
        },
        Order {
            id: 2,
            lines: vec![],
        },
        Order {
            id: 3,
            lines: vec!["a brush"],
        },
    ];
    let mut done = stream::iter(orders)
        .map(|Order { id, lines }| {
            let line = |text: &&str| {
                ProducerRecord::new("lines", text.to_string()).with_key(id.to_string())
            };
            match &lines[..] {
                [] => Envelope::pass_through(id),
                [one] => Envelope::single(line(one), id),
                many => Envelope::multi(many.iter().map(line), id),
            }
        })
        .via(producer::flexi_flow(settings));

    while let Some(delivery) = done.try_next().await? {
        let parts = delivery.parts().len();
        println!(
            "order {}: {parts} records acknowledged",
            delivery.into_pass_through()
        );
    }
    Ok(())
}
