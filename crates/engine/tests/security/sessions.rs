//! What happens after the start: sessions end, tokens and certificates change.

use crate::{
    oauth::unsigned,
    support::{ALICE, Log, config, connect, file, numbered, produce, sends, site, within, works},
};
use guanaco_engine::{Cause, Token, TokenError, Topic};
use guanaco_testkit::kafka::Authority;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

#[tokio::test]
async fn a_session_is_renewed_on_its_connection_without_a_record_lost_or_moved() {
    let log = Log::default();
    let _guard = log.capture();
    site()
        .await
        .cluster
        .create_topic("renewed", 1, 1, &[])
        .await
        .unwrap();
    let settings = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "SCRAM-SHA-256"),
        ("sasl.username", ALICE.0),
        ("sasl.password", ALICE.1),
        ("linger.ms", "0"),
    ];
    let producer = connect(config("SHORT", &settings).await).await.unwrap();
    let topic = Topic::from("renewed");
    let began = Instant::now();
    let mut next = 0;
    // Three sessions of 3 s.
    while began.elapsed() < Duration::from_secs(8) {
        for outcome in within(produce(&producer, &topic, &numbered(20))).await {
            assert_eq!(outcome.unwrap().offset, Some(next));
            next += 1;
        }
    }
    let log = log.text();
    assert!(!log.contains("connection lost"), "{log}");
    assert_eq!(
        site().await.cluster.end_offsets("renewed").await.unwrap(),
        [next]
    );
}

#[tokio::test]
async fn a_token_that_fails_later_is_told_with_the_records_and_forgotten_when_it_is_back() {
    let settings = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.allow.cleartext", "true"),
        ("request.timeout.ms", "1000"),
        ("delivery.timeout.ms", "6000"),
        ("linger.ms", "0"),
    ];
    let mut config = config("SHORT", &settings).await;
    let sealed = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&sealed);
    let provider = move || {
        let sealed = state.load(Ordering::Relaxed);
        async move {
            match sealed {
                true => Err(TokenError::new("the vault is sealed")),
                false => Ok(Token::new(unsigned("alice"))),
            }
        }
    };
    config.security.sasl.set_token_provider(Arc::new(provider));
    let producer = works(config).await;
    sealed.store(true, Ordering::Relaxed);
    // The session lasts a while; then there is a failure, which names the reason.
    let topic = Topic::from("t");
    let failed = within(async {
        loop {
            let outcome = produce(&producer, &topic, &numbered(1)).await.remove(0);
            match outcome {
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => return error,
            }
        }
    });
    let failed = failed.await;
    match failed.cause() {
        Cause::Expired {
            last: Some(last), ..
        } => assert!(last.contains("the vault is sealed"), "{last}"),
        other => panic!("{other:?}"),
    }
    sealed.store(false, Ordering::Relaxed);
    sends(&producer, "t", 10).await;
}

#[tokio::test]
async fn changed_certificates_count_for_the_next_connection() {
    let good = site().await.authority.pem();
    let others = Authority::new("others").unwrap();
    let path = file("rotated.pem", good);
    let settings = [
        ("security.protocol", "SSL"),
        ("ssl.truststore.location", path.to_str().unwrap()),
        ("connections.max.idle.ms", "200"),
        ("request.timeout.ms", "1000"),
        ("delivery.timeout.ms", "3000"),
        ("linger.ms", "0"),
    ];
    let producer = works(config("TLS", &settings).await).await;
    file("rotated.pem", others.pem());
    let topic = Topic::from("t");
    // Idle connections are closed, so a record soon meets the new authority.
    let failed = within(async {
        loop {
            tokio::time::sleep(Duration::from_millis(400)).await;
            if let Err(error) = produce(&producer, &topic, &numbered(1)).await.remove(0) {
                return error;
            }
        }
    });
    let failed = failed.await.to_string();
    assert!(failed.contains("not trusted"), "{failed}");
    // Half a file changes nothing, a whole one does.
    file("rotated.pem", good);
    sends(&producer, "t", 10).await;
}
