//! Paths that watch the process's memory. Each value is an allocation of its own, as values are in
//! life.

use super::{PathArgs, flows::drive};
use crate::{
    cpu::{Stopwatch, resident_bytes},
    error::BenchError,
    sample::{Sample, payload},
};
use bytes::Bytes;
use futures_util::stream;
use guanaco::prelude::*;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

const MIB: f64 = (1 << 20) as f64;

/// From this record on memory is to stay as it is.
const SETTLED_AT: u64 = 5_000_000;
const LOOK_EVERY: u64 = 250_000;

/// How far memory rises between record 5,000,000 and the last.
pub(super) async fn growth(args: &PathArgs) -> Result<Sample, BenchError> {
    if args.records <= SETTLED_AT {
        return Err(BenchError::Check(format!(
            "needs more than {SETTLED_AT} records"
        )));
    }
    let (topic, value) = (args.topic(), payload(args.value_bytes));
    let settings = ProducerSettings::keyless(BytesSerializer);
    let producer = args.producer(settings.clone()).await?;
    let records = (0..args.records).map(move |n| {
        let record = ProducerRecord::new(topic, Bytes::copy_from_slice(&value));
        Envelope::single(record, n)
    });
    let (mut settled, mut most) = (0, 0);
    let watch = Stopwatch::start()?;
    let look = |index: u64| {
        if index == SETTLED_AT {
            settled = resident_bytes()?;
        }
        if index >= SETTLED_AT && (index.is_multiple_of(LOOK_EVERY) || index == args.records - 1) {
            most = most.max(resident_bytes()?);
        }
        Ok(())
    };
    let order = drive(
        settings.with_producer(&producer),
        stream::iter(records),
        look,
    )
    .await?;
    order.end(args.records)?;
    let sample = args.sample(&watch, args.records, args.records * args.value_bytes as u64)?;
    let settled = settled as f64 / MIB;
    let growth = most as f64 / MIB - settled;
    Ok(sample
        .with_figure("settled_rss_mib", settled)
        .with_figure("growth_mib", growth))
}

/// As fast as it gets until a line or the end of stdin; says `flows` when the first results are
/// there.
pub(super) async fn stall(args: &PathArgs) -> Result<Sample, BenchError> {
    let (topic, value) = (args.topic(), payload(args.value_bytes));
    let settings = ProducerSettings::keyless(BytesSerializer);
    let producer = args.producer(settings.clone()).await?;
    let stop = stop_at_a_line();
    let most = watch_memory();
    let records = (0..).map_while(move |n| {
        let record = || ProducerRecord::new(topic, Bytes::copy_from_slice(&value));
        (!stop.load(Relaxed)).then(|| Envelope::single(record(), n))
    });
    let first = |index| {
        if index == 0 {
            println!("flows");
        }
        Ok(())
    };
    let watch = Stopwatch::start()?;
    let order = drive(
        settings.with_producer(&producer),
        stream::iter(records),
        first,
    )
    .await?;
    // One partition that is ours alone: exactly our records are in it.
    let (seen, in_log) = (
        order.seen(),
        order.next_offsets().first().copied().unwrap_or(0),
    );
    if i64::try_from(seen) != Ok(in_log) {
        return Err(BenchError::Check(format!(
            "{seen} results, last offset {}",
            in_log - 1
        )));
    }
    let sample = args.sample(&watch, seen, seen * args.value_bytes as u64)?;
    Ok(sample.with_figure("max_rss_mib", most.load(Relaxed) as f64 / MIB))
}

fn stop_at_a_line() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    thread::spawn(move || {
        // The end of stdin is as good as a line, and so is an error.
        let _ = io::stdin().read_line(&mut String::new());
        set.store(true, Relaxed);
    });
    stop
}

/// The most memory that was resident at any look, every few milliseconds.
fn watch_memory() -> Arc<AtomicU64> {
    let most = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&most);
    thread::spawn(move || {
        while let Ok(bytes) = resident_bytes() {
            seen.fetch_max(bytes, Relaxed);
            thread::sleep(Duration::from_millis(20));
        }
    });
    most
}
