//! Values that Kafka's config providers have, in files and in code.

use super::{Directory, entry, hocon, keyless};
use guanaco::config::{Config, Format, LoadError};

const CLASSES: &str = "org.apache.kafka.common.config.provider.";

fn properties(text: &str) -> Config {
    Config::parse(&text.replace("CLASSES.", CLASSES), Format::Properties).unwrap()
}

const ENV: &str = "config.providers = env\n\
                   config.providers.env.class = CLASSES.EnvVarConfigProvider\n";

#[test]
fn a_file_may_refer_to_variables_and_shows_only_that_it_does() {
    let text = "client.id = ${env:CARGO_PKG_NAME}\nlinger.ms = 1${env:CARGO_PKG_VERSION_MINOR}\n";
    let section = properties(&format!("{ENV}{text}")).producer().unwrap();
    assert_eq!(
        entry(&section, "kafka-clients.client.id"),
        "${env:CARGO_PKG_NAME} from text:3"
    );
    let settings = keyless().with_section(&section);
    assert_eq!(
        settings.property("client.id"),
        Some("${env:CARGO_PKG_NAME}")
    );

    // They are in the properties, so code may have the one and a file the other.
    let settings = keyless().with_properties([
        ("config.providers", "env"),
        (
            "config.providers.env.class",
            &format!("{CLASSES}EnvVarConfigProvider"),
        ),
        ("close.timeout.ms", "7${env:CARGO_PKG_VERSION_MINOR}"),
    ]);
    let minor: u128 = env!("CARGO_PKG_VERSION_MINOR").parse().unwrap();
    assert_eq!(settings.close_timeout().as_millis(), 70 + minor);
}

#[test]
fn a_reference_that_stands_for_nothing_names_its_line() {
    for (text, expected) in [
        (
            "acks = all\nsasl.password = ${env:GUANACO_NO_SUCH}",
            "text:4: guanaco.producer.kafka-clients.sasl.password refers to \
             ${env:GUANACO_NO_SUCH}, which is not set",
        ),
        (
            "linger.ms = ${env:CARGO_PKG_NAME}",
            "text:3: guanaco.producer.kafka-clients.linger.ms must be",
        ),
        (
            "config.providers = env,vault",
            "text:3: guanaco.producer.kafka-clients.config.providers entry 2 needs",
        ),
    ] {
        let error = properties(&format!("{ENV}{text}")).producer().unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[test]
fn what_reads_files_is_for_code_to_allow() {
    let directory = Directory::new(&[("id", "till-3")]);
    let path = directory.0.display().to_string();
    let class = format!("{CLASSES}DirectoryConfigProvider");
    let provider = [
        ("config.providers", "dir"),
        ("config.providers.dir.class", &*class),
        ("config.providers.dir.param.allowed.paths", &*path),
    ];
    let id = format!("client.id = ${{dir:{path}:id}}\n");
    let mut text = id.clone();
    for (key, value) in provider {
        text += &format!("{key} = {value}\n");
    }
    let guarded = properties(&text);
    let error = guarded.producer().unwrap_err();
    assert!(matches!(error, LoadError::Guarded { .. }), "{error}");
    assert!(
        error.to_string().starts_with(
            "text:3: guanaco.producer.kafka-clients.config.providers.dir.class lets values be read from files"
        ),
        "{error}"
    );
    let paths = "guanaco.producer.kafka-clients.config.providers.dir.param.allowed.paths = \"/\"";
    let error = hocon(paths).producer().unwrap_err();
    assert!(matches!(error, LoadError::Guarded { .. }), "{error}");

    assert!(guarded.trusted().producer().is_ok());
    let allowed = properties(&id).with_overrides("code", provider);
    assert!(allowed.producer().is_ok());
    let elsewhere = properties("client.id = ${dir:/etc:hostname}");
    let error = elsewhere
        .with_overrides("code", provider)
        .producer()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("not below the provider's allowed.paths"),
        "{error}"
    );
}
