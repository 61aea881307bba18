//! HOCON: what a file may say, and where each setting is from.

use super::{Directory, entry, hocon, refused};
use guanaco::{
    NoKey, ProducerSettings,
    config::{Config, Format, LoadError},
    serialization::StringSerializer,
};
use std::time::Duration;

#[test]
fn without_a_word_everything_has_its_default() {
    let section = Config::new().producer().unwrap();
    assert_eq!(section.path(), "guanaco.producer");
    assert!(section.entries().all(|entry| entry.origin().is_default()));
    assert!(section.warnings().is_empty() && section.properties().next().is_none());
    let plain: ProducerSettings<NoKey, String> = ProducerSettings::keyless(StringSerializer);
    let read = plain.clone().with_section(&section);
    assert_eq!(format!("{read:?}"), format!("{plain:?}"));
}

#[test]
fn all_three_default_sections_have_the_defaults() {
    for root in ["guanaco", "akka.kafka", "pekko.kafka"] {
        let section = hocon("").producer_at(&format!("{root}.producer")).unwrap();
        assert_eq!(section.entries().count(), 11, "{root}");
        assert!(
            section.entries().all(|entry| entry.origin().is_default()),
            "{root}"
        );

        let text = format!("{root}.producer.parallelism = 7");
        let section = hocon(&text).producer().unwrap();
        assert_eq!(section.path(), format!("{root}.producer"));
        assert_eq!(entry(&section, "parallelism"), "7 from text:1");
        assert_eq!(entry(&section, "close-timeout"), "60s from default");
    }
}

#[test]
fn two_default_sections_are_told_apart_by_name_only() {
    let config = hocon("akka.kafka.producer.parallelism = 1, guanaco.producer.parallelism = 2");
    let error = config.producer().unwrap_err();
    assert_eq!(
        error.to_string(),
        "guanaco.producer (text:1) and akka.kafka.producer (text:1) are both set: \
         name the section that is meant"
    );
    let section = config.producer_at("akka.kafka.producer").unwrap();
    assert_eq!(entry(&section, "parallelism"), "1 from text:1");
}

#[test]
fn a_section_inherits_and_tells_from_where() {
    let config = hocon(
        "akka.kafka.producer {\n\
           kafka-clients { bootstrap.servers = \"a:1\", linger.ms = 1 }\n\
         }\n\
         orders.producer = ${akka.kafka.producer} {\n\
           parallelism = 5\n\
           kafka-clients { linger.ms = 2 }\n\
         }\n\
         orders.other : ${orders.producer}\n\
         akka.kafka.producer.kafka-clients.acks = 1\n",
    );
    for path in ["orders.producer", "orders.other"] {
        let section = config.producer_at(path).unwrap();
        assert_eq!(entry(&section, "parallelism"), "5 from text:5");
        assert_eq!(entry(&section, "kafka-clients.linger.ms"), "2 from text:6");
        assert_eq!(
            entry(&section, "kafka-clients.bootstrap.servers"),
            "a:1 from text:2"
        );
        assert_eq!(entry(&section, "kafka-clients.acks"), "1 from text:9");
        assert_eq!(entry(&section, "close-timeout"), "60s from default");
    }
}

#[test]
fn a_file_includes_others_from_where_it_is() {
    let directory = Directory::new(&[
        (
            "application.conf",
            "include \"parts/common\"\nakka.kafka.producer.parallelism = 9",
        ),
        (
            "parts/common.conf",
            "include \"brokers.conf\"\ninclude \"none.conf\"\nakka.kafka { include \"tuning.conf\" }",
        ),
        (
            "parts/brokers.conf",
            "brokers = \"a:1\"\nakka.kafka.producer.kafka-clients.bootstrap.servers = ${brokers}",
        ),
        (
            "parts/tuning.conf",
            "wait = 7\nproducer.kafka-clients {\n  linger.ms = ${wait}\n  client.id = ${?CARGO_PKG_NAME}\n}",
        ),
    ]);
    let section = directory
        .load("application.conf")
        .unwrap()
        .producer()
        .unwrap();
    let place = |key: &str| entry(&section, key).replace(&directory.0.display().to_string(), "");
    assert_eq!(place("parallelism"), "9 from /application.conf:2");
    assert_eq!(
        place("kafka-clients.bootstrap.servers"),
        "a:1 from /parts/brokers.conf:2"
    );
    assert_eq!(
        place("kafka-clients.linger.ms"),
        "7 from /parts/tuning.conf:3"
    );
    assert_eq!(
        place("kafka-clients.client.id"),
        "guanaco from /parts/tuning.conf:4 ($CARGO_PKG_NAME)"
    );
}

