//! The flexi flow in short turns, for two processes that are compared while the machine is the same
//! for both.

use super::{PathArgs, flows::drive};
use crate::{
    cpu::Stopwatch,
    error::BenchError,
    sample::{Sample, payload},
};
use bytes::Bytes;
use futures_util::stream;
use guanaco::prelude::*;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

/// For each line on stdin a flow over `--records` on the one producer, and its sample on stdout; at
/// stdin's end all of them together.
pub(super) async fn turns(args: &PathArgs) -> Result<Sample, BenchError> {
    let (topic, value) = (args.topic(), Bytes::from(payload(args.value_bytes)));
    let settings = args.sized(ProducerSettings::keyless(BytesSerializer));
    let producer = args.producer(settings.clone()).await?;
    let mut lines = BufReader::new(stdin()).lines();
    let all = Stopwatch::start()?;
    let mut turns = 0;
    while lines.next_line().await?.is_some() {
        let value = value.clone();
        let records = (0..args.records)
            .map(move |n| Envelope::single(ProducerRecord::new(topic, value.clone()), n));
        let settings = settings.clone().with_producer(&producer);
        let watch = Stopwatch::start()?;
        let order = drive(settings, stream::iter(records), |_| Ok(())).await?;
        order.end(args.records)?;
        let bytes = args.records * args.value_bytes as u64;
        args.sample(&watch, args.records, bytes)?.print()?;
        turns += 1;
    }
    let records = turns * args.records;
    args.sample(&all, records, records * args.value_bytes as u64)
}
