//! The limit probe: what the socket and the broker allow when there is no API at all.
//!
//! Idempotent headers, acks=all, one partition, five requests in flight, all from one thread.

use crate::{
    cpu::Stopwatch,
    error::BenchError,
    pace::Pace,
    sample::{Sample, payload},
    wire::{Identity, Requests},
};
use std::{
    collections::BTreeMap,
    io::Write,
    net::TcpStream,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// The limit: hand-encoded requests on a socket, to partition 0 of a topic that must exist.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct ProbeArgs {
    /// `host:port` of the topic's leader.
    #[arg(short = 'b', long)]
    bootstrap_servers: String,
    #[arg(short, long, default_value = "bench")]
    topic: String,
    #[arg(long, default_value_t = 2_000_000)]
    records: u64,
    #[arg(long, default_value_t = 100)]
    value_bytes: usize,
    #[arg(long, default_value_t = 65_536)]
    batch_bytes: usize,
    /// Requests that may be unanswered.
    #[arg(long, default_value_t = 5)]
    in_flight: usize,
    /// Send one-record requests at this many a second instead, and time them.
    #[arg(long)]
    rate: Option<f64>,
}

/// Runs once.
pub(crate) fn run(args: &ProbeArgs) -> Result<Sample, BenchError> {
    let mut socket = TcpStream::connect(&args.bootstrap_servers)?;
    socket.set_nodelay(true)?;
    let identity = Identity::init(&mut socket)?;
    let requests = Requests::new(&args.topic, identity);
    let value = payload(args.value_bytes);
    match args.rate {
        None => throughput(args, socket, requests, &value),
        Some(rate) => latency(args, socket, requests, &value, rate),
    }
}

fn throughput(
    args: &ProbeArgs,
    mut socket: TcpStream,
    mut requests: Requests<'_>,
    value: &[u8],
) -> Result<Sample, BenchError> {
    let mut replies = requests.replies();
    let watch = Stopwatch::start()?;
    let mut in_flight = 0;
    let mut left = args.records;
    while left > 0 {
        if in_flight == args.in_flight {
            replies.read(&mut socket)?;
            in_flight -= 1;
        }
        let (frame, count) = requests.next(value, left, args.batch_bytes);
        socket.write_all(frame)?;
        in_flight += 1;
        left -= count;
    }
    for _ in 0..in_flight {
        replies.read(&mut socket)?;
    }
    let (seconds, cpu_seconds) = watch.stop()?;
    Ok(args.sample(
        format!("probe, {} KiB batches", args.batch_bytes / 1024),
        seconds,
        cpu_seconds,
    ))
}

/// One thread sends at the given pace, another reads; a record's time runs from its offer to its
/// answer.
fn latency(
    args: &ProbeArgs,
    mut socket: TcpStream,
    mut requests: Requests<'_>,
    value: &[u8],
    rate: f64,
) -> Result<Sample, BenchError> {
    let mut replies = requests.replies();
    let mut reading = socket.try_clone()?;
    let watch = Stopwatch::start()?;
    // The room of `window` is what may be unanswered.
    let (window, answered) = mpsc::sync_channel::<()>(args.in_flight);
    let (sent, unanswered) = mpsc::channel::<Instant>();
    let micros = thread::scope(|threads| {
        let reader = threads.spawn(move || {
            let mut micros = Vec::new();
            for at in unanswered {
                replies.read(&mut reading)?;
                micros.push(at.elapsed().as_secs_f64() * 1e6);
                let _ = answered.recv();
            }
            Ok::<_, BenchError>(micros)
        });
        let mut pace = Pace::new(Duration::from_secs_f64(1.0 / rate));
        for left in (1..=args.records).rev() {
            let offered = pace.wait();
            let (frame, _) = requests.next(value, left, 0);
            if window.send(()).is_err() || sent.send(offered).is_err() {
                break; // the reader failed and says why
            }
            socket.write_all(frame)?;
        }
        drop(sent);
        reader
            .join()
            .map_err(|_| BenchError::Check("the reader panicked".to_owned()))?
    })?;
    let (seconds, cpu_seconds) = watch.stop()?;
    let name = format!("probe, one-record requests at {rate}/s");
    Ok(args
        .sample(name, seconds, cpu_seconds)
        .with_latencies(micros))
}

impl ProbeArgs {
    fn sample(&self, name: String, seconds: f64, cpu_seconds: f64) -> Sample {
        Sample {
            name,
            records: self.records,
            bytes: self.records * self.value_bytes as u64,
            seconds,
            cpu_seconds,
            figures: BTreeMap::new(),
        }
    }
}
