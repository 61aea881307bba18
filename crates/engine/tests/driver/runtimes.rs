//! Runtimes: of one thread, ended under a producer, left clean by one.

use crate::support::{
    BOUND, Sample, append, broker, connect, holds_exactly, numbered, outcomes, produce, start,
    topic, until, within,
};
use guanaco_engine::{Cause, Producer, StartError, Written};
use guanaco_testkit::embedded::{ApiKey, EmbeddedBroker};
use std::{sync::mpsc, time::Duration};
use tokio::runtime::{Builder, Handle, Runtime};

fn one_thread() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("the system has descriptors")
}

fn two_threads() -> Runtime {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("the system has threads")
}

#[test]
fn one_thread_is_enough() {
    one_thread().block_on(async {
        let broker = broker(1).await;
        for codec in ["none", "zstd"] {
            let producer = connect(&broker, &[("compression.type", codec)]).await;
            for outcome in within(produce(&producer, &topic(), &numbered(2_000))).await {
                outcome.expect("the broker takes it");
            }
            within(producer.flush()).await;
            let report = within(producer.close(BOUND)).await;
            assert_eq!(report.acknowledged, 2_000);
        }
    });
}

#[test]
fn outside_a_runtime_a_producer_does_not_start() {
    let error = Producer::start(crate::support::config("127.0.0.1:9092", &[]));
    assert!(matches!(error, Err(StartError::NoRuntime)));
}

/// A producer with a record on the wire and others behind it; nothing is answered.
async fn stuck(broker: &EmbeddedBroker) -> (Producer, guanaco_engine::Sending) {
    let settings = [
        ("max.in.flight.requests.per.connection", "1"),
        ("linger.ms", "0"),
        ("buffer.memory", "4096"),
        ("batch.size", "1024"),
        ("request.timeout.ms", "30000"),
    ];
    let producer = connect(broker, &settings).await;
    let topic = topic();
    let first = producer.send(Sample::new("first").record(&topic));
    within(first).await.expect("the broker takes it");
    let held = broker.faults().on(ApiKey::Produce).always().hold();
    let on_the_wire = producer.send(Sample::new("on the wire").record(&topic));
    within(held.caught(1)).await;
    (producer, on_the_wire)
}

#[test]
fn a_handle_that_outlives_its_runtime_hears_that_the_driver_is_gone() {
    for runtime in [one_thread as fn() -> Runtime, two_threads] {
        let (outer, inner) = (one_thread(), runtime());
        let broker = outer.block_on(broker(1));
        let (producer, on_the_wire) = inner.block_on(stuck(&broker));
        let topic = topic();
        let queued = producer.send(Sample::new("queued").record(&topic));
        let staged = producer.send(Sample::new("x").record(&"unknown".into()));
        let large = vec![0; 3_000];
        let pending = [(); 2].map(|()| producer.send(Sample::new(large.clone()).record(&topic)));
        let mut appender = producer.appender();
        drop(inner);

        outer.block_on(async {
            let error = within(on_the_wire).await.expect_err("no answer came");
            assert_eq!(
                (error.cause(), error.written()),
                (&Cause::DriverGone, Written::Maybe)
            );
            let later = producer.send(Sample::new("later").record(&topic));
            for sending in [queued, staged, later].into_iter().chain(pending) {
                let error = within(sending).await.expect_err("the driver is gone");
                assert_eq!(
                    (error.cause(), error.written()),
                    (&Cause::DriverGone, Written::No)
                );
                assert!(error.is_fatal());
            }
            let placed = within(append(&mut appender, &topic, &numbered(3))).await;
            for outcome in within(outcomes(&mut appender, &placed)).await {
                let error = outcome.expect_err("the driver is gone");
                assert_eq!(error.cause(), &Cause::DriverGone);
            }
            within(producer.flush()).await;
            let unknown = within(producer.partitions_for(&"other".into())).await;
            unknown.expect_err("nobody asks the cluster");
            assert!(producer.is_closed());
            let report = within(producer.close(BOUND)).await;
            assert_eq!((report.acknowledged, report.maybe_written), (1, 1));
            assert_eq!(report.not_written, 8);
        });
    }
}

