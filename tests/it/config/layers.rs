//! Several files over each other.

use super::{Directory, entry, hocon, keyless};
use guanaco::config::{Config, Format, LoadError};

fn properties(text: &str) -> Config {
    Config::parse(text, Format::Properties).unwrap()
}

fn load_all(directory: &Directory, names: &[&str]) -> Result<Config, LoadError> {
    Config::load_all(names.iter().map(|name| directory.0.join(name)))
}

#[test]
fn of_two_files_the_later_one_wins_setting_by_setting_whatever_their_formats() {
    let directory = Directory::new(&[
        (
            "base.conf",
            "akka.kafka.producer {\n  parallelism = 5\n  close-timeout = 20s\n  \
             kafka-clients { linger.ms = 20, acks = all }\n}",
        ),
        (
            "here.yaml",
            "akka.kafka.producer:\n  parallelism: 7\n  kafka-clients:\n    \"linger.ms\": 5\n",
        ),
        (
            "here.toml",
            "[akka.kafka.producer.kafka-clients]\n\"client.id\" = \"here\"\n",
        ),
        ("secrets.properties", "# none\nclient.id = secret\n"),
    ]);
    let names = ["base.conf", "here.yaml", "here.toml", "secrets.properties"];
    let section = load_all(&directory, &names).unwrap().producer().unwrap();
    let root = format!("{}/", directory.0.display());
    for (key, expected) in [
        ("parallelism", "7 from here.yaml:2"),
        ("close-timeout", "20s from base.conf:3"),
        ("kafka-clients.linger.ms", "5 from here.yaml:4"),
        ("kafka-clients.acks", "all from base.conf:4"),
        (
            "kafka-clients.client.id",
            "secret from secrets.properties:2",
        ),
    ] {
        assert_eq!(entry(&section, key).replace(&root, ""), expected);
    }
    let other_way: Vec<_> = names.into_iter().rev().collect();
    let section = load_all(&directory, &other_way).unwrap();
    let section = section.producer().unwrap();
    assert!(entry(&section, "parallelism").starts_with("5 "));
}

#[test]
fn a_properties_file_counts_for_whichever_section_is_read() {
    let base = hocon(
        "akka.kafka.producer { kafka-clients {} }
         guanaco.producer.parallelism = 3
         orders.producer = ${akka.kafka.producer} { parallelism = 2 }",
    );
    let config = properties("security.protocol = SSL").with_fallback(base);
    for section in ["akka.kafka.producer", "guanaco.producer", "orders.producer"] {
        let section = config.producer_at(section).unwrap();
        let all: Vec<_> = section.properties().collect();
        assert_eq!(all, [("security.protocol", "SSL")], "{}", section.path());
    }
    let alone = properties("acks = 1").with_fallback(properties("linger.ms = 1"));
    let all = alone.producer().unwrap();
    let all: Vec<_> = all.properties().collect();
    assert_eq!(all, [("acks", "1"), ("linger.ms", "1")]);
}

#[test]
fn keys_that_begin_with_each_other_stand_beside_each_other() {
    let lower = properties("sasl.oauthbearer.scope = orders");
    let upper = properties("sasl.oauthbearer.scope.claim.name = sub");
    for config in [
        upper.clone().with_fallback(lower.clone()),
        lower.with_fallback(upper),
        Config::parse(
            "guanaco.producer:\n  kafka-clients:\n    sasl.oauthbearer.scope: orders\n    \
             sasl.oauthbearer.scope.claim.name: sub\n",
            Format::Yaml,
        )
        .unwrap(),
    ] {
        let section = config.producer().unwrap();
        let all: Vec<_> = section.properties().collect();
        assert_eq!(
            all,
            [
                ("sasl.oauthbearer.scope", "orders"),
                ("sasl.oauthbearer.scope.claim.name", "sub"),
            ]
        );
    }
}

