//! Service discovery, whatever the method.

use crate::support::{
    LIMIT, all, broker, settings, stored, text, texts, until, until_disconnected, within,
};
use futures_util::{StreamExt, stream};
use guanaco::{
    DiscoveryError, NoKey, SettingsError, StartError,
    discovery::{
        AggregateDiscovery, Discovery, Endpoint, MAX_ADDRESSES, Methods, StaticDiscovery,
        bootstrap_servers, lookup_with,
    },
    prelude::*,
    serialization::BoxError,
};
use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::sleep;

type Settings = ProducerSettings<NoKey, String>;

fn named(method: impl Discovery, service: &str) -> Settings {
    ProducerSettings::keyless(StringSerializer)
        .with_discovery(method, service)
        .with_close_timeout(Duration::from_secs(10))
}

/// The same addresses every time, unchecked.
fn fixed(addresses: Vec<Endpoint>) -> impl Discovery + Clone {
    lookup_with("fixed", move |_, _| {
        std::future::ready(Ok(addresses.clone()))
    })
}

fn config(addresses: &[&str]) -> StaticDiscovery {
    let services = StaticDiscovery::new();
    let services = services.with_service("kafka", addresses.iter().copied());
    services.expect("the addresses are fine")
}

async fn start_error(settings: &Settings) -> StartError {
    let started = within(settings.create_kafka_producer()).await;
    started.expect_err("there is no broker")
}

/// The error of discovery that a start ends with, long before its time is up.
async fn refusal_at_once(settings: Settings) -> DiscoveryError {
    let (error, _) = refusal(settings.with_property("start.timeout.ms", "3600000")).await;
    error
}

