//! What Confluent's own client writes, ours reads, and the other way round.

use crate::{
    formats::Test1,
    support::{ORDER, Order, bytes_of, order_schema, tea, value_of, within},
};
use guanaco::serialization::{
    AvroSchema, RecordPart,
    registry::{
        JsonSchema, ProtobufSchema, RegistryDeserializer, RegistrySerializer, RegistrySettings,
        SchemaPolicy, SchemaReference, SchemaRegistry, SubjectStrategy,
    },
};
use guanaco_testkit::registry::{ConfluentSerializers, RealRegistry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

const STRATEGIES: [(SubjectStrategy, &str); 3] = [
    (SubjectStrategy::TopicName, "TOPIC"),
    (SubjectStrategy::RecordName, "RECORD"),
    (SubjectStrategy::TopicRecordName, "TOPIC_RECORD"),
];

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Basket {
    first: Order,
    second: Order,
}

const BASKET: &str = r#"{"type": "record", "name": "Basket", "namespace": "shop", "fields": [
    {"name": "first", "type": "shop.Order"}, {"name": "second", "type": "shop.Order"}
]}"#;

const DOCUMENT: &str = r#"{"$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Document", "type": "object", "properties": {
        "id": {"type": "integer"}, "item": {"type": "string"}
    }}"#;

const PROTO: &str = r#"
    syntax = "proto3";
    package docs;
    message Test0 { message Inner { int32 a = 1; } int32 a = 1; }
    message Test1 { int32 a = 1; }
"#;

/// The same file as protoc makes it.
fn compiled() -> Value {
    let a = json!({"name": "a", "number": 1, "type": "TYPE_INT32", "label": "LABEL_OPTIONAL"});
    json!({
        "name": "docs.proto", "package": "docs", "syntax": "proto3",
        "messageType": [
            {"name": "Test0", "field": [a], "nestedType": [{"name": "Inner", "field": [a]}]},
            {"name": "Test1", "field": [a]},
        ],
    })
}

/// Both clients of one registry.
struct Sides {
    ours: SchemaRegistry,
    theirs: ConfluentSerializers,
}

impl Sides {
    /// Bytes that their serializer writes for the topic `orders`.
    async fn write(&mut self, request: Value) -> Vec<u8> {
        let request = with(
            json!({"do": "serialize", "topic": "orders", "part": "value"}),
            request,
        );
        let answer = within(self.theirs.ask(&request)).await.unwrap();
        let hex = answer.as_str().unwrap();
        let bytes = (0..hex.len()).step_by(2);
        let bytes = bytes.map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        bytes.collect()
    }

    /// What their deserializer reads.
    async fn read(&mut self, bytes: &[u8], request: Value) -> Value {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let request = with(
            json!({"do": "deserialize", "topic": "orders", "part": "value", "bytes": hex}),
            request,
        );
        within(self.theirs.ask(&request)).await.unwrap()
    }
}

fn with(mut request: Value, more: Value) -> Value {
    if let (Some(all), Value::Object(more)) = (request.as_object_mut(), more) {
        all.extend(more);
    }
    request
}

#[tokio::test]
async fn confluents_client_reads_what_we_write_and_we_what_it_writes() {
    let start = timeout(Duration::from_secs(240), RealRegistry::start());
    let server = start.await.expect("it starts in time").expect("it starts");
    let start = ConfluentSerializers::start(server.address());
    let start = timeout(Duration::from_secs(240), start).await;
    let mut sides = Sides {
        ours: SchemaRegistry::new(&RegistrySettings::new(server.address())).unwrap(),
        theirs: start.expect("it starts in time").expect("it starts"),
    };
    avro(&mut sides).await;
    avro_with_references(&mut sides).await;
    json_schema(&mut sides).await;
    protobuf(&mut sides).await;
}

/// One subject and one id for both: with `MustExist` ours finds the schema only where theirs put it.
async fn avro(sides: &mut Sides) {
    let value = json!({"id": 1, "item": "tea"});
    let reader = RegistryDeserializer::avro(&sides.ours);
    for (strategy, name) in STRATEGIES {
        let request = json!({"format": "AVRO", "strategy": name, "schema": ORDER, "value": value});
        let theirs = sides.write(request).await;
        within(reader.prepare(Some(&theirs))).await.unwrap();
        assert_eq!(value_of(&reader, &theirs), Ok(tea()), "{name}");

        let writer = RegistrySerializer::avro(&sides.ours, order_schema())
            .with_subject_strategy(strategy)
            .with_policy(SchemaPolicy::MustExist);
        within(writer.prepare(RecordPart::Value, ["orders"]))
            .await
            .unwrap();
        assert_eq!(bytes_of(&writer, &tea()).unwrap(), theirs, "{name}");
    }
    let writer = RegistrySerializer::avro(&sides.ours, order_schema());
    within(writer.prepare(RecordPart::Value, ["orders", "returns"]))
        .await
        .unwrap();
    let ours = bytes_of(&writer, &tea()).unwrap();
    assert_eq!(sides.read(&ours, json!({"format": "AVRO"})).await, value);

    // The same of a key.
    let request = json!({
        "format": "AVRO", "strategy": "TOPIC", "schema": ORDER, "value": value, "part": "key",
    });
    let theirs = sides.write(request).await;
    let writer = RegistrySerializer::avro(&sides.ours, order_schema());
    let writer = writer.with_policy(SchemaPolicy::MustExist);
    within(writer.prepare(RecordPart::Key, ["orders"]))
        .await
        .unwrap();
    within(reader.prepare(Some(&theirs))).await.unwrap();
    assert_eq!(value_of(&reader, &theirs), Ok(tea()));
}

