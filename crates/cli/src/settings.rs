//! From the command line, the configuration file and the environment to producer settings.

use crate::{
    args::{BOOTSTRAP_VARIABLE, ConfigArgs, ProduceArgs},
    exit::{Exit, Failure},
};
use guanaco::config::{Config, Format, LoadError, ProducerSection};
use std::path::PathBuf;

const BOOTSTRAP: &str = "bootstrap.servers";
const COMPRESSION: &str = "compression.type";

/// Environment variables.
pub(crate) type Environment = Vec<(String, String)>;

/// Those of the process. What is not UTF-8 is not there.
pub(crate) fn environment() -> Environment {
    let all = std::env::vars_os();
    all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Where the records go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Broker {
    /// A broker inside this process.
    Embedded,
    /// The cluster behind these addresses.
    Cluster(String),
    /// The cluster that service discovery finds.
    Service,
}

/// What the producer is built from.
#[derive(Debug)]
pub(crate) struct ClientSettings {
    pub(crate) broker: Broker,
    pub(crate) section: ProducerSection,
}

impl ClientSettings {
    /// Puts everything in its order: flags over `-X` over variables over the files.
    pub(crate) fn resolve(args: &ProduceArgs, environment: Environment) -> Result<Self, Failure> {
        let flags = [
            (
                "--bootstrap-servers",
                BOOTSTRAP,
                args.bootstrap_servers.as_deref(),
            ),
            (
                "--compression",
                COMPRESSION,
                args.compression.map(crate::args::Codec::name),
            ),
        ];
        let given = flags
            .into_iter()
            .filter_map(|(flag, key, value)| Some((flag, key, value?)));
        let given: Vec<_> = given.collect();
        for (flag, key, _) in &given {
            let mut names = args
                .settings
                .properties
                .iter()
                .filter_map(|it| it.split_once('='));
            if names.any(|(name, _)| name.trim() == *key) {
                return Err(Failure::usage(format!(
                    "{flag} and -X {key} contradict each other; keep one"
                )));
            }
        }
        let section = section(&args.settings, environment, &given)?;
        let mut properties = section.properties();
        let addresses = properties.find_map(|(key, value)| (key == BOOTSTRAP).then_some(value));
        let broker = match addresses {
            _ if section.service_name().is_some() => Broker::Service,
            Some(addresses) => Broker::Cluster(addresses.to_owned()),
            None if args.no_embedded => {
                return Err(Failure::usage(format!(
                    "no address of a cluster was given; name one with -b, \
                     -X {BOOTSTRAP}=.., --config or {BOOTSTRAP_VARIABLE}"
                )));
            }
            None => Broker::Embedded,
        };
        drop(properties);
        Ok(Self { broker, section })
    }
}

/// The section that is asked for, with flags (name, key, value) over everything else.
pub(crate) fn section(
    args: &ConfigArgs,
    environment: Environment,
    flags: &[(&str, &str, &str)],
) -> Result<ProducerSection, Failure> {
    let mut config = files(&args.config)
        .map_err(|error| Failure::caused(Exit::BadInput, UNUSABLE, &error, "check --config"))?;
    let fallback = environment
        .iter()
        .find(|(name, _)| name == BOOTSTRAP_VARIABLE);
    let fallback = fallback.map(|(_, value)| value.trim().to_owned());
    config = config.with_env_from(environment);

    let given = args.properties.iter().map(|pair| split_property(pair));
    config = config.with_overrides("-X", given.collect::<Result<Vec<_>, _>>()?);
    for (flag, key, value) in flags {
        config = config.with_overrides(flag, [(key, *value)]);
    }
    let read = |config: &Config| match &args.section {
        Some(path) => config.producer_at(path),
        None => config.producer(),
    };
    let mut section = read(&config).map_err(unusable)?;
    let has_addresses =
        section.service_name().is_some() || section.properties().any(|(key, _)| key == BOOTSTRAP);
    if let Some(addresses) = fallback.filter(|it| !it.is_empty() && !has_addresses) {
        let variable = format!("${BOOTSTRAP_VARIABLE}");
        section =
            read(&config.with_overrides(&variable, [(BOOTSTRAP, addresses)])).map_err(unusable)?;
    }
    Ok(section)
}

/// The files laid over each other, the last one on top.
fn files(paths: &[PathBuf]) -> Result<Config, LoadError> {
    paths.iter().try_fold(Config::new(), |weaker, path| {
        let format = Format::of(path).unwrap_or(Format::Properties);
        Ok(Config::load_as(path, format)?.with_fallback(weaker))
    })
}

const UNUSABLE: &str = "these settings cannot be used";

fn unusable(error: LoadError) -> Failure {
    let advice = match &error {
        LoadError::Guarded { .. } => "give it with -X instead",
        LoadError::Ambiguous { .. } => "use --section",
        _ => "check -b, -X and --config",
    };
    Failure::caused(Exit::BadInput, UNUSABLE, &error, advice)
}

/// `key=value`. The message of a failure quotes nothing of a text that has no key: it may be a
/// secret.
fn split_property(pair: &str) -> Result<(String, String), Failure> {
    match pair.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err(Failure::usage(
            "-X wants KEY=VALUE, such as -X linger.ms=20",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn resolve(line: &str, environment: &[(&str, &str)]) -> Result<ClientSettings, Failure> {
        let line = format!("guanaco produce -t orders {line}");
        let Command::Produce(args) = Cli::parse_from(line.split_whitespace()).command else {
            panic!("not a produce command")
        };
        let environment = environment.iter();
        let environment = environment.map(|(name, value)| (name.to_string(), value.to_string()));
        ClientSettings::resolve(&args, environment.collect())
    }

    fn file(name: &str, text: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("guanaco-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    fn message(result: Result<ClientSettings, Failure>) -> String {
        let failure = result.unwrap_err();
        assert_eq!(failure.exit, Exit::BadInput);
        failure.to_string()
    }

    fn properties(settings: &ClientSettings) -> Vec<(&str, &str)> {
        settings.section.properties().collect()
    }

    #[test]
    fn falls_back_to_the_embedded_broker() {
        let settings = resolve("", &[]).unwrap();
        assert_eq!(settings.broker, Broker::Embedded);
        assert_eq!(properties(&settings), []);
        let blank = resolve("", &[(BOOTSTRAP_VARIABLE, " ")]).unwrap();
        assert_eq!(blank.broker, Broker::Embedded);
    }

    #[test]
    fn no_embedded_makes_a_missing_address_an_error() {
        assert!(message(resolve("--no-embedded", &[])).contains(BOOTSTRAP_VARIABLE));
        let settings = resolve("--no-embedded", &[(BOOTSTRAP_VARIABLE, "e:1")]).unwrap();
        assert_eq!(settings.broker, Broker::Cluster("e:1".into()));
    }

    #[test]
    fn an_address_on_the_command_line_wins_over_variables_the_file_and_the_fallback() {
        let path = file(
            "addresses.conf",
            "akka.kafka.producer.kafka-clients.bootstrap.servers=\"file:1\"",
        );
        let config = format!("-F {}", path.display());
        let fallback = (BOOTSTRAP_VARIABLE, "env:1");
        let variable = (
            "GUANACO_PRODUCER__KAFKA_CLIENTS__BOOTSTRAP_SERVERS",
            "over:1",
        );
        let broker = |line: &str, environment: &[_]| resolve(line, environment).unwrap().broker;
        let cluster = |address: &str| Broker::Cluster(address.into());
        assert_eq!(broker("", &[fallback]), cluster("env:1"));
        assert_eq!(broker(&config, &[fallback]), cluster("file:1"));
        assert_eq!(broker(&config, &[fallback, variable]), cluster("over:1"));
        let line = format!("{config} -X bootstrap.servers=x:1");
        assert_eq!(broker(&line, &[variable]), cluster("x:1"));
        let line = format!("{config} -b b:1");
        assert_eq!(broker(&line, &[variable]), cluster("b:1"));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_later_setting_replaces_an_earlier_one() {
        let path = file("order", "acks=1\nlinger.ms=1\ncompression.type=gzip");
        let line = format!("-F {} -X acks=0 -X acks=all -z zstd", path.display());
        let settings = resolve(&line, &[]).unwrap();
        assert_eq!(
            properties(&settings),
            [
                ("acks", "all"),
                ("compression.type", "zstd"),
                ("linger.ms", "1")
            ]
        );
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_flag_and_its_property_contradict_each_other() {
        let told = message(resolve("-b a:1 -X bootstrap.servers=b:1", &[]));
        assert!(told.contains("--bootstrap-servers"), "{told}");
        let told = message(resolve("-z lz4 -X compression.type=none", &[]));
        assert!(told.contains("--compression"), "{told}");
    }

    #[test]
    fn a_property_without_a_key_is_refused_and_not_quoted() {
        for pair in ["hunter2", "=hunter2"] {
            assert!(!message(resolve(&format!("-X {pair}"), &[])).contains("hunter2"));
        }
        let settings = resolve("-X client.id=b=c", &[]).unwrap();
        assert_eq!(properties(&settings), [("client.id", "b=c")]);
    }

    #[test]
    fn a_guarded_key_is_for_the_command_line_only() {
        let property = "sasl.oauthbearer.token.endpoint.url=https://x.example";
        let path = file("guarded.properties", property);
        let told = message(resolve(&format!("-F {}", path.display()), &[]));
        assert!(
            told.contains("guarded.properties:1: ") && told.contains("-X"),
            "{told}"
        );
        let given = resolve(&format!("-X {property}"), &[]).map_err(|it| it.to_string());
        assert!(given.err().is_none_or(|told| !told.contains("secrets")));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let told = message(resolve("-F no/such.properties", &[]));
        assert!(told.contains("no/such.properties"), "{told}");
    }
}
