//! The keys: Kafka 4.3's list, the table in the code and the table in the docs are one.

use guanaco_engine::{ConfigKey, KeyStatus};
use std::collections::BTreeMap;

/// Key, type and default, printed by the Java client 4.3.1.
const JAVA: &str = include_str!("data/producer-config-keys.txt");
const DOCS: &str = include_str!("../../../docs/settings.md");

/// Key to (type, default).
fn java() -> BTreeMap<&'static str, (&'static str, Option<&'static str>)> {
    JAVA.lines()
        .map(|line| {
            let fields: Vec<_> = line.split('\t').collect();
            let default = match fields[2] {
                "null" | "(required)" => None,
                default => Some(default),
            };
            (fields[0], (fields[1], default))
        })
        .collect()
}

/// Key to (default, status, text).
fn documented() -> BTreeMap<&'static str, (&'static str, &'static str, &'static str)> {
    let mut rows = BTreeMap::new();
    for line in DOCS.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line
            .trim_matches('|')
            .splitn(4, " | ")
            .map(str::trim)
            .collect();
        let key = cells[0].trim_matches('`');
        let before = rows.insert(key, (cells[1], cells[2], cells[3]));
        assert!(before.is_none(), "{key} is documented twice");
    }
    rows
}

#[test]
fn every_key_of_kafka_is_placed_with_its_type_and_default() {
    let ours: BTreeMap<_, _> = ConfigKey::all()
        .iter()
        .filter(|key| !key.is_ours())
        .map(|key| (key.name(), (key.kind(), key.default_value())))
        .collect();
    assert_eq!(ours, java());
    assert_eq!(ours.len(), 113);
}

#[test]
fn no_key_is_placed_twice() {
    let mut names: Vec<_> = ConfigKey::all().iter().map(ConfigKey::name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn the_docs_list_exactly_the_keys_with_default_and_status() {
    let mut documented = documented();
    for key in ConfigKey::all() {
        let name = key.name();
        let (default, status, text) = documented
            .remove(name)
            .unwrap_or_else(|| panic!("{name} is not documented"));
        let expected = match key.default_value() {
            _ if JAVA.contains(&format!("{name}\t{}\t(required)", key.kind())) => "required".into(),
            None => "none".into(),
            Some("") => "empty".into(),
            Some(default) => format!("`{default}`"),
        };
        assert_eq!(default, expected, "{name}");
        match key.status() {
            KeyStatus::Supported => assert_eq!(status, "supported", "{name}"),
            KeyStatus::Meaningless { .. } => assert_eq!(status, "no effect", "{name}"),
            KeyStatus::NotYet { waits_for } => {
                assert_eq!(status, "not yet", "{name}");
                assert!(
                    text.contains(&format!("Waits for {waits_for}.")),
                    "{name}: {text}"
                );
            }
            _ => panic!("{name} has a status that the docs have no word for"),
        }
        assert!(text.len() > 10, "{name} says nothing");
    }
    assert!(
        documented.is_empty(),
        "documented, but no key: {:?}",
        documented.keys()
    );
}
