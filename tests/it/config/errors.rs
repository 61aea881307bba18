//! Errors name the place, the setting and the nearest one, never a value.

use super::{hocon, refused};
use guanaco::config::{Config, Format, LoadError};

#[test]
fn an_unknown_key_is_named_with_the_nearest() {
    for (text, expected) in [
        (
            "guanaco.producer.paralelism = 1",
            "guanaco.producer.parallelism",
        ),
        (
            "guanaco.producer.parallelism.x = 1",
            "guanaco.producer.parallelism",
        ),
        (
            "guanaco.producer.kafka-clients.lingr.ms = 1",
            "guanaco.producer.kafka-clients.linger.ms",
        ),
        (
            "guanaco.producer.kafka-client.linger.ms = 1",
            "guanaco.producer.kafka-clients.linger.ms",
        ),
        (
            "akka.kafka.producer.close-time-out = 1s",
            "akka.kafka.producer.close-timeout",
        ),
    ] {
        let error = refused(text);
        let hint = format!("did you mean {expected}?");
        assert!(matches!(error, LoadError::Unknown { .. }), "{error}");
        assert!(error.to_string().starts_with("text:1: "), "{error}");
        assert!(error.to_string().ends_with(&hint), "{error}");
    }
    let error = refused("guanaco.producer.group-id = x");
    assert_eq!(
        error.to_string(),
        "text:1: unknown setting guanaco.producer.group-id"
    );
    let error = refused("guanaco.producer.kafka-clients = x");
    assert!(
        error
            .to_string()
            .ends_with("kafka-clients must be a section"),
        "{error}"
    );
}

#[test]
fn an_unknown_variable_or_override_is_named_as_it_was_given() {
    let config = Config::new().with_env_from([("GUANACO_PRODUCER__KAFKA_CLIENTS__LINGR_MS", "1")]);
    assert_eq!(
        config.producer().unwrap_err().to_string(),
        "$GUANACO_PRODUCER__KAFKA_CLIENTS__LINGR_MS: unknown setting \
         guanaco.producer.kafka-clients.lingr.ms, did you mean \
         guanaco.producer.kafka-clients.linger.ms?"
    );
    let config = Config::new().with_overrides("-X", [("lingr.ms", "1")]);
    assert_eq!(
        config.producer().unwrap_err().to_string(),
        "-X: unknown setting lingr.ms, did you mean linger.ms?"
    );
}

#[test]
fn a_section_that_is_not_there_is_named_with_the_nearest() {
    let config = hocon("orders { producer { parallelism = 1 } }");
    assert_eq!(
        config
            .producer_at("order.producer")
            .unwrap_err()
            .to_string(),
        "there is no section order.producer, did you mean orders.producer?"
    );
    assert!(matches!(
        config.producer_at("orders.producer.parallelism"),
        Err(LoadError::NoSection { .. })
    ));
}

#[test]
fn what_would_make_a_stream_less_safe_is_an_error() {
    for setting in [
        "transaction-id-prefix = orders",
        "eos-commit-interval = 1s",
        "transactional-max-in-flight-requests-per-connection = 5",
        "kafka-clients.transactional.id = orders",
    ] {
        let error = refused(&format!("akka.kafka.producer {{\n  {setting}\n}}"));
        assert!(matches!(error, LoadError::NotYet { .. }), "{error}");
        assert!(
            error
                .to_string()
                .starts_with("text:2: akka.kafka.producer."),
            "{error}"
        );
        assert!(error.to_string().contains("transactions"), "{error}");
    }
    let defaults =
        "akka.kafka.producer { transaction-id-prefix = \"\", eos-commit-interval = 0.1s }";
    assert!(hocon(defaults).producer().is_ok());
}

#[test]
fn a_key_that_is_as_powerful_as_code_is_for_code() {
    for key in [
        "sasl.kerberos.kinit.cmd",
        "sasl.oauthbearer.token.endpoint.url",
        "sasl.oauthbearer.jwks.endpoint.url",
        "sasl.oauthbearer.assertion.file",
        "sasl.oauthbearer.assertion.private.key.file",
        "plugin.library.paths",
    ] {
        let text = format!("guanaco.producer.kafka-clients.\"{key}\" = hunter2");
        let error = refused(&text);
        assert!(matches!(error, LoadError::Guarded { .. }), "{key}: {error}");
        let variable = format!(
            "GUANACO_PRODUCER__KAFKA_CLIENTS__{}",
            key.replace('.', "_").to_uppercase()
        );
        let error = Config::new()
            .with_env_from([(variable, "x")])
            .producer()
            .unwrap_err();
        assert!(matches!(error, LoadError::Guarded { .. }), "{key}: {error}");
        for allowed in [
            hocon(&text).trusted(),
            Config::new().with_overrides("code", [(key, "hunter2")]),
        ] {
            let told = allowed
                .producer()
                .map_or_else(|error| error.to_string(), |_| String::new());
            assert!(!told.contains("trust the configuration"), "{told}");
        }
    }
}

#[test]
fn no_syntax_error_quotes_the_line() {
    for (format, text) in [
        (Format::Hocon, "a = 1\nsasl = \"hunter2"),
        (Format::Hocon, "a = 1\nb { c = [hunter2 }"),
        (Format::Hocon, "a = 1\nb = ${hunter2"),
        (Format::Hocon, "a = 1\nb = \"\\hunter2\""),
        (Format::Toml, "a = 1\nb = hunter2"),
        (Format::Toml, "a = 1\nb = \"hunter2"),
        (Format::Yaml, "a: 1\nb: \"hunter2"),
        (Format::Yaml, "a: 1\nb: hunter2: hunter2"),
        (Format::Yaml, "a: 1\nb: &hunter2 x"),
        (Format::Yaml, "a: 1\n--- \nb: hunter2"),
        (Format::Properties, "a=1\nb=hunter2\\u12"),
    ] {
        let error = Config::parse(text, format).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(matches!(error, LoadError::Syntax { .. }), "{shown}");
        assert!(
            shown.starts_with("text:2") || shown.starts_with("text:3"),
            "{text}: {shown}"
        );
    }
}

#[test]
fn hostile_nesting_is_an_error_and_no_crash() {
    let deep = 100_000;
    for (format, text) in [
        (Format::Hocon, "a{".repeat(deep)),
        (Format::Hocon, format!("a={}", "[".repeat(deep))),
        (Format::Toml, format!("a={}", "[".repeat(deep))),
        (Format::Yaml, format!("a: {}", "[".repeat(deep))),
        (Format::Yaml, format!("{}: 1", "a.".repeat(deep))),
    ] {
        assert!(Config::parse(&text, format).is_err(), "{format}");
    }
}

#[test]
fn substitutions_that_chase_each_other_end() {
    let chain = |length: usize| {
        let mut text = String::from("a = ${?b} { x = 1 }\nb = ${?a} { y = 2 }\n");
        for number in 0..length {
            text += &format!("c{number} = ${{?c{}}} {{ }}\n", number + 1);
        }
        text + "guanaco.producer = ${?a} ${?c0} { parallelism = 3 }"
    };
    let read = |length| {
        let config = Config::parse(&chain(length), Format::Hocon)?;
        config.producer_at("guanaco.producer")
    };
    let told = read(400).map_or_else(|error| error.to_string(), |it| format!("{it:?}"));
    assert!(told.contains("unknown setting guanaco.producer."), "{told}");
    let error = read(3_000).unwrap_err();
    assert!(
        error.to_string().contains("more than 2000 substitutions"),
        "{error}"
    );
}