async fn avro_with_references(sides: &mut Sides) {
    let basket = || Basket {
        first: tea(),
        second: tea(),
    };
    let value = json!({"first": {"id": 1, "item": "tea"}, "second": {"id": 1, "item": "tea"}});
    let reference = SchemaReference::new("shop.Order", "shop.Order", 1);
    let schema = AvroSchema::parse_with_references(BASKET, [(reference, ORDER)]).unwrap();
    let writer = RegistrySerializer::avro(&sides.ours, schema)
        .with_subject_strategy(SubjectStrategy::RecordName);
    within(writer.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    let ours = bytes_of(&writer, &basket()).unwrap();
    assert_eq!(sides.read(&ours, json!({"format": "AVRO"})).await, value);

    let request = json!({
        "format": "AVRO", "strategy": "TOPIC_RECORD", "schema": BASKET, "value": value,
        "references": [{"name": "shop.Order", "subject": "shop.Order", "version": 1}],
    });
    let theirs = sides.write(request).await;
    let reader = RegistryDeserializer::avro(&sides.ours);
    within(reader.prepare(Some(&theirs))).await.unwrap();
    assert_eq!(value_of(&reader, &theirs), Ok(basket()));
    assert_eq!(theirs[5..], ours[5..]);
}

async fn json_schema(sides: &mut Sides) {
    let value = json!({"id": 1, "item": "tea"});
    let reader = RegistryDeserializer::json(&sides.ours);
    // The first strategy's subject has an Avro schema already.
    for (strategy, name) in STRATEGIES.into_iter().skip(1) {
        let request =
            json!({"format": "JSON", "strategy": name, "schema": DOCUMENT, "value": value});
        let theirs = sides.write(request).await;
        within(reader.prepare(Some(&theirs))).await.unwrap();
        assert_eq!(value_of(&reader, &theirs), Ok(tea()), "{name}");

        let schema = JsonSchema::parse(DOCUMENT).unwrap();
        let writer = RegistrySerializer::json(&sides.ours, schema)
            .with_subject_strategy(strategy)
            .with_policy(SchemaPolicy::MustExist);
        within(writer.prepare(RecordPart::Value, ["orders"]))
            .await
            .unwrap();
        let ours = bytes_of(&writer, &tea()).unwrap();
        assert_eq!(ours, theirs, "{name}");
        assert_eq!(sides.read(&ours, json!({"format": "JSON"})).await, value);
    }
}

async fn protobuf(sides: &mut Sides) {
    for message in ["docs.Test0", "docs.Test1", "docs.Test0.Inner"] {
        let asked = |more: Value| {
            with(
                json!({"format": "PROTOBUF", "file": compiled(), "message": message}),
                more,
            )
        };
        let schema = || ProtobufSchema::parse(PROTO, message).unwrap();
        let reader = RegistryDeserializer::protobuf(&sides.ours, message);
        for (strategy, name) in STRATEGIES.into_iter().skip(1) {
            let request = asked(json!({"strategy": name, "value": {"a": 150}}));
            let theirs = sides.write(request).await;
            within(reader.prepare(Some(&theirs))).await.unwrap();
            assert_eq!(
                value_of(&reader, &theirs),
                Ok(Test1 { a: 150 }),
                "{message}"
            );

            // They register the compiled file: only as the latest it is the same schema.
            let writer = RegistrySerializer::protobuf(&sides.ours, schema())
                .with_subject_strategy(strategy)
                .with_policy(SchemaPolicy::UseLatest);
            within(writer.prepare(RecordPart::Value, ["orders"]))
                .await
                .unwrap();
            let ours = bytes_of(&writer, &Test1 { a: 150 }).unwrap();
            assert_eq!(ours, theirs, "{message}");
            let read = sides.read(&ours, asked(json!({"asks": true}))).await;
            assert_eq!(read, json!({"a": 150}), "{message}");
        }

        // A registry that makes compiled files of texts would let them ask.
        let writer = RegistrySerializer::protobuf(&sides.ours, schema())
            .with_subject_strategy(SubjectStrategy::RecordName);
        within(writer.prepare(RecordPart::Value, ["orders"]))
            .await
            .unwrap();
        let ours = bytes_of(&writer, &Test1 { a: 150 }).unwrap();
        let read = sides.read(&ours, asked(json!({"asks": false}))).await;
        assert_eq!(read, json!({"a": 150}), "{message}");
    }
}
