//! Every key of the reference and of `docs/settings.md`, set through a file: it has its value, or
//! the error or warning that is documented.

use super::{entry, hocon, keyless};
use guanaco::{
    NoKey, ProducerSettings,
    config::{Config, Entry, Format, LoadError},
};
use guanaco_engine::ConfigKey;
use std::{collections::BTreeSet, time::Duration};

type Settings = ProducerSettings<NoKey, String>;

#[test]
fn every_key_of_the_reference_is_read() {
    /// What a key makes of the settings.
    type Effect = fn(&Settings) -> bool;
    let effects: &[(&str, &str, Effect)] = &[
        ("close-on-producer-stop", "false", |it| {
            !it.close_producer_on_stop()
        }),
        ("close-timeout", "7 seconds", |it| {
            it.close_timeout() == Duration::from_secs(7)
        }),
        ("parallelism", "12", |it| it.parallelism() == 12),
        ("parallelism-bytes", "3 MiB", |it| {
            it.parallelism_bytes() == 3 << 20
        }),
        ("resolve-timeout", "900ms", |it| {
            it.resolve_timeout() == Duration::from_millis(900)
        }),
    ];
    let warned = ["use-dispatcher"];
    let refused = [
        "eos-commit-interval",
        "transaction-id-prefix",
        "transactional-max-in-flight-requests-per-connection",
    ];
    let together = ["discovery-method", "service-name"];

    for (key, text, effect) in effects {
        let section = hocon(&format!("guanaco.producer.{key} = {text}"))
            .producer()
            .unwrap();
        assert!(effect(&keyless().with_section(&section)), "{key}");
        assert!(!effect(&keyless()), "{key}");
        assert_eq!(entry(&section, key), format!("{text} from text:1"));
    }
    for key in warned {
        let section = hocon(&format!("guanaco.producer.{key} = blocking-io"))
            .producer()
            .unwrap();
        let warning = section.warnings()[0].to_string();
        assert!(warning.starts_with(&format!("text:1: guanaco.producer.{key} has no effect: ")));
    }
    for key in refused {
        let error = hocon(&format!("guanaco.producer.{key} = 7"))
            .producer()
            .unwrap_err();
        assert!(matches!(error, LoadError::NotYet { .. }), "{error}");
    }
    let section = hocon(
        "guanaco.discovery.config.services.s.endpoints = [{ host = a, port = 1 }]\n\
         guanaco.producer { discovery-method = config, service-name = s }",
    );
    let settings = keyless().with_section(&section.producer().unwrap());
    assert_eq!(settings.service_name(), Some("s"));

    let tested = effects.iter().map(|(key, ..)| *key);
    let tested = tested.chain(warned).chain(refused).chain(together);
    let section = Config::new().producer().unwrap();
    let shipped: BTreeSet<_> = section.entries().map(|entry| entry.key()).collect();
    assert_eq!(tested.collect::<BTreeSet<_>>(), shipped);
}

/// Key and status of every row of the documentation's tables.
fn documented() -> Vec<(&'static str, &'static str)> {
    let page = include_str!("../../../docs/settings.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let keys = rows.map(|row| {
        let cells: Vec<_> = row
            .trim_matches('|')
            .splitn(4, " | ")
            .map(str::trim)
            .collect();
        (cells[0].trim_matches('`'), cells[2])
    });
    keys.collect()
}

fn is_number(key: &str) -> bool {
    let mut keys = ConfigKey::all().iter();
    let kind = keys.find(|it| it.name() == key).map(ConfigKey::kind);
    matches!(kind, Some("INT" | "LONG" | "SHORT" | "DOUBLE"))
}

