//! Where producers come from.

use crate::support::{broker, settings, stored, text, texts, until, until_disconnected, within};
use futures_util::{StreamExt, stream};
use guanaco::{SettingsError, StartError, prelude::*};
use guanaco_testkit::embedded::EmbeddedBroker;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

async fn run<S: guanaco::ProducerSource<Key = guanaco::NoKey, Value = String>>(
    settings: S,
    n: u32,
) -> Result<(), ProduceError> {
    let records = stream::iter([text("t", n)]);
    within(records.run_with(producer::plain_sink(settings))).await
}

#[tokio::test]
async fn an_enrichment_completes_the_settings() {
    let broker = broker("t", 1).await;
    let servers = broker.bootstrap_servers();
    let enriched = ProducerSettings::keyless(StringSerializer).with_enrich_async(move |settings| {
        let servers = servers.clone();
        async move {
            tokio::task::yield_now().await;
            Ok(settings.with_bootstrap_servers(servers))
        }
    });
    run(enriched.clone(), 0).await.unwrap();
    let shared = within(enriched.create_kafka_producer()).await.unwrap();
    run(enriched.clone().with_producer(&shared), 1)
        .await
        .unwrap();
    // What the enrichment set is no contradiction either.
    run(settings(&broker).with_producer(&shared), 2)
        .await
        .unwrap();
    within(shared.close()).await;
    let sends = SendProducer::new(enriched);
    let answers: Vec<_> = (3..100).map(|n| sends.send(text("t", n))).collect();
    for answer in answers {
        within(answer).await.unwrap();
    }
    within(sends.close()).await.unwrap();
    assert_eq!(stored(&broker, "t", 0), texts(0..100));
    until_disconnected(&broker).await;
}

