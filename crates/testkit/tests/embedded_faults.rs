//! Faults of the embedded broker: each does what its name says, to the requests that it is for.

mod embedded_common;

use embedded_common::{Client, produce};
use guanaco_testkit::conformance::{RawConnection, RawError};
use guanaco_testkit::embedded::{ApiKey, EmbeddedBroker};
use guanaco_testkit::model::code;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, InitProducerIdRequest, ProduceRequest,
};
use kafka_protocol::protocol::StrBytes;
use std::time::{Duration, Instant};
use tokio::time::timeout;

const SHORT: Duration = Duration::from_millis(100);

async fn start() -> (EmbeddedBroker, Client) {
    let broker = EmbeddedBroker::builder()
        .topic("orders", 1)
        .start()
        .await
        .expect("it starts");
    let client = Client::connect(&broker).await;
    (broker, client)
}

fn stored(broker: &EmbeddedBroker) -> i64 {
    broker.end_offsets("orders").expect("the topic exists")[0]
}

async fn is_silent(client: &mut Client) -> bool {
    timeout(SHORT, client.raw.receive_bytes()).await.is_err()
}

#[tokio::test]
async fn an_error_is_answered_and_nothing_applied() {
    let (broker, mut client) = start().await;
    let fault = broker
        .faults()
        .on(ApiKey::Produce)
        .times(2)
        .error(code::NOT_ENOUGH_REPLICAS);
    for _ in 0..2 {
        assert_eq!(
            client.produce("orders", 0, &["a"]).await,
            (code::NOT_ENOUGH_REPLICAS, -1)
        );
    }
    assert_eq!(stored(&broker), 0);
    assert_eq!(client.produce("orders", 0, &["a"]).await, (0, 0));
    assert_eq!(fault.hits(), 2);
}

#[tokio::test]
async fn errors_reach_every_kind_of_request() {
    let (broker, mut client) = start().await;
    let faults = broker.faults();
    for api in [
        ApiKey::Metadata,
        ApiKey::InitProducerId,
        ApiKey::ApiVersions,
        ApiKey::Fetch,
    ] {
        faults.on(api).error(9);
    }
    faults.on(ApiKey::CreateTopics).error(9);
    assert_eq!(client.metadata("orders").await.error_code, 9);
    assert_eq!(
        client
            .fetch("orders", 0, 0, Duration::from_secs(10))
            .await
            .0,
        9
    );
    let raw = &mut client.raw;
    let init = InitProducerIdRequest::default();
    assert_eq!(
        raw.call(&init, 4).await.expect("it is answered").error_code,
        9
    );
    let versions = ApiVersionsRequest::default();
    assert_eq!(
        raw.call(&versions, 2)
            .await
            .expect("it is answered")
            .error_code,
        9
    );
    let topic = CreatableTopic::default().with_name(StrBytes::from_static_str("new").into());
    let create = CreateTopicsRequest::default().with_topics(vec![topic]);
    let created = raw.call(&create, 5).await.expect("it is answered");
    assert_eq!(created.topics[0].error_code, 9);
    broker.end_offsets("new").expect_err("it was not created");
}

#[tokio::test]
async fn a_lost_request_is_not_applied_and_silences_its_connection() {
    let (broker, mut client) = start().await;
    broker.faults().on(ApiKey::Produce).nth(2).drop_request();
    client.produce("orders", 0, &["a"]).await;
    client.send("orders", 0, -1, &["lost"]).await;
    client.send("orders", 0, -1, &["behind it"]).await;
    assert!(is_silent(&mut client).await);
    assert_eq!(stored(&broker), 1);
    let mut other = Client::connect(&broker).await;
    assert_eq!(other.produce("orders", 0, &["b"]).await, (0, 1));
}

#[tokio::test]
async fn a_lost_response_belongs_to_an_applied_request() {
    let (broker, mut client) = start().await;
    broker.faults().on(ApiKey::Produce).drop_response();
    client.send("orders", 0, -1, &["a"]).await;
    client.send("orders", 0, -1, &["b"]).await;
    broker.wait_for_records("orders", 2).await;
    assert!(is_silent(&mut client).await);
}

#[tokio::test]
async fn connections_close_before_or_after_the_request_is_applied() {
    let (broker, mut client) = start().await;
    let faults = broker.faults();
    faults.on(ApiKey::Produce).close_before();
    client.send("orders", 0, -1, &["a"]).await;
    client.expect_closed().await;
    assert_eq!(stored(&broker), 0);

    faults.on(ApiKey::Produce).close_after_apply();
    let mut client = Client::connect(&broker).await;
    client.send("orders", 0, -1, &["a"]).await;
    client.expect_closed().await;
    assert_eq!(stored(&broker), 1);

    faults.on(ApiKey::Produce).cut_response();
    let mut client = Client::connect(&broker).await;
    client.send("orders", 0, -1, &["a"]).await;
    client.expect_closed().await;
    assert_eq!(stored(&broker), 2);
}

#[tokio::test]
async fn garbage_comes_under_the_right_correlation_id() {
    let (broker, mut client) = start().await;
    broker.faults().on(ApiKey::Produce).garbage_response();
    let id = client.send("orders", 0, -1, &["a"]).await;
    let frame = client
        .raw
        .receive_bytes()
        .await
        .expect("a whole frame comes");
    assert_eq!(frame[..4], id.to_be_bytes());
    assert_eq!(frame.len(), 104);
    assert_eq!(stored(&broker), 1);
    assert_eq!(
        client.produce("orders", 0, &["b"]).await,
        (0, 1),
        "the next one is well"
    );
}

