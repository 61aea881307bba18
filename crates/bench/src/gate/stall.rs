//! A broker that freezes under a fast upstream: memory stays bounded, nothing is lost.

use super::{real::RealKafka, rounds::Journal, stats::Figure};
use crate::{child::Process, error::BenchError, sample::Sample};
use std::time::Duration;
use tokio::time::sleep;

/// `buffer.memory` and the flow's byte limit, at their defaults.
const BUFFERS_MIB: f64 = 32.0 + 32.0;
const VALUE_BYTES: [&str; 2] = ["100", "65536"];
/// Records flow this long before and after the freeze.
const FLOW: Duration = Duration::from_secs(1);
/// After a thaw the client may have to wait for time-outs, back-off and a broker that finds itself
/// again.
const DRAIN: Duration = Duration::from_secs(60);

/// Freezes the broker under one flow of small and one of large values at once; how far the worse of
/// them was over its buffers, in MiB.
pub(super) async fn measure(
    journal: &mut Journal,
    kafka: &mut RealKafka,
    name: &str,
) -> Result<Figure, BenchError> {
    let frozen = Duration::from_secs(if journal.quick { 10 } else { 60 });
    let mut paths = Vec::new();
    for value_bytes in VALUE_BYTES {
        let topic = kafka.create_topic().await?;
        let args = [
            "path",
            "stall",
            "--value-bytes",
            value_bytes,
            "-b",
            kafka.address(),
            "-t",
            &topic,
        ];
        let mut process = Process::start(&args)?;
        process.line(Duration::from_secs(30)).await?; // it flows
        paths.push((process, topic));
    }
    sleep(FLOW).await;
    journal.progress(&format!(
        "{name}: the broker freezes for {} s",
        frozen.as_secs()
    ));
    kafka.freeze().await?;
    sleep(frozen).await;
    kafka.thaw().await?;
    sleep(FLOW).await;
    let mut worst = f64::NEG_INFINITY;
    for (process, topic) in paths {
        let sample = drain(process).await?;
        journal.note(name, 1, &sample);
        let end = kafka.end_offset(&topic).await?;
        if end != sample.records as i64 {
            let records = sample.records;
            return Err(BenchError::Check(format!(
                "{end} records in the log, {records} acknowledged"
            )));
        }
        worst = worst.max(sample.figure("max_rss_mib") - BUFFERS_MIB);
        kafka.delete_topic(&topic).await?;
    }
    Figure::of(vec![worst]).ok_or_else(|| BenchError::Check("no stall".to_owned()))
}

async fn drain(mut process: Process) -> Result<Sample, BenchError> {
    process.tell("stop").await?;
    process.sample(DRAIN).await
}
