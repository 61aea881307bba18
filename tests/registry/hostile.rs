//! Whatever comes from a registry or a topic is a value or an error, and never a panic.

use crate::{
    formats::Test1,
    support::{ORDER, Order, bytes_of, order_schema, registry, tea, value_of, within},
};
use guanaco::serialization::{
    AvroValue, RecordPart,
    registry::{RegistryDeserializer, RegistryError, RegistrySerializer},
};
use guanaco_testkit::registry::Fault;

#[tokio::test]
async fn an_answer_that_is_no_registrys_is_an_error() {
    let (mock, client) = registry().await;
    let bodies: &[&[u8]] = &[
        b"",
        b"null",
        b"[]",
        b"{}",
        b"<html>hello</html>",
        b"{\"id\": 99999999999999}",
        b"{\"id\": \"1\"}",
        b"{\"schema\": 1}",
        b"{\"schema\": \"x\", \"schemaType\": \"XML\"}",
        b"{\"schema\": \"x\", \"references\": [{}]}",
        b"\xff\xfe\x00",
        &[b'['; 100_000],
        &vec![b' '; 5 << 20],
    ];
    for body in bodies {
        mock.fail_next([Fault::Body(body.to_vec()), Fault::Body(body.to_vec())]);
        let error = within(client.schema(1)).await.unwrap_err();
        assert!(matches!(error, RegistryError::Protocol { .. }), "{error:?}");
        assert!(error.to_string().len() < 1_000);
        let error = within(client.latest("s")).await.unwrap_err();
        assert!(matches!(error, RegistryError::Protocol { .. }), "{error:?}");
    }
    for raw in [
        &b"\0\0\0\x12not http"[..],
        b"HTTP/1.1 9999 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
    ] {
        mock.fail_next(std::iter::repeat_n(Fault::Raw(raw.to_vec()), 4));
        let error = within(client.schema(1)).await.unwrap_err();
        assert!(
            matches!(error, RegistryError::Unreachable { .. }),
            "{error:?}"
        );
    }
    let elsewhere = b"HTTP/1.1 302 -\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    mock.fail_next([Fault::Raw(elsewhere.to_vec())]);
    let error = within(client.schema(1)).await.unwrap_err();
    assert!(
        error.to_string().contains("302"),
        "no redirect is followed: {error}"
    );
}

