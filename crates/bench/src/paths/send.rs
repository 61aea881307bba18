//! `SendProducer`: a future a record.

use super::{PathArgs, order::InOrder};
use crate::{
    cpu::Stopwatch,
    error::BenchError,
    pace::Pace,
    sample::{Sample, payload},
};
use bytes::Bytes;
use guanaco::{NoKey, prelude::*};
use std::{collections::VecDeque, thread, time::Duration};
use tokio::sync::mpsc;

/// Futures that are kept before the oldest is awaited.
const WINDOW: usize = 10_000;

/// Calls `send` ahead of the answers and awaits the futures in order.
pub(super) async fn in_order(args: &PathArgs) -> Result<Sample, BenchError> {
    let (topic, value) = (args.topic(), Bytes::from(payload(args.value_bytes)));
    let producer = sender(args, topic, &value).await?;
    let mut window = VecDeque::with_capacity(WINDOW);
    let mut order = InOrder::default();
    let mut see =
        |metadata: RecordMetadata| order.see(order.seen(), metadata.partition, metadata.offset);
    let watch = Stopwatch::start()?;
    for _ in 0..args.records {
        if window.len() == WINDOW
            && let Some(oldest) = window.pop_front()
        {
            see(outcome(oldest).await?)?;
        }
        window.push_back(producer.send(ProducerRecord::new(topic, value.clone())));
    }
    for oldest in window {
        see(outcome(oldest).await?)?;
    }
    order.end(args.records)?;
    args.sample(&watch, args.records, args.records * args.value_bytes as u64)
}

/// A thread calls `send` at a pace; a record's time runs from its offer until its result is
/// seen.
pub(super) async fn latency(args: &PathArgs) -> Result<Sample, BenchError> {
    let (topic, value) = (args.topic(), Bytes::from(payload(args.value_bytes)));
    let producer = sender(args, topic, &value).await?;
    let (records, interval) = (args.records, Duration::from_secs_f64(1.0 / args.rate));
    let (sent, mut pending) = mpsc::unbounded_channel();
    let watch = Stopwatch::start()?;
    // Timers of tokio are too coarse for this pace.
    thread::spawn(move || {
        let mut pace = Pace::new(interval);
        for _ in 0..records {
            let at = pace.wait();
            let sending = producer.send(ProducerRecord::new(topic, value.clone()));
            if sent.send((at, sending)).is_err() {
                return; // the measuring side failed and says why
            }
        }
    });
    let mut order = InOrder::default();
    let mut micros = Vec::with_capacity(records as usize);
    while let Some((at, sending)) = pending.recv().await {
        let metadata = outcome(sending).await?;
        micros.push(at.elapsed().as_secs_f64() * 1e6);
        order.see(order.seen(), metadata.partition, metadata.offset)?;
    }
    order.end(records)?;
    let sample = args.sample(&watch, records, records * args.value_bytes as u64)?;
    Ok(sample.with_latencies(micros))
}

/// A producer that is connected and knows the topic.
async fn sender(
    args: &PathArgs,
    topic: &'static str,
    value: &Bytes,
) -> Result<SendProducer<NoKey, Bytes>, BenchError> {
    let settings = args.connected(ProducerSettings::keyless(BytesSerializer));
    let producer = SendProducer::new(settings);
    outcome(producer.send(ProducerRecord::new(topic, value.clone()))).await?;
    Ok(producer)
}

async fn outcome<E>(
    sending: impl Future<Output = Result<RecordMetadata, E>>,
) -> Result<RecordMetadata, BenchError>
where
    guanaco::Error: From<E>,
{
    Ok(sending.await.map_err(guanaco::Error::from)?)
}
