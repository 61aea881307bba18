//! The command line.

use clap::{Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use std::path::PathBuf;

/// The name of the variable that is read where no address is given.
pub(crate) const BOOTSTRAP_VARIABLE: &str = "GUANACO_BOOTSTRAP_SERVERS";

/// Async streams to Apache Kafka, from the command line.
#[derive(Debug, Parser)]
#[command(name = "guanaco", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send the lines of a file, or of standard input, to a topic.
    #[command(after_help = PRODUCE_HELP)]
    Produce(Box<ProduceArgs>),
    /// Print the settings that a producer would have, and where each is from; secrets are masked.
    #[command(after_help = CONFIG_HELP)]
    Config(ConfigArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell to write it for.
        shell: Shell,
    },
}

const PRODUCE_HELP: &str = "\
Addresses are looked for in -b, -X bootstrap.servers, environment variables such as
GUANACO_PRODUCER__KAFKA_CLIENTS__BOOTSTRAP_SERVERS, --config and GUANACO_BOOTSTRAP_SERVERS, in this
order. Without any, an embedded broker is started; its records are discarded on exit.
`guanaco config` shows where each setting is from.

Ctrl-C stops reading, waits for what was sent and reports; a second one leaves at once.

Exit codes:
  0    done: every record acknowledged
  1    the report, or the --failed file, could not be written
  2    wrong usage or bad input (the line is named; nothing from it on was sent)
  3    the cluster cannot be reached, or refuses this client
  4    some records were not delivered
  130  interrupted, all that was sent is acknowledged

Examples:
  guanaco produce --topic orders data/orders.ndjson
  guanaco produce -b localhost:9092 -t orders --key-field customer_id data/orders.ndjson
  tail -f access.log | guanaco produce -b localhost:9092 -t access -z zstd -";

const CONFIG_HELP: &str = "\
From the strongest to the weakest: -X, environment variables such as
GUANACO_PRODUCER__KAFKA_CLIENTS__LINGER_MS, the files, the last one first, the defaults. Keys of
Kafka's that are not set are not shown.

Exit codes:
  0    the settings can be used
  1    they could not be written
  2    wrong usage, or a setting that cannot be used (file and line are named)

Examples:
  guanaco config --config application.conf
  guanaco config --config base.conf --config production.yaml --config secrets.properties
  guanaco config --config application.conf --section orders.producer -X linger.ms=20";

/// Where a producer's settings come from.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct ConfigArgs {
    /// A producer setting by its Kafka name, repeatable.
    #[arg(short = 'X', value_name = "KEY=VALUE")]
    pub(crate) properties: Vec<String>,

    /// A file of settings, repeatable: where several set the same, the last one wins. They are .conf
    /// (HOCON), .json, .toml or .yaml, and Java properties otherwise.
    #[arg(short = 'F', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Vec<PathBuf>,

    /// The section of the files [default: guanaco.producer, akka.kafka.producer or
    /// pekko.kafka.producer, whichever is set].
    #[arg(short = 'S', long, value_name = "PATH")]
    pub(crate) section: Option<String>,
}

/// What `guanaco produce` was asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct ProduceArgs {
    /// The file to read, `-` for standard input.
    #[arg(default_value = "-", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// The topic to send to.
    #[arg(short, long)]
    pub(crate) topic: String,

    /// Addresses of the cluster, `host:port` separated by commas.
    #[arg(short, long, value_name = "HOST:PORT,..")]
    pub(crate) bootstrap_servers: Option<String>,

    /// Fail where no address is given, instead of starting the embedded broker.
    #[arg(long)]
    pub(crate) no_embedded: bool,

    /// Lines are `key DELIMITER value`; \t, \n, \\ and \xHH are understood.
    #[arg(
        short = 'K',
        long,
        value_name = "DELIMITER",
        conflicts_with = "key_field"
    )]
    pub(crate) key_delimiter: Option<String>,

    /// Lines are JSON objects (NDJSON): the key is this field's value, the value is the whole line.
    #[arg(long, value_name = "NAME")]
    pub(crate) key_field: Option<String>,

    /// Send an empty value as null, a tombstone (and an empty key as no key).
    #[arg(short = 'Z', long, conflicts_with = "key_field")]
    pub(crate) empty_as_null: bool,

    /// A header for every record, repeatable; without `=`, its value is null.
    #[arg(short = 'H', long = "header", value_name = "NAME=VALUE")]
    pub(crate) headers: Vec<String>,

    /// Send everything to this partition.
    #[arg(short, long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) partition: Option<i32>,

    /// Compress batches.
    #[arg(short = 'z', long, value_name = "CODEC")]
    pub(crate) compression: Option<Codec>,

    #[command(flatten)]
    pub(crate) settings: ConfigArgs,

    /// Name and count lines that cannot be parsed, and go on with the others.
    #[arg(long)]
    pub(crate) skip_bad: bool,

    /// Write lines that were read and not delivered to this file, as they came in.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) failed: Option<PathBuf>,

    /// Print the report as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,

    /// No progress bar and no summary; errors, and what --json prints, stay.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// The values of `compression.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Codec {
    /// As Kafka spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn understands_the_letters_that_kcat_users_know() {
        let line = "guanaco produce -b h:1 -t orders -K : -Z -H a=b -p 3 -z lz4 -X acks=1 -F f -";
        let Command::Produce(args) = Cli::parse_from(line.split(' ')).command else {
            panic!("not a produce command")
        };
        assert_eq!(args.bootstrap_servers.as_deref(), Some("h:1"));
        assert_eq!(args.topic, "orders");
        assert_eq!(args.key_delimiter.as_deref(), Some(":"));
        assert!(args.empty_as_null);
        assert_eq!(args.headers, ["a=b"]);
        assert_eq!(args.partition, Some(3));
        assert_eq!(args.compression.map(Codec::name), Some("lz4"));
        assert_eq!(args.settings.properties, ["acks=1"]);
        assert_eq!(args.settings.config, [PathBuf::from("f")]);
        assert_eq!(args.file, PathBuf::from("-"));
    }

    #[test]
    fn refuses_two_ways_to_find_the_key() {
        let line = "guanaco produce -t orders -K : --key-field id -";
        assert!(Cli::try_parse_from(line.split(' ')).is_err());
    }
}