#[tokio::test]
async fn a_failed_enrichment_is_the_error_of_whatever_needed_it() {
    let enriched = ProducerSettings::keyless(StringSerializer)
        .with_enrich_async(|_| async { Err(io::Error::other("no such service").into()) });
    let is_it = |error: &StartError| match error {
        StartError::Enrichment(error) => {
            error.to_string() == "no such service" && error.get().is::<io::Error>()
        }
        _ => false,
    };
    let error = run(enriched.clone(), 0).await.unwrap_err();
    assert!(
        matches!(&error, ProduceError::Start(error) if is_it(error)),
        "{error:?}"
    );
    let error = within(enriched.create_kafka_producer()).await.unwrap_err();
    assert!(is_it(&error), "{error:?}");
    let sends = SendProducer::new(enriched);
    for failed in [
        within(sends.send(text("t", 0))).await,
        within(sends.send(text("t", 1))).await,
    ] {
        let failed = failed.unwrap_err();
        assert!(
            matches!(&failed.error, ProduceError::Start(error) if is_it(error)),
            "{failed:?}"
        );
    }
    let error = within(sends.close()).await.unwrap_err();
    assert!(
        matches!(&error, ProduceError::Start(error) if is_it(error)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_panicking_enrichment_leaves_no_send_without_an_answer() {
    let enriched = ProducerSettings::keyless(StringSerializer)
        .with_enrich_async(|_| async { panic!("no such service") });
    let sends = SendProducer::new(enriched);
    for n in 0..3 {
        let failed = within(sends.send(text("t", n))).await.unwrap_err();
        assert!(
            matches!(failed.error, ProduceError::Start(StartError::CutShort)),
            "{failed:?}"
        );
    }
}

#[tokio::test]
async fn a_factory_gives_each_stage_its_producer_which_the_stage_closes() {
    let broker = broker("t", 1).await;
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let factory = settings(&broker).with_producer_factory(move |settings| {
        count.fetch_add(1, Ordering::Relaxed);
        async move { Ok(settings.create_kafka_producer().await?) }
    });
    run(factory.clone(), 0).await.unwrap();
    run(factory.clone(), 1).await.unwrap();
    assert_eq!(made.load(Ordering::Relaxed), 2);
    until_disconnected(&broker).await;
}

#[tokio::test]
async fn a_dropped_stage_closes_the_producer_that_its_factory_gave_it() {
    let broker = broker("t", 1).await;
    let (keep, kept) = std::sync::mpsc::channel();
    let factory = settings(&broker).with_producer_factory(move |settings| {
        let keep = keep.clone();
        async move {
            let producer = settings.create_kafka_producer().await?;
            keep.send(producer.clone())?;
            Ok(producer)
        }
    });
    let records = stream::iter([text("t", 0)]).chain(stream::pending());
    let mut flow = Box::pin(records.via(producer::flexi_flow(factory)));
    within(flow.next()).await.unwrap().unwrap();
    let producer = kept.recv().unwrap();
    assert!(!producer.is_closed());
    drop(flow);
    until("the stage closed it", || producer.is_closed()).await;
}

#[tokio::test]
async fn a_factory_may_hand_out_one_producer_that_no_stage_closes() {
    let broker = broker("t", 1).await;
    let shared = settings(&broker).create_kafka_producer().await.unwrap();
    let handle = shared.clone();
    let factory = settings(&broker)
        .with_close_producer_on_stop(false)
        .with_producer_factory(move |_| std::future::ready(Ok(handle.clone())));
    run(factory.clone(), 0).await.unwrap();
    run(factory, 1).await.unwrap();
    assert!(!shared.is_closed());
    within(shared.close()).await;
    assert_eq!(stored(&broker, "t", 0), texts(0..2));
}

#[tokio::test]
async fn a_failed_factory_is_the_error_of_its_stage() {
    let broker = broker("t", 1).await;
    let factory =
        settings(&broker).with_producer_factory(|_| std::future::ready(Err("sold out".into())));
    let error = run(factory, 0).await.unwrap_err();
    assert!(
        matches!(&error, ProduceError::Start(StartError::Factory(error)) if error.to_string() == "sold out"),
        "{error:?}"
    );
}

#[tokio::test]
async fn properties_that_a_shared_producer_would_ignore_are_refused() {
    let broker = broker("t", 1).await;
    let base = settings(&broker).with_property("linger.ms", "7");
    let shared = base.create_kafka_producer().await.unwrap();
    let same = base
        .clone()
        .with_property("linger.ms", " 7 ")
        .with_parallelism(3);
    run(same.with_producer(&shared), 0).await.unwrap();
    run(
        ProducerSettings::keyless(StringSerializer).with_producer(&shared),
        1,
    )
    .await
    .unwrap();

    let partitioner = guanaco::partition_with(|_, _, _, _| 0);
    for (asked, name) in [
        (base.clone().with_property("linger.ms", "8"), "linger.ms"),
        (base.clone().with_client_id("me"), "client.id"),
        (
            base.clone().with_bootstrap_servers("elsewhere:9092"),
            "bootstrap.servers",
        ),
        (base.clone().with_partitioner(partitioner), "a partitioner"),
    ] {
        let asked = asked.with_producer(&shared);
        let error = run(asked.clone(), 9).await.unwrap_err();
        match &error {
            ProduceError::Start(StartError::Settings(SettingsError::Shared { setting })) => {
                assert_eq!(setting, name);
            }
            other => panic!("{other:?}"),
        }
        assert!(
            !error.to_string().contains("elsewhere"),
            "no value is shown: {error}"
        );
        let failed = within(SendProducer::new(asked).send(text("t", 9)))
            .await
            .unwrap_err();
        assert!(matches!(
            failed.error,
            ProduceError::Start(StartError::Settings(_))
        ));
    }
    within(shared.close()).await;
    assert_eq!(stored(&broker, "t", 0), texts(0..2));
}

#[test]
fn a_blocking_producer_works_without_a_runtime() {
    let broker = start_blocking();
    let settings = settings(&broker);
    let producer = settings.blocking_create_kafka_producer().unwrap();
    let sends = SendProducer::new(settings.clone().with_producer(&producer));
    futures_executor(async {
        for n in 0..10 {
            sends.send(text("t", n)).await.unwrap();
        }
        let records = stream::iter(10..20).map(|n| text("t", n));
        records
            .run_with(producer::plain_sink(settings.with_producer(&producer)))
            .await
            .unwrap();
        assert_eq!(producer.partitions_for("t").await.unwrap(), [0]);
        sends.close().await.unwrap();
        producer.flush().await;
        let report = producer.close().await;
        assert_eq!((report.acknowledged, report.not_written), (20, 0));
    });
    assert_eq!(stored(&broker, "t", 0), texts(0..20));
}

#[test]
fn a_blocking_producer_that_is_dropped_delivers_and_ends_its_thread() {
    let broker = start_blocking();
    let settings = settings(&broker).with_property("linger.ms", "100");
    let producer = settings.blocking_create_kafka_producer().unwrap();
    let sends = SendProducer::new(settings.with_producer(&producer));
    let answer = sends.send(text("t", 0));
    drop((sends, producer));
    futures_executor(answer).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(until_disconnected(&broker));
    assert_eq!(stored(&broker, "t", 0), ["0"]);
}

#[test]
fn a_blocking_producer_says_why_it_cannot_be_created() {
    let nowhere = ProducerSettings::keyless(StringSerializer)
        .with_bootstrap_servers("127.0.0.1:1")
        .with_property("start.timeout.ms", "200");
    let nowhere: ProducerSettings<_, String> = nowhere;
    let error = nowhere.blocking_create_kafka_producer().unwrap_err();
    assert!(matches!(error, StartError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_blocking_creation_inside_a_runtime_is_an_error() {
    let settings: ProducerSettings<_, String> = ProducerSettings::keyless(StringSerializer);
    let error = settings.blocking_create_kafka_producer().unwrap_err();
    assert!(matches!(error, StartError::InsideRuntime), "{error:?}");
}

#[test]
fn without_a_runtime_a_send_fails_and_a_later_one_inside_may_work() {
    let broker = start_blocking();
    let sends = SendProducer::new(settings(&broker));
    let failed = futures_executor(sends.send(text("t", "lost"))).unwrap_err();
    assert!(
        matches!(failed.error, ProduceError::Start(StartError::NoRuntime)),
        "{failed:?}"
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        within(sends.send(text("t", "kept"))).await.unwrap();
        within(sends.close()).await.unwrap();
    });
    assert_eq!(stored(&broker, "t", 0), ["kept"]);
}

/// A broker for tests that have no runtime; it has a thread of its own.
fn start_blocking() -> EmbeddedBroker {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(broker("t", 1))
}

/// Drives a future without any runtime, in time.
fn futures_executor<F: Future>(future: F) -> F::Output {
    let (waker, woken) = waker();
    let mut cx = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        woken
            .recv_timeout(Duration::from_secs(60))
            .expect("it is woken in time");
    }
}

fn waker() -> (std::task::Waker, std::sync::mpsc::Receiver<()>) {
    struct Ring(std::sync::mpsc::Sender<()>);
    impl std::task::Wake for Ring {
        fn wake(self: Arc<Self>) {
            // The test may be over.
            let _ = self.0.send(());
        }
    }
    let (ring, rung) = std::sync::mpsc::channel();
    (Arc::new(Ring(ring)).into(), rung)
}
