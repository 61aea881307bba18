//! Streams that are full, end, fail, and are dropped.

use super::{Played, SECOND};
use crate::{
    arena::Arena,
    checker::Verdict,
    class::{DROPPED, WITHDRAWN},
    ensure,
    history::Outcome,
    problem::Problem,
    run::Run,
    workload::{Plan, Via, flow, outcome_of, settings},
};
use futures_util::{StreamExt, stream};
use guanaco::{Envelope, KafkaStreamExt, ProduceError, ProducerRecord, SendProducer, producer};
use guanaco_engine::{Producer, ProducerConfig, RecordRef, Topic};
use guanaco_testkit::proxy::Direction;
use std::{
    collections::HashMap,
    future::poll_fn,
    io,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};

/// The longest that a drop may hold up the thread that it happens on.
const DROP: Duration = Duration::from_millis(200);

/// F32: a full buffer is back-pressure and nothing else; order is kept.
pub(super) async fn buffer_full(arena: &Arena) -> Played {
    let mut writers = Plan::flood(1000);
    writers.push(writers[2].clone());
    let run = arena
        .run("f32")
        .property("buffer.memory", 128 << 10)
        .writers(writers)
        .start()
        .await?;
    sleep(3 * SECOND).await;
    run.flowing(arena.bound(5 * SECOND)).await?;
    run.finish(arena.rules()).await
}

/// F37: a send dropped before it has room is never sent; dropped later, it may be written, and gives
/// its room back.
pub(super) async fn sends_dropped(arena: &Arena) -> Played {
    const SIZE: usize = 1000;
    let run = arena.run("f37").partitions(2).driven(1).start().await?;
    let mut config = arena.properties();
    config.push(("buffer.memory".into(), "65536".into()));
    config.push(("batch.size".into(), "4096".into()));
    let producer = Producer::start(ProducerConfig::from_properties(config)?.0)?;
    let topic = Topic::from(run.topic.clone());
    let job = run.job(
        0,
        Plan {
            size: SIZE,
            ..Plan::new(Via::Send, 0, 0)
        },
    );
    let send = |seq| {
        let value = job.value(seq);
        producer.send(RecordRef {
            topic: &topic,
            partition: Some((seq % 2) as i32),
            timestamp: 0,
            key: None,
            value: Some(&value),
            headers: &[],
        })
    };
    let acknowledge = |seq, ack: guanaco_engine::Ack| {
        let (partition, offset) = (ack.partition, ack.offset);
        let outcome = Outcome::Acknowledged { partition, offset };
        run.journal.end(0, seq, outcome);
    };
    let mut random = fastrand::Rng::with_seed(arena.seed);
    for round in 0..3 {
        // The first is awaited: what follows finds the topic known.
        let seq = run.journal.accept(0);
        acknowledge(seq, send(seq).await?);
        arena.blackhole_all(&[Direction::ToBroker]);
        let mut sendings: Vec<_> = (0..200)
            .map(|_| run.journal.accept(0))
            .map(|seq| (seq, Some(send(seq))))
            .collect();
        let mut withdrawn = 0;
        for (seq, sending) in &mut sendings {
            let Some(waiting) = sending else { continue };
            let admitted = poll_fn(|cx| Poll::Ready(waiting.poll_admitted(cx).is_ready())).await;
            // All that wait for room are dropped in one round, some of all in the others.
            if (round == 0 && !admitted) || (round > 0 && random.bool()) {
                withdrawn += usize::from(!admitted);
                run.journal.end(
                    0,
                    *seq,
                    match admitted {
                        true => Outcome::MaybeWritten(DROPPED),
                        false => Outcome::NotWritten(WITHDRAWN),
                    },
                );
                *sending = None;
            }
        }
        arena.say(format_args!(
            "{withdrawn} of 200 sends withdrawn before they had room"
        ));
        ensure!(withdrawn > 0, "every send had room, so nothing was proven");
        arena.heal();
        for (seq, sending) in sendings {
            if let Some(sending) = sending {
                acknowledge(seq, timeout(arena.bound(20 * SECOND), sending).await??);
            }
        }
    }
    producer.flush().await;
    // The room came back: as much as ever fits at once.
    let room: Vec<_> = (0..40)
        .map(|_| run.journal.accept(0))
        .map(|seq| (seq, send(seq)))
        .collect();
    for (seq, sending) in room {
        acknowledge(seq, timeout(5 * SECOND, sending).await??);
    }
    producer.close(5 * SECOND).await;
    let verdict = run
        .finish(arena.rules().failing(&[DROPPED, WITHDRAWN]))
        .await?;
    let maybe = verdict
        .figures
        .maybe_written
        .get(DROPPED)
        .copied()
        .unwrap_or(0);
    let found = verdict.figures.maybe_in_log;
    ensure!(
        found == maybe,
        "of {maybe} admitted sends {found} are in the log"
    );
    Ok(verdict)
}

