//! Producers that are closed, whose runtimes end, and that die under several streams.

use super::{Played, SECOND, streams::send_all};
use crate::{
    arena::Arena,
    class, ensure,
    history::Outcome,
    problem::Problem,
    run::Run,
    workload::{Plan, Via, flow, settings},
};
use guanaco::{KafkaProducer, ProducerRecord, SendProducer, StartError};
use guanaco_engine::{Producer, ProducerConfig};
use guanaco_testkit::{
    embedded::{ApiKey, EmbeddedBroker},
    proxy::Direction,
};
use std::time::{Duration, Instant};
use tokio::{
    runtime::Builder,
    time::{sleep, timeout},
};

/// F40: closing while no broker can be reached takes its time-out and no longer, and counts what
/// became of everything; a second close changes nothing, and a send after it is refused.
pub(super) async fn close_unreachable(arena: &Arena) -> Played {
    const LIMIT: Duration = Duration::from_secs(2);
    let run = arena.run("f40").driven(1).start().await?;
    let sender = SendProducer::new(settings(&run.properties));
    send_all(&run, &sender, 0, 300).await;
    // Only the answers of some, so that they are known to be written, or maybe; the rest never left.
    arena.blackhole_all(&[Direction::ToClient]);
    let sends = async { send_all(&run, &sender, 0, 300).await };
    let close = async {
        sleep(SECOND / 5).await;
        let began = Instant::now();
        let report = sender.close_timeout(LIMIT).await;
        (report, began.elapsed())
    };
    let ((), (report, took)) = timeout(10 * SECOND, async { tokio::join!(sends, close) })
        .await
        .map_err(|_| "a send or the close hangs")?;
    let report = report?;
    ensure!(took < LIMIT + SECOND, "the close took {took:?}");
    arena.say(format_args!("closed after {took:?}: {report:?}"));
    let all = report.acknowledged + report.not_written + report.maybe_written;
    ensure!(all == 600, "the report counts {all} of 600: {report:?}");
    ensure!(
        report.acknowledged == 300 && report.maybe_written > 0,
        "{report:?}"
    );
    let again = timeout(SECOND, sender.close())
        .await
        .map_err(|_| "a second close hangs")??;
    ensure!(again == report, "a second close says {again:?}");
    let record = ProducerRecord::new(run.topic.clone(), Vec::new());
    let late = timeout(SECOND, sender.send(record))
        .await
        .map_err(|_| "a late send hangs")?;
    let late = late.err().map(|failed| class::of_produce(&failed.error));
    ensure!(
        late == Some(Outcome::NotWritten("Closed")),
        "a late send: {late:?}"
    );
    arena.heal();
    run.finish(arena.rules().failing(&["Closed"])).await
}

/// F41: the runtime of a live producer ends: everything ends with it, nothing hangs; a runtime of one
/// thread is enough; without a runtime there is an error.
pub(super) async fn runtime_gone(arena: &Arena) -> Played {
    let run = arena.run("f41").driven(2).start().await?;
    let doomed = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let sender = {
        let _inside = doomed.enter();
        SendProducer::new(settings(&run.properties))
    };
    send_all(&run, &sender, 0, 300).await;
    arena.blackhole_all(&[Direction::ToClient]);
    let end = async {
        sleep(SECOND / 5).await;
        doomed.shutdown_background();
        Instant::now()
    };
    let ends = async { tokio::join!(send_all(&run, &sender, 0, 300), end).1 };
    let ended = timeout(5 * SECOND, ends)
        .await
        .map_err(|_| "sends hang after their runtime")?;
    ensure!(
        ended.elapsed() < SECOND,
        "sends ended {:?} after their runtime",
        ended.elapsed()
    );
    let closed = timeout(SECOND, sender.close()).await;
    ensure!(closed.is_ok(), "a close hangs after its runtime");
    arena.heal();

    let small = run.job(1, Plan::new(Via::Flow, 20, 1000));
    let settings = settings(&run.properties);
    let worked = std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let worked = timeout(SECOND, flow::drive(&small, settings.clone())).await;
            small
                .journal
                .end_open(1, Outcome::MaybeWritten(class::DROPPED));
            Ok::<_, std::io::Error>(worked.is_err())
        })
    });
    let alone = std::thread::spawn(|| {
        let config = ProducerConfig::from_properties([("bootstrap.servers", "127.0.0.1:1")]);
        config.map(|(config, _)| Producer::start(config).err())
    });
    let joined = |_| "a thread panicked";
    ensure!(
        worked.join().map_err(joined)??,
        "a flow on one thread ended early"
    );
    let refused = alone.join().map_err(joined)??;
    let expected = matches!(refused, Some(guanaco_engine::StartError::NoRuntime));
    ensure!(expected, "without a runtime: {refused:?}");
    let progress = &run.journal.progress()[1];
    ensure!(
        progress.acknowledged > 0,
        "nothing was acknowledged on one thread"
    );
    run.finish(arena.rules().failing(&["DriverGone", class::DROPPED]))
        .await
}

