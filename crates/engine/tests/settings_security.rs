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
    // Its default is Kerberos.
    let unset = match cfg!(feature = "gssapi") {
        true => "sasl.kerberos.service.name must be set with sasl.mechanism=GSSAPI",
        false => "sasl.mechanism needs the cargo feature \"gssapi\"",
    };
    for (settings, part) in [
        (&[sasl][..], unset),
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
fn stores_are_of_the_kinds_that_java_and_openssl_make() {
    for key in ["ssl.truststore.type", "ssl.keystore.type"] {
        for known in ["JKS", "pkcs12", "PEM"] {
            ready(&[("security.protocol", "SSL"), (key, known)]);
        }
        assert_eq!(
            set(key, "BCFKS"),
            format!("{key} must be PEM, JKS or PKCS12")
        );
    }
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

const KRB5: &str = "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true";

#[test]
fn kerberos_is_configured_in_either_spelling() {
    let module = format!("{KRB5} keyTab=\"/etc/app.keytab\" principal=\"app@EXAMPLE.COM\";");
    let java = ready(&[
        ("sasl.mechanism", "GSSAPI"),
        ("sasl.kerberos.service.name", "kafka"),
        ("sasl.jaas.config", &module),
    ]);
    let librdkafka = ready(&[
        ("sasl.mechanisms", "GSSAPI"),
        ("sasl.kerberos.service.name", "kafka"),
        ("sasl.kerberos.keytab", "FILE:/etc/app.keytab"),
        ("sasl.kerberos.principal", "app@EXAMPLE.COM"),
    ]);
    for config in [&java, &librdkafka] {
        let sasl = &config.security.sasl;
        assert_eq!(sasl.mechanism, Some(Mechanism::Gssapi));
        assert_eq!(sasl.kerberos.service_name.as_deref(), Some("kafka"));
        assert_eq!(sasl.kerberos.keytab, Some("/etc/app.keytab".into()));
        assert_eq!(sasl.kerberos.principal, Some("app@EXAMPLE.COM".into()));
        let shown = format!("{config:?}");
        assert!(!shown.contains("app@EXAMPLE.COM"), "{shown}");
    }
}

#[test]
fn a_command_of_kerberos_is_never_run_and_said_to_be_so() {
    let mut config = ProducerConfig::default();
    let warning = config.set("sasl.kerberos.kinit.cmd", "/bin/kinit -k canary");
    let warning = warning.unwrap().expect("it says so").to_string();
    assert!(warning.contains("no command is ever run"), "{warning}");
    assert!(!warning.contains("canary"), "{warning}");
    for (key, other, default) in [
        ("sasl.kerberos.min.time.before.relogin", "1", "60000"),
        ("sasl.kerberos.ticket.renew.jitter", "0.1", "0.05"),
        ("sasl.kerberos.ticket.renew.window.factor", "0.5", "0.8"),
    ] {
        assert!(config.set(key, other).unwrap().is_some(), "{key}");
        assert_eq!(config.set(key, default), Ok(None), "{key}");
    }
}

#[test]
fn kerberos_needs_its_feature() {
    let sasl = ("security.protocol", "SASL_SSL");
    let module = format!("{KRB5} principal=\"app@EXAMPLE.COM\";");
    let service = ("sasl.kerberos.service.name", "kafka");
    let config = ready(&[sasl, ("sasl.jaas.config", &module), service]);
    match (cfg!(feature = "gssapi"), config.validate()) {
        (true, Ok(())) => {}
        (false, Err(ConfigError::Disabled { key, feature })) => {
            assert_eq!((key, feature), ("sasl.mechanism", "gssapi"));
        }
        (_, other) => panic!("{other:?}"),
    }
}

#[cfg(feature = "gssapi")]
#[test]
fn what_kerberos_cannot_do_is_refused_before_anything_is_dialled() {
    let kerberos = |more: &[(&str, &str)]| {
        let all = [
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "GSSAPI"),
        ];
        refusal(&all.iter().chain(more).copied().collect::<Vec<_>>())
    };
    let service = ("sasl.kerberos.service.name", "kafka");
    let conflict = format!("{KRB5} principal=canary serviceName=canary;");
    let cache = format!("{KRB5} useTicketCache=true ticketCache=\"/canary\";");
    for (settings, part) in [
        (
            &[service, ("sasl.jaas.config", &conflict)][..],
            "sasl.kerberos.service.name must not differ from serviceName",
        ),
        (
            &[("sasl.kerberos.service.name", "kafka/canary")],
            "sasl.kerberos.service.name must be the first part",
        ),
        (
            &[service, ("sasl.kerberos.keytab", "/canary")],
            "sasl.kerberos.principal must be set beside a keytab",
        ),
        (
            &[
                service,
                ("sasl.kerberos.keytab", "/canary"),
                ("sasl.kerberos.principal", "canary"),
            ],
            "sasl.kerberos.keytab must be what the environment variable KRB5_CLIENT_KTNAME",
        ),
        (
            &[service, ("sasl.jaas.config", &cache)],
            "sasl.jaas.config must name as ticketCache what the environment variable KRB5CCNAME",
        ),
        (
            &[
                service,
                (
                    "sasl.jaas.config",
                    "org.apache.kafka.common.security.plain.PlainLoginModule required;",
                ),
            ],
            "login module of another sasl.mechanism",
        ),
    ] {
        let error = kerberos(settings);
        assert!(error.contains(part), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
}

#[test]
fn names_made_canonical_are_the_kerberos_librarys_work() {
    let mut config = ProducerConfig::default();
    let key = "client.dns.lookup";
    let error = config.set(key, "resolve_canonical_bootstrap_servers_only");
    let error = error.unwrap_err().to_string();
    assert!(error.contains("dns_canonicalize_hostname"), "{error}");
}