/// F38: a stream is dropped with records in flight: at once, without harm to others on the same
/// producer, and the same for one with a producer of its own.
pub(super) async fn stream_dropped(arena: &Arena) -> Played {
    let run = arena.run("f38").driven(3).start().await?;
    let plain = settings(&arena.properties());
    let shared = plain.create_kafka_producer().await?;
    let jobs = [0, 1, 2].map(|writer| run.job(writer, Plan::new(Via::Flow, 20, 1000)));
    let stays = tokio::spawn({
        let (job, settings) = (jobs[0].clone(), plain.clone().with_producer(&shared));
        async move {
            flow::drive(&job, settings)
                .await
                .map(|error| error.to_string())
        }
    });
    for proxy in arena.cluster.proxies() {
        proxy.set_latency(SECOND / 5);
    }
    let mut dropped = flow_for(&jobs[1], plain.clone().with_producer(&shared), SECOND).await;
    dropped = dropped.max(flow_for(&jobs[2], plain, SECOND).await);
    arena.say(format_args!("drops took at most {dropped:?}"));
    ensure!(dropped < arena.bound(DROP), "a drop took {dropped:?}");
    for writer in [1, 2] {
        let open = run.journal.end_open(writer, Outcome::MaybeWritten(DROPPED));
        ensure!(open > 0, "nothing was in flight, so nothing was proven");
    }
    sleep(SECOND).await;
    arena.heal();
    run.stop();
    let ended = timeout(arena.bound(10 * SECOND), stays).await??;
    ensure!(ended.is_none(), "the other stream ended: {ended:?}");
    shared.close().await;
    run.finish(arena.rules().failing(&[DROPPED])).await
}

/// Drives a flow for a time and drops it: how long the drop took.
async fn flow_for<S>(job: &crate::workload::Job, settings: S, time: Duration) -> Duration
where
    S: guanaco::ProducerSource<Key = Vec<u8>, Value = Vec<u8>> + Send,
{
    let mut driven = Box::pin(flow::drive(job, settings));
    let _ = timeout(time, &mut driven).await;
    let began = Instant::now();
    drop(driven);
    began.elapsed()
}

/// F42: the input of a flow and of a sink ends, or fails, with records in flight: everything before
/// is confirmed first, then the end is passed on.
pub(super) async fn input_ends(arena: &Arena) -> Played {
    let mut all = Verdict::default();
    for fails in [false, true] {
        let run = arena.run("f42").driven(2).start().await?;
        for proxy in arena.cluster.proxies() {
            proxy.set_latency(SECOND / 5);
        }
        flow_to_its_end(&run, fails).await?;
        sink_to_its_end(&run, fails).await?;
        all = all.and(run.finish(arena.rules()).await?);
    }
    Ok(all)
}

/// So many elements, then the end.
const ELEMENTS: u32 = 500;

fn is_disk_full(error: &ProduceError) -> bool {
    let cause = error.upstream::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::StorageFull)
}

/// Records of a writer that ends or fails after [`ELEMENTS`].
fn input(
    run: &Run<'_>,
    writer: u32,
    fails: bool,
) -> impl futures_core::Stream<Item = io::Result<Envelope<Vec<u8>, Vec<u8>, u32>>> + use<> {
    let job = run.job(writer, Plan::new(Via::Flow, 20, 0));
    let topic: guanaco::Topic = run.topic.clone().into();
    let elements = stream::iter(0..ELEMENTS).map(move |_| {
        let seq = job.journal.accept(writer);
        let record = ProducerRecord::new(&topic, job.value(seq)).with_key(job.key(seq));
        Ok(Envelope::single(record, seq))
    });
    let end = fails.then(|| Err(io::ErrorKind::StorageFull.into()));
    elements.chain(stream::iter(end))
}

async fn flow_to_its_end(run: &Run<'_>, fails: bool) -> Result<(), Problem> {
    let flow = producer::flexi_flow(settings(&run.properties));
    let mut deliveries = pin!(input(run, 0, fails).via(flow));
    let mut expected = 0..ELEMENTS;
    while let Some(delivery) = timeout(20 * SECOND, deliveries.next()).await? {
        match delivery {
            Ok(delivery) => {
                let outcome = Outcome::Acknowledged {
                    partition: delivery.parts()[0].partition,
                    offset: delivery.parts()[0].offset,
                };
                let seq = delivery.into_pass_through();
                ensure!(expected.next() == Some(seq), "#{seq} is out of order");
                run.journal.end(0, seq, outcome);
            }
            Err(error) => {
                ensure!(fails && is_disk_full(&error), "the flow failed: {error}");
                ensure!(expected.is_empty(), "the failure overtook {expected:?}");
                return Ok(());
            }
        }
    }
    ensure!(!fails, "the input's failure was swallowed");
    ensure!(expected.is_empty(), "the end overtook {expected:?}");
    Ok(())
}

