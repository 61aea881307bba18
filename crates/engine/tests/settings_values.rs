//! Settings from text: values, what follows from them, and what excludes each other.

use guanaco_engine::{
    Acks, Compression, ConfigError, ConfigKey, ConfigWarning, KeyStatus, ProducerConfig,
};
use std::time::Duration;

fn read(properties: &[(&str, &str)]) -> Result<(ProducerConfig, Vec<ConfigWarning>), ConfigError> {
    ProducerConfig::from_properties(properties.iter().copied())
}

/// With an address, so that only the given properties can be at fault.
fn ready(properties: &[(&str, &str)]) -> ProducerConfig {
    let mut config = read(properties).unwrap().0;
    config.bootstrap_servers = vec!["localhost:9092".into()];
    config
}

fn refusal(properties: &[(&str, &str)]) -> String {
    ready(properties).validate().unwrap_err().to_string()
}

/// What of a configuration is visible, without the memory of what was given.
fn fields(config: &ProducerConfig) -> String {
    let text = format!("{config:?}");
    text.split(", explicit: ").next().unwrap().to_owned()
}

#[test]
fn setting_every_default_changes_nothing() {
    let mut config = ProducerConfig::default();
    let before = fields(&config);
    // Kafka's defaults that have to be changed here, stores that are not PEM; and one that counts as
    // given where it is given.
    let elsewhere = ["sasl.mechanism", "ssl.keystore.type", "ssl.truststore.type"];
    for key in ConfigKey::all() {
        if elsewhere.contains(&key.name()) {
            continue;
        }
        if let (KeyStatus::Supported, Some(default)) = (key.status(), key.default_value()) {
            assert_eq!(config.set(key.name(), default), Ok(None), "{}", key.name());
        }
    }
    assert_eq!(fields(&config), before);
}

#[test]
fn every_supported_number_lands_in_its_own_field() {
    // A value apart from every default for each numeric key; each must change the fields, and no
    // two keys may change them in the same way.
    let mut seen = std::collections::BTreeSet::new();
    for key in ConfigKey::all()
        .iter()
        .filter(|key| key.status() == KeyStatus::Supported)
    {
        let value = match (key.name(), key.kind()) {
            ("compression.gzip.level" | "compression.lz4.level" | "compression.zstd.level", _) => {
                continue;
            }
            // It cannot be switched off.
            ("enable.ssl.certificate.verification", _) => continue,
            (_, "INT" | "LONG") => "77777",
            (_, "BOOLEAN") if key.default_value() == Some("true") => "false",
            (_, "BOOLEAN") => "true",
            _ => continue,
        };
        let mut config = ProducerConfig::default();
        let before = fields(&config);
        config.set(key.name(), value).unwrap();
        let after = fields(&config);
        assert_ne!(after, before, "{}", key.name());
        assert!(
            seen.insert(after),
            "{} changes what another key changes",
            key.name()
        );
    }
    assert!(seen.len() >= 25);
}

#[test]
fn values_are_read_as_java_reads_them() {
    let (config, warnings) = read(&[
        ("bootstrap.servers", " a:1 ,[::1]:2, ,b:3,"),
        ("client.id", "orders"),
        ("acks", "-1"),
        ("linger.ms", " 7 "),
        ("enable.idempotence", "TRUE"),
        ("max.block.ms", "9223372036854775807"),
        ("connections.max.idle.ms", "-1"),
        ("send.buffer.bytes", "-1"),
        ("security.protocol", "plaintext"),
        ("retries", "3"),
        ("retries", "4"),
    ])
    .unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.bootstrap_servers, ["a:1", "[::1]:2", "b:3"]);
    assert_eq!(config.client_id, "orders");
    assert_eq!(config.acks, Acks::All);
    assert_eq!(config.linger, Duration::from_millis(7));
    assert!(config.enable_idempotence);
    assert_eq!(config.max_block, config.connections_max_idle);
    assert!(
        std::time::Instant::now()
            .checked_add(config.max_block)
            .is_some()
    );
    assert_eq!(config.send_buffer_bytes, None);
    assert_eq!(config.retries, 4);
    assert_eq!(config.validate(), Ok(()));
}

