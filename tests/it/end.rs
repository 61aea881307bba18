//! Ends: of the input, of the stream before its input, of the producer; nothing is left behind.

use crate::support::{broker, settings, stored, text, texts, until, until_disconnected, within};
use futures_util::{FutureExt, StreamExt, stream};
use guanaco::{StartError, prelude::*};
use guanaco_testkit::embedded::ApiKey;
use std::{
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};
use tokio::sync::mpsc;

/// A stream of text that the test feeds.
fn fed() -> (
    mpsc::UnboundedSender<u32>,
    impl futures_util::Stream<Item = Text> + Send,
) {
    let (feed, mut take) = mpsc::unbounded_channel();
    let records = stream::poll_fn(move |cx| take.poll_recv(cx));
    (feed, records.map(|n: u32| text("t", n)))
}

type Text = crate::support::Text;

#[tokio::test]
async fn a_finished_flow_has_closed_its_producer() {
    let broker = broker("t", 1).await;
    let records = stream::iter(0..10).map(|n| text("t", n));
    let flow = records.via(producer::flexi_flow(settings(&broker)));
    let deliveries: Vec<_> = within(flow.collect()).await;
    assert_eq!(deliveries.len(), 10);
    until_disconnected(&broker).await;
}

#[tokio::test]
async fn nothing_is_dialled_before_the_first_poll() {
    let broker = broker("t", 1).await;
    let records = || stream::iter(0..10).map(|n| text("t", n));
    let flow = records().via(producer::flexi_flow(settings(&broker)));
    let run = records().run_with(producer::plain_sink(settings(&broker)));
    drop((flow, run));
    assert_eq!(broker.accepted_connections(), 0);
}

#[tokio::test]
async fn a_dropped_flow_delivers_what_it_handed_over_and_disconnects() {
    let broker = broker("t", 1).await;
    let (feed, records) = fed();
    (0..100).for_each(|n| feed.send(n).unwrap());
    // The result of the first record comes when all of them are in batches.
    let linger = settings(&broker).with_property("linger.ms", "100");
    let mut flow = Box::pin(records.via(producer::flexi_flow(linger)));
    within(flow.next()).await.unwrap().unwrap();
    (100..200).for_each(|n| feed.send(n).unwrap());
    let taken = within(async {
        for n in 0..99 {
            flow.next()
                .await
                .unwrap_or_else(|| panic!("{n} is there"))
                .unwrap();
        }
        // Hands the second hundred over, and waits for it.
        let waits = std::future::poll_fn(|cx| match flow.poll_next_unpin(cx) {
            std::task::Poll::Pending => std::task::Poll::Ready(true),
            std::task::Poll::Ready(_) => std::task::Poll::Ready(false),
        });
        waits.await
    });
    assert!(taken.await, "the second hundred lingers");
    drop(flow);
    within(broker.wait_for_records("t", 200)).await;
    assert_eq!(stored(&broker, "t", 0), texts(0..200));
    until_disconnected(&broker).await;
}

#[tokio::test]
async fn a_flow_dropped_while_its_producer_is_created_leaves_nothing() {
    let broker = broker("t", 1).await;
    let held = broker.faults().on(ApiKey::Metadata).always().hold();
    let records = stream::iter(0..10).map(|n| text("t", n));
    let mut flow = Box::pin(records.via(producer::flexi_flow(settings(&broker))));
    tokio::select! {
        _ = flow.next() => panic!("nothing is connected yet"),
        () = within(held.caught(1)) => {}
    }
    drop(flow);
    held.release();
    until_disconnected(&broker).await;
    assert_eq!(stored(&broker, "t", 0), texts(0..0));
}

#[tokio::test]
async fn a_dropped_run_pulls_nothing_more_and_disconnects() {
    let broker = broker("t", 1).await;
    let (feed, records) = fed();
    (0..100).for_each(|n| feed.send(n).unwrap());
    let run = tokio::spawn(records.run_with(producer::plain_sink(settings(&broker))));
    within(broker.wait_for_records("t", 100)).await;
    run.abort();
    assert!(within(run).await.unwrap_err().is_cancelled());
    assert!(feed.send(100).is_err(), "the input is gone");
    until_disconnected(&broker).await;
    assert_eq!(stored(&broker, "t", 0), texts(0..100));
}

