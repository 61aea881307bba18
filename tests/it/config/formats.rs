//! One layout in every format, and what wins over what.

use super::{entry, keyless};
use guanaco::config::{Config, Format, LoadError, ProducerSection};
use std::{path::Path, time::Duration};

#[track_caller]
fn check(section: &ProducerSection, lines: [usize; 4]) {
    let [parallelism, close, servers, linger] = lines;
    assert_eq!(
        entry(section, "parallelism"),
        format!("50 from text:{parallelism}")
    );
    assert_eq!(
        entry(section, "close-timeout"),
        format!("5s from text:{close}")
    );
    assert_eq!(
        entry(section, "kafka-clients.bootstrap.servers"),
        format!("a:1,b:2 from text:{servers}")
    );
    assert_eq!(
        entry(section, "kafka-clients.linger.ms"),
        format!("20 from text:{linger}")
    );
    assert_eq!(entry(section, "parallelism-bytes"), "32 MiB from default");
    let settings = keyless().with_section(section);
    assert_eq!(settings.close_timeout(), Duration::from_secs(5));
    assert_eq!(settings.properties().count(), 2);
}

#[test]
fn toml_has_the_same_layout() {
    let text = "[guanaco.producer]\n\
                parallelism = 50\n\
                close-timeout = \"5s\"\n\
                [guanaco.producer.kafka-clients]\n\
                bootstrap.servers = [\"a:1\", \"b:2\"]\n\
                \"linger.ms\" = 0x14\n";
    let section = Config::parse(text, Format::Toml)
        .unwrap()
        .producer()
        .unwrap();
    check(&section, [2, 3, 5, 6]);
}

#[test]
fn yaml_has_the_same_layout() {
    let text = "akka.kafka:\n\
                \x20 producer:\n\
                \x20   parallelism: 50\n\
                \x20   close-timeout: 5s\n\
                \x20   use-dispatcher: ~\n\
                \x20   kafka-clients:\n\
                \x20     bootstrap.servers: [\"a:1\", 'b:2']\n\
                \x20     linger.ms: 20\n";
    let section = Config::parse(text, Format::Yaml)
        .unwrap()
        .producer()
        .unwrap();
    assert_eq!(section.path(), "akka.kafka.producer");
    check(&section, [3, 4, 7, 8]);
}

#[test]
fn json_is_hocon() {
    let text = "{\"guanaco\": {\"producer\": {\n\
                \"parallelism\": 50,\n\
                \"close-timeout\": \"5s\",\n\
                \"kafka-clients\": {\n\
                \"bootstrap.servers\": \"a:1,b:2\",\n\
                \"linger.ms\": 20 }}}}";
    let section = Config::parse(text, Format::Hocon)
        .unwrap()
        .producer()
        .unwrap();
    check(&section, [2, 3, 5, 6]);
}

#[test]
fn properties_are_kafkas_keys_for_the_default_section() {
    let text = "# client\nbootstrap.servers = a:1,\\\n  b:2\nlinger.ms: 20\n";
    let config = Config::parse(text, Format::Properties).unwrap();
    let section = config.producer().unwrap();
    assert_eq!(
        entry(&section, "kafka-clients.bootstrap.servers"),
        "a:1,b:2 from text:2"
    );
    assert_eq!(entry(&section, "kafka-clients.linger.ms"), "20 from text:4");
    let error = Config::parse("a=\\u12", Format::Properties).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("text:1: not valid Java properties: \\u wants")
    );
}

#[test]
fn variables_alone_are_a_configuration() {
    let config = Config::new().with_env_from([
        ("GUANACO_PRODUCER__PARALLELISM", "50"),
        ("GUANACO_PRODUCER__CLOSE_ON_PRODUCER_STOP", "false"),
        ("GUANACO_PRODUCER__KAFKA_CLIENTS__BOOTSTRAP_SERVERS", "a:1"),
        ("GUANACO_BOOTSTRAP_SERVERS", "not of a section"),
        ("ORDERS_PRODUCER__PARALLELISM", "7"),
    ]);
    let section = config.producer().unwrap();
    assert_eq!(
        entry(&section, "kafka-clients.bootstrap.servers"),
        "a:1 from $GUANACO_PRODUCER__KAFKA_CLIENTS__BOOTSTRAP_SERVERS"
    );
    let settings = keyless().with_section(&section);
    assert_eq!(settings.parallelism(), 50);
    assert!(!settings.close_producer_on_stop());
    let orders = config.producer_at("orders.producer").unwrap();
    assert_eq!(
        entry(&orders, "parallelism"),
        "7 from $ORDERS_PRODUCER__PARALLELISM"
    );
}

#[test]
fn overrides_win_over_variables_and_variables_over_the_file() {
    let text = "akka.kafka.producer { parallelism = 1, kafka-clients { linger.ms = 1, acks = 1 } }";
    let config = Config::parse(text, Format::Hocon).unwrap();
    let config = config
        .with_env_from([
            ("GUANACO_PRODUCER__KAFKA_CLIENTS__LINGER_MS", "2"),
            ("GUANACO_PRODUCER__KAFKA_CLIENTS__ACKS", "all"),
        ])
        .with_overrides("-X", [("linger.ms", "3")]);
    let section = config.producer().unwrap();
    assert_eq!(entry(&section, "parallelism"), "1 from text:1");
    assert_eq!(
        entry(&section, "kafka-clients.acks"),
        "all from $GUANACO_PRODUCER__KAFKA_CLIENTS__ACKS"
    );
    assert_eq!(entry(&section, "kafka-clients.linger.ms"), "3 from -X");
}

#[test]
fn a_files_ending_says_what_it_is() {
    for (name, format) in [
        ("application.conf", Some(Format::Hocon)),
        ("a.b/application.JSON", Some(Format::Hocon)),
        ("client.properties", Some(Format::Properties)),
        ("app.toml", Some(Format::Toml)),
        ("app.yml", Some(Format::Yaml)),
        ("app.yaml", Some(Format::Yaml)),
        ("app", None),
        ("app.xml", None),
    ] {
        assert_eq!(Format::of(Path::new(name)), format, "{name}");
    }
    let error = Config::load("app.xml").unwrap_err();
    assert!(matches!(error, LoadError::UnknownFormat { .. }), "{error}");
}