#[test]
fn compression_and_its_level_come_in_any_order() {
    for (properties, expected) in [
        (&[("compression.type", "zstd")][..], Compression::Zstd(3)),
        (&[("compression.type", "gzip")], Compression::Gzip(-1)),
        (&[("compression.type", "lz4")], Compression::Lz4(9)),
        (&[("compression.type", "snappy")], Compression::Snappy),
        (
            &[
                ("compression.zstd.level", "7"),
                ("compression.type", "zstd"),
            ],
            Compression::Zstd(7),
        ),
        (
            &[
                ("compression.type", "zstd"),
                ("compression.zstd.level", "-5"),
            ],
            Compression::Zstd(-5),
        ),
        (
            &[
                ("compression.gzip.level", "1"),
                ("compression.type", "none"),
            ],
            Compression::None,
        ),
        (
            &[("compression.type", "gzip"), ("compression.lz4.level", "2")],
            Compression::Gzip(-1),
        ),
    ] {
        assert_eq!(
            read(properties).unwrap().0.compression,
            expected,
            "{properties:?}"
        );
    }
}

#[test]
fn idempotence_gives_way_to_weaker_acks_unless_it_was_asked_for() {
    assert!(ready(&[]).enable_idempotence);
    for weaker in [("acks", "1"), ("acks", "0"), ("retries", "0")] {
        let config = ready(&[weaker]);
        assert!(!config.enable_idempotence, "{weaker:?}");
        assert_eq!(config.validate(), Ok(()));
        for order in [
            [weaker, ("enable.idempotence", "true")],
            [("enable.idempotence", "true"), weaker],
        ] {
            let error = ready(&order).validate().unwrap_err();
            assert!(
                matches!(error, ConfigError::Contradiction { key: "enable.idempotence", other, .. }
                    if other == weaker.0),
                "{error}"
            );
        }
    }
    assert!(
        ready(&[("acks", "1"), ("acks", "all")]).enable_idempotence,
        "and comes back"
    );
    assert!(
        ready(&[
            ("retries", "0"),
            ("acks", "1"),
            ("retries", "1"),
            ("acks", "all")
        ])
        .enable_idempotence
    );
    let mut config = ProducerConfig::default();
    config.enable_idempotence = false;
    config.set("acks", "all").unwrap();
    assert!(!config.enable_idempotence, "a field that was written stays");
}

#[test]
fn more_than_five_in_flight_need_idempotence_to_be_off() {
    let six = ("max.in.flight.requests.per.connection", "6");
    assert_eq!(
        refusal(&[six]),
        "max.in.flight.requests.per.connection must be at most 5 unless enable.idempotence is false"
    );
    assert_eq!(
        ready(&[six, ("enable.idempotence", "false")]).validate(),
        Ok(())
    );
    assert_eq!(ready(&[six, ("acks", "1")]).validate(), Ok(()));
    assert_eq!(
        ready(&[("max.in.flight.requests.per.connection", "5")]).validate(),
        Ok(())
    );
}

#[test]
fn delivery_timeout_makes_room_unless_it_was_chosen() {
    assert_eq!(ready(&[]).delivery_timeout, Duration::from_secs(120));
    let config = ready(&[("linger.ms", "100000")]);
    assert_eq!(config.delivery_timeout, Duration::from_secs(130));
    assert_eq!(config.validate(), Ok(()));
    let chosen = ("delivery.timeout.ms", "30004");
    assert_eq!(
        refusal(&[chosen]),
        "delivery.timeout.ms must be at least linger.ms + request.timeout.ms"
    );
    assert_eq!(ready(&[chosen, ("linger.ms", "4")]).validate(), Ok(()));
}

#[test]
fn batches_stop_growing_when_their_size_was_chosen() {
    assert!(ready(&[]).batch_adaptive);
    assert!(!ready(&[("batch.size", "16384")]).batch_adaptive);
    for order in [
        [("batch.size", "1000"), ("batch.adaptive", "true")],
        [("batch.adaptive", "true"), ("batch.size", "1000")],
    ] {
        assert!(ready(&order).batch_adaptive);
    }
    assert!(!ready(&[("batch.adaptive", "false")]).batch_adaptive);
}

#[test]
fn a_buffer_holds_at_least_one_batch() {
    assert_eq!(
        refusal(&[("buffer.memory", "16383")]),
        "buffer.memory must be at least batch.size"
    );
    assert_eq!(ready(&[("buffer.memory", "16384")]).validate(), Ok(()));
}