#[tokio::test]
async fn taking_until_a_signal_keeps_everything_that_was_pulled() {
    let broker = broker("t", 1).await;
    let (feed, records) = fed();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = records
        .take_until(stopped)
        .run_with(producer::plain_sink(settings(&broker)));
    let run = tokio::spawn(run);
    (0..1_000).for_each(|n| feed.send(n).unwrap());
    until("all was pulled", || {
        feed.is_closed() || broker.end_offsets("t").unwrap()[0] >= 1_000
    })
    .await;
    stop.send(()).unwrap();
    within(run).await.unwrap().unwrap();
    assert_eq!(stored(&broker, "t", 0), texts(0..1_000));
    assert!(feed.is_closed());
}

#[tokio::test]
async fn a_shared_producer_stays_open_when_its_stages_end() {
    let broker = broker("t", 1).await;
    let shared = settings(&broker).create_kafka_producer().await.unwrap();
    for n in 0..3 {
        let stage = producer::plain_sink(settings(&broker).with_producer(&shared));
        within(stream::iter([text("t", n)]).run_with(stage))
            .await
            .unwrap();
    }
    let dropped = stream::iter([text("t", 9)]).via(producer::flexi_flow(
        settings(&broker).with_producer(&shared),
    ));
    drop(dropped);
    assert!(!shared.is_closed());
    let report = within(shared.close()).await;
    assert_eq!(
        (
            report.acknowledged,
            report.not_written,
            report.maybe_written
        ),
        (3, 0, 0)
    );
    assert_eq!(
        within(shared.close()).await,
        report,
        "a second close tells the same"
    );
    until_disconnected(&broker).await;
}

#[tokio::test]
async fn a_producer_that_is_not_to_be_closed_is_closed_by_its_last_handle() {
    let broker = broker("t", 1).await;
    let open = settings(&broker).with_close_producer_on_stop(false);
    within(stream::iter([text("t", 0)]).run_with(producer::plain_sink(open)))
        .await
        .unwrap();
    until_disconnected(&broker).await;
}

#[tokio::test]
async fn a_close_that_runs_out_of_time_counts_what_it_gave_up() {
    let broker = broker("t", 1).await;
    let shared = settings(&broker).create_kafka_producer().await.unwrap();
    within(shared.partitions_for("t")).await.unwrap();
    let held = broker.faults().on(ApiKey::Produce).always().hold();
    let sends = SendProducer::new(settings(&broker).with_producer(&shared));
    let first = sends.send(text("t", 0));
    within(held.caught(1)).await;
    let report = within(shared.close_timeout(Duration::ZERO)).await;
    assert_eq!((report.acknowledged, report.maybe_written), (0, 1));
    let error = within(first).await.unwrap_err();
    assert_eq!(error.written(), guanaco::Written::Maybe);
    held.release();
    until_disconnected(&broker).await;
}

#[tokio::test]
async fn a_stage_without_a_cluster_says_so_in_time_and_pulls_nothing() {
    let nowhere = ProducerSettings::keyless(StringSerializer)
        .with_bootstrap_servers("127.0.0.1:1")
        .with_property("start.timeout.ms", "300");
    let (feed, records) = fed();
    feed.send(1).unwrap();
    let error = within(records.run_with(producer::plain_sink(nowhere)))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ProduceError::Start(StartError::Unreachable { .. })),
        "{error:?}"
    );
    assert!(error.is_fatal() && error.is_retriable());
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}

#[test]
fn a_stage_outlives_its_runtime_without_a_panic() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (broker, mut flow, _feed) = runtime.block_on(async {
        let broker = broker("t", 1).await;
        let (feed, records) = fed();
        feed.send(0).unwrap();
        let mut flow = Box::pin(records.via(producer::flexi_flow(settings(&broker))));
        within(flow.next()).await.unwrap().unwrap();
        feed.send(1).unwrap();
        (broker, flow, feed)
    });
    runtime.shutdown_timeout(Duration::from_secs(10));
    let mut cx = Context::from_waker(Waker::noop());
    // The record that is fed now finds a dead producer: an error, not a hang and not a panic.
    let mut error = None;
    for _ in 0..1_000 {
        match flow.poll_next_unpin(&mut cx) {
            std::task::Poll::Ready(Some(Err(found))) => {
                error = Some(found);
                break;
            }
            std::task::Poll::Ready(Some(Ok(_))) => {}
            std::task::Poll::Ready(None) => break,
            std::task::Poll::Pending => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    assert!(error.expect("the stream has failed").is_fatal());
    drop((flow, broker));
}

#[tokio::test]
async fn a_run_can_be_polled_by_hand_to_its_end() {
    let broker = broker("t", 1).await;
    let records = stream::iter(0..100).map(|n| text("t", n));
    let run = records.run_with(producer::plain_sink(settings(&broker)));
    let mut run = pin!(run.fuse());
    within(&mut run).await.unwrap();
    assert!(futures_util::future::FusedFuture::is_terminated(&*run));
}