/// F55: a shared producer dies: every stream on it fails within 1 s with the same cause.
pub(super) async fn shared_dies(arena: &Arena) -> Played {
    let run = arena.run("f55").driven(4).start().await?;
    let doomed = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let creation = settings(&run.properties).create_kafka_producer();
    let shared = doomed.spawn(creation).await??;
    let streams = start_streams(&run, &shared);
    run.until(10 * SECOND, |progress| progress.acknowledged > 100)
        .await?;
    arena.fault("the shared producer's runtime ends");
    doomed.shutdown_background();
    let causes = all_end(streams).await?;
    ensure!(causes[0].contains("driver"), "{}", causes[0]);
    refused_for_good().await?;
    run.finish(arena.rules().failing(&["DriverGone"])).await
}

type Streams = Vec<tokio::task::JoinHandle<Option<guanaco::ProduceError>>>;

fn start_streams(run: &Run<'_>, shared: &KafkaProducer) -> Streams {
    let stream = |writer| {
        let job = run.job(writer, Plan::new(Via::Flow, 20, 300));
        let settings = settings(&run.properties).with_producer(shared);
        tokio::spawn(async move { flow::drive(&job, settings).await })
    };
    (0..4).map(stream).collect()
}

async fn all_end(streams: Streams) -> Result<Vec<String>, Problem> {
    let deadline = tokio::time::Instant::now() + SECOND;
    let mut causes = Vec::new();
    for stream in streams {
        let ended = tokio::time::timeout_at(deadline, stream).await;
        let error = ended.map_err(|_| "a stream on a dead producer goes on")??;
        let error = error.ok_or("a stream on a dead producer ended as if all were well")?;
        ensure!(error.is_fatal(), "it is not fatal: {error}");
        // An element's own error names its partition; the cause is what they have in common.
        causes.push(match error.delivery() {
            Some(delivery) => delivery.cause().to_string(),
            None => error.to_string(),
        });
    }
    let same = causes.windows(2).all(|pair| pair[0] == pair[1]);
    ensure!(same, "the causes differ: {causes:?}");
    Ok(causes)
}

/// What only the model broker can be told to say: the cluster refuses this client for good.
async fn refused_for_good() -> Result<(), Problem> {
    const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;
    let broker = EmbeddedBroker::builder().topic("f55", 4).start().await?;
    let properties = [("bootstrap.servers".to_owned(), broker.bootstrap_servers())];
    let settings = settings(&properties);
    let shared = settings.create_kafka_producer().await?;
    let journal = std::sync::Arc::new(crate::journal::Journal::new(0, 4));
    let (_stop, stopped) = crate::workload::Stop::new();
    let streams: Streams = (0..4)
        .map(|writer| {
            let job = crate::workload::Job {
                writer,
                plan: Plan::new(Via::Flow, 20, 300),
                topic: "f55".into(),
                properties: Vec::new(),
                journal: journal.clone(),
                stop: stopped.clone(),
            };
            let settings = settings.clone().with_producer(&shared);
            tokio::spawn(async move { flow::drive(&job, settings).await })
        })
        .collect();
    sleep(SECOND / 2).await;
    broker
        .faults()
        .on(ApiKey::Produce)
        .always()
        .error(CLUSTER_AUTHORIZATION_FAILED);
    let causes = all_end(streams).await?;
    ensure!(
        causes[0].contains("CLUSTER_AUTHORIZATION_FAILED"),
        "{}",
        causes[0]
    );
    let open: usize = journal
        .progress()
        .iter()
        .map(|progress| progress.open)
        .sum();
    ensure!(open == 0, "{open} elements have no end");
    Ok(())
}

/// That a creation failed because of the addresses, in words that name this one.
pub(super) fn names(error: &StartError, address: &str) -> Result<(), Problem> {
    let said = error.to_string();
    let right = matches!(error, StartError::Unreachable { .. }) && said.contains(address);
    ensure!(right, "{error:?} does not name {address}");
    Ok(())
}
