//! The flexi flow in its variants.

use super::{PathArgs, json_lines, order::InOrder};
use crate::{
    cpu::Stopwatch,
    error::BenchError,
    sample::{Sample, payload},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, future::try_join_all, stream};
use guanaco::{SharedProducerSettings, prelude::*, serialization::NoKey};
use std::{
    hint::black_box,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};

/// Keyless records to wherever the producer puts them.
pub(super) async fn flexi(args: &PathArgs) -> Result<Sample, BenchError> {
    let (topic, value) = (args.topic(), Bytes::from(payload(args.value_bytes)));
    let records = (0..args.records)
        .map(move |n| Envelope::single(ProducerRecord::new(topic, value.clone()), n));
    let settings = ProducerSettings::keyless(BytesSerializer);
    one_flow(
        args,
        settings,
        stream::iter(records),
        args.value_bytes as f64,
    )
    .await
}

/// What `flexi` does, less the producer: its elements made, looked at and dropped.
pub(super) async fn upstream(args: &PathArgs) -> Result<Sample, BenchError> {
    let (topic, value) = (args.topic(), Bytes::from(payload(args.value_bytes)));
    let records = (0..args.records).map(move |n| {
        let record: ProducerRecord<NoKey, _> = ProducerRecord::new(topic, value.clone());
        Envelope::single(record, n)
    });
    let mut records = pin!(stream::iter(records));
    let mut order = InOrder::default();
    let watch = Stopwatch::start()?;
    while let Some(element) = records.next().await {
        // Else the compiler would see that nothing becomes of it.
        if let Envelope::Single { pass_through, .. } = black_box(&element) {
            order.see(*pass_through, 0, None)?;
        }
    }
    order.end(args.records)?;
    let bytes = args.records * args.value_bytes as u64;
    args.sample(&watch, args.records, bytes)
}

/// Keys go to their partitions by Kafka's hash.
pub(super) async fn keyed(args: &PathArgs) -> Result<Sample, BenchError> {
    let (topic, value) = (args.topic(), Bytes::from(payload(args.value_bytes)));
    let keys: Vec<Bytes> = (0..4096).map(|n| format!("key-{n:08}").into()).collect();
    let bytes = args.value_bytes + keys[0].len();
    let records = (0..args.records).map(move |n| {
        let key = keys[n as usize % keys.len()].clone();
        let record = ProducerRecord::new(topic, value.clone()).with_key(key);
        Envelope::single(record, n)
    });
    let settings = ProducerSettings::new(BytesSerializer, BytesSerializer);
    one_flow(args, settings, stream::iter(records), bytes as f64).await
}

pub(super) async fn json_lines(args: &PathArgs) -> Result<Sample, BenchError> {
    let (topic, lines) = (args.topic(), json_lines::lines());
    let bytes = lines.iter().map(Bytes::len).sum::<usize>() as f64 / lines.len() as f64;
    let records = (0..args.records).map(move |n| {
        let line = lines[n as usize % lines.len()].clone();
        Envelope::single(ProducerRecord::new(topic, line), n)
    });
    let settings = ProducerSettings::keyless(BytesSerializer);
    one_flow(args, settings, stream::iter(records), bytes).await
}

/// Names the partition of each record itself, at a pace.
pub(super) async fn round_robin(args: &PathArgs) -> Result<Sample, BenchError> {
    let (topic, value) = (args.topic(), Bytes::from(payload(args.value_bytes)));
    let partitions = (0..args.partitions).cycle();
    let records = (0..args.records)
        .zip(partitions)
        .map(move |(n, partition)| {
            let record = ProducerRecord::new(topic, value.clone()).with_partition(partition);
            Envelope::single(record, n)
        });
    let settings = ProducerSettings::keyless(BytesSerializer);
    one_flow(
        args,
        settings,
        Paced::new(records, args.rate),
        args.value_bytes as f64,
    )
    .await
}

