//! The embedded broker: what is produced can be read, brokers die and come back.

mod embedded_common;

use embedded_common::{Client, produce_error};
use guanaco_testkit::conformance::RawConnection;
use guanaco_testkit::embedded::{ApiKey, EmbeddedBroker, ReadError};
use guanaco_testkit::model::{TopicConfig, code};
use kafka_protocol::messages::{ApiVersionsRequest, MetadataRequest, ProduceRequest};
use kafka_protocol::protocol::StrBytes;
use std::time::{Duration, Instant};

#[tokio::test]
async fn gives_back_what_was_produced_decoded() {
    let broker = EmbeddedBroker::builder()
        .topic("orders", 2)
        .start()
        .await
        .expect("it starts");
    let mut client = Client::connect(&broker).await;
    let first = client.produce("orders", 1, &["a", "b"]).await;
    let second = client.produce("orders", 1, &["c"]).await;
    assert_eq!((first, second), ((0, 0), (0, 2)));

    let records = broker.records("orders").expect("the topic exists");
    assert!(records[0].is_empty());
    let found: Vec<_> = records[1]
        .iter()
        .map(|record| (record.partition, record.offset, record.value.as_deref()))
        .collect();
    let expected = [
        (1, 0, Some(&b"a"[..])),
        (1, 1, Some(b"b")),
        (1, 2, Some(b"c")),
    ];
    assert_eq!(found, expected);
    assert_eq!(records[1][0].key.as_deref(), Some(&b"key"[..]));
    let header = ("header".to_owned(), Some("value".into()));
    assert_eq!(records[1][2].headers, [header, ("null".to_owned(), None)]);
    assert_eq!(records[1][0].timestamp, embedded_common::TIMESTAMP);

    let middle = broker
        .read("orders", 1, 1, 1)
        .expect("the partition exists");
    assert_eq!(middle, records[1][1..2]);
    assert_eq!(broker.end_offsets("orders"), Ok(vec![0, 3]));
    let unknown = broker.records("invoices");
    assert_eq!(unknown, Err(ReadError::UnknownTopic("invoices".to_owned())));
    assert!(matches!(
        broker.read("orders", 2, 0, 1),
        Err(ReadError::UnknownPartition { .. })
    ));
}

#[tokio::test]
async fn a_fetch_waits_for_records_and_has_their_checksum_right() {
    let broker = EmbeddedBroker::builder()
        .topic("orders", 1)
        .start()
        .await
        .expect("it starts");
    let (mut reader, mut writer) = (
        Client::connect(&broker).await,
        Client::connect(&broker).await,
    );
    let empty = reader.fetch("orders", 0, 0, Duration::ZERO).await;
    assert_eq!(empty, (0, vec![]));
    let fetch = reader.fetch("orders", 0, 0, Duration::from_secs(10));
    let write = writer.produce("orders", 0, &["a", "b"]);
    let (fetched, _) = tokio::join!(fetch, write);
    assert_eq!(fetched, (0, vec![(0, "a".into()), (1, "b".into())]));
    let beyond = reader.fetch("orders", 0, 3, Duration::from_secs(10)).await;
    assert_eq!(
        beyond.0,
        code::OFFSET_OUT_OF_RANGE,
        "an error does not wait"
    );
}

#[tokio::test]
async fn requests_are_answered_in_order_though_all_are_sent_at_once() {
    let latency = Duration::from_millis(30);
    let builder = EmbeddedBroker::builder()
        .topic("orders", 1)
        .latency(latency);
    let broker = builder.start().await.expect("it starts");
    let mut client = Client::connect(&broker).await;
    let began = Instant::now();
    let mut ids = Vec::new();
    for value in 0..20 {
        ids.push(client.send("orders", 0, -1, &[&value.to_string()]).await);
    }
    for (offset, id) in (0..).zip(ids) {
        assert_eq!(client.receive(id).await, (0, offset));
    }
    let took = began.elapsed();
    assert!(took >= latency, "{took:?}");
    assert!(took < latency * 20, "latencies add up: {took:?}");
}

#[tokio::test]
async fn acks_0_gets_no_answer_and_a_closed_connection_for_an_error() {
    let broker = EmbeddedBroker::builder()
        .topic("orders", 1)
        .start()
        .await
        .expect("it starts");
    let mut client = Client::connect(&broker).await;
    client.send("orders", 0, 0, &["a"]).await;
    let id = client.send("orders", 0, 1, &["b"]).await;
    assert_eq!(
        client.receive(id).await,
        (0, 1),
        "the first answer is the second request's"
    );
    client.send("orders", 7, 0, &["c"]).await;
    client.expect_closed().await;
}