async fn sink_to_its_end(run: &Run<'_>, fails: bool) -> Result<(), Problem> {
    let sink = producer::plain_sink(settings(&run.properties));
    let ended = timeout(20 * SECOND, input(run, 1, fails).run_with(sink)).await?;
    match ended {
        Ok(()) => ensure!(!fails, "the input's failure was swallowed"),
        Err(error) => ensure!(fails && is_disk_full(&error), "the sink failed: {error}"),
    }
    // The sink says "all acknowledged" and no places: these are the log's.
    let log = run.arena.cluster.read_all(&run.topic).await?;
    let places: HashMap<_, _> = (0..)
        .zip(&log)
        .flat_map(|(partition, records)| records.iter().map(move |record| (partition, record)))
        .filter_map(|(partition, record)| Some((record.value.clone()?, partition)))
        .collect();
    let job = run.job(1, Plan::new(Via::Flow, 20, 0));
    for seq in 0..ELEMENTS {
        let place = places.get(&job.value(seq)[..]).copied();
        let partition = place.ok_or_else(|| format!("the sink ended without #{seq}"))?;
        let outcome = Outcome::Acknowledged {
            partition,
            offset: None,
        };
        run.journal.end(1, seq, outcome);
    }
    Ok(())
}

/// F43: downstream takes some results and goes: what was handed over is written, without a gap.
pub(super) async fn downstream_cancels(arena: &Arena) -> Played {
    let run = arena.run("f43").partitions(1).driven(1).start().await?;
    // So that the next records are in flight while the results of the first are taken.
    for proxy in arena.cluster.proxies() {
        proxy.set_latency(SECOND / 10);
    }
    let flow =
        producer::flexi_flow(settings(&run.properties).with_parallelism(150)).with_outcomes();
    let taken = {
        let mut outcomes = pin!(input(&run, 0, false).via(flow));
        for _ in 0..100 {
            let outcome = timeout(10 * SECOND, outcomes.next()).await?;
            let delivery = outcome
                .ok_or("the flow ended early")??
                .map_err(|failed| failed.error)?;
            let outcome = Outcome::Acknowledged {
                partition: delivery.parts()[0].partition,
                offset: delivery.parts()[0].offset,
            };
            run.journal.end(0, delivery.into_pass_through(), outcome);
        }
        100
    };
    let open = run.journal.end_open(0, Outcome::MaybeWritten(DROPPED));
    // It delivers and closes in the background.
    let mut end = 0;
    timeout(arena.bound(10 * SECOND), async {
        while arena
            .cluster
            .proxies()
            .map(|proxy| proxy.open_connections())
            .sum::<usize>()
            > 0
        {
            sleep(SECOND / 50).await;
        }
    })
    .await
    .map_err(|_| "the cancelled flow's producer stays connected")?;
    for record in &arena.cluster.read_all(&run.topic).await?[0] {
        ensure!(record.offset == end, "the log jumps to {}", record.offset);
        let value = crate::value::Value::decode(record.value.as_deref().unwrap_or_default())?;
        ensure!(
            i64::from(value.seq) == end,
            "#{} stands at {end}: a gap",
            value.seq
        );
        end += 1;
    }
    arena.say(format_args!(
        "{taken} results taken, {open} open, {end} records written"
    ));
    ensure!(
        end >= taken,
        "{taken} results were taken, {end} records are written"
    );
    run.finish(arena.rules().failing(&[DROPPED])).await
}

/// Sends one after another; the outcomes as the journal wants them. For scenarios with few records.
pub(super) async fn send_all(
    run: &Run<'_>,
    sender: &SendProducer<Vec<u8>, Vec<u8>>,
    writer: u32,
    count: u32,
) {
    let job = run.job(writer, Plan::new(Via::Send, 20, 0));
    let sent: Vec<_> = (0..count)
        .map(|_| {
            let seq = run.journal.accept(writer);
            let record =
                ProducerRecord::new(run.topic.clone(), job.value(seq)).with_key(job.key(seq));
            (seq, sender.send(record))
        })
        .collect();
    for (seq, answer) in sent {
        let outcome = outcome_of(answer.await);
        run.journal.end(writer, seq, outcome);
    }
}
