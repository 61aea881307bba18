//! From the command line, the configuration file and the environment to producer settings.

use crate::{
    args::{BOOTSTRAP_VARIABLE, ProduceArgs},
    exit::{Exit, Failure},
    properties,
};
use std::path::Path;

const BOOTSTRAP: &str = "bootstrap.servers";
const COMPRESSION: &str = "compression.type";

/// Where the records go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Broker {
    /// A broker inside this process.
    Embedded,
    /// The cluster behind these addresses.
    Cluster(String),
}

/// What the producer is built from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientSettings {
    pub(crate) broker: Broker,
    /// Kafka's producer keys, each at most once, without the addresses.
    pub(crate) properties: Vec<(String, String)>,
}

impl ClientSettings {
    /// Reads `--config` and puts everything in its order: flags over `-X` over the file over the
    /// environment.
    pub(crate) fn resolve(
        args: &ProduceArgs,
        environment: Option<String>,
    ) -> Result<Self, Failure> {
        let mut all = match &args.config {
            Some(path) => from_file(path)?,
            None => Vec::new(),
        };
        let given = args
            .properties
            .iter()
            .map(|pair| split_property(pair))
            .collect::<Result<Vec<_>, _>>()?;
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
        for (flag, key, value) in flags {
            if value.is_some() && given.iter().any(|(name, _)| name == key) {
                return Err(Failure::usage(format!(
                    "{flag} and -X {key} contradict each other; keep one"
                )));
            }
        }
        all.extend(given);
        all.extend(
            flags
                .into_iter()
                .filter_map(|(_, key, value)| Some((key.to_owned(), value?.to_owned()))),
        );

        let mut properties: Vec<(String, String)> = Vec::new();
        for (key, value) in all {
            properties.retain(|(earlier, _)| *earlier != key);
            properties.push((key, value));
        }
        let addresses = properties
            .iter()
            .position(|(key, _)| key == BOOTSTRAP)
            .map(|at| properties.remove(at).1)
            .or(environment.filter(|value| !value.trim().is_empty()));
        let broker = match addresses {
            Some(addresses) => Broker::Cluster(addresses),
            None if args.no_embedded => {
                return Err(Failure::usage(format!(
                    "no address of a cluster was given; name one with -b, \
                     -X {BOOTSTRAP}=.., --config or {BOOTSTRAP_VARIABLE}"
                )));
            }
            None => Broker::Embedded,
        };
        Ok(Self { broker, properties })
    }
}

fn from_file(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let context = format!("cannot read the settings in {}", path.display());
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::caused(Exit::BadInput, &context, &error, "check --config"))?;
    properties::parse(&text)
        .map_err(|error| Failure::caused(Exit::BadInput, &context, &error, "mend that line"))
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

    fn resolve(line: &str, environment: Option<&str>) -> Result<ClientSettings, Failure> {
        let line = format!("guanaco produce -t orders {line}");
        let Command::Produce(args) = Cli::parse_from(line.split_whitespace()).command else {
            panic!("not a produce command")
        };
        ClientSettings::resolve(&args, environment.map(str::to_owned))
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

    #[test]
    fn falls_back_to_the_embedded_broker() {
        let settings = resolve("", None).unwrap();
        assert_eq!(
            settings,
            ClientSettings {
                broker: Broker::Embedded,
                properties: vec![]
            }
        );
        assert_eq!(resolve("", Some(" ")).unwrap().broker, Broker::Embedded);
    }

    #[test]
    fn no_embedded_makes_a_missing_address_an_error() {
        assert!(message(resolve("--no-embedded", None)).contains("GUANACO_BOOTSTRAP_SERVERS"));
        assert_eq!(
            resolve("--no-embedded", Some("e:1")).unwrap().broker,
            Broker::Cluster("e:1".into())
        );
    }

    #[test]
    fn an_address_on_the_command_line_wins_over_the_file_and_the_file_over_the_environment() {
        let path = file("addresses", "bootstrap.servers=file:1\nacks=1");
        let config = format!("-F {}", path.display());
        let broker = |line: &str| resolve(line, Some("env:1")).unwrap().broker;
        assert_eq!(broker(""), Broker::Cluster("env:1".into()));
        assert_eq!(broker(&config), Broker::Cluster("file:1".into()));
        assert_eq!(
            broker(&format!("{config} -X bootstrap.servers=x:1")),
            Broker::Cluster("x:1".into())
        );
        assert_eq!(
            broker(&format!("{config} -b b:1")),
            Broker::Cluster("b:1".into())
        );
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_later_setting_replaces_an_earlier_one() {
        let path = file("order", "acks=1\nlinger.ms=1\ncompression.type=gzip");
        let line = format!("-F {} -X acks=0 -X acks=all -z zstd", path.display());
        let settings = resolve(&line, None).unwrap();
        let pairs: Vec<_> = settings
            .properties
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("linger.ms", "1"),
                ("acks", "all"),
                ("compression.type", "zstd")
            ]
        );
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_flag_and_its_property_contradict_each_other() {
        assert!(
            message(resolve("-b a:1 -X bootstrap.servers=b:1", None))
                .contains("--bootstrap-servers")
        );
        assert!(
            message(resolve("-z lz4 -X compression.type=none", None)).contains("--compression")
        );
    }

    #[test]
    fn a_property_without_a_key_is_refused_and_not_quoted() {
        for pair in ["hunter2", "=hunter2"] {
            assert!(!message(resolve(&format!("-X {pair}"), None)).contains("hunter2"));
        }
        assert_eq!(
            resolve("-X a=b=c", None).unwrap().properties,
            [("a".to_owned(), "b=c".to_owned())]
        );
    }

    #[test]
    fn an_unreadable_file_is_named() {
        assert!(message(resolve("-F no/such.properties", None)).contains("no/such.properties"));
    }
}