/// Several flows, each in a task, on one producer or on one each.
pub(super) async fn side_by_side(args: &PathArgs) -> Result<Sample, BenchError> {
    let (topic, value) = (args.topic(), Bytes::from(payload(args.value_bytes)));
    let settings = args.sized(ProducerSettings::keyless(BytesSerializer));
    let mut producers = vec![args.producer(settings.clone()).await?];
    while args.own_producers && producers.len() < args.flows {
        producers.push(args.producer(settings.clone()).await?);
    }
    let each = args.records / args.flows as u64;
    let watch = Stopwatch::start()?;
    let flows = (0..args.flows).map(|flow| {
        let settings = settings
            .clone()
            .with_producer(&producers[flow % producers.len()]);
        let value = value.clone();
        let records =
            (0..each).map(move |n| Envelope::single(ProducerRecord::new(topic, value.clone()), n));
        let flow = tokio::spawn(drive(settings, stream::iter(records), |_| Ok(())));
        async {
            flow.await
                .map_err(|error| BenchError::Check(error.to_string()))?
        }
    });
    for order in try_join_all(flows).await? {
        order.end(each)?;
    }
    let records = each * args.flows as u64;
    let name = match (args.flows, args.own_producers) {
        (1, _) => "one flow".to_owned(),
        (n, false) => format!("{n} flows, one producer"),
        (n, true) => format!("{n} flows, {n} producers"),
    };
    let sample = args.sample(&watch, records, records * args.value_bytes as u64)?;
    Ok(Sample { name, ..sample })
}

/// One flow over all of `records`, measured from the first to the last result; the producer is
/// connected before, as the probe is.
async fn one_flow<K>(
    args: &PathArgs,
    settings: ProducerSettings<K, Bytes>,
    records: impl Stream<Item = Envelope<K, Bytes, u64>>,
    bytes_each: f64,
) -> Result<Sample, BenchError> {
    let settings = args.sized(settings);
    let producer = args.producer(settings.clone()).await?;
    let watch = Stopwatch::start()?;
    let order = drive(settings.with_producer(&producer), records, |_| Ok(())).await?;
    order.end(args.records)?;
    args.sample(
        &watch,
        args.records,
        (args.records as f64 * bytes_each) as u64,
    )
}

/// Sends `records`, which carry their numbers, through a flexi flow, and checks each result. `each`
/// runs after each of them.
pub(super) async fn drive<K>(
    settings: SharedProducerSettings<K, Bytes>,
    records: impl Stream<Item = Envelope<K, Bytes, u64>>,
    mut each: impl FnMut(u64) -> Result<(), BenchError>,
) -> Result<InOrder, BenchError> {
    let mut deliveries = pin!(records.via(producer::flexi_flow(settings)));
    let mut order = InOrder::default();
    while let Some(delivery) = deliveries.next().await {
        // Read where it lies: moving it once more would be a cost of ours.
        match &delivery {
            Ok(Delivery::Single { part, pass_through }) => {
                order.see(*pass_through, part.partition, part.offset)?;
                each(*pass_through)?;
            }
            Ok(_) => {
                return Err(BenchError::Check(
                    "a single envelope came back as something else".to_owned(),
                ));
            }
            Err(error) => return Err(guanaco::Error::from(error.clone()).into()),
        }
    }
    Ok(order)
}

/// An iterator as a stream that gives items at a rate; what it could not give in time it gives
/// later, at once.
struct Paced<I> {
    items: I,
    per_second: f64,
    start: Instant,
    given: u64,
    /// How many may have been given by the last look at the clock, which is too slow for each item.
    due: u64,
    tick: Pin<Box<Sleep>>,
}

impl<I> Paced<I> {
    const TICK: Duration = Duration::from_millis(1);

    fn new(items: I, per_second: f64) -> Self {
        let tick = Box::pin(sleep(Self::TICK));
        Self {
            items,
            per_second,
            start: Instant::now(),
            given: 0,
            due: 0,
            tick,
        }
    }
}

impl<I: Iterator + Unpin> Stream for Paced<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I::Item>> {
        while self.given >= self.due {
            let now = Instant::now();
            self.due = ((now - self.start).as_secs_f64() * self.per_second) as u64;
            if self.given >= self.due {
                self.tick.as_mut().reset(now + Self::TICK);
                ready!(self.tick.as_mut().poll(cx));
            }
        }
        self.given += 1;
        Poll::Ready(self.items.next())
    }
}
