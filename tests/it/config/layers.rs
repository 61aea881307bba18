//! Several files laid over each other.

use super::{Directory, entry, hocon, keyless};
use guanaco::config::{Config, Format, LoadError, ProducerSection};

/// The texts, the first one lowest.
fn layers(texts: &[&str]) -> Result<Config, LoadError> {
    let none = Config::new();
    texts
        .iter()
        .try_fold(none, |weaker, text| hocon(text).with_fallback(weaker))
}

fn loaded(directory: &Directory, names: &[&str]) -> Result<Config, LoadError> {
    Config::load_all(names.iter().map(|name| directory.0.join(name)))
}

/// The setting, and where it is from, without the directory.
fn from(section: &ProducerSection, directory: &Directory, key: &str) -> String {
    entry(section, key).replace(&format!("{}/", directory.0.display()), "")
}

fn told(error: &LoadError, directory: &Directory) -> String {
    let directory = format!("{}/", directory.0.display());
    error.to_string().replace(&directory, "")
}

#[test]
fn a_later_file_wins_in_every_format_and_each_setting_knows_its_own() {
    let directory = Directory::new(&[
        (
            "base.conf",
            "akka.kafka.producer {\n  parallelism = 500\n  close-timeout = 20s\n  kafka-clients {\n\
             \x20   linger.ms = 20\n    acks = 1\n    compression.type = lz4\n    retries = 3\n  }\n}",
        ),
        (
            "production.yaml",
            "akka.kafka.producer:\n  parallelism: 900\n  kafka-clients:\n    linger.ms: 30\n    acks: all\n",
        ),
        (
            "region.toml",
            "[akka.kafka.producer]\nparallelism-bytes = 7\n[akka.kafka.producer.kafka-clients]\n\
             bootstrap.servers = [\"a:1\", \"b:2\"]\n\"linger.ms\" = 40\n",
        ),
        (
            "secrets.properties",
            "# of this machine\nclient.id = till-3\nlinger.ms = 50\nsasl.jaas.config = hunter2\n",
        ),
    ]);
    let all = [
        "base.conf",
        "production.yaml",
        "region.toml",
        "secrets.properties",
    ];
    let config = loaded(&directory, &all).unwrap();
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("till-3"),
        "{shown}"
    );

    let linger = |files: &[&str]| {
        let section = loaded(&directory, files).unwrap().producer().unwrap();
        from(&section, &directory, "kafka-clients.linger.ms")
    };
    assert_eq!(linger(&all[..1]), "20 from base.conf:5");
    assert_eq!(linger(&all[..2]), "30 from production.yaml:4");
    assert_eq!(linger(&all[..3]), "40 from region.toml:5");
    let but_the_last = Config::load(directory.0.join("secrets.properties")).unwrap();
    let but_the_last = but_the_last.with_fallback(loaded(&directory, &all[..3]).unwrap());
    for error in [config.producer(), but_the_last.unwrap().producer()] {
        let error = told(&error.unwrap_err(), &directory);
        assert!(error.starts_with("secrets.properties:4: "), "{error}");
    }

    let without = "client.id = till-3\nlinger.ms = 50";
    let without = Config::parse(without, Format::Properties).unwrap();
    let config = without.with_fallback(loaded(&directory, &all[..3]).unwrap());
    let section = config.unwrap().producer().unwrap();
    assert_eq!(section.path(), "akka.kafka.producer");
    for (key, expected) in [
        ("parallelism", "900 from production.yaml:2"),
        ("parallelism-bytes", "7 from region.toml:2"),
        ("close-timeout", "20s from base.conf:3"),
        ("resolve-timeout", "3 seconds from default"),
        ("kafka-clients.acks", "all from production.yaml:5"),
        (
            "kafka-clients.bootstrap.servers",
            "a:1,b:2 from region.toml:4",
        ),
        ("kafka-clients.client.id", "till-3 from text:1"),
        ("kafka-clients.compression.type", "lz4 from base.conf:7"),
        ("kafka-clients.linger.ms", "50 from text:2"),
        ("kafka-clients.retries", "3 from base.conf:8"),
    ] {
        assert_eq!(from(&section, &directory, key), expected, "{key}");
    }
    assert_eq!(section.properties().count(), 6);
    let settings = keyless().with_section(&section);
    assert_eq!(settings.property("linger.ms"), Some("50"));
}

