//! Avro with a schema registry: a stage that asks for its schema's id when it opens.

use futures_util::{StreamExt, TryStreamExt, stream};
use guanaco::{
    prelude::*,
    serialization::{
        AvroSchema, Deserializer, RecordPart, Source,
        registry::{RegistryDeserializer, RegistrySerializer, RegistrySettings, SchemaRegistry},
    },
};
use guanaco_testkit::{embedded::EmbeddedBroker, registry::MockRegistry};
use serde::{Deserialize, Serialize};

const ORDER: &str = r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
    {"name": "id", "type": "long"}, {"name": "item", "type": "string"}
]}"#;

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    id: i64,
    item: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = EmbeddedBroker::builder().topic("orders", 1).start().await?;
    let server = MockRegistry::builder().start().await?;

    let registry = SchemaRegistry::new(&RegistrySettings::new(server.address()))?;
    let orders = RegistrySerializer::avro(&registry, AvroSchema::parse(ORDER)?);

    let settings = ProducerSettings::keyless(orders.clone())
        .with_bootstrap_servers(broker.bootstrap_servers())
        .with_enrich_async(move |settings| {
            let orders = orders.clone();
            async move {
                orders.prepare(RecordPart::Value, ["orders"]).await?;
                Ok(settings)
            }
        });

    // Nobody prepared the topic "returns": that element comes back, and the stream goes on.
    let mut outcomes = stream::iter([("orders", "tea"), ("returns", "pot"), ("orders", "milk")])
        .zip(stream::iter(1..))
        .map(|((topic, item), id)| {
            let item = item.to_owned();
            Envelope::single(ProducerRecord::new(topic, Order { id, item }), id)
        })
        .via(producer::flexi_flow(settings).with_outcomes());
    while let Some(outcome) = outcomes.try_next().await? {
        match outcome {
            Ok(delivery) => println!("order {}: delivered", delivery.into_pass_through()),
            Err(Failed { envelope, error }) => {
                println!("order {}: {error}", envelope.into_pass_through());
            }
        }
    }

    println!("subjects: {:?}", server.subjects());
    let reader = RegistryDeserializer::avro(&registry);
    let topic = Topic::from("orders");
    let source = Source::value(&topic);
    for record in broker.records("orders")?.remove(0) {
        reader.prepare(record.value.as_deref()).await?;
        let order: Order = reader
            .deserialize(&source, record.value.as_deref())
            .map_err(|error| error.to_string())?;
        println!("{:?} is {order:?}", record.value.unwrap_or_default());
    }
    Ok(())
}
