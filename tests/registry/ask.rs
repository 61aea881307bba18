//! Asking: what is asked, how often, and what is said when it fails.

use crate::support::{ORDER, chain, order_schema, registry, settings, within};
use guanaco::serialization::{
    RecordPart, SchemaError,
    registry::{
        Avro, FrameError, Protobuf, RegistryDeserializer, RegistryError, RegistrySerializer,
        RegistrySettings, Schema, SchemaKind, SchemaPolicy, SchemaRegistry, SubjectStrategy,
    },
};
use guanaco_testkit::registry::{Fault, MockRegistry};
use std::{sync::Arc, time::Duration};

#[test]
fn clients_serializers_and_errors_go_anywhere() {
    fn anywhere<T: Clone + std::fmt::Debug + Send + Sync + Unpin + 'static>() {}
    fn error<T: std::error::Error + Clone + Send + Sync + 'static>() {}
    fn future<T: Future + Send>(_: T) {}
    anywhere::<SchemaRegistry>();
    anywhere::<RegistrySettings>();
    anywhere::<RegistrySerializer<Avro>>();
    anywhere::<RegistryDeserializer<Protobuf<Arc<str>>>>();
    error::<RegistryError>();
    error::<FrameError>();
    error::<SchemaError>();
    let client = SchemaRegistry::new(&RegistrySettings::new("http://127.0.0.1:1")).unwrap();
    let serializer = RegistrySerializer::avro(&client, order_schema());
    future(serializer.prepare(RecordPart::Value, ["orders"]));
    future(client.references(&schema()));
}

fn schema() -> Schema {
    Schema::new(SchemaKind::Avro, ORDER)
}

