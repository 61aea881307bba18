//! The settings of security against each other, before anything is dialled.
#![cfg(feature = "tls")]

use guanaco_engine::{
    ConfigError, Mechanism, ProducerConfig, SecurityProtocol, TlsVersions, Token, TokenError,
};
use std::sync::Arc;

fn ready(properties: &[(&str, &str)]) -> ProducerConfig {
    let all = [("bootstrap.servers", "localhost:9093")];
    let all = all.iter().chain(properties).copied();
    ProducerConfig::from_properties(all).unwrap().0
}

fn refusal(properties: &[(&str, &str)]) -> String {
    ready(properties).validate().unwrap_err().to_string()
}

fn set(key: &str, value: &str) -> String {
    let mut config = ProducerConfig::default();
    config.set(key, value).unwrap_err().to_string()
}

const PLAIN: [(&str, &str); 3] = [
    ("sasl.mechanism", "PLAIN"),
    ("sasl.username", "alice"),
    ("sasl.password", "secret"),
];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    PLAIN.iter().chain(more).copied().collect()
}

#[test]
fn passwords_and_tokens_in_the_clear_take_an_opt_in() {
    let clear = ("security.protocol", "SASL_PLAINTEXT");
    for mechanism in ["PLAIN", "OAUTHBEARER"] {
        let error = refusal(&with(&[clear, ("sasl.mechanism", mechanism)]));
        assert!(error.starts_with("sasl.mechanism "), "{error}");
        assert!(error.contains("security.protocol=SASL_SSL"), "{error}");
        assert!(error.contains("sasl.allow.cleartext=true"), "{error}");
    }
    let opted = with(&[clear, ("sasl.allow.cleartext", "true")]);
    ready(&opted).validate().unwrap();
    for scram in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let config = ready(&with(&[clear, ("sasl.mechanism", scram)]));
        config.validate().unwrap();
    }
}

#[test]
fn the_check_of_names_goes_off_by_a_call_or_an_opt_in_only() {
    let off = [
        ("security.protocol", "SSL"),
        ("ssl.endpoint.identification.algorithm", ""),
    ];
    let error = refusal(&off);
    assert!(error.contains("dangerous_accept_any_hostname"), "{error}");
    assert!(error.contains("ssl.allow.insecure=true"), "{error}");
    assert!(ready(&off).security.tls.checks_hostname());

    let opted = ready(&[off[0], off[1], ("ssl.allow.insecure", "true")]);
    opted.validate().unwrap();
    assert!(!opted.security.tls.checks_hostname());

    let mut called = ready(&off[..1]);
    called.security.tls.dangerous_accept_any_hostname();
    called.validate().unwrap();
    assert!(!called.security.tls.checks_hostname());
    // The opt-in alone switches nothing off.
    let alone = ready(&[off[0], ("ssl.allow.insecure", "true")]);
    assert!(alone.security.tls.checks_hostname());
}