#[test]
fn a_substitution_sees_every_layer_those_above_it_and_those_below() {
    let directory = Directory::new(&[
        (
            "base.conf",
            "shop = none\n\
             akka.kafka.producer.kafka-clients.client.id = ${shop}-orders\n\
             orders.producer = ${akka.kafka.producer} {\n  parallelism = 5\n}\n",
        ),
        ("here.yaml", "shop: till-3\nlimits: { linger: 9 }\n"),
        (
            "tuning.conf",
            "akka.kafka.producer.kafka-clients.linger.ms = ${limits.linger}\n\
             akka.kafka.producer.kafka-clients.client.id = ${akka.kafka.producer.kafka-clients.client.id}-eu\n",
        ),
        ("last.properties", "acks = 1\n"),
    ]);
    let files = ["base.conf", "here.yaml", "tuning.conf", "last.properties"];
    let config = loaded(&directory, &files).unwrap();
    let section = config.producer_at("orders.producer").unwrap();
    for (key, expected) in [
        ("parallelism", "5 from base.conf:4"),
        (
            "kafka-clients.client.id",
            "till-3-orders-eu from tuning.conf:2",
        ),
        ("kafka-clients.linger.ms", "9 from tuning.conf:1"),
        ("kafka-clients.acks", "1 from last.properties:1"),
    ] {
        assert_eq!(from(&section, &directory, key), expected, "{key}");
    }
}

#[test]
fn each_file_includes_from_where_it_is_and_may_have_braces_around_it() {
    let directory = Directory::new(&[
        ("base/app.conf", "{\n  include \"part\"\n}\n"),
        ("base/part.conf", "kafka.servers = [\"a:1\"]"),
        ("eu/app.conf", "# {\ninclude required(\"part.conf\")\n"),
        (
            "eu/part.conf",
            "kafka.servers += \"b:2\"\nguanaco.producer.parallelism = 3",
        ),
        (
            "eu/app.json",
            "{\"guanaco\": {\"producer\": {\n\"parallelism\": 7,\n\
             \"kafka-clients\": { \"bootstrap.servers\": ${kafka.servers} }}}}",
        ),
    ]);
    let files = ["base/app.conf", "eu/app.conf", "eu/app.json"];
    let section = loaded(&directory, &files).unwrap().producer().unwrap();
    assert_eq!(
        from(&section, &directory, "kafka-clients.bootstrap.servers"),
        "a:1,b:2 from eu/app.json:3"
    );
    assert_eq!(
        from(&section, &directory, "parallelism"),
        "7 from eu/app.json:2"
    );
    let section = loaded(&directory, &["eu/app.json", "eu/app.conf", "base/app.conf"]);
    let section = section.unwrap().producer().unwrap();
    assert_eq!(
        from(&section, &directory, "kafka-clients.bootstrap.servers"),
        "a:1 from eu/app.json:3"
    );
    assert_eq!(
        from(&section, &directory, "parallelism"),
        "3 from eu/part.conf:2"
    );
}

#[test]
fn a_section_that_inherits_keeps_its_own_when_a_later_layer_sets_what_it_inherits_from() {
    let base = "orders.producer = ${guanaco.producer} { kafka-clients.linger.ms = 3 }\n\
                guanaco.producer.kafka-clients { linger.ms = 1, acks = 1 }";
    let above = Config::parse("linger.ms = 5\nacks = all", Format::Properties).unwrap();
    let config = above.with_fallback(hocon(base)).unwrap();
    let section = config.producer_at("orders.producer").unwrap();
    let properties: Vec<_> = section.properties().collect();
    assert_eq!(properties, [("acks", "all"), ("linger.ms", "3")]);
}