#[tokio::test]
async fn an_answer_is_asked_for_once() {
    let (mock, client) = registry().await;
    let serializer = RegistrySerializer::avro(&client, order_schema());
    let prepare = || serializer.prepare(RecordPart::Value, ["orders", "orders"]);
    let (first, second, third) =
        within(async { tokio::join!(prepare(), prepare(), prepare()) }).await;
    for prepared in [first, second, third] {
        prepared.unwrap();
    }
    within(prepare()).await.unwrap();
    let other = RegistrySerializer::avro(&client, order_schema());
    within(other.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    assert_eq!(mock.requests(), ["POST /subjects/orders-value/versions"]);
    for _ in 0..3 {
        assert_eq!(within(client.schema(1)).await.unwrap(), schema());
        assert_eq!(
            within(client.version("orders-value", 1)).await.unwrap().id,
            1
        );
    }
    assert_eq!(mock.requests().len(), 3);
    for _ in 0..3 {
        assert_eq!(
            within(client.latest("orders-value")).await.unwrap().version,
            1
        );
    }
    assert_eq!(
        mock.requests().len(),
        6,
        "the latest version may be another each time"
    );
}

#[tokio::test]
async fn a_registry_that_fails_for_a_while_is_asked_again() {
    let (mock, client) = registry().await;
    mock.fail_next([Fault::Status(503), Fault::Close, Fault::Status(429)]);
    assert_eq!(
        within(client.register("s", &schema(), false))
            .await
            .unwrap(),
        1
    );
    assert_eq!(mock.requests().len(), 4);
    // It was registered, and the answer lost.
    mock.fail_next([Fault::CloseAfter]);
    assert_eq!(
        within(client.register("t", &schema(), false))
            .await
            .unwrap(),
        1
    );
    assert_eq!(within(client.latest("t")).await.unwrap().version, 1);
}

#[tokio::test]
async fn every_refusal_has_its_own_error() {
    let (mock, client) = registry().await;
    mock.register("known", "AVRO", ORDER);
    let stricter = Schema::new(SchemaKind::Avro, ORDER.replace("long", "string"));
    let errors = within(async {
        [
            client.register("known", &stricter, false).await.err(),
            client
                .register("s", &Schema::new(SchemaKind::Avro, "{"), false)
                .await
                .err(),
            client.lookup("unknown", &schema(), false).await.err(),
            client.lookup("known", &stricter, false).await.err(),
            client.latest("unknown").await.err(),
            client.version("known", 7).await.err(),
            client.schema(7).await.err(),
            client.schema(-1).await.err(),
        ]
    })
    .await
    .map(Option::unwrap);
    use RegistryError as E;
    assert!(matches!(&errors[0], E::Incompatible { subject, .. } if &**subject == "known"));
    assert!(matches!(&errors[1], E::InvalidSchema { subject, .. } if &**subject == "s"));
    assert!(matches!(&errors[2], E::UnknownSubject { subject } if &**subject == "unknown"));
    assert!(matches!(&errors[3], E::NotRegistered { subject } if &**subject == "known"));
    assert!(matches!(&errors[4], E::UnknownSubject { .. }));
    assert!(matches!(&errors[5], E::UnknownVersion { version, .. } if &**version == "7"));
    assert!(matches!(&errors[6], E::UnknownId { id: 7 }));
    assert!(matches!(&errors[7], E::UnknownId { id: -1 }));
    assert_eq!(mock.requests().len(), 8, "none of them is asked again");
    assert!(errors.iter().all(|error| !error.is_retriable()));
}

#[tokio::test]
async fn a_registry_that_stays_away_is_an_error_that_says_how() {
    let (mut mock, _) = registry().await;
    let settings = settings(&mock).with_retries(2);
    let client = SchemaRegistry::new(&settings).unwrap();
    mock.fail_next([Fault::Status(503), Fault::Status(500), Fault::Status(502)]);
    let error = within(client.schema(1)).await.unwrap_err();
    assert!(
        matches!(
            &error,
            RegistryError::Unavailable {
                attempts: 3,
                status: 502,
                ..
            }
        ),
        "{error:?}"
    );
    let quick = settings
        .with_retries(1)
        .with_request_timeout(Duration::from_millis(20));
    let quick = SchemaRegistry::new(&quick).unwrap();
    mock.fail_next([Fault::Hang, Fault::Hang]);
    let error = within(quick.schema(1)).await.unwrap_err();
    assert!(
        matches!(&error, RegistryError::TimedOut { attempts: 2, .. }),
        "{error:?}"
    );

    mock.stop().await;
    let error = within(client.schema(1)).await.unwrap_err();
    assert!(
        matches!(&error, RegistryError::Unreachable { attempts: 3, .. }),
        "{error:?}"
    );
    assert!(error.is_retriable());
    mock.restart().await.unwrap();
    mock.register("s", "AVRO", ORDER);
    assert_eq!(within(client.schema(1)).await.unwrap(), schema());
}

#[tokio::test]
async fn another_address_answers_where_one_does_not() {
    let (mut gone, _) = registry().await;
    let (mock, _) = registry().await;
    mock.register("s", "AVRO", ORDER);
    let addresses = format!("{},{}", gone.address(), mock.address());
    gone.stop().await;
    let settings = RegistrySettings::new(addresses)
        .with_backoff(Duration::from_millis(1), Duration::from_millis(1));
    let client = SchemaRegistry::new(&settings).unwrap();
    assert_eq!(within(client.schema(1)).await.unwrap(), schema());
    let stingy = SchemaRegistry::new(&settings.with_retries(0)).unwrap();
    assert!(within(stingy.schema(1)).await.is_err());
    assert!(
        within(client.latest("s")).await.is_ok(),
        "it goes on with the one that works"
    );
}

#[tokio::test]
async fn credentials_are_sent_and_are_in_no_error() {
    let basic = MockRegistry::builder()
        .basic_auth("me", "canary-1")
        .start()
        .await
        .unwrap();
    let bearer = MockRegistry::builder()
        .bearer_token("canary-2")
        .start()
        .await
        .unwrap();
    let good = settings(&basic).with_basic_auth("me", "canary-1");
    let client = SchemaRegistry::new(&good).unwrap();
    assert_eq!(
        within(client.register("s", &schema(), false))
            .await
            .unwrap(),
        1
    );
    let good = settings(&bearer).with_bearer_token("canary-2");
    let client = SchemaRegistry::new(&good).unwrap();
    assert_eq!(
        within(client.register("s", &schema(), false))
            .await
            .unwrap(),
        1
    );
    let bad = settings(&basic).with_basic_auth("me", "canary-3");
    let bad = SchemaRegistry::new(&bad).unwrap();
    let error = within(bad.register("s", &schema(), false))
        .await
        .unwrap_err();
    assert!(
        matches!(error, RegistryError::Unauthorized { status: 401, .. }),
        "{error:?}"
    );

    // A registry that says what it was told.
    bearer.fail_next([
        Fault::Body(b"{\"id\": \"canary-2\"}".to_vec()),
        Fault::Body(b"canary-2".to_vec()),
        Fault::Raw(
            b"HTTP/1.1 418 -\r\nContent-Length: 40\r\n\r\n{\"error_code\":1,\"message\":\"it's canary-2\"}"
                .to_vec(),
        ),
    ]);
    for _ in 0..3 {
        let error = within(client.latest("s")).await.unwrap_err();
        let shown = format!("{error:?} {} {client:?} {bad:?}", chain(&error));
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[tokio::test]
async fn a_path_before_all_others_is_kept() {
    let mock = MockRegistry::builder()
        .path("/apis/ccompat/v7")
        .start()
        .await
        .unwrap();
    let client = SchemaRegistry::new(&settings(&mock)).unwrap();
    assert_eq!(
        within(client.register("a/b c", &schema(), true))
            .await
            .unwrap(),
        1
    );
    assert_eq!(mock.subjects(), ["a/b c"]);
    assert_eq!(
        mock.requests(),
        ["POST /apis/ccompat/v7/subjects/a%2Fb%20c/versions?normalize=true"]
    );
    let elsewhere = mock.address().replace("/v7", "/v0");
    let elsewhere = SchemaRegistry::new(&RegistrySettings::new(elsewhere)).unwrap();
    let error = within(elsewhere.schema(1)).await.unwrap_err();
    assert!(matches!(error, RegistryError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn nothing_is_registered_where_it_must_exist() {
    let (mock, client) = registry().await;
    let serializer =
        RegistrySerializer::avro(&client, order_schema()).with_policy(SchemaPolicy::MustExist);
    let prepare = || serializer.prepare(RecordPart::Value, ["orders"]);
    let error = within(prepare()).await.unwrap_err();
    assert!(
        matches!(error, RegistryError::UnknownSubject { .. }),
        "{error:?}"
    );
    mock.register("orders-value", "AVRO", "\"string\"");
    let error = within(prepare()).await.unwrap_err();
    assert!(
        matches!(error, RegistryError::NotRegistered { .. }),
        "{error:?}"
    );
    mock.register("orders-value", "AVRO", ORDER);
    within(prepare()).await.unwrap();
    assert!(
        mock.requests()
            .iter()
            .all(|it| it == "POST /subjects/orders-value")
    );
}

#[tokio::test]
async fn a_normalized_schema_is_written_with_as_the_registry_has_it() {
    let (mock, client) = registry().await;
    let serializer = RegistrySerializer::avro(&client, order_schema()).with_normalize(true);
    within(serializer.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    let path = "POST /subjects/orders-value/versions?normalize=true";
    assert_eq!(mock.requests(), [path, "GET /schemas/ids/1"]);
}

#[tokio::test]
async fn a_schema_without_a_name_has_no_subject_by_name() {
    let (_mock, client) = registry().await;
    let text = guanaco::serialization::AvroSchema::parse("\"string\"").unwrap();
    let serializer =
        RegistrySerializer::avro(&client, text).with_subject_strategy(SubjectStrategy::RecordName);
    let error = within(serializer.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("SubjectStrategy::TopicName"),
        "{error}"
    );
}

#[test]
fn without_a_runtime_there_is_an_error() {
    let client = SchemaRegistry::new(&RegistrySettings::new("http://127.0.0.1:1")).unwrap();
    let mut asking = Box::pin(client.schema(1));
    let waker = std::task::Waker::noop();
    let polled = asking
        .as_mut()
        .poll(&mut std::task::Context::from_waker(waker));
    assert!(matches!(
        polled,
        std::task::Poll::Ready(Err(RegistryError::NoRuntime))
    ));
}
