//! Values that config providers have: what a reference stands for, and what it may not.

use guanaco_engine::{ConfigError, ConfigProviders, ProducerConfig};
use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Three providers by Kafka's classes, and settings beside them.
fn read(more: &[(&str, &str)]) -> Result<ProducerConfig, ConfigError> {
    let class =
        |name: &str| format!("org.apache.kafka.common.config.provider.{name}ConfigProvider");
    let [env, file, dir] = ["EnvVar", "File", "Directory"].map(class);
    let providers = [
        ("config.providers", "env, file,dir"),
        ("config.providers.env.class", &env),
        ("config.providers.file.class", &file),
        ("config.providers.dir.class", &dir),
    ];
    let all = more.iter().copied().chain(providers);
    ProducerConfig::from_properties(all).map(|(config, _)| config)
}

#[track_caller]
fn client_id(value: &str) -> String {
    read(&[("client.id", value)]).unwrap().client_id
}

#[track_caller]
fn refused(more: &[(&str, &str)]) -> String {
    read(more).unwrap_err().to_string()
}

/// A directory of its own, removed in the end.
struct Directory(PathBuf);

impl Directory {
    fn new(files: &[(&str, &str)]) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("guanaco-providers-{}-{number}", std::process::id());
        let directory = Self(std::env::temp_dir().join(name));
        for (name, text) in files {
            let file = directory.0.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        directory
    }