#[test]
fn default_sections_of_two_names_are_refused_in_two_files_as_in_one() {
    let config = hocon("akka.kafka.producer.parallelism = 1")
        .with_fallback(hocon("guanaco.producer.parallelism = 2"));
    let error = config.producer().unwrap_err();
    assert!(matches!(error, LoadError::Ambiguous { .. }), "{error}");
    assert!(config.producer_at("akka.kafka.producer").is_ok());
}

#[test]
fn substitutions_see_their_own_file() {
    let base = hocon("shop = berlin\nguanaco.producer.kafka-clients.client.id = ${shop}");
    let config = hocon("shop = paris").with_fallback(base);
    let section = config.producer().unwrap();
    assert_eq!(section.properties().next(), Some(("client.id", "berlin")));
    let upper = hocon("guanaco.producer.kafka-clients.client.id = ${shop}");
    let error = upper.with_fallback(hocon("shop = paris")).producer();
    assert!(
        matches!(error, Err(LoadError::Unresolved { .. })),
        "{error:?}"
    );
}

#[test]
fn nobody_is_trusted_for_what_lies_under_or_over_him() {
    let guarded = || properties("sasl.oauthbearer.token.endpoint.url = https://canary.example");
    let harmless = || properties("acks = all");
    for config in [
        harmless().trusted().with_fallback(guarded()),
        guarded().with_fallback(harmless().trusted()),
        guarded().trusted().with_fallback(harmless()),
    ] {
        let error = config.producer().unwrap_err();
        assert!(matches!(error, LoadError::Guarded { .. }), "{error}");
        assert!(config.trusted().producer().is_ok());
    }
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let directory = Directory::new(&[("base.conf", "")]);
    let error = load_all(&directory, &["base.conf", "gone.conf"]).unwrap_err();
    assert!(error.to_string().contains("gone.conf"), "{error}");
    assert!(load_all(&directory, &[]).unwrap().producer().is_ok());
}

#[test]
fn a_name_of_many_dots_is_an_unknown_key_and_no_more() {
    let config = properties(&format!("{}a = 1", "a.".repeat(100_000)));
    let error = config.with_fallback(Config::new()).producer().unwrap_err();
    assert!(matches!(error, LoadError::Unknown { .. }));
}

#[test]
fn a_brace_cannot_hide_what_comes_after_it() {
    for text in [
        "guanaco.producer { parallelism = 7 }\n}\nguanaco.producer.kafka-clients.acks = 1",
        "{ guanaco.producer.parallelism = 7 }\n{ guanaco.producer.kafka-clients.acks = 1 }",
        "{ guanaco.producer.parallelism = 7 } guanaco.producer.kafka-clients.acks = 1",
    ] {
        let error = Config::parse(text, Format::Hocon).unwrap_err();
        assert!(matches!(error, LoadError::Syntax { .. }), "{text}: {error}");
    }
    let braces = hocon("\n{ guanaco { producer { parallelism = 7 } } }\n# the end\n");
    assert_eq!(
        keyless()
            .with_section(&braces.producer().unwrap())
            .parallelism(),
        7
    );
}

#[test]
fn what_an_include_sets_counts_wherever_the_include_stands() {
    let directory = Directory::new(&[
        ("more.conf", "guanaco.producer.parallelism = 11"),
        ("next.conf", "include\n\"more.conf\"\n"),
        (
            "line.conf",
            "include \"more.conf\" guanaco.producer.close-timeout = 7s",
        ),
        (
            "two.conf",
            "include \"line.conf\" include required(\"more.conf\")",
        ),
    ]);
    for name in ["next.conf", "line.conf", "two.conf"] {
        let section = directory.load(name).unwrap().producer().unwrap();
        let shown = entry(&section, "parallelism");
        assert!(shown.ends_with("more.conf:1"), "{name}: {shown}");
        let settings = keyless().with_parallelism(50).with_section(&section);
        assert_eq!(settings.parallelism(), 11, "{name}");
    }
    let section = directory.load("line.conf").unwrap().producer().unwrap();
    let shown = entry(&section, "close-timeout");
    assert!(
        shown.starts_with("7s ") && shown.ends_with("line.conf:1"),
        "{shown}"
    );
}
