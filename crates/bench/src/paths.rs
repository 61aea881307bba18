//! Guanaco's own paths, each run once in a process of its own.
//!
//! Every path checks what it gets: results in input order, offsets that grow in each partition,
//! nothing missing.

mod flows;
mod json_lines;
mod order;
mod send;
mod stall;
mod turns;

use crate::{cpu::Stopwatch, error::BenchError, sample::Sample};
use guanaco::prelude::*;
use metrics_exporter_prometheus::PrometheusBuilder;
use std::{collections::BTreeMap, time::Duration};
use tokio::runtime::Builder;

const METRICS_INTERVAL: Duration = Duration::from_millis(100);

/// One path of Guanaco, once; prints one line of JSON.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct PathArgs {
    #[arg(value_enum)]
    path: Path,
    #[arg(short = 'b', long)]
    bootstrap_servers: String,
    #[arg(short, long, default_value = "bench")]
    topic: String,
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    #[arg(long, default_value_t = 100)]
    value_bytes: usize,
    /// A producer setting by Kafka's name.
    #[arg(short = 'X', long = "property", value_name = "KEY=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,
    /// Connect by TLS and trust this authority, in PEM.
    #[arg(long, value_name = "PEM", allow_hyphen_values = true)]
    authority: Option<String>,
    /// Records offered a second, where a path has a pace.
    #[arg(long, default_value_t = 10_000.0)]
    rate: f64,
    /// Partitions to go round, where a path names them itself.
    #[arg(long, default_value_t = 1)]
    partitions: i32,
    /// Flows side by side.
    #[arg(long, default_value_t = 4)]
    flows: usize,
    /// Give each of the flows a producer of its own.
    #[arg(long)]
    own_producers: bool,
    /// Publish metrics to a recorder, fifty times as often as by default.
    #[arg(long)]
    metrics: bool,
    /// Envelopes in flight in each flow, instead of the default.
    #[arg(long)]
    parallelism: Option<usize>,
    /// Run on a current-thread runtime instead of tokio's default.
    #[arg(long)]
    current_thread: bool,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Path {
    /// The elements of `flexi` without a producer: what is the user's own in the figures of the
    /// others.
    Upstream,
    /// Ordered flexi flow with a `u64` pass-through.
    Flexi,
    /// As `flexi` on one producer, once for each line on stdin.
    Turns,
    /// As `flexi`, with one of 4,096 keys on each record.
    Keyed,
    /// As `flexi`, with JSON lines that compress well.
    JsonLines,
    /// As `flexi`, going round `--partitions` at `--rate`.
    RoundRobin,
    /// As `flexi` with a fresh allocation for each value; watches memory from record 5,000,000 on.
    Growth,
    /// Until a line comes on stdin; watches memory throughout.
    Stall,
    /// Several flows at once.
    Flows,
    /// `SendProducer`: 10,000 futures, awaited in order.
    Send,
    /// `SendProducer` at `--rate`: the time from each call to its result.
    Latency,
}

/// Runs the path on a runtime as `#[tokio::main]` makes it, if not told otherwise.
pub(crate) fn run(args: &PathArgs) -> Result<Sample, BenchError> {
    if args.metrics {
        let installed = PrometheusBuilder::new().install_recorder();
        installed.map_err(|error| BenchError::Check(error.to_string()))?;
    }
    let mut runtime = match args.current_thread {
        false => Builder::new_multi_thread(),
        true => Builder::new_current_thread(),
    };
    let runtime = runtime.enable_all().build()?;
    runtime.block_on(async {
        match args.path {
            Path::Upstream => flows::upstream(args).await,
            Path::Flexi => flows::flexi(args).await,
            Path::Turns => turns::turns(args).await,
            Path::Keyed => flows::keyed(args).await,
            Path::JsonLines => flows::json_lines(args).await,
            Path::RoundRobin => flows::round_robin(args).await,
            Path::Growth => stall::growth(args).await,
            Path::Stall => stall::stall(args).await,
            Path::Flows => flows::side_by_side(args).await,
            Path::Send => send::in_order(args).await,
            Path::Latency => send::latency(args).await,
        }
    })
}

impl PathArgs {
    /// Records name their topic for free when it is static; a process has but one.
    fn topic(&self) -> &'static str {
        Box::leak(self.topic.clone().into_boxed_str())
    }

    /// The settings with the broker's address and the properties of the command line.
    fn connected<K, V>(&self, settings: ProducerSettings<K, V>) -> ProducerSettings<K, V> {
        let interval = if self.metrics {
            METRICS_INTERVAL
        } else {
            Duration::ZERO
        };
        let settings = settings
            .with_bootstrap_servers(&self.bootstrap_servers)
            .with_metrics_interval(interval);
        let settings = match &self.authority {
            None => settings,
            Some(authority) => settings
                .with_property("security.protocol", "SSL")
                .with_property("ssl.truststore.certificates", authority),
        };
        self.properties
            .iter()
            .fold(settings, |settings, (key, value)| {
                settings.with_property(key, value)
            })
    }

    /// The settings with the command line's `parallelism`.
    fn sized<K, V>(&self, settings: ProducerSettings<K, V>) -> ProducerSettings<K, V> {
        let parallelism = self.parallelism.unwrap_or(settings.parallelism());
        settings.with_parallelism(parallelism)
    }

    /// A producer that is connected.
    async fn producer<K, V>(
        &self,
        settings: ProducerSettings<K, V>,
    ) -> Result<KafkaProducer, BenchError> {
        let producer = self.connected(settings).create_kafka_producer().await;
        Ok(producer.map_err(guanaco::Error::from)?)
    }

    fn sample(&self, watch: &Stopwatch, records: u64, bytes: u64) -> Result<Sample, BenchError> {
        let (seconds, cpu_seconds) = watch.stop()?;
        let mut name = clap::ValueEnum::to_possible_value(&self.path)
            .map_or_else(String::new, |value| value.get_name().to_owned());
        if self.metrics {
            name.push_str(" with metrics");
        }
        if self.authority.is_some() {
            name.push_str(" by TLS");
        }
        for (key, value) in &self.properties {
            name.push_str(&format!(" {key}={value}"));
        }
        Ok(Sample {
            name,
            records,
            bytes,
            seconds,
            cpu_seconds,
            figures: BTreeMap::new(),
        })
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("needs key=value")?;
    Ok((key.to_owned(), value.to_owned()))
}
