//! Both sides know each other, in the spellings of Java and of librdkafka.

use crate::support::{ALICE, config, connect, file, jaas, site, trusting, works};
use guanaco_engine::{AuthFailure, StartError};

#[tokio::test]
async fn tls_with_an_authority_in_a_file_or_in_the_settings() {
    let pem = site().await.authority.pem();
    let path = file("ca.pem", pem);
    let path = path.to_str().unwrap();
    let one_line = pem.replace('\n', "\\n");
    for (key, value) in [
        ("ssl.truststore.location", path),
        ("ssl.ca.location", path),
        ("ssl.truststore.certificates", pem),
        ("ssl.ca.pem", &one_line),
    ] {
        works(config("TLS", &[("security.protocol", "SSL"), (key, value)]).await).await;
    }
}

#[tokio::test]
async fn either_version_of_tls() {
    for version in ["TLSv1.2", "TLSv1.3"] {
        let settings = [
            ("security.protocol", "ssl"),
            ("ssl.enabled.protocols", version),
        ];
        works(config("TLS", &trusting(&settings).await).await).await;
    }
}

#[tokio::test]
async fn tls_with_a_certificate_of_ours() {
    let client = &site().await.client;
    let both = file("client.pem", &format!("{}{}", client.key, client.chain));
    let (key, chain) = (
        file("client.key", &client.key),
        file("client.crt", &client.chain),
    );
    for (certificate, private_key) in [
        (
            ("ssl.keystore.type", "PEM"),
            ("ssl.keystore.location", both.to_str().unwrap()),
        ),
        (
            ("ssl.keystore.certificate.chain", client.chain.as_str()),
            ("ssl.keystore.key", client.key.as_str()),
        ),
        (
            ("ssl.certificate.location", chain.to_str().unwrap()),
            ("ssl.key.location", key.to_str().unwrap()),
        ),
    ] {
        let settings = [("security.protocol", "SSL"), certificate, private_key];
        works(config("MTLS", &trusting(&settings).await).await).await;
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_only_where_that_was_asked_for() {
    let settings = [
        ("security.protocol", "SSL"),
        ("ssl.endpoint.identification.algorithm", ""),
        ("ssl.allow.insecure", "true"),
    ];
    works(config("ELSEWHERE", &trusting(&settings).await).await).await;

    let mut called = config(
        "ELSEWHERE",
        &trusting(&[("security.protocol", "SSL")]).await,
    )
    .await;
    called.security.tls.dangerous_accept_any_hostname();
    works(called.clone()).await;
    // Whoever is not vouched for is not let in by it.
    called.security.tls.roots = None;
    assert!(matches!(
        connect(called).await,
        Err(StartError::Auth {
            reason: AuthFailure::UnknownAuthority,
            ..
        })
    ));
}

#[tokio::test]
async fn plain_and_scram_over_tls_as_java_spells_them() {
    for (mechanism, module, user) in [
        ("PLAIN", "plain.PlainLoginModule", ("bob", "canary-bob")),
        ("SCRAM-SHA-256", "scram.ScramLoginModule", ALICE),
        ("SCRAM-SHA-512", "scram.ScramLoginModule", ALICE),
    ] {
        let jaas = jaas(module, user);
        let settings = [
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", mechanism),
            ("sasl.jaas.config", &jaas),
        ];
        works(config("SASL_TLS", &trusting(&settings).await).await).await;
    }
}

#[tokio::test]
async fn plain_and_scram_as_librdkafka_spells_them() {
    let cleartext = [
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanisms", "PLAIN"),
        ("sasl.username", "bob"),
        ("sasl.password", "canary-bob"),
        ("sasl.allow.cleartext", "true"),
    ];
    works(config("SASL", &cleartext).await).await;
    let scram = [
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanisms", "SCRAM-SHA-512"),
        ("sasl.username", ALICE.0),
        ("sasl.password", ALICE.1),
    ];
    works(config("SASL", &scram).await).await;
}
