use super::peer::{MODERN, welcome};
use crate::{
    ProducerConfig, StartError,
    io::{
        bootstrap::{ConnectOptions, Reached, bootstrap, connect},
        dial::ConnectErrorKind,
        resolve::{Address, Resolver, Resolving, Unresolved},
    },
};
use kafka_protocol::messages::ApiKey;
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};

/// Addresses round by round; the last round's are given from then on.
#[derive(Debug)]
struct Rounds(Vec<Result<Vec<Address>, Unresolved>>, AtomicUsize);

impl Rounds {
    fn always(addresses: &[&Address]) -> Self {
        Self::new(vec![Ok(addresses
            .iter()
            .map(|&address| address.clone())
            .collect())])
    }

    fn new(rounds: Vec<Result<Vec<Address>, Unresolved>>) -> Self {
        Self(rounds, AtomicUsize::new(0))
    }
}

impl Resolver for Rounds {
    fn resolve(&self) -> Resolving<'_> {
        let round = self.1.fetch_add(1, Ordering::Relaxed).min(self.0.len() - 1);
        Box::pin(std::future::ready(self.0[round].clone()))
    }
}

/// Addresses in an order of preference.
#[derive(Debug)]
struct Ordered(Vec<Address>);

impl Resolver for Ordered {
    fn resolve(&self) -> Resolving<'_> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }

    fn is_ordered(&self) -> bool {
        true
    }
}

fn unresolved(retriable: bool) -> Unresolved {
    Unresolved {
        error: std::sync::Arc::new(std::io::Error::other("no such service")),
        retriable,
    }
}

fn options() -> ConnectOptions {
    ConnectOptions::of(&ProducerConfig::default()).unwrap()
}

async fn listen() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, Address::new("127.0.0.1", port))
}

/// A port that was free a moment ago and that nobody listens on.
async fn refusing() -> Address {
    listen().await.1
}

/// Accepts as a broker would, for as long as it is polled.
async fn serve(listener: &TcpListener, ranges: &[(ApiKey, i16, i16)]) -> ! {
    let mut open: Vec<TcpStream> = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        welcome(&mut stream, ranges).await;
        open.push(stream);
    }
}

async fn start(resolver: &Rounds, seed: u64, within: Duration) -> Result<Reached, StartError> {
    let options = options();
    let deadline = Instant::now() + within;
    let mut rng = fastrand::Rng::with_seed(seed);
    let outcome = bootstrap(resolver, &options, &mut rng, Some(deadline));
    timeout(super::LONG, outcome)
        .await
        .expect("it keeps its deadline")
}

#[tokio::test]
async fn reaches_the_one_live_address_whatever_the_order() {
    let (listener, alive) = listen().await;
    let dead = [
        refusing().await,
        refusing().await,
        Address::new("no-such-label".repeat(9), 1),
    ];
    let resolver = Rounds::always(&[&dead[0], &dead[1], &alive, &dead[2]]);
    for seed in 0..10 {
        let reached = tokio::select! {
            outcome = start(&resolver, seed, super::LONG) => outcome.unwrap(),
            never = serve(&listener, &MODERN) => never,
        };
        assert_eq!(reached.address, alive);
        assert_eq!(
            reached.connection.versions().pick(ApiKey::Produce),
            Some(13)
        );
    }
}

#[tokio::test]
async fn tries_the_next_address_beside_a_silent_one() {
    let (listener, alive) = listen().await;
    let (_silent_listener, silent) = listen().await;
    let resolver = Rounds::always(&[&silent, &alive]);
    // Both orders occur among these seeds; in one of them the silent address is the first.
    let mut slow = 0;
    for seed in 0..3 {
        let started = Instant::now();
        let reached = tokio::select! {
            outcome = start(&resolver, seed, super::LONG) => outcome.unwrap(),
            never = serve(&listener, &MODERN) => never,
        };
        assert_eq!(reached.address, alive);
        assert!(
            started.elapsed() < Duration::from_secs(6),
            "it waited for the silent one"
        );
        slow += u32::from(started.elapsed() >= Duration::from_millis(900));
    }
    assert!(
        (1..3).contains(&slow),
        "{slow} of 3 had to wait beside the silent address"
    );
}