#[test]
fn what_is_missing_is_named() {
    let sasl = ("security.protocol", "SASL_SSL");
    for (settings, part) in [
        (&[sasl][..], "sasl.mechanism is not supported yet"),
        (
            &[sasl, ("sasl.mechanism", "PLAIN")],
            "must give username and password",
        ),
        (
            &[sasl, ("sasl.mechanism", "OAUTHBEARER")],
            "sasl.oauthbearer.token.endpoint.url must be set",
        ),
        (
            &[
                sasl,
                ("sasl.mechanism", "OAUTHBEARER"),
                ("sasl.oauthbearer.token.endpoint.url", "https://idp/token"),
            ],
            "client.id must be set",
        ),
        (
            &[("security.protocol", "SSL"), ("ssl.key.location", "/k")],
            "must be given beside a key",
        ),
        (
            &[
                ("security.protocol", "SSL"),
                ("ssl.certificate.location", "/c"),
            ],
            "must be given beside a certificate",
        ),
    ] {
        let error = refusal(settings);
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_login_module_must_be_that_of_the_mechanism() {
    let module = "org.apache.kafka.common.security.scram.ScramLoginModule required \
                  username=\"a\" password=\"canary\";";
    let settings = [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.jaas.config", module),
    ];
    let error = refusal(&settings);
    assert!(error.contains("login module"), "{error}");
    assert!(!error.contains("canary"), "{error}");
}

#[test]
fn a_token_endpoint_beyond_this_machine_is_https() {
    let oidc = |url| {
        ready(&[
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "OAUTHBEARER"),
            ("sasl.oauthbearer.client.id", "i"),
            ("sasl.oauthbearer.client.secret", "s"),
            ("sasl.oauthbearer.token.endpoint.url", url),
        ])
    };
    oidc("https://idp.example/token").validate().unwrap();
    oidc("http://127.0.0.1:8080/token").validate().unwrap();
    let mut config = oidc("http://idp.example/token");
    let error = config.validate().unwrap_err().to_string();
    assert!(error.contains("https"), "{error}");
    config.set("sasl.allow.cleartext", "true").unwrap();
    config.validate().unwrap();
    let error = set("sasl.oauthbearer.token.endpoint.url", "file:///etc/canary");
    assert!(
        error.contains("https") && !error.contains("canary"),
        "{error}"
    );
}

#[test]
fn stores_of_java_are_refused_with_the_way_to_convert_them() {
    assert!(set("ssl.truststore.type", "JKS").contains("keytool -list -rfc"));
    assert!(set("ssl.keystore.type", "pkcs12").contains("openssl pkcs12"));
}

#[test]
fn both_spellings_come_to_the_same() {
    let java = ready(&[
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "PLAIN"),
        (
            "sasl.jaas.config",
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" \
             password=\"p\";",
        ),
        ("ssl.truststore.location", "/ca.pem"),
        ("ssl.keystore.location", "/both.pem"),
        ("ssl.enabled.protocols", "TLSv1.3"),
    ]);
    let librdkafka = ready(&[
        ("security.protocol", "sasl_ssl"),
        ("sasl.mechanisms", "PLAIN"),
        ("sasl.username", "u"),
        ("sasl.password", "p"),
        ("ssl.ca.location", "/ca.pem"),
        ("ssl.certificate.location", "/both.pem"),
        ("ssl.key.location", "/both.pem"),
        ("ssl.enabled.protocols", "TLSv1.3"),
    ]);
    for config in [&java, &librdkafka] {
        let security = &config.security;
        assert_eq!(security.protocol, SecurityProtocol::SaslSsl);
        assert_eq!(security.sasl.mechanism, Some(Mechanism::Plain));
        assert_eq!(security.tls.versions, TlsVersions::V1_3);
        assert_eq!(security.sasl.password, Some("p".into()));
    }
    assert_eq!(
        java.security.sasl.username,
        librdkafka.security.sasl.username
    );
    assert_eq!(java.security.tls.roots, librdkafka.security.tls.roots);
    assert_eq!(java.security.tls.key, librdkafka.security.tls.key);
    assert_eq!(
        java.security.tls.certificate,
        librdkafka.security.tls.certificate
    );
}

#[test]
fn old_versions_of_tls_are_never_spoken() {
    let mut config = ProducerConfig::default();
    let warning = config.set("ssl.enabled.protocols", "TLSv1.2,TLSv1.1");
    let warning = warning.unwrap().expect("it says so");
    assert!(warning.advice.contains("never spoken"));
    assert_eq!(config.security.tls.versions, TlsVersions::V1_2);
    for old in ["TLSv1.1", "TLSv1", "SSLv3", ""] {
        assert!(
            set("ssl.enabled.protocols", old).contains("TLSv1.3"),
            "{old}"
        );
    }
}

#[test]
fn a_provider_of_tokens_needs_nothing_else() {
    let mut config = ready(&[("security.protocol", "SASL_SSL")]);
    let provider = || async { Err::<Token, _>(TokenError::new("none")) };
    config.security.sasl.set_token_provider(Arc::new(provider));
    config.validate().unwrap();
}

#[test]
fn kerberos_is_named_as_what_is_not_here_yet() {
    let module = "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true;";
    for (key, value) in [("sasl.mechanism", "GSSAPI"), ("sasl.jaas.config", module)] {
        let mut config = ProducerConfig::default();
        match config.set(key, value) {
            Err(ConfigError::NotYet { waits_for, .. }) => assert!(waits_for.contains("Kerberos")),
            other => panic!("{other:?}"),
        }
    }
}
