//! Service discovery by DNS, against a server on loopback.

use crate::{
    dns_server::{DnsServer, labels},
    support::{LIMIT, Text, broker, stored, text, texts, within},
};
use futures_util::stream;
use guanaco::{
    DiscoveryError, NoKey, StartError,
    discovery::{Discovery, DnsDiscovery, Endpoint, MAX_ADDRESSES, bootstrap_servers},
    prelude::*,
};
use guanaco_testkit::embedded::EmbeddedBroker;
use std::{
    collections::HashSet,
    error::Error as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn dns(server: &DnsServer) -> DnsDiscovery {
    DnsDiscovery::with_servers([server.address()])
}

fn port(broker: &EmbeddedBroker) -> u16 {
    let servers = broker.bootstrap_servers();
    let (_, port) = servers.rsplit_once(':').unwrap();
    port.parse().unwrap()
}

fn by_dns(method: DnsDiscovery, service: impl Into<String>) -> ProducerSettings<NoKey, String> {
    ProducerSettings::keyless(StringSerializer)
        .with_discovery(method, service)
        .with_close_timeout(Duration::from_secs(10))
}

async fn produce(settings: ProducerSettings<NoKey, String>) -> Result<(), ProduceError> {
    let records: Vec<Text> = (0..10).map(|n| text("t", n)).collect();
    let sink = producer::plain_sink(settings);
    within(stream::iter(records).run_with(sink)).await
}

/// What a lookup gives, without the time that it may take.
async fn look_up(server: &DnsServer, service: &str) -> Result<String, DiscoveryError> {
    within(bootstrap_servers(&dns(server), service, LIMIT)).await
}

#[tokio::test]
async fn addresses_of_both_families_keep_the_name_for_certificates() {
    let server = DnsServer::start().await;
    let ips = [LOOPBACK, [10, 0, 0, 7].into(), Ipv6Addr::LOCALHOST.into()];
    server.set_host("kafka.test", &ips);
    for (service, port) in [("kafka.test", 9092), ("kafka.test:9093", 9093)] {
        let found = within(dns(&server).lookup(service, LIMIT)).await.unwrap();
        let expected = ips.map(|ip| Endpoint::new("kafka.test", port).at(ip));
        let found: HashSet<_> = found.into_iter().collect();
        assert_eq!(found, HashSet::from(expected));
    }
    let other_port = dns(&server).with_port(7);
    let found = within(other_port.lookup("kafka.test", LIMIT))
        .await
        .unwrap();
    assert!(found.contains(&Endpoint::new("kafka.test", 7).at(LOOPBACK)));
}

#[tokio::test]
async fn a_producer_connects_to_the_address_of_a_name_that_only_this_server_knows() {
    let (server, broker) = (DnsServer::start().await, broker("t", 1).await);
    // Nobody listens on the other one.
    server.set_host("kafka.test", &[[127, 0, 0, 2].into(), LOOPBACK]);
    let service = format!("kafka.test:{}", port(&broker));
    produce(by_dns(dns(&server), service)).await.unwrap();
    assert_eq!(stored(&broker, "t", 0), texts(0..10));
}

#[tokio::test]
async fn a_producer_takes_the_next_priority_where_the_first_is_dead() {
    let (server, broker) = (DnsServer::start().await, broker("t", 1).await);
    server.set_host("alive.test", &[LOOPBACK]);
    server.set_host("dead.test", &[LOOPBACK]);
    let services = [
        (20, 0, port(&broker), labels("alive.test")),
        (10, 0, 1, labels("dead.test")),
        (5, 0, 9092, labels("unknown.test")),
    ];
    server.set_srv("_kafka._tcp.test", &services);
    produce(by_dns(dns(&server), "_kafka._tcp.test"))
        .await
        .unwrap();
    assert_eq!(stored(&broker, "t", 0), texts(0..10));
}

#[tokio::test]
async fn a_producer_whose_cluster_moved_asks_again_and_loses_nothing() {
    let (old, new) = (broker("t", 1).await, broker("t", 1).await);
    let server = DnsServer::start().await;
    server.set_host("kafka.test", &[LOOPBACK]);
    let moved_to = |broker| (0, 0, port(broker), labels("kafka.test"));
    server.set_srv("_kafka._tcp.test", &[moved_to(&old)]);
    let sends = SendProducer::new(by_dns(dns(&server), "_kafka._tcp.test"));
    for n in 0..5 {
        within(sends.send(text("t", n))).await.unwrap();
    }
    old.kill_broker(1).await;
    let waiting: Vec<_> = (5..10).map(|n| sends.send(text("t", n))).collect();
    server.set_srv("_kafka._tcp.test", &[moved_to(&new)]);
    for answer in waiting {
        within(answer).await.unwrap();
    }
    within(sends.close()).await.unwrap();
    assert_eq!(stored(&old, "t", 0), texts(0..5));
    assert_eq!(stored(&new, "t", 0), texts(5..10));
}

#[tokio::test]
async fn priorities_come_in_order_and_weights_in_proportion() {
    let server = DnsServer::start().await;
    for name in ["a.test", "b.test", "c.test"] {
        server.set_host(name, &[LOOPBACK]);
    }
    let services = [
        (1, 9, 9092, labels("b.test")),
        (2, 9, 9092, labels("c.test")),
        (1, 1, 9093, labels("a.test")),
    ];
    server.set_srv("_kafka._tcp.test", &services);
    let mut heavier_first = 0;
    for _ in 0..200 {
        match &*look_up(&server, "_kafka._tcp.test").await.unwrap() {
            "b.test:9092,a.test:9093,c.test:9092" => heavier_first += 1,
            "a.test:9093,b.test:9092,c.test:9092" => {}
            other => panic!("{other}"),
        }
    }
    // Nine in ten; six standard deviations away is once in a billion runs.
    assert!((154..200).contains(&heavier_first), "{heavier_first}");
}

#[tokio::test]
async fn a_name_without_addresses_is_an_empty_answer() {
    let server = DnsServer::start().await;
    server.set_host("empty.test", &[]);
    server.set_srv("_none._tcp.test", &[(0, 0, 0, labels("."))]);
    for service in [
        "missing.test",
        "empty.test",
        "_missing._tcp.test",
        "_none._tcp.test",
    ] {
        let error = look_up(&server, service).await.unwrap_err();
        assert!(matches!(error, DiscoveryError::Empty { .. }), "{error:?}");
        let text = format!("dns has no address for service {service:?}");
        assert_eq!(error.to_string(), text);
    }
}

#[tokio::test]
async fn a_server_that_fails_is_the_cause_of_the_start_error() {
    let server = DnsServer::start().await;
    server.fail(true);
    let settings = by_dns(dns(&server), "kafka.test").with_property("start.timeout.ms", "300");
    let error = within(settings.create_kafka_producer()).await.unwrap_err();
    let StartError::Discovery(DiscoveryError::Lookup {
        method, service, ..
    }) = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!((&**method, &**service), ("dns", "kafka.test"));
    let cause = error.source().and_then(|error| error.source()).unwrap();
    assert!(cause.to_string().contains("Server Failure"), "{cause}");
    assert!(error.is_retriable());
}

#[tokio::test]
async fn a_name_that_appears_in_time_is_found() {
    let (server, broker) = (DnsServer::start().await, broker("t", 1).await);
    let service = format!("kafka.test:{}", port(&broker));
    let producing = tokio::spawn(produce(by_dns(dns(&server), service)));
    while server.asked() < 4 {
        tokio::task::yield_now().await;
    }
    server.fail(true);
    let before = server.asked();
    while server.asked() < before + 4 {
        tokio::task::yield_now().await;
    }
    server.set_host("kafka.test", &[LOOPBACK]);
    server.fail(false);
    within(producing).await.unwrap().unwrap();
    assert_eq!(stored(&broker, "t", 0), texts(0..10));
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_by_tcp() {
    let server = DnsServer::start().await;
    let ips: Vec<IpAddr> = (1..=60).map(|n| [10, 0, 0, n].into()).collect();
    server.set_host("kafka.test", &ips);
    let found = within(dns(&server).lookup("kafka.test", LIMIT)).await;
    assert_eq!(found.unwrap().len(), 60);
    assert!(server.asked_by_tcp() > 0);
}

#[tokio::test]
async fn a_lost_datagram_is_sent_again_in_time() {
    let server = DnsServer::start().await;
    server.set_host("kafka.test", &[LOOPBACK]);
    // A and AAAA.
    server.lose(2);
    let limit = Duration::from_secs(3);
    let found = bootstrap_servers(&dns(&server), "kafka.test", limit).await;
    assert_eq!(found.unwrap(), "kafka.test:9092");
}

#[tokio::test]
async fn a_silent_server_costs_no_more_than_the_resolve_timeout() {
    let server = DnsServer::start().await;
    server.hold(true);
    let limit = Duration::from_millis(100);
    let error = within(bootstrap_servers(&dns(&server), "kafka.test", limit)).await;
    match error.unwrap_err() {
        DiscoveryError::Timeout {
            method,
            service,
            after,
        } => assert_eq!((&*method, &*service, after), ("dns", "kafka.test", limit)),
        // The resolver may notice a moment before.
        DiscoveryError::Lookup { source, .. } => assert!(source.to_string().contains("timed out")),
        other => panic!("{other:?}"),
    }
}

/// The ticks let the server go, so that a lookup that blocked the one thread would never end.
#[test]
fn a_held_lookup_blocks_no_thread_of_the_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (server, broker) = (DnsServer::start().await, broker("t", 1).await);
        server.set_host("kafka.test", &[LOOPBACK]);
        server.hold(true);
        let settings = by_dns(dns(&server), format!("kafka.test:{}", port(&broker)))
            .with_resolve_timeout(Duration::from_secs(20));
        let sends = SendProducer::new(settings);
        let answer = sends.send(text("t", 0));
        let ticks = async {
            while server.asked() == 0 {
                tokio::task::yield_now().await;
            }
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            server.hold(false);
        };
        let (answer, ()) = within(futures_util::future::join(answer, ticks)).await;
        answer.unwrap();
        within(sends.close()).await.unwrap();
    });
}