#[test]
fn addresses_are_checked_by_their_place() {
    let error = read(&[("bootstrap.servers", "a:1,b")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "bootstrap.servers entry 2 must be host:port"
    );
    let none = "bootstrap.servers must name at least one address, host:port";
    for empty in ["", " , ,"] {
        assert_eq!(
            read(&[("bootstrap.servers", empty)])
                .unwrap_err()
                .to_string(),
            none
        );
    }
    assert_eq!(
        ProducerConfig::default()
            .validate()
            .unwrap_err()
            .to_string(),
        none
    );
    let mut config = ready(&[]);
    config.bootstrap_servers = vec!["a:1".into(), "b:70000".into()];
    assert_eq!(
        config.validate().unwrap_err().to_string(),
        "bootstrap.servers entry 2 must have a port from 1 to 65535"
    );
}

#[test]
fn fields_out_of_range_are_refused_like_their_keys() {
    fn broken(change: impl FnOnce(&mut ProducerConfig)) -> &'static str {
        let mut config = ready(&[]);
        change(&mut config);
        match config.validate().unwrap_err() {
            ConfigError::Invalid { key, .. } => key,
            other => panic!("{other}"),
        }
    }
    assert_eq!(broken(|c| c.client_id = "x".repeat(32_768)), "client.id");
    assert_eq!(broken(|c| c.batch_size = 1 << 31), "batch.size");
    assert_eq!(broken(|c| c.buffer_memory = 0), "buffer.memory");
    assert_eq!(broken(|c| c.max_request_size = 0), "max.request.size");
    assert_eq!(broken(|c| c.max_request_size = 1 << 31), "max.request.size");
    assert_eq!(
        broken(|c| c.max_in_flight = 0),
        "max.in.flight.requests.per.connection"
    );
    assert_eq!(
        broken(|c| c.compression = Compression::Gzip(0)),
        "compression.gzip.level"
    );
    assert_eq!(
        broken(|c| c.compression = Compression::Lz4(18)),
        "compression.lz4.level"
    );
    assert_eq!(
        broken(|c| c.compression = Compression::Zstd(23)),
        "compression.zstd.level"
    );
}

#[test]
fn keys_without_effect_warn_unless_they_ask_for_what_happens_anyway() {
    let (_, warnings) = read(&[
        ("key.serializer", "org.example.Serializer"),
        ("enable.metrics.push", "false"),
        ("metadata.recovery.strategy", "REBOOTSTRAP"),
        ("partitioner.class", ""),
        (
            "partitioner.class",
            "org.apache.kafka.clients.producer.internals.DefaultPartitioner",
        ),
        ("metadata.recovery.strategy", "none"),
    ])
    .unwrap();
    let keys: Vec<_> = warnings.iter().map(|warning| warning.key).collect();
    assert_eq!(
        keys,
        [
            "key.serializer",
            "partitioner.class",
            "metadata.recovery.strategy"
        ]
    );
    assert_eq!(
        warnings[0].to_string(),
        "key.serializer has no effect: it names a Java class; serializers are given as values"
    );
}

#[test]
fn keys_that_wait_for_something_name_it() {
    for (key, value, waits_for) in [
        ("transactional.id", "t", "transactions"),
        (
            "sasl.oauthbearer.assertion.file",
            "/x",
            "OAUTHBEARER with assertions (the JWT bearer grant)",
        ),
    ] {
        assert_eq!(
            read(&[(key, value)]).unwrap_err().to_string(),
            format!("{key} is not supported yet: it waits for {waits_for}")
        );
    }
}

#[test]
fn a_javas_partitioner_class_points_to_the_trait() {
    let key = "partitioner.class";
    let round_robin = "org.apache.kafka.clients.producer.RoundRobinPartitioner";
    let error = read(&[(key, round_robin)]).unwrap_err().to_string();
    assert!(error.contains("implement Partitioner"), "{error}");
    let sticky = "org.apache.kafka.clients.producer.internals.UniformStickyPartitioner";
    let error = read(&[(key, sticky)]).unwrap_err().to_string();
    assert!(error.contains("partitioner.ignore.keys=true"), "{error}");
}

