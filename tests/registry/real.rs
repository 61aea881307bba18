//! A registry that others wrote. What it says differently, the one in memory says wrong.

use crate::{
    formats::Test1,
    support::{ORDER, bytes_of, order_schema, tea, value_of, within},
};
use guanaco::serialization::{
    AvroSchema, RecordPart,
    registry::{
        JsonSchema, ProtobufSchema, RegistryDeserializer, RegistryError, RegistrySerializer,
        RegistrySettings, Schema, SchemaKind, SchemaPolicy, SchemaReference, SchemaRegistry,
        SubjectStrategy,
    },
};
use guanaco_testkit::registry::RealRegistry;
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test]
async fn a_registry_of_another_vendor_takes_and_gives_the_same() {
    let start = timeout(Duration::from_secs(240), RealRegistry::start());
    let server = start.await.expect("it starts in time").expect("it starts");
    let client = SchemaRegistry::new(&RegistrySettings::new(server.address())).unwrap();

    // Avro, with and without references, by its own and by the latest schema.
    let orders = RegistrySerializer::avro(&client, order_schema());
    within(orders.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    let bytes = bytes_of(&orders, &tea()).unwrap();
    let reader = RegistryDeserializer::avro(&client);
    within(reader.prepare(Some(&bytes))).await.unwrap();
    assert_eq!(value_of(&reader, &bytes), Ok(tea()));
    let version = within(client.version("orders-value", 1)).await.unwrap();
    assert_eq!(version.schema, *order_schema().schema());
    assert_eq!(
        version,
        within(client.latest("orders-value")).await.unwrap()
    );

    let list = r#"{"type": "record", "name": "Basket", "fields": [
        {"name": "orders", "type": {"type": "array", "items": "shop.Order"}}
    ]}"#;
    let reference = SchemaReference::new("shop.Order", "orders-value", 1);
    let list = AvroSchema::parse_with_references(list, [(reference, ORDER)]).unwrap();
    let baskets = RegistrySerializer::avro(&client, list);
    within(baskets.prepare(RecordPart::Key, ["orders"]))
        .await
        .unwrap();

    let exists = RegistrySerializer::avro(&client, order_schema());
    let exists = exists.with_policy(SchemaPolicy::MustExist);
    within(exists.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    assert_eq!(bytes_of(&exists, &tea()).unwrap(), bytes);
    let latest = exists.with_policy(SchemaPolicy::UseLatest);
    within(latest.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    assert_eq!(bytes_of(&latest, &tea()).unwrap(), bytes);

    // Protobuf and JSON.
    let file =
        r#"syntax = "proto3"; package docs; message Test0 {} message Test1 { int32 a = 1; }"#;
    let schema = ProtobufSchema::parse(file, "docs.Test1").unwrap();
    let messages = RegistrySerializer::protobuf(&client, schema)
        .with_subject_strategy(SubjectStrategy::RecordName);
    within(messages.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    let bytes = bytes_of(&messages, &Test1 { a: 150 }).unwrap();
    assert_eq!(bytes[5..], [2, 2, 0x08, 0x96, 0x01]);
    let reader = RegistryDeserializer::protobuf(&client, "docs.Test1");
    within(reader.prepare(Some(&bytes))).await.unwrap();
    assert_eq!(value_of(&reader, &bytes), Ok(Test1 { a: 150 }));
    let text = r#"{"$schema": "http://json-schema.org/draft-07/schema#", "title": "Document"}"#;
    let json = RegistrySerializer::json(&client, JsonSchema::parse(text).unwrap())
        .with_subject_strategy(SubjectStrategy::TopicRecordName);
    within(json.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    let bytes = bytes_of(&json, &tea()).unwrap();
    let reader = RegistryDeserializer::json(&client);
    within(reader.prepare(Some(&bytes))).await.unwrap();
    assert_eq!(value_of(&reader, &bytes), Ok(tea()));

    // Refusals.
    let other = Schema::new(SchemaKind::Avro, ORDER.replace("long", "string"));
    use RegistryError as E;
    let error = within(client.lookup("orders-value", &other, false))
        .await
        .unwrap_err();
    assert!(matches!(error, E::NotRegistered { .. }), "{error:?}");
    let error = within(client.lookup("nothing", &other, false))
        .await
        .unwrap_err();
    assert!(matches!(error, E::UnknownSubject { .. }), "{error:?}");
    let error = within(client.latest("nothing")).await.unwrap_err();
    assert!(matches!(error, E::UnknownSubject { .. }), "{error:?}");
    let error = within(client.version("orders-value", 99))
        .await
        .unwrap_err();
    assert!(matches!(error, E::UnknownVersion { .. }), "{error:?}");
    let error = within(client.schema(99_999)).await.unwrap_err();
    assert!(matches!(error, E::UnknownId { id: 99_999 }), "{error:?}");
    let broken = Schema::new(SchemaKind::Avro, "{");
    let error = within(client.register("broken", &broken, false))
        .await
        .unwrap_err();
    assert!(matches!(error, E::InvalidSchema { .. }), "{error:?}");
}