#[tokio::test]
async fn a_killed_broker_refuses_connections_and_comes_back_on_its_port() {
    let builder = EmbeddedBroker::builder().brokers(3).topic("orders", 1);
    let broker = builder.start().await.expect("it starts");
    let addresses: Vec<String> = broker
        .bootstrap_servers()
        .split(',')
        .map(str::to_owned)
        .collect();
    let leader = broker
        .with_cluster(|cluster, _| cluster.leader("orders", 0))
        .expect("it is led");
    let address = &addresses[leader.id as usize - 1];
    let mut client = Client::connect_to(address).await;
    assert_eq!(client.produce("orders", 0, &["a"]).await, (0, 0));

    broker.kill_broker(leader.id).await;
    client.expect_closed().await;
    assert_eq!(broker.open_connections(), 0);
    RawConnection::connect(address)
        .await
        .expect_err("nobody listens");
    let next = broker
        .with_cluster(|cluster, _| cluster.leader("orders", 0))
        .expect("it is led");
    assert_ne!(next.id, leader.id);
    let mut other = Client::connect_to(&addresses[next.id as usize - 1]).await;
    assert_eq!(other.produce("orders", 0, &["b"]).await, (0, 1));

    for _ in 0..3 {
        broker
            .restart_broker(leader.id)
            .await
            .expect("its port was kept");
        let mut client = Client::connect_to(address).await;
        let refused = produce_error(&mut client, "orders").await;
        assert_eq!(refused.error_code, code::NOT_LEADER_OR_FOLLOWER);
        assert_eq!(refused.current_leader.leader_id.0, next.id);
        broker.kill_broker(leader.id).await;
    }
}

#[tokio::test]
async fn a_frozen_broker_answers_after_the_thaw() {
    let broker = EmbeddedBroker::builder()
        .topic("orders", 1)
        .start()
        .await
        .expect("it starts");
    let mut client = Client::connect(&broker).await;
    client.produce("orders", 0, &["a"]).await;
    broker.freeze(1);
    let id = client.send("orders", 0, -1, &["b"]).await;
    let silence = tokio::time::timeout(Duration::from_millis(100), client.receive(id)).await;
    silence.expect_err("it is frozen");
    assert_eq!(broker.end_offsets("orders"), Ok(vec![1]));
    // It may be dialled, as a stopped process may.
    let mut late = Client::connect(&broker).await;
    let late_id = late.send("orders", 0, -1, &["c"]).await;
    broker.thaw(1);
    assert_eq!(late.receive(late_id).await.0, 0);
    broker.wait_for_records("orders", 3).await;
}

#[tokio::test]
async fn topics_are_created_when_they_are_asked_for_unless_that_is_off() {
    let ask = async |broker: &EmbeddedBroker| {
        let mut client = Client::connect(broker).await;
        let mut codes = Vec::new();
        for _ in 0..2 {
            let topic = client.metadata("fresh").await;
            codes.push((topic.error_code, topic.partitions.len()));
        }
        codes
    };
    let unknown = (code::UNKNOWN_TOPIC_OR_PARTITION, 0);
    let builder = EmbeddedBroker::builder().auto_create_topics(4);
    let broker = builder.start().await.expect("it starts");
    assert_eq!(ask(&broker).await, [unknown, (0, 4)]);
    let builder = EmbeddedBroker::builder().no_auto_create_topics();
    let broker = builder.start().await.expect("it starts");
    assert_eq!(ask(&broker).await, [unknown, unknown]);
}

#[tokio::test]
async fn an_impossible_topic_of_the_start_is_an_error() {
    let start = EmbeddedBroker::builder()
        .topic("no spaces", 1)
        .start()
        .await;
    start.expect_err("the name is invalid");
    let config = TopicConfig {
        partitions: 0,
        ..TopicConfig::default()
    };
    let start = EmbeddedBroker::builder()
        .topic_with("orders", config)
        .start()
        .await;
    start.expect_err("it has no partitions");
}

#[tokio::test]
async fn keeps_no_more_than_it_is_told() {
    let builder = EmbeddedBroker::builder()
        .retention_bytes(10_000)
        .topic("orders", 1);
    let broker = builder.start().await.expect("it starts");
    let mut client = Client::connect(&broker).await;
    let value = "x".repeat(1_000);
    for _ in 0..50 {
        client.produce("orders", 0, &[&value]).await;
    }
    let kept = broker
        .records("orders")
        .expect("the topic exists")
        .remove(0);
    assert!((5..=9).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept.last().map(|record| record.offset), Some(49));
    assert_eq!(broker.end_offsets("orders"), Ok(vec![50]));
}