    fn at(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_variable_a_key_of_a_file_and_a_file_stand_for_what_they_have() {
    let directory = Directory::new(&[
        (
            "kafka.properties",
            "id = first\nid = till\\u002d3\nother: x",
        ),
        ("mounted/id", "till-4\n"),
    ]);
    let file = format!("${{file:{}:id}}", directory.at("kafka.properties"));
    let mounted = format!("${{dir:{}:id}}", directory.at("mounted"));
    assert_eq!(client_id(&file), "till-3");
    assert_eq!(client_id(&mounted), "till-4");
    assert_eq!(client_id("${env:CARGO_PKG_NAME}"), "guanaco-engine");
    assert_eq!(
        client_id(&format!("a-${{env:CARGO_PKG_NAME}}-{file}$")),
        "a-guanaco-engine-till-3$"
    );
    let config = read(&[("linger.ms", "1${env:CARGO_PKG_VERSION_MINOR}")]);
    let minor = env!("CARGO_PKG_VERSION_MINOR");
    assert_eq!(
        config.unwrap().linger.as_millis().to_string(),
        format!("1{minor}")
    );
}

#[test]
fn what_looks_like_a_reference_and_is_none_stays_as_kafka_leaves_it() {
    for value in [
        "", "$", "${", "${}", "${env}", "{env:X}", "$env:X}", "${env:X", "a}${b}",
    ] {
        assert_eq!(client_id(value), value);
    }
    assert_eq!(
        client_id("${a} ${env:CARGO_PKG_NAME}"),
        "${a} guanaco-engine"
    );
    // Without providers, nobody asked for any of it.
    let alone = ProducerConfig::from_properties([("client.id", "${env:CARGO_PKG_NAME}")]);
    assert_eq!(alone.unwrap().0.client_id, "${env:CARGO_PKG_NAME}");
}

#[test]
fn what_comes_in_for_a_reference_is_not_looked_at_again() {
    let directory = Directory::new(&[("id", "${env:CARGO_PKG_NAME}")]);
    let value = format!("${{dir:{}:id}}", directory.0.display());
    assert_eq!(client_id(&value), "${env:CARGO_PKG_NAME}");
}

#[test]
fn a_reference_that_stands_for_nothing_is_an_error_and_no_password() {
    let directory = Directory::new(&[("f.properties", "id = hunter2\n"), ("broken", "a=\\u1")]);
    let place = |name: &str, rest: &str| format!("${{{name}:{}}}", directory.at(rest));
    for (value, expected) in [
        (
            "${env:GUANACO_NO_SUCH}",
            "${env:GUANACO_NO_SUCH}, which is not set",
        ),
        ("${env:a:HOME}", "${env:a:HOME}, and a variable has no path"),
        (
            &place("file", "f.properties:no"),
            "f.properties:no}, which is not in the file",
        ),
        (
            &place("file", "none:id"),
            "none:id}, which cannot be read: ",
        ),
        (
            &place("file", "broken:a"),
            "broken:a}, whose file is broken in line 1",
        ),
        ("${file:id}", "${file:id}, and it needs a path"),
        (&place("dir", "none:id"), "none:id}, which cannot be read: "),
        (
            &place("dir", ":../f.properties"),
            "}, and that is no name of a file",
        ),
        (
            &place("dir", ":a/../f.properties"),
            "}, and that is no name of a file",
        ),
        (
            &place("dir", ":f.properties/"),
            "}, and that is no name of a file",
        ),
        (&place("dir", ":"), "}, and that is no name of a file"),
        (
            "${vault:hunter2}",
            "refers to a provider that config.providers does not name",
        ),
    ] {
        let told = refused(&[("sasl.password", value)]);
        assert!(told.starts_with("sasl.password refers to "), "{told}");
        assert!(told.contains(expected), "{value}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    let large = "x".repeat((1 << 20) + 1);
    let directory = Directory::new(&[("large", &large)]);
    let value = format!("${{dir:{}:large}}", directory.0.display());
    assert!(refused(&[("client.id", &value)]).ends_with("which is larger than 1 MiB"));
}

#[test]
fn only_what_is_below_an_allowed_path_is_read() {
    let directory = Directory::new(&[
        ("in/id", "till-3"),
        ("in/f", "id = till-4"),
        ("out/f", "id = x"),
    ]);
    let inside = directory.at("in");
    let allowed = format!("/nowhere,{inside}/../in");
    for name in ["file", "dir"] {
        let key = format!("config.providers.{name}.param.allowed.paths");
        let id = |value: &str| read(&[("client.id", value), (&key, &allowed)]);
        match name {
            "dir" => assert_eq!(
                id(&format!("${{dir:{inside}:id}}")).unwrap().client_id,
                "till-3"
            ),
            _ => assert_eq!(
                id(&format!("${{file:{inside}/f:id}}")).unwrap().client_id,
                "till-4"
            ),
        }
        for outside in ["out/f", "in/../out/f", "inside/f"] {
            let told = id(&format!("${{{name}:{}:id}}", directory.at(outside)));
            let told = told.unwrap_err().to_string();
            assert!(
                told.ends_with("not below the provider's allowed.paths"),
                "{told}"
            );
        }
        assert!(id(&format!("${{{name}:in/f:id}}")).is_err());
        let relative = refused(&[(&key, "in")]);
        assert!(relative.contains("must be absolute paths"), "{relative}");
    }
}

#[test]
fn a_provider_that_cannot_be_had_is_an_error() {
    let told = |settings: &[(&str, &str)]| {
        let error = ProducerConfig::from_properties(settings.iter().copied());
        error.unwrap_err().to_string()
    };
    let class = "org.apache.kafka.common.config.provider.EnvVarConfigProvider";
    for settings in [
        &[("config.providers", "env")][..],
        &[
            ("config.providers", "env"),
            ("config.providers.env.class", "com.example.Vault"),
        ],
        &[
            ("config.providers", "env"),
            ("config.providers.env.class", "EnvVarConfigProvider"),
        ],
    ] {
        let told = told(settings);
        assert!(
            told.contains("entry 1 needs config.providers.<name>.class, which must be"),
            "{told}"
        );
    }
    let told = told(&[("config.providers.env.class", class)]);
    assert!(
        told.contains("has no use for config.providers.env.class"),
        "{told}"
    );
    let more = refused(&[("config.providers.env.param.allowed.path", "/")]);
    assert!(
        more.contains("has no use for config.providers.env.param"),
        "{more}"
    );
    let pattern = read(&[("config.providers.env.param.allowlist.pattern", "A.*")]);
    assert!(matches!(pattern, Err(ConfigError::NotYet { .. })));
}

#[test]
fn nothing_shows_what_a_reference_stands_for() {
    let directory = Directory::new(&[("password", "hunter2")]);
    let value = format!("${{dir:{}:password}}", directory.0.display());
    let config = read(&[("sasl.password", &value)]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let told = refused(&[("linger.ms", &value)]);
    assert!(
        told.starts_with("linger.ms must be") && !told.contains("hunter2"),
        "{told}"
    );
    assert!(ConfigProviders::owns("config.providers.x.class"));
    assert!(!ConfigProviders::owns("config.providersx"));
}