#[tokio::test]
async fn a_foreign_response_comes_under_another_correlation_id() {
    let (broker, mut client) = start().await;
    broker.faults().on(ApiKey::Produce).foreign_response();
    let id = client.send("orders", 0, -1, &["a"]).await;
    let frame = client.raw.receive_bytes().await;
    let frame = frame.expect("a whole frame comes");
    assert_eq!(frame[..4], (id + 1_000).to_be_bytes());
    assert_eq!(stored(&broker), 1);
    assert_eq!(client.produce("orders", 0, &["b"]).await, (0, 1));
}

#[tokio::test]
async fn what_is_held_comes_when_it_is_released_even_without_its_connection() {
    let (broker, mut client) = start().await;
    let held = broker.faults().on(ApiKey::Produce).hold();
    client.send("orders", 0, -1, &["zombie"]).await;
    held.caught(1).await;
    drop(client);
    let mut client = Client::connect(&broker).await;
    assert_eq!(client.produce("orders", 0, &["first"]).await, (0, 0));
    held.release();
    broker.wait_for_records("orders", 2).await;
    let values: Vec<_> = broker.records("orders").expect("the topic exists")[0]
        .iter()
        .map(|record| record.value.clone().unwrap_or_default())
        .collect();
    assert_eq!(values, ["first", "zombie"]);
}

#[tokio::test]
async fn a_held_response_belongs_to_an_applied_request() {
    let (broker, mut client) = start().await;
    let held = broker.faults().on(ApiKey::Produce).hold_response();
    let id = client.send("orders", 0, -1, &["a"]).await;
    held.caught(1).await;
    broker.wait_for_records("orders", 1).await;
    assert!(is_silent(&mut client).await);
    held.release();
    assert_eq!(client.receive(id).await, (0, 0));
}

#[tokio::test]
async fn removing_a_fault_lets_go_what_it_holds() {
    let (broker, mut client) = start().await;
    let held = broker.faults().on(ApiKey::Produce).always().hold();
    let id = client.send("orders", 0, -1, &["a"]).await;
    held.caught(1).await;
    held.remove();
    assert_eq!(client.receive(id).await, (0, 0));
    assert_eq!(client.produce("orders", 0, &["b"]).await, (0, 1));
    assert_eq!(held.hits(), 1);
}

#[tokio::test]
async fn delays_come_before_or_after_the_request_is_applied() {
    let (broker, mut client) = start().await;
    let faults = broker.faults();
    let early = faults.on(ApiKey::Produce).delay(SHORT);
    let began = Instant::now();
    let id = client.send("orders", 0, -1, &["a"]).await;
    early.caught(1).await;
    assert_eq!(stored(&broker), 0);
    assert_eq!(client.receive(id).await, (0, 0));
    assert!(began.elapsed() >= SHORT);

    faults.on(ApiKey::Produce).delay_response(SHORT);
    let began = Instant::now();
    let id = client.send("orders", 0, -1, &["b"]).await;
    broker.wait_for_records("orders", 2).await;
    assert_eq!(client.receive(id).await, (0, 1));
    assert!(began.elapsed() >= SHORT);
}

#[tokio::test]
async fn a_throttled_connection_is_told_so_and_not_read_for_that_long() {
    let (broker, mut client) = start().await;
    broker.faults().on(ApiKey::Produce).throttle(SHORT);
    let began = Instant::now();
    let request = produce("orders", 0, -1, &["a"]);
    let response = client.raw.call(&request, 12).await.expect("it is answered");
    assert_eq!(response.throttle_time_ms, 100);
    assert_eq!(stored(&broker), 1);
    assert_eq!(client.produce("orders", 0, &["b"]).await, (0, 1));
    assert!(began.elapsed() >= SHORT);
}

#[tokio::test]
async fn a_fault_may_be_for_one_broker_only() {
    let builder = EmbeddedBroker::builder().brokers(2).topic("orders", 1);
    let broker = builder.start().await.expect("it starts");
    broker
        .faults()
        .on(ApiKey::ApiVersions)
        .at_broker(2)
        .always()
        .close_before();
    let servers = broker.bootstrap_servers();
    let mut answered = Vec::new();
    for address in servers.split(',') {
        let mut raw = RawConnection::connect(address).await.expect("it listens");
        let response = raw.call(&ApiVersionsRequest::default(), 2).await;
        answered.push(!matches!(response, Err(RawError::Io(_))));
    }
    assert_eq!(answered, [true, false]);
}

#[tokio::test]
async fn topics_by_id_are_told_from_their_successors() {
    let (broker, mut client) = start().await;
    let old = broker
        .with_cluster(|cluster, _| cluster.topic_id("orders"))
        .expect("it exists");
    broker
        .with_cluster(|cluster, _| cluster.delete_topic("orders"))
        .expect("it exists");
    broker.create_topic("orders", 1).expect("the name is free");
    let mut request = produce("orders", 0, -1, &["a"]);
    request.topic_data[0].name = StrBytes::default().into();
    request.topic_data[0].topic_id = old;
    let response = client
        .raw
        .call::<ProduceRequest>(&request, 13)
        .await
        .expect("it is answered");
    let topic = &response.responses[0];
    assert_eq!(topic.topic_id, old);
    assert_eq!(
        topic.partition_responses[0].error_code,
        code::UNKNOWN_TOPIC_ID
    );
    assert_eq!(stored(&broker), 0);
}