#[test]
fn what_an_included_file_refers_to_is_looked_for_where_it_is_included() {
    let directory = Directory::new(&[
        (
            "app.conf",
            "base.parallelism = 1\nshop { include \"part\" }",
        ),
        (
            "part.conf",
            "base.parallelism = 2\nproducer = ${base} {\n kafka-clients.acks = ${?base.acks}\n}",
        ),
    ]);
    let config = directory.load("app.conf").unwrap();
    let section = config.producer_at("shop.producer").unwrap();
    let place = entry(&section, "parallelism");
    assert!(
        place.starts_with("2 from ") && place.ends_with("part.conf:1"),
        "{place}"
    );
    assert_eq!(section.properties().count(), 0);
}

#[test]
fn an_include_that_is_required_or_broken_is_named() {
    let directory = Directory::new(&[
        ("missing.conf", "include required(\"none.conf\")"),
        ("itself.conf", "include \"itself.conf\""),
        ("outer.conf", "\ninclude \"broken.conf\""),
        ("broken.conf", "a = 1\nb = \"hunter2"),
    ]);
    let error = |name: &str| {
        let error = directory.load(name).unwrap_err().to_string();
        error.replace(&directory.0.display().to_string(), "")
    };
    assert_eq!(error("missing.conf"), "/none.conf cannot be included");
    assert_eq!(error("itself.conf"), "/itself.conf cannot be included");
    assert_eq!(
        error("outer.conf"),
        "/broken.conf:2: not valid HOCON: a string has no end"
    );
    assert!(error("gone.conf").starts_with("/gone.conf cannot be read: "));
}

#[test]
fn an_include_from_elsewhere_than_a_file_is_refused() {
    for include in ["classpath(\"a.conf\")", "url(\"http://localhost/a.conf\")"] {
        let text = format!("a = 1\ninclude {include}\n");
        let error = Config::parse(&text, Format::Hocon).unwrap_err();
        assert!(
            error.to_string().starts_with("text:2"),
            "{include}: {error}"
        );
    }
}

#[test]
fn lists_grow_and_values_refer_to_their_former_selves() {
    let config = hocon(
        "servers = [\"a:1\"]\n\
         servers += \"b:2\"\n\
         guanaco.producer.kafka-clients {\n\
           bootstrap.servers = ${servers}\n\
           client.id = orders\n\
           client.id = ${guanaco.producer.kafka-clients.client.id}-eu\n\
         }",
    );
    let section = config.producer().unwrap();
    assert_eq!(
        entry(&section, "kafka-clients.bootstrap.servers"),
        "a:1,b:2 from text:4"
    );
    assert_eq!(
        entry(&section, "kafka-clients.client.id"),
        "orders-eu from text:6"
    );
}

#[test]
fn variables_fill_substitutions_and_optional_ones_give_way() {
    let config = hocon(
        "guanaco.producer.kafka-clients {\n\
           client.id = fallback\n\
           client.id = ${?CARGO_PKG_NAME}\n\
           linger.ms = 3\n\
           linger.ms = ${?GUANACO_NO_SUCH_VARIABLE}\n\
           bootstrap.servers = ${CARGO_PKG_NAME}\":9092\"\n\
         }",
    );
    let section = config.producer().unwrap();
    assert_eq!(
        entry(&section, "kafka-clients.client.id"),
        "guanaco from text:3 ($CARGO_PKG_NAME)"
    );
    assert_eq!(entry(&section, "kafka-clients.linger.ms"), "3 from text:4");
    assert_eq!(
        entry(&section, "kafka-clients.bootstrap.servers"),
        "guanaco:9092 from text:6 ($CARGO_PKG_NAME)"
    );
}

