//! A section over settings from code: what it sets counts, and nothing else.

use super::{hocon, keyless};
use guanaco::{
    NoKey, ProducerSettings,
    config::{Config, Format},
    discovery::StaticDiscovery,
};
use std::time::Duration;

/// Settings of which nothing is as it is by default.
fn of_code() -> ProducerSettings<NoKey, String> {
    let brokers = StaticDiscovery::new().with_service("kafka", ["a:1"]);
    keyless()
        .with_parallelism(3)
        .with_parallelism_bytes(4_096)
        .with_close_timeout(Duration::from_secs(5))
        .with_close_producer_on_stop(false)
        .with_resolve_timeout(Duration::from_secs(6))
        .with_discovery(brokers.unwrap(), "kafka")
        .with_property("linger.ms", "7")
}

#[test]
fn what_a_section_does_not_set_is_as_the_code_has_it() {
    for config in [
        Config::new(),
        hocon("guanaco.producer { parallelism = null }"),
    ] {
        let section = config.producer().unwrap();
        let settings = of_code().with_section(&section);
        assert_eq!(format!("{settings:?}"), format!("{:?}", of_code()));
    }
}

#[test]
fn what_a_section_sets_wins_over_the_code_also_where_it_is_the_default() {
    let reference = include_str!("../../../src/settings/reference.conf");
    let section = Config::parse(reference, Format::Hocon).unwrap();
    let section = section.producer().unwrap();
    let settings = of_code().with_section(&section);
    let expected = keyless().with_property("linger.ms", "7");
    assert_eq!(format!("{settings:?}"), format!("{expected:?}"));
}

#[test]
fn a_variable_or_an_override_sets_as_a_file_does() {
    let config = Config::new()
        .with_env_from([("GUANACO_PRODUCER__PARALLELISM", "9")])
        .with_overrides("-X", [("linger.ms", "8")]);
    let settings = of_code().with_section(&config.producer().unwrap());
    let expected = of_code()
        .with_parallelism(9)
        .with_property("linger.ms", "8");
    assert_eq!(format!("{settings:?}"), format!("{expected:?}"));
}

#[test]
fn the_close_timeout_is_the_sections_in_both_spellings() {
    for text in [
        "close-timeout = 9s",
        "kafka-clients.close.timeout.ms = 9000",
    ] {
        let section = hocon(&format!("guanaco.producer.{text}"));
        let settings = of_code().with_section(&section.producer().unwrap());
        assert_eq!(settings.close_timeout(), Duration::from_secs(9), "{text}");
    }
}

#[test]
fn an_empty_service_name_takes_discovery_away() {
    let section = hocon("guanaco.producer.service-name = \"\"");
    let settings = of_code().with_section(&section.producer().unwrap());
    assert_eq!(settings.service_name(), None);
}