#[test]
fn lists_grow_optional_values_give_way_and_null_takes_back_across_layers() {
    let config = layers(&[
        "servers = [\"a:1\"]\nguanaco.producer { parallelism = 4\n  kafka-clients {\n\
         bootstrap.servers = ${servers}, linger.ms = 3, client.id = orders, retries = 3 } }",
        "servers += \"b:2\"\n\n\nguanaco.producer { parallelism = null\n  kafka-clients {\n\
         linger.ms = ${?GUANACO_NO_SUCH_VARIABLE}, client.id = ${?CARGO_PKG_NAME}, retries = null } }",
    ]);
    let section = config.unwrap().producer().unwrap();
    let properties: Vec<_> = section.properties().collect();
    assert_eq!(
        properties,
        [
            ("bootstrap.servers", "a:1,b:2"),
            ("client.id", "guanaco"),
            ("linger.ms", "3")
        ]
    );
    assert_eq!(entry(&section, "parallelism"), "10000 from default");
    assert_eq!(entry(&section, "kafka-clients.linger.ms"), "3 from text:4");
    assert_eq!(
        entry(&section, "kafka-clients.client.id"),
        "guanaco from text:6 ($CARGO_PKG_NAME)"
    );
}

#[test]
fn a_value_hides_a_table_below_it_and_one_above_does_not_bring_it_back() {
    let config = layers(&[
        "guanaco.producer.kafka-clients { linger.ms = 3, acks = 1 }",
        "guanaco.producer.kafka-clients = none",
        "guanaco.producer.kafka-clients { retries = 2 }",
    ]);
    let section = config.unwrap().producer().unwrap();
    assert_eq!(section.properties().collect::<Vec<_>>(), [("retries", "2")]);
}

#[test]
fn properties_are_for_the_default_section_that_the_other_layers_set() {
    let tuning = || Config::parse("linger.ms = 5", Format::Properties).unwrap();
    for section in [
        "guanaco.producer",
        "akka.kafka.producer",
        "pekko.kafka.producer",
    ] {
        let base = hocon(&format!("{section}.parallelism = 2"));
        for config in [
            tuning().with_fallback(base.clone()).unwrap(),
            base.with_fallback(tuning()).unwrap(),
        ] {
            let read = config.producer().unwrap();
            assert_eq!(read.path(), section);
            assert_eq!(entry(&read, "parallelism"), "2 from text:1");
            assert_eq!(entry(&read, "kafka-clients.linger.ms"), "5 from text:1");
        }
    }
    let alone = tuning().with_fallback(hocon("orders.x = 1")).unwrap();
    assert_eq!(alone.producer().unwrap().path(), "guanaco.producer");
}

#[test]
fn two_default_sections_in_two_layers_are_an_error_that_names_both_places() {
    let directory = Directory::new(&[
        (
            "base.conf",
            "# Alpakka's\nakka.kafka.producer.parallelism = 1",
        ),
        ("own.yaml", "guanaco.producer:\n  parallelism: 2\n"),
        ("last.properties", "linger.ms = 5"),
    ]);
    let config = loaded(&directory, &["base.conf", "own.yaml", "last.properties"]).unwrap();
    let error = config.producer().unwrap_err();
    assert_eq!(
        told(&error, &directory),
        "guanaco.producer (own.yaml:2) and akka.kafka.producer (base.conf:2) are both set: \
         name the section that is meant"
    );
    let named = config.producer_at("akka.kafka.producer").unwrap();
    assert_eq!(
        from(&named, &directory, "parallelism"),
        "1 from base.conf:2"
    );
}

#[test]
fn one_key_in_two_spellings_has_the_later_layers_value() {
    let quoted = "guanaco.producer.kafka-clients.\"linger.ms\" = 1";
    let nested = "guanaco.producer.kafka-clients.linger.ms = 2";
    for (texts, expected) in [([quoted, nested], "2"), ([nested, quoted], "1")] {
        let section = layers(&texts).unwrap().producer().unwrap();
        assert_eq!(
            section.properties().collect::<Vec<_>>(),
            [("linger.ms", expected)]
        );
    }
    let both = format!("{quoted}\n{nested}");
    let error = layers(&[quoted, &both]).unwrap().producer().unwrap_err();
    assert!(matches!(error, LoadError::Twice { .. }), "{error}");
}