#[tokio::test]
async fn tries_a_recovering_address_again_while_another_stays_silent() {
    let (listener, recovering) = listen().await;
    let (_silent_listener, silent) = listen().await;
    let serve_second = async {
        drop(listener.accept().await.unwrap());
        serve(&listener, &MODERN).await
    };
    // Were the silent one waited for, it would take ten seconds.
    let resolver = Rounds::always(&[&silent, &recovering]);
    let reached = tokio::select! {
        outcome = start(&resolver, 1, Duration::from_secs(8)) => outcome.unwrap(),
        never = serve_second => never,
    };
    assert_eq!(reached.address, recovering);
    assert_eq!(resolver.1.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn asks_the_resolver_again_after_every_address_failed() {
    let (listener, alive) = listen().await;
    let dead = refusing().await;
    let resolver = Rounds::new(vec![
        Err(unresolved(true)),
        Ok(Vec::new()),
        Ok(vec![dead]),
        Ok(vec![alive.clone()]),
    ]);
    let reached = tokio::select! {
        outcome = start(&resolver, 1, super::LONG) => outcome.unwrap(),
        never = serve(&listener, &MODERN) => never,
    };
    assert_eq!(reached.address, alive);
    assert_eq!(resolver.1.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn lists_every_address_with_its_failure_at_the_deadline() {
    let refusing = refusing().await;
    let (_listener, silent) = listen().await;
    let unknown = Address::new("x".repeat(64), 9092);
    let resolver = Rounds::always(&[&refusing, &silent, &unknown]);
    let within = Duration::from_millis(2500);
    let error = start(&resolver, 1, within).await.unwrap_err();
    let StartError::Unreachable { failures, waited } = &error else {
        panic!("{error:?}")
    };
    assert!(
        *waited >= within && *waited < within + Duration::from_secs(2),
        "{waited:?}"
    );
    let lines: Vec<_> = failures.split("; ").collect();
    let has = |line: &str| lines.iter().any(|have| have.starts_with(line));
    assert!(
        has(&format!("{refusing}: connection refused")),
        "{failures}"
    );
    assert!(has(&format!("{silent}: no answer yet")), "{failures}");
    assert!(
        has(&format!("{unknown}: its name could not be resolved: ")),
        "{failures}"
    );
    assert_eq!(lines.len(), 3, "{failures}");
}

#[tokio::test]
async fn hands_on_what_the_resolver_said_when_it_never_found_an_address() {
    let resolver = Rounds::new(vec![Err(unresolved(true))]);
    let within = Duration::from_millis(300);
    let error = start(&resolver, 1, within).await.unwrap_err();
    let StartError::Unresolved { source, waited } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(source.to_string(), "no such service");
    assert!(*waited >= within, "{waited:?}");
    assert!(resolver.1.load(Ordering::Relaxed) > 1);
}

#[tokio::test]
async fn ends_at_once_when_the_resolver_will_never_find_an_address() {
    let resolver = Rounds::new(vec![Err(unresolved(true)), Err(unresolved(false))]);
    let error = start(&resolver, 1, super::LONG).await.unwrap_err();
    assert!(matches!(error, StartError::Unresolved { .. }), "{error:?}");
    assert_eq!(resolver.1.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn tells_of_addresses_that_failed_also_when_the_resolver_fails_later() {
    let refusing = refusing().await;
    let resolver = Rounds::new(vec![Ok(vec![refusing.clone()]), Err(unresolved(true))]);
    let error = start(&resolver, 1, Duration::from_millis(500)).await;
    let StartError::Unreachable { failures, .. } = error.unwrap_err() else {
        panic!("it has tried an address")
    };
    assert!(failures.contains(&refusing.to_string()), "{failures}");
    assert!(failures.contains("no such service"), "{failures}");
}

#[tokio::test]
async fn says_so_when_there_is_no_address() {
    let resolver = Rounds::new(vec![Ok(Vec::new())]);
    let within = Duration::from_millis(50);
    let error = start(&resolver, 1, within).await.unwrap_err();
    assert!(
        error.to_string().contains("no address is known yet"),
        "{error}"
    );
}

#[tokio::test]
async fn keeps_an_order_of_preference() {
    let (first, second) = (listen().await, listen().await);
    let addresses = vec![first.1.clone(), second.1];
    for seed in 0..8 {
        let resolver = Ordered(addresses.clone());
        let options = options();
        let mut rng = fastrand::Rng::with_seed(seed);
        let reached = tokio::select! {
            reached = bootstrap(&resolver, &options, &mut rng, None) => reached.unwrap(),
            never = serve(&first.0, &MODERN) => never,
            never = serve(&second.0, &MODERN) => never,
        };
        assert_eq!(reached.address, first.1);
    }
}

#[tokio::test]
async fn ends_at_once_when_a_broker_is_too_old() {
    let (listener, old) = listen().await;
    let resolver = Rounds::always(&[&old]);
    let error = tokio::select! {
        outcome = start(&resolver, 1, super::LONG) => outcome.unwrap_err(),
        never = serve(&listener, &[(ApiKey::Produce, 0, 7)]) => never,
    };
    let StartError::Unsupported { address, reason } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(**address, *old.to_string());
    assert!(reason.contains("Produce in versions 0 to 7"), "{reason}");
}

#[tokio::test]
async fn names_the_address_in_every_failure() {
    let limit = Duration::from_millis(200);
    let refusing = refusing().await;
    let error = connect(&refusing, &options(), limit).await.unwrap_err();
    assert!(matches!(error.kind, ConnectErrorKind::Refused), "{error:?}");
    assert_eq!(error.to_string(), format!("{refusing}: connection refused"));

    let unknown = Address::new("x".repeat(64), 9092);
    let error = connect(&unknown, &options(), super::LONG)
        .await
        .unwrap_err();
    assert!(matches!(error.kind, ConnectErrorKind::Dns(_)), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("{unknown}: its name could not be resolved")
    );
    assert!(
        error.line().len() > error.to_string().len() + 2,
        "{}",
        error.line()
    );

    let (_listener, silent) = listen().await;
    let error = connect(&silent, &options(), limit).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{silent}: no answer of a broker within 200 ms")
    );
}