/// A value that is not the default, for keys that take no number.
fn sample(key: &str) -> &'static str {
    match key {
        "acks" | "max.in.flight.requests.per.connection" | "max.in.flight.per.partition" => "1",
        "batch.adaptive" | "enable.idempotence" => "false",
        "bootstrap.servers" => "a:1,b:2",
        "client.dns.lookup" => "use_all_dns_ips",
        "compression.type" => "zstd",
        "metadata.max.idle.ms" => "7000",
        "partitioner.adaptive.partitioning.enable" => "false",
        "partitioner.class" => "DefaultPartitioner",
        "partitioner.ignore.keys" => "true",
        "security.protocol" => "PLAINTEXT",
        _ => "7",
    }
}

#[test]
fn every_documented_key_has_its_value_error_or_warning() {
    let rows = documented();
    assert!(rows.len() > 110, "{}", rows.len());
    for (key, status) in rows {
        let value = sample(key);
        let path = format!("guanaco.producer.kafka-clients.{key}");
        let read = hocon(&format!("{path} = \"{value}\"")).producer();
        match (status, read) {
            ("supported", Ok(section)) => {
                assert_eq!(section.properties().collect::<Vec<_>>(), [(key, value)]);
                let settings = keyless().with_section(&section);
                assert_eq!(settings.property(key), Some(value), "{key}");
            }
            // A name or a switch, to which 7 is no answer.
            (
                "supported",
                Err(LoadError::Invalid { path: at, .. } | LoadError::NotYet { path: at, .. }),
            ) => {
                assert_eq!(at, path);
                assert!(value == "7" && !is_number(key), "{key}");
            }
            ("no effect", Ok(section)) => {
                let warning = section.warnings()[0].to_string();
                assert!(
                    warning.starts_with(&format!("text:1: {path} has no effect: ")),
                    "{warning}"
                );
            }
            ("not yet", Err(LoadError::NotYet { path: at, .. })) => assert_eq!(at, path),
            (_, Err(LoadError::Guarded { path: at, .. })) => {
                assert_eq!(at, path);
                assert!(
                    [".cmd", ".url", ".file"]
                        .iter()
                        .any(|end| key.ends_with(end)),
                    "{key}"
                );
            }
            (_, other) => panic!("{key} is {status}, and gives {other:?}"),
        }
    }
}

#[test]
fn every_format_sets_every_supported_key() {
    for (key, status) in documented() {
        let value = sample(key);
        let by_hocon = hocon(&format!(
            "guanaco.producer.kafka-clients.{key} = \"{value}\""
        ))
        .producer();
        let (true, Ok(expected)) = (status == "supported", by_hocon) else {
            continue;
        };
        let variable = key.replace('.', "_").to_uppercase();
        let variable = format!("GUANACO_PRODUCER__KAFKA_CLIENTS__{variable}");
        for config in [
            Config::parse(
                &format!("guanaco.producer.kafka-clients.{key} = \"{value}\""),
                Format::Toml,
            ),
            Config::parse(
                &format!("guanaco.producer.kafka-clients.{key}: {value}"),
                Format::Yaml,
            ),
            Config::parse(&format!("{key} = {value}"), Format::Properties),
            Ok(Config::new().with_env_from([(variable, value)])),
            Ok(Config::new().with_overrides("code", [(key, value)])),
        ] {
            let section = config.unwrap().producer().unwrap();
            assert!(
                section.properties().eq(expected.properties()),
                "{key}: {section:?}"
            );
        }
    }
}

#[test]
fn no_output_has_a_value_of_a_key_that_may_be_secret() {
    for (key, _) in documented() {
        let path = format!("guanaco.producer.kafka-clients.{key}");
        let config = hocon(&format!("{path} = \"hunter2\""));
        let read = config.producer();
        let mut shown = format!("{config:?} {read:?}");
        match read {
            Ok(section) => {
                let settings = keyless().with_section(&section);
                shown += &format!("{settings:?} {:?}", section.warnings());
                shown += &section.entries().map(Entry::shown).collect::<String>();
            }
            Err(error) => shown += &error.to_string(),
        }
        assert!(
            key == "client.id" || !shown.contains("hunter2"),
            "{key}: {shown}"
        );
    }
}