#[test]
fn a_key_that_another_begins_with_can_be_in_one_properties_file_with_it() {
    let text = "sasl.oauthbearer.scope = orders\nsasl.oauthbearer.scope.claim.name = scp";
    let config = Config::parse(text, Format::Properties).unwrap();
    let section = config.producer().unwrap();
    let mut properties = section.properties();
    assert!(properties.any(|it| it == ("sasl.oauthbearer.scope", "orders")));
}

#[test]
fn a_guarded_key_is_guarded_in_every_layer() {
    let key = "sasl.oauthbearer.token.endpoint.url";
    let guarded = format!("guanaco.producer.kafka-clients.{key} = \"https://x.example\"");
    let plain = "guanaco.producer.parallelism = 2";
    for texts in [[&*guarded, plain], [plain, &*guarded]] {
        let error = layers(&texts).unwrap().producer().unwrap_err();
        assert!(matches!(error, LoadError::Guarded { .. }), "{error}");
        assert!(layers(&texts).unwrap().trusted().producer().is_ok());
    }
    // Trust is in the whole, not in what one of them came with.
    let weaker = hocon(&guarded).trusted();
    let error = hocon(plain).with_fallback(weaker).unwrap().producer();
    assert!(matches!(error, Err(LoadError::Guarded { .. })));
}

#[test]
fn what_is_put_over_the_files_is_that_of_the_stronger_configuration() {
    let weaker = hocon("guanaco.producer.parallelism = 1")
        .with_overrides("weaker", [("linger.ms", "1")])
        .with_env_from([("GUANACO_PRODUCER__PARALLELISM", "7")]);
    let stronger = Config::new().with_overrides("stronger", [("acks", "1")]);
    let section = stronger.with_fallback(weaker).unwrap().producer().unwrap();
    assert_eq!(section.properties().collect::<Vec<_>>(), [("acks", "1")]);
    assert_eq!(entry(&section, "parallelism"), "1 from text:1");
}

#[test]
fn an_error_names_the_file_of_its_layer_and_the_line() {
    let directory = Directory::new(&[
        (
            "base.conf",
            "a = 1\nguanaco.producer.parallelism = 1\nb = ${c}\n",
        ),
        (
            "typo.yaml",
            "guanaco.producer:\n  kafka-clients:\n    lingr.ms: 1\n",
        ),
        ("wrong.properties", "\nacks = hunter2\n"),
        ("broken.conf", "a = 1\n\nb = \"hunter2"),
        (
            "unset.conf",
            "\n\nguanaco.producer.parallelism = ${no.such.limit}\n",
        ),
        ("cycle.conf", "\n\n\nc = ${b}\n"),
        ("kinds.conf", "\n\n\n\nc = ${a} [2]\n"),
    ]);
    for (file, expected) in [
        (
            "typo.yaml",
            "typo.yaml:3: unknown setting guanaco.producer.kafka-clients.lingr.ms",
        ),
        (
            "wrong.properties",
            "wrong.properties:2: guanaco.producer.kafka-clients.acks must",
        ),
        (
            "broken.conf",
            "broken.conf:3: not valid HOCON: a string has no end",
        ),
        ("gone.conf", "gone.conf cannot be read"),
        (
            "gone.xml",
            "gone.xml has an ending that stands for no format",
        ),
        (
            "unset.conf",
            "unset.conf:3: guanaco.producer.parallelism refers to ${no.such.limit} that is not set",
        ),
        (
            "cycle.conf",
            "base.conf:3: not valid HOCON: it refers to itself",
        ),
        ("kinds.conf", "kinds.conf:5: not valid HOCON: "),
    ] {
        let read = loaded(&directory, &["base.conf", file]);
        let error = told(&read.and_then(|it| it.producer()).unwrap_err(), &directory);
        assert!(error.starts_with(expected), "{file}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn substitutions_of_all_layers_together_are_bounded() {
    let many = |prefix: &str, count: usize| -> String {
        let lines = (0..count).map(|number| format!("{prefix}{number} = ${{?x}}\n"));
        lines.collect()
    };
    let read = |count| layers(&[&many("a", 1_500), &many("b", count)]);
    assert!(read(400).is_ok());
    let error = read(600).unwrap_err().to_string();
    assert!(error.contains("more than 2000 substitutions"), "{error}");
}