#[test]
fn a_substitution_that_stands_for_nothing_is_an_error_in_the_section_only() {
    let text = "akka.actor.my-dispatcher = ${akka.actor.default-dispatcher} { x = 1 }\n\
                elsewhere = ${NO_SUCH_VARIABLE}\n\
                akka.kafka.producer.parallelism = 3";
    assert!(hocon(text).producer().is_ok());

    let error = refused("guanaco.producer {\n kafka-clients.client.id = x${kafka.client}\n}");
    assert_eq!(
        error.to_string(),
        "text:2: guanaco.producer.kafka-clients.client.id refers to ${kafka.client} that is not set"
    );
    assert!(hocon("a = ${NO_SUCH_SECTION}").producer_at("a").is_err());
    let cycle = Config::parse("a = ${b}\nb = ${a}", Format::Hocon).unwrap_err();
    assert!(cycle.to_string().contains("refers to itself"), "{cycle}");
}

#[test]
fn values_are_texts_as_kafka_wants_them() {
    let config = hocon(
        "guanaco.producer.kafka-clients {\n\
           bootstrap { servers = [\"a:1\", \"b:2\"] }\n\
           enable.idempotence = true\n\
           buffer.memory = 33554432\n\
           \"metadata.max.age.ms\" = 6000\n\
           retries = null\n\
         }",
    );
    let text = format!("{config:?}");
    assert!(!text.contains("33554432"), "{text}");
    let settings: ProducerSettings<NoKey, String> = ProducerSettings::keyless(StringSerializer);
    let settings = settings.with_section(&config.producer().unwrap());
    assert_eq!(settings.property("bootstrap.servers"), Some("a:1,b:2"));
    assert_eq!(settings.property("enable.idempotence"), Some("true"));
    assert_eq!(settings.property("metadata.max.age.ms"), Some("6000"));
    assert_eq!(settings.property("retries"), None);
}

#[test]
fn durations_and_sizes_have_units() {
    let config = hocon(
        "guanaco.producer { close-timeout = 3 seconds, parallelism-bytes = 2 MiB, \
         resolve-timeout = infinite, close-on-producer-stop = off }",
    );
    let settings: ProducerSettings<String, String> =
        ProducerSettings::from_config(&config, StringSerializer, StringSerializer).unwrap();
    assert_eq!(settings.close_timeout(), Duration::from_secs(3));
    assert_eq!(settings.parallelism_bytes(), 2 << 20);
    assert!(!settings.close_producer_on_stop());

    let error = refused("guanaco.producer.close-timeout = 3 fortnights");
    assert!(
        error
            .to_string()
            .starts_with("text:1: guanaco.producer.close-timeout must be a duration")
    );
    let ms = hocon("guanaco.producer.close-timeout = 250")
        .producer()
        .unwrap();
    let settings: ProducerSettings<NoKey, String> = ProducerSettings::keyless(StringSerializer);
    assert_eq!(
        settings.with_section(&ms).close_timeout(),
        Duration::from_millis(250)
    );
}

#[test]
fn one_key_in_two_spellings_is_refused() {
    let error = refused("guanaco.producer.kafka-clients {\n linger.ms = 1\n \"linger.ms\" = 2\n}");
    assert!(matches!(error, LoadError::Twice { .. }), "{error}");
    let error =
        refused("guanaco.producer {\n close-timeout = 1s\n kafka-clients.close.timeout.ms = 5\n}");
    assert!(matches!(error, LoadError::Twice { .. }), "{error}");
}