#[test]
fn an_unknown_key_names_the_nearest() {
    assert_eq!(
        read(&[("linger.sm", "5")]).unwrap_err().to_string(),
        r#"unknown setting "linger.sm", did you mean "linger.ms"?"#
    );
    assert_eq!(
        read(&[("group.id", "g")]).unwrap_err().to_string(),
        r#"unknown setting "group.id""#
    );
}

#[test]
fn no_value_is_ever_shown() {
    const CANARY: &str = "s3cr3t-canary";
    let mut refused = 0;
    for key in ConfigKey::all() {
        let mut config = ready(&[]);
        let outcome = match config.set(key.name(), CANARY) {
            // Free text: taken as it is, and not shown by anything that can go wrong later.
            Ok(None) => {
                let name = key.name();
                let free = [
                    "client.id",
                    "sasl.kerberos.service.name",
                    "sasl.oauthbearer.scope",
                ];
                let secret = ["sasl.", "ssl."].iter().any(|it| name.starts_with(it));
                assert!(free.contains(&name) || secret, "{name}");
                let is_path = name.ends_with(".location") || name.ends_with(".keytab");
                if !free.contains(&name) && !is_path {
                    assert!(!format!("{config:?}").contains(CANARY), "{name}");
                }
                config.set("acks", "1").unwrap();
                config.set("enable.idempotence", "true").unwrap();
                let error = config.validate().unwrap_err();
                format!("{name}: {error} {error:?}")
            }
            Ok(Some(warning)) => format!("{warning} {warning:?}"),
            Err(error) => {
                refused += 1;
                format!("{error} {error:?}")
            }
        };
        assert!(outcome.contains(key.name()), "{outcome}");
        assert!(!outcome.contains("s3cr3t"), "{outcome}");
    }
    assert!(refused > 70, "{refused}");
    let glued = read(&[("sasl.password=s3cr3t-canary", "")]).unwrap_err();
    assert!(!format!("{glued} {glued:?}").contains("s3cr3t"));
}

#[test]
fn a_refused_value_leaves_the_settings_as_they_were() {
    for key in ConfigKey::all() {
        let mut config = ready(&[("batch.size", "999"), ("compression.type", "lz4")]);
        let before = format!("{config:?}");
        if config.set(key.name(), "\u{fffd}no value\u{fffd}").is_err() {
            assert_eq!(format!("{config:?}"), before, "{}", key.name());
        }
    }
}

#[test]
fn values_out_of_range_name_the_range() {
    for (key, value, rule) in [
        ("acks", "2", "must be all, -1, 0 or 1"),
        (
            "batch.size",
            "-1",
            "must be a whole number from 0 to 2147483647",
        ),
        (
            "batch.size",
            "2147483648",
            "must be a whole number from 0 to 2147483647",
        ),
        ("buffer.memory", "0", "must be a whole number of at least 1"),
        (
            "buffer.memory",
            "1.5",
            "must be a whole number of at least 1",
        ),
        ("linger.ms", "", "must be a whole number of at least 0"),
        ("linger.ms", "5ms", "must be a whole number of at least 0"),
        (
            "linger.ms",
            "99999999999999999999",
            "must be a whole number of at least 0",
        ),
        (
            "metadata.max.idle.ms",
            "4999",
            "must be a whole number of at least 5000",
        ),
        (
            "receive.buffer.bytes",
            "0",
            "must be a whole number from 1 to 2147483647, or -1",
        ),
        (
            "receive.buffer.bytes",
            "-2",
            "must be a whole number from 1 to 2147483647, or -1",
        ),
        (
            "connections.max.idle.ms",
            "x",
            "must be a whole number; a negative one means never",
        ),
        ("enable.idempotence", "yes", "must be true or false"),
        (
            "compression.type",
            "brotli",
            "must be none, gzip, snappy, lz4 or zstd",
        ),
        (
            "compression.gzip.level",
            "0",
            "must be a whole number from 1 to 9, or -1",
        ),
        (
            "compression.lz4.level",
            "18",
            "must be a whole number from 1 to 17",
        ),
        (
            "security.protocol",
            "TLS",
            "must be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
        ),
        (
            "client.id",
            &"x".repeat(32_768),
            "must not be longer than 32767 bytes",
        ),
    ] {
        let error = read(&[(key, value)]).unwrap_err();
        assert_eq!(error.to_string(), format!("{key} {rule}"));
    }
}