#[tokio::test]
async fn hostile_answers_are_checked_and_capped() {
    let server = DnsServer::start().await;
    server.set_host("good.test", &[LOOPBACK]);
    // As many as an answer can hold.
    let many: Vec<IpAddr> = (0..4_000_u32)
        .map(|n| IpAddr::from((0x0a00_0000 + n).to_be_bytes()))
        .collect();
    server.set_host("many.test", &many);
    let found = within(dns(&server).lookup("many.test", LIMIT)).await;
    assert_eq!(found.unwrap().len(), 4_000);
    assert_eq!(
        look_up(&server, "many.test").await.unwrap(),
        "many.test:9092"
    );

    let mut services: Vec<_> = [
        &b"\x0cfile:///etc/\0"[..],
        b"\x07a b.c\0d\0",
        b"\x04a:99\0",
        b"\x03\xff\xfe\xfd\x04test\0",
        b"\0",
    ]
    .map(|name| (0, 0, 9092, name.to_vec()))
    .into();
    services.extend([
        (0, 0, 0, labels("good.test")),
        (1, 0, 9092, labels("good.test")),
        (1, 0, 9092, labels("good.test")),
    ]);
    server.set_srv("_weird._tcp.test", &services);
    assert_eq!(
        look_up(&server, "_weird._tcp.test").await.unwrap(),
        "good.test:9092"
    );

    let crowd: Vec<_> = (1..=1_500)
        .map(|port| (0, 0, port, labels("good.test")))
        .collect();
    server.set_srv("_crowd._tcp.test", &crowd);
    let found = look_up(&server, "_crowd._tcp.test").await.unwrap();
    assert_eq!(found.split(',').count(), MAX_ADDRESSES);
}

#[tokio::test]
async fn a_service_that_is_no_host_is_refused_at_once() {
    let server = DnsServer::start().await;
    for service in [
        "http://kafka.test",
        "kafka test",
        "kafka.test:0",
        "kafka.test:x",
        ":9092",
    ] {
        let settings = by_dns(dns(&server), service);
        let settings = settings.with_property("start.timeout.ms", "3600000");
        let error = within(settings.create_kafka_producer()).await.unwrap_err();
        assert!(
            matches!(error, StartError::Discovery(DiscoveryError::Service { .. })),
            "{error:?}"
        );
    }
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn the_system_resolves_its_own_names() {
    let broker = broker("t", 1).await;
    let service = format!("localhost:{}", port(&broker));
    produce(by_dns(DnsDiscovery::system(), service))
        .await
        .unwrap();
    assert_eq!(stored(&broker, "t", 0), texts(0..10));
}
