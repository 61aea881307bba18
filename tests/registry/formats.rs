//! Bytes: what is written is what Confluent's clients read, and is read back.

use crate::support::{ORDER, Order, bytes_of, order_schema, registry, tea, value_of, within};
use guanaco::serialization::{
    AvroDeserializer, AvroSchema, AvroSerializer, AvroValue, AvroValueDeserializer,
    AvroValueSerializer, ProtobufDeserializer, ProtobufSerializer, RecordPart,
    registry::{
        JsonSchema, ProtobufSchema, RegistryDeserializer, RegistrySerializer, Schema, SchemaKind,
        SchemaPolicy, SchemaReference, SubjectStrategy,
    },
};
use serde::{Deserialize, Serialize};

/// The message of Protobuf's own documentation of its encoding.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Test1 {
    #[prost(int32, tag = "1")]
    pub(crate) a: i32,
}

const PROTO: &str = r#"
    syntax = "proto3";
    package docs;
    message Test0 { message Inner { int32 a = 1; } }
    message Test1 { int32 a = 1; }
"#;

#[test]
fn plain_avro_is_the_example_of_its_specification() {
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Example {
        a: i64,
        b: String,
    }
    let schema = AvroSchema::parse(
        r#"{"type": "record", "name": "test", "fields": [
            {"name": "a", "type": "long"}, {"name": "b", "type": "string"}
        ]}"#,
    )
    .unwrap();
    let bytes = [0x36, 0x06, 0x66, 0x6f, 0x6f];
    let example = Example {
        a: 27,
        b: "foo".to_owned(),
    };
    assert_eq!(
        bytes_of(&AvroSerializer::new(schema.clone()), &example).unwrap(),
        bytes
    );
    let reader = AvroDeserializer::new(schema.clone());
    assert_eq!(value_of(&reader, &bytes), Ok(example));

    let generic = AvroValue::Record(vec![
        ("a".to_owned(), AvroValue::Long(27)),
        ("b".to_owned(), AvroValue::String("foo".to_owned())),
    ]);
    assert_eq!(
        bytes_of(&AvroValueSerializer::new(schema.clone()), &generic).unwrap(),
        bytes
    );
    assert_eq!(
        value_of(&AvroValueDeserializer::new(schema), &bytes),
        Ok(generic)
    );
}

#[test]
fn plain_protobuf_is_the_example_of_its_documentation() {
    assert_eq!(
        bytes_of(&ProtobufSerializer, &Test1 { a: 150 }).unwrap(),
        [0x08, 0x96, 0x01]
    );
    let read = value_of::<Test1>(&ProtobufDeserializer, &[0x08, 0x96, 0x01]);
    assert_eq!(read, Ok(Test1 { a: 150 }));
    assert!(value_of::<Test1>(&ProtobufDeserializer, &[0x08]).is_err());
}

#[test]
fn an_avro_value_that_does_not_fit_its_schema_is_an_error() {
    let serializer = AvroSerializer::new(order_schema());
    let error = bytes_of(&serializer, &serde_json::json!({ "id": 1 })).unwrap_err();
    assert!(error.contains("item"), "{error}");
    assert!(bytes_of(&serializer, "text").is_err());
    let values = AvroValueSerializer::new(order_schema());
    assert!(bytes_of(&values, &AvroValue::Int(1)).is_err());
}

#[test]
fn bytes_behind_an_avro_value_are_an_error() {
    let read = value_of::<Order>(&AvroDeserializer::new(order_schema()), b"\x02\x06teax");
    assert_eq!(
        read.unwrap_err(),
        "1 bytes are left over behind the Avro value"
    );
}

#[test]
fn a_schema_that_uses_its_own_names_is_written_and_read() {
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Node {
        value: i32,
        next: Option<Box<Node>>,
    }
    let schema = AvroSchema::parse(
        r#"{"type": "record", "name": "Node", "fields": [
            {"name": "value", "type": "int"}, {"name": "next", "type": ["null", "Node"]}
        ]}"#,
    )
    .unwrap();
    let list = Node {
        value: 1,
        next: Some(Box::new(Node {
            value: 2,
            next: None,
        })),
    };
    let bytes = bytes_of(&AvroSerializer::new(schema.clone()), &list).unwrap();
    assert_eq!(bytes, [2, 2, 4, 0]);
    assert_eq!(value_of(&AvroDeserializer::new(schema), &bytes), Ok(list));
}

