//! Whatever is set in a secret key, nothing shows it.

use crate::support::{ALICE, Log, config, connect, sends, site, stored, trusting};
use guanaco_engine::{ConfigKey, ProducerConfig};

/// Values that are secret, each another one.
fn secrets() -> Vec<(&'static str, String)> {
    let keys = [
        "sasl.username",
        "sasl.password",
        "sasl.kerberos.principal",
        "sasl.oauthbearer.client.credentials.client.id",
        "sasl.oauthbearer.client.credentials.client.secret",
        "ssl.key.password",
        "ssl.keystore.password",
        "ssl.truststore.password",
    ];
    let canary = |(index, key)| (key, format!("canary-{index}"));
    keys.into_iter().enumerate().map(canary).collect()
}

#[test]
fn every_password_of_the_key_table_is_masked_or_refused() {
    const PEM: &str = "-----BEGIN canary-----";
    for key in ConfigKey::all()
        .iter()
        .filter(|key| key.kind() == "PASSWORD")
    {
        for value in ["canary", PEM] {
            let mut config = ProducerConfig::default();
            let outcome = config.set(key.name(), value);
            let shown = format!("{outcome:?} {config:?} {:?}", config.validate());
            assert!(!shown.contains("canary"), "{}: {shown}", key.name());
        }
    }
}

#[tokio::test]
async fn no_output_of_good_and_failing_starts_holds_a_secret() {
    let log = Log::default();
    let _guard = log.capture();
    let mut shown = String::new();
    let secrets = secrets();
    let key = &site().await.client.key;
    let secret_line = key.lines().nth(1).unwrap().to_owned();

    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] {
        for listener in ["TLS", "EXPIRED", "MTLS", "SASL_TLS", "SASL"] {
            let mut settings = trusting(&[
                ("security.protocol", "SASL_SSL"),
                ("sasl.mechanism", mechanism),
                ("start.timeout.ms", "700"),
                (
                    "sasl.oauthbearer.token.endpoint.url",
                    "http://127.0.0.1:1/token",
                ),
                ("ssl.keystore.key", key),
                ("ssl.keystore.certificate.chain", &site().await.client.chain),
            ])
            .await;
            settings.extend(secrets.iter().map(|(key, value)| (*key, value.as_str())));
            let config = config(listener, &settings).await;
            shown += &format!("{config:?}");
            let error = connect(config).await.unwrap_err();
            shown += &format!("{error} {error:?}");
        }
    }

    // Stores that are not opened by what they should be.
    for key in ["ssl.truststore.location", "ssl.keystore.location"] {
        for store in ["client.jks", "client.p12", "client-java8.p12"] {
            let store = stored(store);
            let mut settings = vec![("security.protocol", "SSL"), (key, store.to_str().unwrap())];
            settings.extend(secrets.iter().map(|(key, value)| (*key, value.as_str())));
            let config = config("TLS", &settings).await;
            shown += &format!("{config:?}");
            let error = connect(config).await.unwrap_err();
            shown += &format!("{error} {error:?}");
        }
    }

    let good = [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", ALICE.0),
        ("sasl.password", ALICE.1),
    ];
    let producer = connect(config("SASL_TLS", &trusting(&good).await).await)
        .await
        .unwrap();
    sends(&producer, "t", 10).await;
    shown += &format!(
        "{producer:?} {:?} {:?}",
        producer.config(),
        producer.metrics()
    );
    shown += &log.text();

    assert!(log.text().contains("connected"), "nothing was logged");
    assert!(!shown.contains("canary"), "{shown}");
    assert!(!shown.contains(&secret_line), "a private key was shown");
}