#[tokio::test]
async fn references_that_never_end_are_an_error() {
    let (mock, client) = registry().await;
    let next = |version: u32| {
        let body = format!(
            r#"{{"id": 1, "version": {version}, "schema": "\"int\"",
                "references": [{{"name": "a", "subject": "s", "version": {}}}]}}"#,
            version + 1
        );
        Fault::Body(body.into_bytes())
    };
    mock.fail_next([next(0)].into_iter().chain((1..400).map(next)));
    let latest = within(client.latest("s")).await.unwrap();
    let error = within(client.references(&latest.schema)).await.unwrap_err();
    assert!(
        matches!(error, RegistryError::References { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_schema_that_refers_to_itself_for_ever_has_no_values() {
    let (mock, client) = registry().await;
    let body = r#"{"id": 1, "version": 1, "subject": "s",
        "schema": "{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"a\",\"type\":\"A\"}]}",
        "references": [{"name": "A", "subject": "s", "version": 1}]}"#;
    mock.fail_next([Fault::Body(body.into()), Fault::Body(body.into())]);
    let reader = RegistryDeserializer::avro_values(&client);
    let bytes = b"\0\0\0\0\x01";
    within(reader.prepare(Some(bytes))).await.unwrap();
    let error = value_of::<AvroValue>(&reader, bytes).unwrap_err();
    assert!(error.contains("nested too deeply"), "{error}");
}

#[tokio::test]
async fn the_deepest_list_that_is_read_fits_the_stack() {
    let (mock, client) = registry().await;
    mock.register(
        "s",
        "AVRO",
        r#"{"type": "record", "name": "L", "fields": [{"name": "n", "type": ["null", "L"]}]}"#,
    );
    let values = RegistryDeserializer::avro_values(&client);
    let serde = RegistryDeserializer::avro(&client);
    within(values.prepare(Some(b"\0\0\0\0\x01"))).await.unwrap();
    within(serde.prepare(Some(b"\0\0\0\0\x01"))).await.unwrap();
    let mut read = 0;
    for depth in 0..100 {
        let list = [&b"\0\0\0\0\x01"[..], &vec![2; depth], &[0]].concat();
        let value = value_of::<AvroValue>(&values, &list);
        assert_eq!(
            value.is_ok(),
            value_of::<serde_json::Value>(&serde, &list).is_ok()
        );
        read += usize::from(value.is_ok());
    }
    assert!((16..50).contains(&read), "{read}");
}

#[tokio::test]
async fn a_schema_that_is_none_is_an_error_for_its_values() {
    let (mock, client) = registry().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for text in [
        "",
        "null",
        "{",
        "\"no such type\"",
        "{\"type\":\"record\"}",
        &deep,
    ] {
        let id = mock.register("s", "AVRO", text);
        let reader = RegistryDeserializer::avro(&client);
        let bytes = [&[0][..], &id.to_be_bytes()].concat();
        let error = within(reader.prepare(Some(&bytes))).await.unwrap_err();
        assert!(matches!(error, RegistryError::Schema(_)), "{error:?}");
    }
    let id = mock.register("p", "PROTOBUF", "message A {}");
    let bytes = [&[0][..], &id.to_be_bytes()].concat();
    let reader = RegistryDeserializer::avro(&client);
    let error = within(reader.prepare(Some(&bytes))).await.unwrap_err();
    assert!(
        error.to_string().ends_with("is Protobuf, not Avro"),
        "{error}"
    );
}

#[tokio::test]
async fn any_cut_or_changed_value_is_read_or_refused() {
    let (mock, client) = registry().await;
    let avro = RegistrySerializer::avro(&client, order_schema());
    within(avro.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    let good = bytes_of(&avro, &tea()).unwrap();
    mock.register(
        "p",
        "PROTOBUF",
        "package docs; message Test1 { int32 a = 1; }",
    );
    mock.register("j", "JSON", "{}");
    let orders = RegistryDeserializer::avro(&client);
    let values = RegistryDeserializer::avro_values(&client);
    let messages = RegistryDeserializer::protobuf(&client, "docs.Test1");
    let json = RegistryDeserializer::json(&client);
    within(orders.prepare(Some(&good))).await.unwrap();
    within(values.prepare(Some(&good))).await.unwrap();
    within(messages.prepare(Some(b"\0\0\0\0\x02")))
        .await
        .unwrap();
    within(json.prepare(Some(b"\0\0\0\0\x03"))).await.unwrap();
    for length in 0..good.len() {
        assert!(value_of::<Order>(&orders, &good[..length]).is_err());
        let prepared = within(orders.prepare(Some(&good[..length.min(4)]))).await;
        assert!(matches!(prepared, Err(RegistryError::Frame(_))));
    }
    for seed in 0..20_000_u32 {
        let noise = seed.wrapping_mul(2_654_435_761).to_le_bytes();
        let id = u8::try_from(seed % 4).unwrap();
        for bytes in [
            &[&[0, 0, 0, 0, id][..], &noise].concat()[..],
            &[&[0, 0, 0, 0, id][..], &noise, &noise, &good].concat(),
        ] {
            let _ = value_of::<Order>(&orders, bytes);
            let _ = value_of::<AvroValue>(&values, bytes);
            let _ = value_of::<Test1>(&messages, bytes);
            let _ = value_of::<serde_json::Value>(&json, bytes);
        }
    }
    assert!(
        value_of::<Order>(&orders, b"{\"id\": 1}")
            .unwrap_err()
            .contains("without a registry")
    );
    assert_eq!(ORDER, order_schema().schema().text());
}
