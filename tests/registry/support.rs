//! What the tests share.

use guanaco::{
    Topic,
    serialization::{
        AvroSchema, Deserializer, Serializer, Source, Target,
        registry::{RegistrySettings, SchemaRegistry},
    },
};
use guanaco_testkit::registry::MockRegistry;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::timeout;

pub(crate) const ORDER: &str = r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
    {"name": "id", "type": "long"}, {"name": "item", "type": "string"}
]}"#;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) item: String,
}

pub(crate) fn tea() -> Order {
    Order {
        id: 1,
        item: "tea".to_owned(),
    }
}

pub(crate) fn order_schema() -> AvroSchema {
    AvroSchema::parse(ORDER).expect("it is a schema")
}

pub(crate) async fn registry() -> (MockRegistry, SchemaRegistry) {
    let mock = MockRegistry::builder()
        .start()
        .await
        .expect("loopback ports are free");
    let client = SchemaRegistry::new(&settings(&mock)).expect("the address is one");
    (mock, client)
}

/// Settings that give up soon.
pub(crate) fn settings(mock: &MockRegistry) -> RegistrySettings {
    RegistrySettings::new(mock.address())
        .with_backoff(Duration::from_millis(1), Duration::from_millis(4))
        .with_request_timeout(Duration::from_secs(20))
}

/// Fails the test instead of hanging.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(60);
    timeout(limit, future).await.expect("it ends in time")
}

/// The bytes of a value for the topic `orders`, or what the serializer says.
pub(crate) fn bytes_of<T: ?Sized>(
    serializer: &dyn Serializer<T>,
    value: &T,
) -> Result<Vec<u8>, String> {
    let (topic, mut out) = (Topic::from("orders"), Vec::new());
    match serializer.serialize(&Target::value(&topic), value, &mut out) {
        Ok(()) => Ok(out),
        Err(error) => Err(chain(&*error)),
    }
}

/// A value of the topic `orders`, or what the deserializer says.
pub(crate) fn value_of<T>(deserializer: &dyn Deserializer<T>, bytes: &[u8]) -> Result<T, String> {
    let topic = Topic::from("orders");
    let read = deserializer.deserialize(&Source::value(&topic), Some(bytes));
    read.map_err(|error| chain(&*error))
}

/// An error and its causes.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}