/// The error of discovery that a start ends with, and how long that took.
async fn refusal(settings: Settings) -> (DiscoveryError, Duration) {
    let began = Instant::now();
    match start_error(&settings).await {
        StartError::Discovery(error) => (error, began.elapsed()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn sinks_flows_and_sends_find_their_brokers_by_name() {
    let broker = broker("t", 1).await;
    let method = config(&[&broker.bootstrap_servers()]);
    let settings = named(method, "kafka");
    let part = |numbers: std::ops::Range<u32>| stream::iter(numbers.map(|n| text("t", n)));

    let sink = producer::plain_sink(settings.clone());
    within(part(0..10).run_with(sink)).await.unwrap();
    let flow = part(10..20).via(producer::flexi_flow(settings.clone()));
    assert_eq!(all(flow).await.len(), 10);
    let contexts = part(20..30).map(|record| (record, ()));
    let flow = contexts.via(producer::flow_with_context(settings.clone()));
    assert_eq!(all(flow).await.len(), 10);

    let sends = SendProducer::new(settings.clone());
    let answers: Vec<_> = (30..40).map(|n| sends.send(text("t", n))).collect();
    for answer in answers {
        within(answer).await.unwrap();
    }
    within(sends.close()).await.unwrap();

    let shared = within(settings.create_kafka_producer()).await.unwrap();
    let sink = producer::plain_sink(settings.with_producer(&shared));
    within(part(40..50).run_with(sink)).await.unwrap();
    within(shared.close()).await;
    assert_eq!(stored(&broker, "t", 0), texts(0..50));
    until_disconnected(&broker).await;
}

#[test]
fn a_blocking_producer_finds_its_brokers_by_name() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let broker = runtime.block_on(broker("t", 1));
    let settings = named(config(&[&broker.bootstrap_servers()]), "kafka");
    let producer = settings.blocking_create_kafka_producer().unwrap();
    let sends = SendProducer::new(settings.with_producer(&producer));
    runtime.block_on(sends.send(text("t", 0))).unwrap();
    runtime.block_on(producer.close());
    assert_eq!(stored(&broker, "t", 0), ["0"]);
}

#[tokio::test]
async fn an_enrichment_may_look_up_by_hand_or_choose_a_method() {
    let broker = broker("t", 1).await;
    let method = config(&[&broker.bootstrap_servers()]);
    let by_hand = method.clone();
    let plain: Settings = ProducerSettings::keyless(StringSerializer);
    let enriched = plain.clone().with_enrich_async(move |settings| {
        let method = by_hand.clone();
        async move {
            let servers = bootstrap_servers(&method, "kafka", LIMIT).await?;
            Ok(settings.with_bootstrap_servers(servers))
        }
    });
    let chosen = plain.with_enrich_async(move |settings| {
        let method = method.clone();
        async move { Ok(settings.with_discovery(method, "kafka")) }
    });
    for (settings, n) in [(enriched, 0), (chosen, 1)] {
        let sink = producer::plain_sink(settings);
        let records = stream::iter([text("t", n)]);
        within(records.run_with(sink)).await.unwrap();
    }
    assert_eq!(stored(&broker, "t", 0), texts(0..2));
}

#[tokio::test]
async fn bootstrap_servers_beside_it_have_no_effect() {
    let broker = broker("t", 1).await;
    let settings = named(config(&[&broker.bootstrap_servers()]), "kafka");
    let settings = settings.with_bootstrap_servers("127.0.0.1:1");
    let sink = producer::plain_sink(settings);
    within(stream::iter([text("t", 0)]).run_with(sink))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_service_without_a_name_is_refused_at_once() {
    let settings = named(config(&["a:1"]), "");
    let error = refusal_at_once(settings.clone()).await;
    assert!(
        matches!(error, DiscoveryError::NoService { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("set service-name"), "{error}");
    assert!(!error.is_retriable());
    let failed = within(SendProducer::new(settings).send(text("t", 0))).await;
    let failed = failed.unwrap_err();
    assert!(
        matches!(
            failed.error,
            ProduceError::Start(StartError::Discovery(DiscoveryError::NoService { .. }))
        ),
        "{failed:?}"
    );
}

#[tokio::test]
async fn an_unknown_service_is_refused_at_once_with_the_nearest() {
    let error = refusal_at_once(named(config(&["a:1"]), "kafak")).await;
    assert_eq!(
        error.to_string(),
        r#"config has no service "kafak", did you mean "kafka"?"#
    );
}

#[tokio::test]
async fn no_time_for_a_lookup_is_a_wrong_setting() {
    let settings = named(config(&["a:1"]), "kafka").with_resolve_timeout(Duration::ZERO);
    let error = start_error(&settings).await;
    assert!(
        matches!(error, StartError::Settings(SettingsError::Invalid { .. })),
        "{error:?}"
    );
}

#[test]
fn a_static_address_that_cannot_be_one_is_refused_when_it_is_written_down() {
    for (address, rule) in [
        ("host", "must be host:port"),
        ("host:0", "must have a port from 1 to 65535"),
        (
            "SSL://host:9092",
            "must be host:port, without a scheme before it",
        ),
        (
            "ho st:9092",
            "has a host with characters that no host name has",
        ),
        (
            "::1:9092",
            "must have an IPv6 address in brackets: [::1]:9092",
        ),
    ] {
        let services = StaticDiscovery::new();
        let error = services.with_service("kafka", ["good:1", address]);
        let error = error.unwrap_err().to_string();
        assert_eq!(
            error,
            format!(r#"address 2 that config has for service "kafka" {rule}"#)
        );
    }
    let none: [&str; 0] = [];
    let error = StaticDiscovery::new().with_service("kafka", none);
    assert!(matches!(error, Err(DiscoveryError::Empty { .. })));
    let error = StaticDiscovery::new().with_service("", ["good:1"]);
    assert!(matches!(error, Err(DiscoveryError::NoService { .. })));
}

#[tokio::test]
async fn an_answer_without_a_usable_address_says_what_is_wrong_with_the_first() {
    let answer = ["broker-1", "broker-2:0"].map(Endpoint::from).into();
    let settings = named(fixed(answer), "kafka").with_property("start.timeout.ms", "200");
    let (error, took) = refusal(settings).await;
    assert_eq!(
        error.to_string(),
        r#"address 1 that fixed has for service "kafka" must be host:port"#
    );
    assert!(took >= Duration::from_millis(200), "{took:?}");
}

#[tokio::test]
async fn an_empty_answer_is_an_error_when_time_is_up() {
    let settings = named(fixed(Vec::new()), "kafka").with_property("start.timeout.ms", "100");
    let (error, took) = refusal(settings).await;
    assert!(matches!(error, DiscoveryError::Empty { .. }), "{error:?}");
    assert!(took >= Duration::from_millis(100), "{took:?}");
}

#[tokio::test]
async fn addresses_that_do_not_answer_are_listed_as_without_discovery() {
    let answer = vec![Endpoint::new("kafka.test", 1).at([127, 0, 0, 1].into())];
    let settings = named(fixed(answer), "kafka").with_property("start.timeout.ms", "200");
    let error = start_error(&settings).await;
    let StartError::Unreachable { failures, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(&*failures, "kafka.test:1 at 127.0.0.1: connection refused");
}

#[tokio::test(start_paused = true)]
async fn a_silent_method_is_told_by_name_after_the_resolve_timeout() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let silent = lookup_with("registry", move |service, timeout| {
        assert_eq!((&*service, timeout), ("kafka", Duration::from_secs(3)));
        count.fetch_add(1, Ordering::Relaxed);
        std::future::pending()
    });
    let began = tokio::time::Instant::now();
    let settings = named(silent, "kafka");
    let error = settings.create_kafka_producer().await.unwrap_err();
    let took = began.elapsed();
    let StartError::Discovery(DiscoveryError::Timeout {
        method,
        service,
        after,
    }) = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!((&**method, &**service), ("registry", "kafka"));
    assert_eq!(*after, Duration::from_secs(3));
    assert_eq!(took.as_secs(), 30, "start.timeout.ms");
    // Each lookup takes three seconds, and a pause of up to one.
    assert!((7..=10).contains(&asked.load(Ordering::Relaxed)));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_shorter_than_a_lookup_still_tells_why() {
    let silent = lookup_with("registry", |_, _| std::future::pending());
    let settings = named(silent, "kafka").with_property("start.timeout.ms", "1000");
    let error = settings.create_kafka_producer().await.unwrap_err();
    let StartError::Discovery(DiscoveryError::Timeout { after, .. }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(after, Duration::from_millis(750));
}

#[tokio::test]
async fn an_answer_after_a_first_timeout_is_as_good_as_one_at_once() {
    let broker = broker("t", 1).await;
    let address = broker.bootstrap_servers();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let late = lookup_with("registry", move |_, _| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        let address = address.clone();
        async move {
            if first {
                std::future::pending().await
            }
            Ok(vec![Endpoint::from(address)])
        }
    });
    let settings = named(late, "kafka").with_resolve_timeout(Duration::from_millis(20));
    let sends = SendProducer::new(settings);
    within(sends.send(text("t", 0))).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn the_error_of_a_method_is_kept_as_the_cause() {
    let down = lookup_with("registry", |_, _| async {
        Err(io::Error::other("it is down").into())
    });
    let settings = named(down, "kafka").with_property("start.timeout.ms", "100");
    let (error, _) = refusal(settings.clone()).await;
    let DiscoveryError::Lookup { source, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(source.get().is::<io::Error>());
    assert_eq!(
        error.to_string(),
        r#"registry could not look up service "kafka""#
    );
    // A send has no error of its own for it, and says it in words.
    let failed = within(SendProducer::new(settings).send(text("t", 0))).await;
    let said = failed.unwrap_err().error.to_string();
    assert!(said.contains(r#"service "kafka": it is down"#), "{said}");
}

#[tokio::test]
async fn a_panicking_method_ends_the_start_and_nothing_else() {
    fn panicking(_: String, _: Duration) -> std::future::Pending<Result<Vec<Endpoint>, BoxError>> {
        panic!("no such registry")
    }
    let later = lookup_with("registry", |_, _| async { panic!("no such registry") });
    for settings in [
        named(lookup_with("registry", panicking), "kafka"),
        named(later, "kafka"),
    ] {
        let error = refusal_at_once(settings).await;
        assert!(
            matches!(error, DiscoveryError::Panicked { .. }),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_hostile_answer_is_checked_ordered_and_capped() {
    let weird = [
        "",
        ":1",
        "http://a:1",
        "a b:1",
        "a:0",
        "a:99999",
        "a",
        "é:1",
        "[::z]:1",
    ];
    let answer = weird
        .into_iter()
        .map(Endpoint::from)
        .chain((0..10_000).map(|n| Endpoint::new(&format!("b{n}"), 9092)))
        .chain((0..10_000).map(|_| Endpoint::new("twice", 9092).with_priority(7)))
        .chain((0..60).map(|n| Endpoint::new(&format!("b{n}"), 9092)));
    let method = fixed(answer.collect());
    let found = bootstrap_servers(&method, "kafka", LIMIT).await.unwrap();
    let found: Vec<_> = found.split(',').collect();
    assert_eq!(found.len(), MAX_ADDRESSES);
    assert!(found.iter().all(|address| address.starts_with('b')));
    assert!(!found.is_sorted(), "it is shuffled");

    let answer = vec![
        Endpoint::new("::1", 3).with_priority(3),
        Endpoint::new("a", 1).with_priority(1),
        Endpoint::from("a:1"),
        Endpoint::new("b", 2).with_priority(2),
    ];
    let found = bootstrap_servers(&fixed(answer), "kafka", LIMIT).await;
    // Of duplicates the first counts.
    assert_eq!(found.unwrap(), "a:1,b:2,[::1]:3");
}

#[tokio::test]
async fn a_producer_whose_cluster_moved_goes_after_it_and_loses_nothing() {
    let (old, new) = (broker("t", 1).await, broker("t", 1).await);
    let address = Arc::new(Mutex::new(old.bootstrap_servers()));
    let registry = Arc::clone(&address);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let method = lookup_with("registry", move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        let found = registry.lock().unwrap().clone();
        async move { Ok(vec![Endpoint::from(found)]) }
    });
    let sends = SendProducer::new(named(method, "kafka"));
    for n in 0..50 {
        within(sends.send(text("t", n))).await.unwrap();
    }
    let before = asked.load(Ordering::Relaxed);
    assert_eq!(before, 1);

    old.kill_broker(1).await;
    let waiting: Vec<_> = (50..100).map(|n| sends.send(text("t", n))).collect();
    until("it looks for the cluster", || {
        asked.load(Ordering::Relaxed) > before + 1
    })
    .await;
    *address.lock().unwrap() = new.bootstrap_servers();
    for answer in waiting {
        within(answer).await.unwrap();
    }
    let report = within(sends.close()).await.unwrap();
    assert_eq!((report.acknowledged, report.not_written), (100, 0));
    assert_eq!(stored(&old, "t", 0), texts(0..50));
    assert_eq!(stored(&new, "t", 0), texts(50..100));
}

#[tokio::test]
async fn a_lookup_may_take_longer_than_a_connection_when_the_cluster_is_lost() {
    let (old, new) = (broker("t", 1).await, broker("t", 1).await);
    let addresses = [old.bootstrap_servers(), new.bootstrap_servers()];
    let asked = AtomicUsize::new(0);
    let method = lookup_with("registry", move |_, _| {
        let nth = asked.fetch_add(1, Ordering::Relaxed);
        let found = addresses[nth.min(1)].clone();
        async move {
            if nth > 0 {
                sleep(Duration::from_millis(1500)).await;
            }
            Ok(vec![Endpoint::from(found)])
        }
    });
    let settings =
        named(method, "kafka").with_property("socket.connection.setup.timeout.ms", "500");
    let sends = SendProducer::new(settings);
    within(sends.send(text("t", 0))).await.unwrap();
    old.kill_broker(1).await;
    within(sends.send(text("t", 1))).await.unwrap();
    assert_eq!(stored(&new, "t", 0), ["1"]);
}

#[tokio::test]
async fn a_shared_producer_serves_the_discovery_that_it_was_created_with() {
    let broker = broker("t", 1).await;
    let base = named(config(&[&broker.bootstrap_servers()]), "kafka");
    let shared = within(base.create_kafka_producer()).await.unwrap();
    let run = |settings: Settings| {
        let sink = producer::plain_sink(settings.with_producer(&shared));
        within(stream::iter([text("t", 0)]).run_with(sink))
    };
    run(base.clone()).await.unwrap();
    run(ProducerSettings::keyless(StringSerializer))
        .await
        .unwrap();
    for other in [
        settings(&broker),
        named(config(&["a:1"]), "kafka"),
        named(config(&["a:1"]), "other"),
    ] {
        let error = run(other).await.unwrap_err();
        assert!(
            matches!(
                &error,
                ProduceError::Start(StartError::Settings(SettingsError::Shared { .. }))
            ),
            "{error:?}"
        );
    }
    within(shared.close()).await;
}

#[tokio::test]
async fn of_several_methods_the_first_with_an_address_answers() {
    let down = lookup_with("down", |_, _| async { Err("it is down".into()) });
    let useless = fixed(vec!["no port".into()]);
    let aggregate = AggregateDiscovery::new()
        .or(down.clone())
        .or(fixed(Vec::new()))
        .or(useless)
        .or(config(&["a:1"]))
        .or(config(&["b:1"]));
    let found = bootstrap_servers(&aggregate, "kafka", LIMIT).await;
    assert_eq!(found.unwrap(), "a:1");

    let aggregate = AggregateDiscovery::new().or(down).or(config(&["a:1"]));
    let error = bootstrap_servers(&aggregate, "kafkb", LIMIT).await;
    let error = error.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no discovery method has an address for service \"kafkb\": down could not look up service \
         \"kafkb\": it is down; config has no service \"kafkb\", did you mean \"kafka\"?"
    );
    assert!(error.is_retriable(), "what is down may come up");
    let error = bootstrap_servers(&AggregateDiscovery::new(), "kafka", LIMIT).await;
    assert!(matches!(error, Err(DiscoveryError::Method { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_silent_method_leaves_its_share_of_the_time_to_the_others() {
    let silent = |name: &str| lookup_with(name, |_, _| std::future::pending());
    let aggregate = AggregateDiscovery::new()
        .or(silent("one"))
        .or(silent("two"))
        .or(config(&["a:1"]));
    let began = tokio::time::Instant::now();
    let limit = Duration::from_secs(3);
    let found = bootstrap_servers(&aggregate, "kafka", limit).await;
    assert_eq!(found.unwrap(), "a:1");
    assert_eq!(began.elapsed().as_secs(), 2);
}

#[test]
fn methods_have_the_names_that_configuration_files_use() {
    let own = lookup_with("consul", |_, _| std::future::pending());
    let methods = Methods::new()
        .with_services(config(&["a:1"]))
        .with_aggregate(["config", "consul"])
        .with_method("consul", own)
        .with_default("consul");
    for (name, method) in [
        ("config", "config"),
        ("aggregate", "aggregate"),
        ("consul", "consul"),
        ("", "consul"),
        ("akka.discovery", "consul"),
        ("pekko.discovery", "consul"),
    ] {
        assert_eq!(methods.by_name(name).unwrap().method(), method, "{name}");
    }
    for name in ["dns", "akka-dns", "pekko-dns"] {
        match methods.by_name(name) {
            Ok(method) if cfg!(feature = "dns") => assert_eq!(method.method(), "dns"),
            Err(DiscoveryError::Disabled { feature: "dns", .. }) if !cfg!(feature = "dns") => {}
            other => panic!("{:?}", other.err()),
        }
    }
}

#[test]
fn names_without_a_method_are_refused() {
    let refused = |methods: &Methods, name: &str| {
        let error = methods.by_name(name).err();
        error.expect("there is no such method").to_string()
    };
    let methods = Methods::new().with_aggregate(["config", "kubernetes-api"]);
    assert_eq!(
        refused(&methods, "akka-dsn"),
        r#"there is no discovery method "akka-dsn", did you mean "akka-dns"?"#
    );
    assert_eq!(
        refused(&methods, "aggregate"),
        r#"there is no discovery method "kubernetes-api""#
    );
    assert_eq!(
        refused(&methods, "akka.discovery"),
        "the discovery method is left to the default, and no default is set"
    );
    let itself = "discovery method aggregate cannot be one of the methods that it asks";
    let methods = Methods::new().with_aggregate(["aggregate"]);
    assert_eq!(refused(&methods, "aggregate"), itself);
    let methods = Methods::new()
        .with_aggregate(["akka.discovery"])
        .with_default("aggregate");
    assert_eq!(refused(&methods, "akka.discovery"), itself);
    assert_eq!(
        refused(&Methods::new(), "aggregate"),
        "discovery method aggregate needs at least one method: set discovery-methods"
    );
    let default = Methods::new().with_default("akka.discovery");
    assert!(matches!(
        default.by_name("akka.discovery"),
        Err(DiscoveryError::NoMethod)
    ));
}

#[test]
fn settings_say_what_they_look_up_and_show_no_addresses() {
    let settings = named(config(&["secret-host:1"]), "kafka");
    assert_eq!(settings.service_name(), Some("kafka"));
    assert_eq!(settings.resolve_timeout(), Duration::from_secs(3));
    let shown = format!("{settings:?}");
    assert!(shown.contains("\"kafka\" by config"), "{shown}");
    assert!(!shown.contains("secret-host"), "{shown}");
}
