//! One side does not accept the other: a precise error, in time, and never an endless retry.

use crate::support::{ALICE, config, config_at, connect, file, site, trusting};
use guanaco_engine::{AuthFailure, ConfigError, ProducerConfig, StartError};
use guanaco_testkit::kafka::Authority;
use std::time::{Duration, Instant};

/// Far from `start.timeout.ms`, which is 30 s here: nobody waits for it in vain.
const AT_ONCE: Duration = Duration::from_secs(15);

async fn reason(config: ProducerConfig) -> AuthFailure {
    match connect(config).await {
        Err(StartError::Auth { address, reason }) => {
            assert!(address.contains("127.0.0.1:"), "{address}");
            reason
        }
        other => panic!("{other:?}"),
    }
}

async fn reason_at_once(config: ProducerConfig) -> AuthFailure {
    let began = Instant::now();
    let reason = reason(config).await;
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    reason
}

const SSL: (&str, &str) = ("security.protocol", "SSL");
const BRIEF: (&str, &str) = ("start.timeout.ms", "2000");

#[tokio::test]
async fn an_unknown_authority() {
    let other = Authority::new("others").unwrap();
    let config = config("TLS", &[SSL, ("ssl.ca.pem", other.pem())]).await;
    assert_eq!(reason_at_once(config).await, AuthFailure::UnknownAuthority);
}

#[tokio::test]
async fn the_systems_authorities_do_not_know_ours() {
    let config = config("TLS", &[SSL, ("ssl.ca.location", "probe")]).await;
    assert_eq!(reason_at_once(config).await, AuthFailure::UnknownAuthority);
}

#[tokio::test]
async fn an_expired_certificate() {
    let config = config("EXPIRED", &trusting(&[SSL]).await).await;
    assert_eq!(reason_at_once(config).await, AuthFailure::Expired);
}

#[tokio::test]
async fn a_certificate_for_another_name() {
    let config = config("ELSEWHERE", &trusting(&[SSL]).await).await;
    let found = reason_at_once(config).await;
    let dialled = "127.0.0.1".into();
    assert_eq!(found, AuthFailure::WrongName { dialled });
}

#[tokio::test]
async fn a_missing_client_certificate() {
    for version in ["TLSv1.2", "TLSv1.3"] {
        let settings = [SSL, ("ssl.enabled.protocols", version)];
        let config = config("MTLS", &trusting(&settings).await).await;
        let found = reason_at_once(config).await;
        assert!(
            matches!(found, AuthFailure::ClientCertificate { .. }),
            "{version}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_client_certificate_of_an_authority_that_the_broker_does_not_know() {
    let stranger = Authority::new("others").unwrap();
    let stranger = stranger.certify("client", &[]).unwrap();
    let settings = [
        SSL,
        ("ssl.certificate.pem", &stranger.chain),
        ("ssl.key.pem", &stranger.key),
    ];
    let config = config("MTLS", &trusting(&settings).await).await;
    let found = reason_at_once(config).await;
    assert!(
        matches!(found, AuthFailure::ClientCertificate { .. }),
        "{found:?}"
    );
}

#[tokio::test]
async fn tls_on_a_plaintext_listener() {
    let servers = site().await.cluster.bootstrap_servers();
    let config = config_at(&servers, &trusting(&[SSL, BRIEF]).await);
    assert_eq!(reason(config).await, AuthFailure::NotTls);
}

#[tokio::test]
async fn plaintext_on_a_tls_listener() {
    let config = config("TLS", &[BRIEF]).await;
    assert_eq!(reason(config).await, AuthFailure::NeedsTls);
}

#[tokio::test]
async fn plaintext_on_a_sasl_listener() {
    let config = config("SASL", &[BRIEF]).await;
    assert_eq!(reason(config).await, AuthFailure::NeedsSasl);
}

fn scram(password: &str) -> [(&str, &str); 4] {
    [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "SCRAM-SHA-256"),
        ("sasl.username", ALICE.0),
        ("sasl.password", password),
    ]
}

#[tokio::test]
async fn sasl_on_a_listener_without() {
    let servers = site().await.cluster.bootstrap_servers();
    let found = reason_at_once(config_at(&servers, &scram("x"))).await;
    assert_eq!(found, AuthFailure::NoSasl);
}

#[tokio::test]
async fn a_wrong_password_is_told_at_once() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let settings = [
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", mechanism),
            ("sasl.username", ALICE.0),
            ("sasl.password", "canary-wrong"),
        ];
        let config = config("SASL_TLS", &trusting(&settings).await).await;
        match reason_at_once(config).await {
            AuthFailure::Refused(error) => {
                assert_eq!(error.name(), "SASL_AUTHENTICATION_FAILED");
                assert!(!error.to_string().contains("canary"), "{error}");
            }
            other => panic!("{mechanism}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_mechanism_that_the_broker_does_not_offer() {
    let settings = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "x"),
        ("sasl.password", "x"),
        ("sasl.allow.cleartext", "true"),
    ];
    match reason_at_once(config("SHORT", &settings).await).await {
        AuthFailure::Mechanism { asked, offered } => {
            assert_eq!(asked, "PLAIN");
            assert!(offered.contains("SCRAM-SHA-512"), "{offered}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn files_that_are_missing_or_hold_no_certificates_are_settings_at_fault() {
    let store = file("store.jks", "\u{0}");
    std::fs::write(&store, [0xfe, 0xed, 0xfe, 0xed, 0, 0]).unwrap();
    let empty = file("empty.pem", "nothing");
    for (path, part) in [
        ("/no/such/file", "cannot be read"),
        (store.to_str().unwrap(), "is damaged"),
        (empty.to_str().unwrap(), "no certificate in PEM"),
    ] {
        let config = config("TLS", &[SSL, ("ssl.truststore.location", path)]).await;
        match connect(config).await {
            Err(StartError::Config(ConfigError::Invalid { key, rule })) => {
                assert_eq!(key, "ssl.truststore.location");
                assert!(rule.contains(part), "{rule}");
                assert!(!rule.contains(path), "{rule}");
            }
            other => panic!("{path}: {other:?}"),
        }
    }
}