#[tokio::test]
async fn unknown_versions_are_refused_as_kafka_does() {
    let broker = EmbeddedBroker::start().await.expect("it starts");
    let mut raw = RawConnection::connect(broker.bootstrap_servers())
        .await
        .expect("it listens");
    // A version of the future: the answer comes in version 0, with what there is.
    let mut frame = vec![0, 0, 0, 11, 0, 18, 0, 99, 0, 0, 0, 1];
    frame.extend_from_slice(&[0xff, 0xff, 0]);
    raw.send_bytes(&frame).await.expect("it is connected");
    let response = raw
        .receive::<ApiVersionsRequest>(1, 0)
        .await
        .expect("it is answered");
    assert_eq!(response.error_code, code::UNSUPPORTED_VERSION);
    let produce = response
        .api_keys
        .iter()
        .find(|api| api.api_key == 0)
        .expect("it is offered");
    assert_eq!((produce.min_version, produce.max_version), (3, 13));

    let mut anonymous = ApiVersionsRequest::default();
    anonymous.client_software_name = StrBytes::from_static_str("no spaces!");
    let response = raw.call(&anonymous, 4).await.expect("it is answered");
    assert_eq!(response.error_code, code::INVALID_REQUEST);

    // Any other request of an unknown version closes the connection.
    raw.send_bytes(&[0, 0, 0, 8, 0, 3, 0, 99, 0, 0, 0, 2])
        .await
        .expect("it is connected");
    raw.receive::<MetadataRequest>(2, 1)
        .await
        .expect_err("it is closed");
}

#[tokio::test]
async fn nonsense_costs_the_connection_and_nothing_else() {
    let broker = EmbeddedBroker::builder()
        .topic("orders", 1)
        .start()
        .await
        .expect("it starts");
    let mut rng = fastrand::Rng::with_seed(1);
    for round in 0..300 {
        let address = broker.bootstrap_servers();
        let mut raw = RawConnection::connect(&address).await.expect("it listens");
        let mut frame: Vec<u8> = (0..rng.usize(0..60)).map(|_| rng.u8(..)).collect();
        if round % 2 == 0 && frame.len() > 4 {
            // A request that there is, of a version that there is, with a body of anything.
            let (api, version) = [(0, 9), (1, 12), (3, 12), (22, 4), (18, 3)][rng.usize(0..5)];
            frame[..4].copy_from_slice(&[0, api, 0, version]);
            // Small numbers, so that lengths are plausible.
            frame[4..].iter_mut().for_each(|byte| *byte &= 0x0f);
        }
        let length = (frame.len() as u32).to_be_bytes();
        raw.send_bytes(&[&length[..], &frame].concat())
            .await
            .expect("it is connected");
    }
    let mut client = Client::connect(&broker).await;
    assert_eq!(client.produce("orders", 0, &["a"]).await, (0, 0));
    assert_eq!(broker.accepted_connections(), 301);
}

#[tokio::test]
async fn counts_requests_and_connections() {
    let broker = EmbeddedBroker::builder()
        .topic("orders", 1)
        .start()
        .await
        .expect("it starts");
    let mut client = Client::connect(&broker).await;
    for value in ["a", "b", "c"] {
        client.produce("orders", 0, &[value]).await;
    }
    assert_eq!(broker.requests(ApiKey::Produce), 3);
    assert_eq!(broker.requests(ApiKey::Fetch), 0);
    assert_eq!(broker.open_connections(), 1);
}

#[test]
fn outlives_the_runtime_that_started_it_and_closes_when_it_is_dropped() {
    let runtime = || tokio::runtime::Runtime::new().expect("threads are to be had");
    let broker = runtime()
        .block_on(EmbeddedBroker::start())
        .expect("it starts");
    let address = broker.bootstrap_servers();
    runtime().block_on(async {
        let mut raw = RawConnection::connect(&address).await.expect("it listens");
        raw.call(&MetadataRequest::default(), 12)
            .await
            .expect("it answers");
        drop(broker);
        raw.call(&ProduceRequest::default(), 9)
            .await
            .expect_err("it is closed");
        RawConnection::connect(&address)
            .await
            .expect_err("nobody listens");
    });
}
