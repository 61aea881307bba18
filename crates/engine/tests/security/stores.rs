//! Java's key stores, on both sides: nothing here is PEM.

use crate::support::{STORE_PASSWORD, config, connect, file, stored, works};
use guanaco_engine::{AuthFailure, ConfigError, ProducerConfig, StartError};

/// A Java client's settings, word for word.
async fn java(trust: &str, keys: &str, more: &[(&str, &str)]) -> ProducerConfig {
    let (trust, keys) = (stored(trust), stored(keys));
    let mut settings = vec![
        ("security.protocol", "SSL"),
        ("ssl.truststore.location", trust.to_str().unwrap()),
        ("ssl.truststore.password", STORE_PASSWORD),
        ("ssl.keystore.location", keys.to_str().unwrap()),
        ("ssl.keystore.password", STORE_PASSWORD),
    ];
    settings.extend(more);
    config("STORES", &settings).await
}

#[tokio::test]
async fn both_sides_know_each_other_by_stores_of_every_kind() {
    let jks = [
        ("ssl.key.password", "changeit-key"),
        ("ssl.truststore.type", "JKS"),
    ];
    // Java reads either kind under either name.
    let other = [
        ("ssl.truststore.type", "JKS"),
        ("ssl.keystore.type", "pkcs12"),
    ];
    for (trust, keys, more) in [
        ("trust.jks", "client.jks", &jks[..]),
        ("trust.p12", "client.p12", &other[..]),
        ("trust-java8.p12", "client-java8.p12", &[]),
        ("trust-open.p12", "openssl.p12", &[]),
        ("trust.jks", "openssl-1.p12", &[]),
    ] {
        works(java(trust, keys, more).await).await;
    }
}

#[tokio::test]
async fn an_authority_that_only_came_along_with_a_key_is_not_trusted() {
    let config = java("openssl.p12", "client.p12", &[]).await;
    match connect(config).await {
        Err(StartError::Auth { reason, .. }) => assert_eq!(reason, AuthFailure::UnknownAuthority),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_store_is_said_of_the_setting_at_fault() {
    let key_password = ("ssl.key.password", "canary");
    let truststore_password = ("ssl.truststore.password", "canary");
    let keystore_password = ("ssl.keystore.password", "canary");
    for (trust, keys, wrong, part) in [
        (
            "trust.jks",
            "client.jks",
            truststore_password,
            "does not open the store",
        ),
        (
            "trust.p12",
            "client.p12",
            truststore_password,
            "does not open the store",
        ),
        (
            "trust.p12",
            "client.p12",
            ("ssl.truststore.password", ""),
            "must be set",
        ),
        (
            "trust.jks",
            "client.jks",
            keystore_password,
            "does not open the store",
        ),
        (
            "trust.jks",
            "client.p12",
            keystore_password,
            "does not open the store",
        ),
        (
            "trust.jks",
            "client.p12",
            ("ssl.keystore.password", ""),
            "must be set",
        ),
        (
            "trust.jks",
            "client.jks",
            key_password,
            "does not open a key",
        ),
        (
            "trust.jks",
            "client.p12",
            key_password,
            "does not open a key",
        ),
    ] {
        match connect(java(trust, keys, &[wrong]).await).await {
            Err(StartError::Config(ConfigError::Invalid { key, rule })) => {
                assert_eq!(key, wrong.0, "{trust} {keys}: {rule}");
                assert!(rule.contains(part), "{trust} {keys}: {rule}");
                assert!(!rule.contains("canary"), "{rule}");
            }
            other => panic!("{trust} {keys}: {other:?}"),
        }
    }
    // The store's password is not the key's, and nobody gave that.
    match connect(java("trust.jks", "client.jks", &[]).await).await {
        Err(StartError::Config(ConfigError::Invalid { key, rule })) => {
            assert_eq!(key, "ssl.keystore.password");
            assert!(rule.contains("ssl.key.password"), "{rule}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_file_that_is_no_such_store_is_a_setting_at_fault() {
    let broken = file("broken.p12", "");
    let whole = std::fs::read(stored("trust.p12")).unwrap();
    std::fs::write(&broken, &whole[..whole.len() / 2]).unwrap();
    let jceks = file("store.jceks", "");
    std::fs::write(&jceks, [0xce; 8]).unwrap();
    let (keys, pem) = (stored("openssl.p12"), stored("client.pem"));
    for (setting, path, part) in [
        ("ssl.truststore.location", &broken, "is damaged"),
        ("ssl.truststore.location", &jceks, "is a JCEKS store"),
        (
            "ssl.keystore.location",
            &stored("trust.jks"),
            "without a private key",
        ),
        ("ssl.certificate.location", &keys, "must be PEM"),
        ("ssl.key.location", &keys, "must be PEM"),
    ] {
        let both = [
            ("ssl.certificate.location", pem.to_str().unwrap()),
            ("ssl.key.location", pem.to_str().unwrap()),
            (setting, path.to_str().unwrap()),
        ];
        let settings = if setting.contains("store") {
            &both[2..]
        } else {
            &both[..]
        };
        match connect(java("trust.jks", "client.p12", settings).await).await {
            Err(StartError::Config(ConfigError::Invalid { key, rule })) => {
                assert!(rule.contains(part), "{key} {rule}");
                if setting.contains("store") {
                    assert_eq!(key, setting);
                }
            }
            other => panic!("{setting}: {other:?}"),
        }
    }
}