#[tokio::test]
async fn avro_is_framed_and_read_back() {
    let (mock, client) = registry().await;
    let serializer = RegistrySerializer::avro(&client, order_schema());
    within(serializer.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    let bytes = bytes_of(&serializer, &tea()).unwrap();
    assert_eq!(bytes, b"\0\0\0\0\x01\x02\x06tea");
    assert_eq!(mock.subjects(), ["orders-value"]);

    let deserializer = RegistryDeserializer::avro(&client);
    assert!(
        value_of::<Order>(&deserializer, &bytes)
            .unwrap_err()
            .contains("await `prepare`")
    );
    within(deserializer.prepare(Some(&bytes))).await.unwrap();
    within(deserializer.prepare(None)).await.unwrap();
    assert_eq!(value_of(&deserializer, &bytes), Ok(tea()));

    let values = RegistryDeserializer::avro_values(&client);
    within(values.prepare(Some(&bytes))).await.unwrap();
    let AvroValue::Record(fields) = value_of(&values, &bytes).unwrap() else {
        panic!("it is a record");
    };
    assert_eq!(fields[1].1, AvroValue::String("tea".to_owned()));
    let again = RegistrySerializer::avro_values(&client, order_schema());
    within(again.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    assert_eq!(bytes_of(&again, &AvroValue::Record(fields)).unwrap(), bytes);
}

#[tokio::test]
async fn protobuf_is_framed_with_its_message_and_read_back() {
    let (_mock, client) = registry().await;
    for (message, prefix) in [
        ("docs.Test1", &b"\0\0\0\0\x01\x02\x02"[..]),
        ("docs.Test0", b"\0\0\0\0\x01\0"),
        ("docs.Test0.Inner", b"\0\0\0\0\x01\x04\0\0"),
    ] {
        let schema = ProtobufSchema::parse(PROTO, message).unwrap();
        let serializer = RegistrySerializer::protobuf(&client, schema);
        within(serializer.prepare(RecordPart::Value, ["orders"]))
            .await
            .unwrap();
        let bytes = bytes_of(&serializer, &Test1 { a: 150 }).unwrap();
        assert_eq!(bytes, [prefix, &[0x08, 0x96, 0x01]].concat(), "{message}");

        let deserializer = RegistryDeserializer::protobuf(&client, message);
        within(deserializer.prepare(Some(&bytes))).await.unwrap();
        assert_eq!(value_of(&deserializer, &bytes), Ok(Test1 { a: 150 }));
        let other = RegistryDeserializer::protobuf(&client, "docs.Other");
        within(other.prepare(Some(&bytes))).await.unwrap();
        let error = value_of::<Test1>(&other, &bytes).unwrap_err();
        assert_eq!(
            error,
            format!("this is a message {message}, not docs.Other")
        );
    }
    // Older clients wrote the first message in the long form.
    let first = RegistryDeserializer::protobuf(&client, "docs.Test0");
    let long = b"\0\0\0\0\x01\x02\0\x08\x96\x01";
    within(first.prepare(Some(long))).await.unwrap();
    assert_eq!(value_of(&first, long), Ok(Test1 { a: 150 }));
}

#[tokio::test]
async fn json_is_framed_and_read_back() {
    let (mock, client) = registry().await;
    let schema = JsonSchema::parse(r#"{"type": "object", "title": "Order"}"#).unwrap();
    let serializer = RegistrySerializer::json(&client, schema)
        .with_subject_strategy(SubjectStrategy::TopicRecordName);
    within(serializer.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    let bytes = bytes_of(&serializer, &tea()).unwrap();
    assert_eq!(bytes, b"\0\0\0\0\x01{\"id\":1,\"item\":\"tea\"}");
    assert_eq!(mock.subjects(), ["orders-Order"]);
    let deserializer = RegistryDeserializer::json(&client);
    within(deserializer.prepare(Some(&bytes))).await.unwrap();
    assert_eq!(value_of(&deserializer, &bytes), Ok(tea()));
}

#[tokio::test]
async fn the_latest_schema_is_the_one_that_is_written_with() {
    let (mock, client) = registry().await;
    mock.register("orders-value", "AVRO", ORDER);
    // The fields in another order: with the serializer's own schema the bytes would be garbage.
    let turned = r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
        {"name": "item", "type": "string"}, {"name": "id", "type": "long"}
    ]}"#;
    let id = mock.register("orders-value", "AVRO", turned);
    let serializer =
        RegistrySerializer::avro(&client, order_schema()).with_policy(SchemaPolicy::UseLatest);
    within(serializer.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    assert_eq!(id, 2);
    assert_eq!(
        bytes_of(&serializer, &tea()).unwrap(),
        b"\0\0\0\0\x02\x06tea\x02"
    );

    // A newer one is written with when it is asked for.
    let stricter = ORDER.replace("long", "int");
    mock.register("orders-value", "AVRO", &stricter);
    within(serializer.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    assert_eq!(bytes_of(&serializer, &tea()).unwrap()[4], 2);
    within(serializer.refresh(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    let large = Order {
        id: i64::MAX,
        item: String::new(),
    };
    assert!(
        bytes_of(&serializer, &large).is_err(),
        "it does not fit the latest schema"
    );
}

#[tokio::test]
async fn a_message_is_looked_for_in_the_latest_schema() {
    let (mock, client) = registry().await;
    mock.register(
        "orders-value",
        "PROTOBUF",
        "package docs; message New {} message Test1 {}",
    );
    let schema = ProtobufSchema::parse("package docs; message Test1 {}", "docs.Test1").unwrap();
    let serializer =
        RegistrySerializer::protobuf(&client, schema).with_policy(SchemaPolicy::UseLatest);
    within(serializer.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    assert_eq!(
        bytes_of(&serializer, &Test1 { a: 0 }).unwrap(),
        [0, 0, 0, 0, 1, 2, 2]
    );
    mock.register("orders-value", "PROTOBUF", "package docs; message New {}");
    let refreshed = within(serializer.refresh(RecordPart::Value, ["orders"])).await;
    assert!(refreshed.unwrap_err().to_string().contains("docs.Test1"));
    assert!(
        bytes_of(&serializer, &Test1 { a: 0 }).is_ok(),
        "what was ready stays"
    );
}

#[tokio::test]
async fn what_was_written_is_seen_through_the_readers_schema() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Seen {
        id: i64,
        colour: String,
    }
    let (_mock, client) = registry().await;
    let serializer = RegistrySerializer::avro(&client, order_schema());
    within(serializer.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    let bytes = bytes_of(&serializer, &tea()).unwrap();
    let reader = AvroSchema::parse(
        r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
            {"name": "id", "type": "long"},
            {"name": "colour", "type": "string", "default": "green"}
        ]}"#,
    )
    .unwrap();
    let deserializer = RegistryDeserializer::avro_as(&client, reader);
    within(deserializer.prepare(Some(&bytes))).await.unwrap();
    let seen = Seen {
        id: 1,
        colour: "green".to_owned(),
    };
    assert_eq!(value_of(&deserializer, &bytes), Ok(seen));
}

#[tokio::test]
async fn a_schema_with_references_is_registered_written_and_read() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Basket {
        first: Order,
        second: Order,
    }
    let (mock, client) = registry().await;
    mock.register("orders-shared", "AVRO", ORDER);
    let text = r#"{"type": "record", "name": "Basket", "namespace": "shop", "fields": [
        {"name": "first", "type": "shop.Order"}, {"name": "second", "type": "Order"}
    ]}"#;
    let reference = SchemaReference::new("shop.Order", "orders-shared", 1);
    assert!(
        AvroSchema::parse(text).is_err(),
        "it does not say what an order is"
    );
    let schema = AvroSchema::parse_with_references(text, [(reference.clone(), ORDER)]).unwrap();
    assert_eq!(
        *schema.schema(),
        Schema::new(SchemaKind::Avro, text).with_references([reference])
    );
    let serializer = RegistrySerializer::avro(&client, schema);
    within(serializer.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    let basket = Basket {
        first: tea(),
        second: tea(),
    };
    let bytes = bytes_of(&serializer, &basket).unwrap();
    assert_eq!(bytes, b"\0\0\0\0\x02\x02\x06tea\x02\x06tea");
    let deserializer = RegistryDeserializer::avro(&client);
    within(deserializer.prepare(Some(&bytes))).await.unwrap();
    assert_eq!(value_of(&deserializer, &bytes), Ok(basket));
}

#[tokio::test]
async fn keys_and_values_have_subjects_of_their_own() {
    let (mock, client) = registry().await;
    let serializer = RegistrySerializer::avro(&client, order_schema());
    within(serializer.prepare(RecordPart::Key, ["orders"]))
        .await
        .unwrap();
    assert_eq!(mock.subjects(), ["orders-key"]);
    let error = bytes_of(&serializer, &tea()).unwrap_err();
    assert!(error.contains("the value of records of orders"), "{error}");
    let by_name = serializer.with_subject_strategy(SubjectStrategy::RecordName);
    within(by_name.prepare(RecordPart::Value, ["orders", "returns"]))
        .await
        .unwrap();
    assert_eq!(mock.subjects(), ["orders-key", "shop.Order"]);
}
