//! `table`: every path once beside the probe, for people.

use crate::{
    child::{self, NullBroker},
    error::BenchError,
    sample::Sample,
};
use serde_json::json;

/// Runs the probe and our paths, each once, and prints what a record costs.
#[derive(clap::Args, Debug)]
pub(crate) struct TableArgs {
    /// `host:port` of a broker to measure against, instead of a null broker.
    #[arg(short = 'b', long)]
    bootstrap_servers: Option<String>,
    /// A topic on it that exists and may be filled.
    #[arg(short, long, default_value = "bench")]
    topic: String,
    #[arg(long, default_value_t = 2_000_000)]
    records: u64,
    #[arg(long, default_value_t = 100)]
    value_bytes: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// The first is what the others are compared with.
const RUNS: [&[&str]; 9] = [
    &["probe", "--batch-bytes", "262144"],
    &["probe", "--batch-bytes", "65536"],
    &["probe", "--batch-bytes", "1048576"],
    &["path", "upstream"],
    &["path", "flexi"],
    &["path", "keyed"],
    &["path", "flows", "--flows", "4"],
    &["path", "flows", "--flows", "4", "--own-producers"],
    &["path", "send"],
];

pub(crate) fn run(args: &TableArgs) -> Result<(), BenchError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let samples = runtime.block_on(measure(args))?;
    let probe = &samples[0];
    if args.json {
        let rows = samples.iter().map(|sample| {
            json!({
                "run": sample,
                "records_per_second": sample.records_per_second(),
                "cpu_ns_per_record": sample.cpu_ns(),
                "throughput_vs_probe": sample.records_per_second() / probe.records_per_second(),
                "cpu_vs_probe": sample.cpu_ns() / probe.cpu_ns(),
            })
        });
        println!(
            "{}",
            json!({ "value_bytes": args.value_bytes, "rows": rows.collect::<Vec<_>>() })
        );
        return Ok(());
    }
    println!(
        "{:30} {:>12} {:>8} {:>9} {:>17}",
        "", "records/s", "MB/s", "CPU ns", "CPU vs the probe"
    );
    for sample in &samples {
        println!(
            "{:30} {:>12.0} {:>8.1} {:>9.1} {:>17.2}",
            sample.name,
            sample.records_per_second(),
            sample.bytes_per_second() / 1e6,
            sample.cpu_ns(),
            sample.cpu_ns() / probe.cpu_ns(),
        );
    }
    Ok(())
}

async fn measure(args: &TableArgs) -> Result<Vec<Sample>, BenchError> {
    let (null, address) = match &args.bootstrap_servers {
        Some(address) => (None, address.clone()),
        None => {
            let broker = NullBroker::start(&["--partitions", "1"]).await?;
            let address = broker.address.clone();
            (Some(broker), address)
        }
    };
    let (records, value_bytes) = (args.records.to_string(), args.value_bytes.to_string());
    let common = [
        "-b",
        &address,
        "-t",
        &args.topic,
        "--records",
        &records,
        "--value-bytes",
        &value_bytes,
    ];
    let mut samples = Vec::new();
    for run in RUNS {
        samples.push(child::run(&[run, &common].concat()).await?);
    }
    drop(null);
    Ok(samples)
}
