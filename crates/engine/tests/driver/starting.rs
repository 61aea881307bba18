//! Starts that fail within `start.timeout.ms` and say why, and starts that need patience.

use crate::support::{QUICK, Sample, broker, config, start, topic, within};
use guanaco_engine::{Cause, Producer, StartError, Token, Written};
use guanaco_testkit::embedded::ApiKey;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// A listener that does this with each connection.
#[derive(Clone, Copy, Debug)]
enum Not {
    /// Takes it and says nothing.
    Silent,
    /// Closes it at once.
    Closing,
    /// Answers as something that is no broker.
    Http,
    /// Answers as an SSH server: before it is asked.
    Ssh,
}

async fn not_kafka(not: Not) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("loopback has a free port");
    let address = listener.local_addr().expect("it has one").to_string();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            match not {
                Not::Silent => open.push(stream),
                Not::Closing => {}
                Not::Http => {
                    // The client may hang up before it has read all.
                    let _ = stream.read(&mut [0; 64]).await;
                    let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
                }
                Not::Ssh => {
                    let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await;
                    open.push(stream);
                }
            }
        }
    });
    address
}

async fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("loopback has a free port");
    listener.local_addr().expect("it has one").to_string()
}

/// The start fails in time and names each of the addresses; so does what was sent meanwhile.
async fn fails(servers: &str) {
    const TIMEOUT: Duration = Duration::from_millis(700);
    let began = Instant::now();
    let settings: Vec<_> = QUICK
        .into_iter()
        .chain([("start.timeout.ms", "700")])
        .collect();
    let producer = start(servers, &settings);
    let sending = producer.send(Sample::new("x").record(&topic()));
    let error = within(producer.connected())
        .await
        .expect_err("nobody is there");
    let took = began.elapsed();
    assert!(
        took < TIMEOUT + Duration::from_secs(1),
        "{servers}: {took:?}"
    );
    let StartError::Unreachable { failures, .. } = &error else {
        panic!("{servers}: {error:?}")
    };
    for server in servers.split(',') {
        assert!(failures.contains(server), "{server} is not in {failures:?}");
    }
    let sent = within(sending).await.expect_err("nobody is there");
    assert!(
        matches!(sent.cause(), Cause::Unreachable { detail } if detail.contains(&**failures)),
        "{sent}"
    );
    assert_eq!(sent.written(), Written::No);
    let again = within(producer.connected())
        .await
        .expect_err("it was final");
    assert_eq!(again.to_string(), error.to_string());
    let report = within(producer.close(TIMEOUT)).await;
    assert_eq!((report.acknowledged, report.not_written), (0, 1));
}

#[tokio::test]
async fn a_port_where_nobody_listens_fails_the_start() {
    fails(&closed_port().await).await;
}

#[tokio::test]
async fn a_host_that_does_not_exist_fails_the_start() {
    // No resolver asks anyone for a label of more than 63 letters.
    fails(&format!("{}.invalid:9092", "x".repeat(64))).await;
}

#[tokio::test]
async fn ports_of_something_else_fail_the_start() {
    for not in [Not::Silent, Not::Closing, Not::Http, Not::Ssh] {
        fails(&not_kafka(not).await).await;
    }
}

#[tokio::test]
async fn each_of_several_dead_addresses_is_named() {
    let dead = [
        closed_port().await,
        not_kafka(Not::Silent).await,
        not_kafka(Not::Http).await,
    ];
    fails(&dead.join(",")).await;
}

#[tokio::test]
async fn a_broker_that_shakes_hands_and_says_no_more_fails_the_start() {
    let broker = broker(1).await;
    broker
        .faults()
        .on(ApiKey::Metadata)
        .always()
        .drop_response();
    fails(&broker.bootstrap_servers()).await;
}

#[tokio::test]
async fn one_address_that_lives_is_enough() {
    let broker = broker(1).await;
    for dead in [
        closed_port().await,
        not_kafka(Not::Silent).await,
        not_kafka(Not::Closing).await,
        not_kafka(Not::Http).await,
    ] {
        // The order in which they are tried is drawn.
        for _ in 0..4 {
            let servers = format!("{dead},{}", broker.bootstrap_servers());
            let producer = start(&servers, &QUICK);
            within(producer.connected()).await.expect("one lives");
            let sent = within(producer.send(Sample::new("x").record(&topic()))).await;
            sent.expect("the broker takes it");
        }
    }
}

#[tokio::test]
async fn a_broker_that_comes_up_late_is_found() {
    let broker = broker(1).await;
    broker.kill_broker(1).await;
    let producer = start(&broker.bootstrap_servers(), &QUICK);
    let sending = producer.send(Sample::new("x").record(&topic()));
    let early = tokio::time::timeout(Duration::from_millis(300), producer.connected()).await;
    early.expect_err("there is no broker yet");
    broker.restart_broker(1).await.expect("its port is free");
    within(producer.connected()).await.expect("it is up now");
    let ack = within(sending).await.expect("the broker takes it");
    assert_eq!(ack.offset, Some(0));
}

#[tokio::test]
async fn what_goes_wrong_once_at_the_start_is_tried_again() {
    const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
    for api in [
        ApiKey::ApiVersions,
        ApiKey::Metadata,
        ApiKey::InitProducerId,
    ] {
        let broker = broker(1).await;
        let on = || broker.faults().on(api);
        on().nth(1).garbage_response();
        on().nth(2).foreign_response();
        on().nth(3).close_before();
        on().nth(4).cut_response();
        let last = on().nth(5).drop_response();
        if api == ApiKey::InitProducerId {
            on().after(5).times(3).error(COORDINATOR_LOAD_IN_PROGRESS);
        }
        let producer = start(&broker.bootstrap_servers(), &QUICK);
        within(producer.connected()).await.expect("it is up");
        let sent = within(producer.send(Sample::new("x").record(&topic()))).await;
        sent.unwrap_or_else(|error| panic!("{api:?}: {error}"));
        assert_eq!(last.hits(), 1, "{api:?}");
    }
}

#[tokio::test]
async fn a_producer_that_is_closed_before_it_is_up_says_so() {
    let producer = start(&closed_port().await, &[]);
    let (connected, report) = within(async {
        tokio::join!(producer.connected(), producer.close(Duration::from_secs(5)))
    })
    .await;
    assert!(matches!(connected, Err(StartError::Closed)));
    assert_eq!(report.acknowledged, 0);
}

#[tokio::test]
async fn a_token_provider_that_panics_is_asked_again() {
    let broker = broker(1).await;
    let sasl = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.allow.cleartext", "true"),
    ];
    let settings: Vec<_> = QUICK.into_iter().chain(sasl).collect();
    let mut config = config(&broker.bootstrap_servers(), &settings);
    let asked = AtomicUsize::new(0);
    let provider = move || {
        let again = asked.fetch_add(1, Ordering::Relaxed) > 0;
        async move {
            assert!(again, "the vault burns");
            Ok(Token::new("a.b.c"))
        }
    };
    config.security.sasl.set_token_provider(Arc::new(provider));
    let producer = Producer::start(config).expect("settings fit together");
    // With a token in hand it finds that the broker has no use for one.
    let error = within(producer.connected()).await.expect_err("no SASL");
    assert!(matches!(error, StartError::Unsupported { .. }), "{error:?}");
}