#[test]
fn a_stream_that_waits_is_woken_when_its_runtime_is_shut_down() {
    for waits_for_room in [true, false] {
        let (outer, inner) = (one_thread(), two_threads());
        let broker = outer.block_on(broker(1));
        let (producer, on_the_wire) = inner.block_on(stuck(&broker));
        let mut appender = producer.appender();
        let (began, begun) = mpsc::channel();
        // On a thread of its own, so that it really waits while the runtime goes.
        let stream = std::thread::spawn(move || {
            one_thread().block_on(async {
                let samples = vec![Sample::new(vec![0; 900]); if waits_for_room { 20 } else { 1 }];
                began.send(()).expect("the test waits for it");
                let placed = append(&mut appender, &topic(), &samples).await;
                outcomes(&mut appender, &placed).await
            })
        });
        begun.recv_timeout(BOUND).expect("the thread starts");
        outer.block_on(async {
            // Otherwise it would be refused, not woken.
            let busy = || super::support::metric(&producer, "buffer-available-bytes") < 3_000.0;
            until("waiting", || {
                if waits_for_room {
                    super::support::metric(&producer, "waiting-threads") > 0.0
                } else {
                    busy()
                }
            })
            .await;
        });
        inner.shutdown_background();
        outer.block_on(async { within(on_the_wire).await.expect_err("no answer came") });
        let outcomes = stream.join().expect("it does not panic");
        for outcome in outcomes {
            let error = outcome.expect_err("the driver is gone");
            assert_eq!(
                (error.cause(), error.written()),
                (&Cause::DriverGone, Written::No)
            );
        }
    }
}

#[test]
fn close_leaves_no_task_and_no_connection() {
    for runtime in [one_thread(), two_threads()] {
        runtime.block_on(async {
            let before = Handle::current().metrics().num_alive_tasks();
            let broker = EmbeddedBroker::builder().brokers(3).topic("t", 12);
            let broker = broker.start().await.expect("loopback has free ports");
            let producer = connect(&broker, &[("compression.type", "lz4")]).await;
            let keyed: Vec<_> = (0..500)
                .map(|n| Sample::new(n.to_string()).to(n % 12))
                .collect();
            for outcome in within(produce(&producer, &topic(), &keyed)).await {
                outcome.expect("the broker takes it");
            }
            assert!(Handle::current().metrics().num_alive_tasks() > before);
            assert!(broker.open_connections() >= 3);
            within(producer.close(BOUND)).await;
            until("without tasks", || {
                Handle::current().metrics().num_alive_tasks() == before
            })
            .await;
            until("without connections", || broker.open_connections() == 0).await;
        });
    }
}

#[test]
fn a_producer_that_is_dropped_while_it_starts_leaves_nothing() {
    one_thread().block_on(async {
        let before = Handle::current().metrics().num_alive_tasks();
        let broker = broker(1).await;
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let silent = silent.local_addr().expect("it has one").to_string();
        for servers in [broker.bootstrap_servers(), silent, "127.0.0.1:1".into()] {
            for patience in [0, 0, 1, 2, 3, 5] {
                let producer = start(&servers, &[]);
                let patience = Duration::from_millis(patience);
                // Dropped wherever it is then.
                let _ = tokio::time::timeout(patience, producer.connected()).await;
            }
        }
        until("without tasks", || {
            Handle::current().metrics().num_alive_tasks() == before
        })
        .await;
        until("without connections", || broker.open_connections() == 0).await;
    });
}

#[tokio::test]
async fn a_dropped_producer_gives_up_after_close_timeout_ms() {
    let broker = broker(1).await;
    let before = Handle::current().metrics().num_alive_tasks();
    let settings = [("close.timeout.ms", "200"), ("request.timeout.ms", "30000")];
    let producer = connect(&broker, &settings).await;
    let held = broker.faults().on(ApiKey::Produce).always().hold();
    let mut appender = producer.appender();
    within(append(&mut appender, &topic(), &numbered(10))).await;
    within(held.caught(1)).await;
    drop((producer, appender));
    assert!(Handle::current().metrics().num_alive_tasks() > before);
    until("without tasks", || {
        Handle::current().metrics().num_alive_tasks() == before
    })
    .await;
    held.release();
}

#[tokio::test]
async fn a_dropped_producer_delivers_through_a_lost_connection() {
    let broker = broker(1).await;
    let producer = connect(&broker, &[]).await;
    let faults = broker.faults();
    faults.on(ApiKey::Produce).times(2).close_after_apply();
    let samples = numbered(100);
    let mut appender = producer.appender();
    within(append(&mut appender, &topic(), &samples)).await;
    drop((producer, appender));
    within(broker.wait_for_records("t", 100)).await;
    until("without connections", || broker.open_connections() == 0).await;
    holds_exactly(&broker, &samples);
}
