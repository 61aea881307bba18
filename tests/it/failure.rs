//! What becomes of the others when one element fails.

use crate::support::{
    all, all_stored, broker, settings, stored, text, texts, until_disconnected, within,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use guanaco::{Cause, NoKey, Written, prelude::*, serialize_with};
use guanaco_testkit::{
    embedded::{ApiKey, EmbeddedBroker},
    model::code,
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Too large for one request.
fn large() -> ProducerRecord<NoKey, String> {
    text("t", "x".repeat(2 << 20))
}

#[tokio::test]
async fn after_the_first_failure_nothing_more_is_pulled_or_stored() {
    let broker = broker("t", 1).await;
    let held = broker.faults().on(ApiKey::Produce).hold();
    let refused = broker
        .faults()
        .on(ApiKey::Produce)
        .always()
        .error(code::INVALID_RECORD);
    let pulled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&pulled);
    let records = stream::iter(0..10_000).map(move |n| {
        counter.fetch_add(1, Ordering::Relaxed);
        text("t", n)
    });
    let settings = settings(&broker)
        .with_parallelism(1_000)
        .with_property("batch.size", "200");
    let mut flow = records.via(producer::flexi_flow(settings));
    let (good, error) = within(async {
        tokio::join!(
            async {
                let mut good = 0;
                loop {
                    match flow.next().await {
                        Some(Ok(_)) => good += 1,
                        Some(Err(error)) => return (good, error),
                        None => panic!("it ends with an error"),
                    }
                }
            },
            async {
                // The first request is applied, all others are refused.
                held.caught(1).await;
                held.release();
            }
        )
        .0
    })
    .await;
    assert!(
        matches!(error.delivery().unwrap().cause(), Cause::Broker(_)),
        "{error}"
    );
    assert!(refused.hits() >= 1);
    let before = pulled.load(Ordering::Relaxed);
    assert!(within(flow.next()).await.is_none());
    drop(flow);
    assert_eq!(pulled.load(Ordering::Relaxed), before);
    assert!(before < 10_000);
    assert_eq!(
        stored(&broker, "t", 0),
        texts(0..good),
        "what was told, and nothing after it"
    );
}

#[tokio::test]
async fn a_refused_batch_is_not_overtaken_by_those_behind_it() {
    let broker = broker("t", 1).await;
    // What is on the wire behind the refused batch is out of sequence then, and must stay so.
    broker
        .faults()
        .on(ApiKey::Produce)
        .nth(2)
        .error(code::INVALID_RECORD);
    let records = stream::iter(0..50_000).map(|n| text("t", n));
    let settings = settings(&broker).with_property("batch.size", "1000");
    let mut good = 0;
    let mut flow = records.via(producer::flexi_flow(settings));
    while let Some(Ok(_)) = within(flow.next()).await {
        good += 1;
    }
    drop(flow);
    until_disconnected(&broker).await;
    assert_eq!(stored(&broker, "t", 0), texts(0..good));
}

/// Linger of an hour: what is not hurried stays where it is.
fn lingering(broker: &EmbeddedBroker) -> ProducerSettings<NoKey, String> {
    settings(broker)
        .with_property("linger.ms", "3600000")
        .with_property("delivery.timeout.ms", "7200000")
}

#[tokio::test]
async fn what_was_accepted_behind_a_failure_is_given_up() {
    let broker = broker("t", 2).await;
    // The first element is done before the others come: the topic is known by then.
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let rest = stream::once(gone).flat_map(|_| {
        let behind = (1..50).map(|n| text("t", n).with_partition(1));
        stream::iter([text("t", "x".repeat(5_000))].into_iter().chain(behind))
            .chain(stream::pending())
    });
    let first = stream::iter([text("t", 0).with_partition(1)]);
    let settings = settings(&broker)
        .with_property("linger.ms", "300")
        .with_property("max.request.size", "2000");
    let mut flow = Box::pin(first.chain(rest).via(producer::flexi_flow(settings)));
    within(flow.next()).await.unwrap().unwrap();
    go.send(()).unwrap();
    within(flow.next()).await.unwrap().unwrap_err();
    assert!(within(flow.next()).await.is_none());
    drop(flow);
    until_disconnected(&broker).await;
    assert_eq!(all_stored(&broker, "t"), ["0"]);
}

#[tokio::test]
async fn a_failed_part_ends_the_wait_for_the_others() {
    let broker = broker("t", 2).await;
    let records = [large(), text("t", "lingers").with_partition(1)];
    let elements = stream::iter([Envelope::multi(records, ())]).chain(stream::pending());
    let mut flow = elements.via(producer::flexi_flow(lingering(&broker)));
    let error = within(flow.next()).await.unwrap().unwrap_err();
    let [
        PartOutcome::NotWritten(first),
        PartOutcome::NotWritten(second),
    ] = error.parts()
    else {
        panic!("{error:?}");
    };
    assert!(matches!(
        first.delivery().unwrap().cause(),
        Cause::TooLarge { .. }
    ));
    assert!(matches!(
        second.delivery().unwrap().cause(),
        Cause::StreamFailed
    ));
    drop(flow);
    until_disconnected(&broker).await;
    assert_eq!(all_stored(&broker, "t"), texts(0..0));
}

#[tokio::test]
async fn a_multi_that_was_held_back_tells_of_the_failure_that_began_it() {
    let builder = EmbeddedBroker::builder().no_auto_create_topics();
    let broker = builder.topic("t", 1).start().await.unwrap();
    let refused = broker.faults().on(ApiKey::Produce);
    refused.error(code::INVALID_RECORD);
    // The head waits for a topic while what is behind it is refused.
    let missing = [text("missing", 0), text("missing", 1)];
    let elements = [
        Envelope::multi(missing, ()),
        Envelope::single(text("t", 2), ()),
    ];
    let elements = stream::iter(elements).chain(stream::pending());
    let mut flow = elements.via(producer::flexi_flow(settings(&broker)));
    let error = within(flow.next()).await.unwrap().unwrap_err();
    assert!(
        matches!(&error, ProduceError::Delivery(error)
            if matches!(error.cause(), Cause::Broker(error) if error.code() == code::INVALID_RECORD)),
        "{error:?}"
    );
    assert!(within(flow.next()).await.is_none());
}

#[tokio::test]
async fn a_shared_producer_survives_a_failed_stream() {
    let broker = broker("t", 1).await;
    let shared = settings(&broker).create_kafka_producer().await.unwrap();
    let failing = stream::iter([text("t", 0), large(), text("t", "never")]);
    let settings = settings(&broker).with_producer(&shared);
    let error = within(failing.run_with(producer::plain_sink(settings.clone())))
        .await
        .unwrap_err();
    assert!(
        matches!(error.delivery().unwrap().cause(), Cause::TooLarge { .. }),
        "{error}"
    );
    let records = stream::iter(1..100).map(|n| text("t", n));
    within(records.run_with(producer::plain_sink(settings)))
        .await
        .unwrap();
    assert!(!shared.is_closed());
    let report = within(shared.close()).await;
    assert_eq!((report.not_written, report.maybe_written), (1, 0));
    let stored = stored(&broker, "t", 0);
    assert!(
        stored
            .iter()
            .filter(|text| *text != "never")
            .eq(&texts(0..100))
    );
}

#[tokio::test]
async fn failures_as_data_keep_everything_that_came_in() {
    let broker = broker("t", 2).await;
    let envelopes = stream::iter(0..1_000_u32).map(|n| match n % 10 {
        0 => Envelope::single(large(), n),
        1 => Envelope::single(text("t", n).with_partition(99), n),
        2 => Envelope::single(text("no such topic!", n), n),
        3 => Envelope::multi([text("t", n), large(), text("t", n)], n),
        _ => Envelope::single(text("t", n), n),
    });
    let outcomes = envelopes.via(producer::flexi_flow(settings(&broker)).with_outcomes());
    let outcomes: Vec<_> = within(outcomes.try_collect()).await.unwrap();
    assert_eq!(outcomes.len(), 1_000);
    for (n, outcome) in (0..).zip(outcomes) {
        let outcome: Result<Delivery<_, _, u32>, Failed<_, _, u32>> = outcome;
        let failed = match (n % 10, outcome) {
            (0..4, Err(failed)) => failed,
            (4.., Ok(delivery)) => {
                assert_eq!(delivery.into_pass_through(), n);
                continue;
            }
            (_, outcome) => panic!("{n}: {outcome:?}"),
        };
        let cause = failed.error.delivery().unwrap().cause().clone();
        assert!(
            matches!(
                (n % 10, &cause),
                (0 | 3, Cause::TooLarge { .. })
                    | (1, Cause::UnknownPartition { count: 2 })
                    | (2, Cause::InvalidTopic { .. })
            ),
            "{n}: {cause:?}"
        );
        if n % 10 == 3 {
            assert_eq!(failed.written(), Written::Maybe, "two parts are stored");
            assert!(matches!(
                failed.parts(),
                [
                    PartOutcome::Acknowledged(_),
                    PartOutcome::NotWritten(_),
                    PartOutcome::Acknowledged(_)
                ]
            ));
        } else {
            assert_eq!(failed.written(), Written::No);
        }
        assert_eq!(
            failed.envelope.records().len(),
            if n % 10 == 3 { 3 } else { 1 }
        );
        assert_eq!(failed.envelope.into_pass_through(), n);
    }
    assert_eq!(all_stored(&broker, "t").len(), 600 + 2 * 100);
}

#[tokio::test]
async fn a_failed_element_keeps_its_context() {
    let broker = broker("t", 1).await;
    let items = stream::iter([(text("t", 0), 'a'), (large(), 'b'), (text("t", 1), 'c')]);
    let outcomes = items.via(producer::flow_with_context(settings(&broker)).with_outcomes());
    let outcomes: Vec<_> = within(outcomes.try_collect()).await.unwrap();
    let outcomes: Vec<_> = outcomes
        .iter()
        .map(|(outcome, context)| (outcome.is_ok(), *context))
        .collect();
    assert_eq!(outcomes, [(true, 'a'), (false, 'b'), (true, 'c')]);
}

#[tokio::test]
async fn an_envelope_with_a_refused_value_is_not_written_at_all() {
    let broker = broker("t", 1).await;
    let positive = serialize_with(|number: &i32, out| match number {
        0.. => {
            out.extend_from_slice(number.to_string().as_bytes());
            Ok(())
        }
        -1 => panic!("minus one"),
        _ => Err(format!("{number} is negative").into()),
    });
    let settings =
        ProducerSettings::keyless(positive).with_bootstrap_servers(broker.bootstrap_servers());
    let record = |number| ProducerRecord::new("t", number);
    let envelopes = [
        Envelope::single(record(0), ()),
        Envelope::single(record(-5), ()),
        Envelope::multi([record(1), record(-5), record(2)], ()),
        Envelope::single(record(-1), ()),
        Envelope::single(record(3), ()),
    ];
    let flow = producer::flexi_flow(settings.clone()).with_outcomes();
    let outcomes: Vec<_> = within(stream::iter(envelopes.clone()).via(flow).try_collect())
        .await
        .unwrap();
    let errors: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| outcome.err().map(|failed| failed.error))
        .collect();
    let serialization =
        |error: &Option<ProduceError>| matches!(error, Some(ProduceError::Serialization { .. }));
    assert!(errors[0].is_none() && errors[4].is_none());
    assert!(
        serialization(&errors[1]) && serialization(&errors[2]),
        "{errors:?}"
    );
    assert!(
        matches!(&errors[3], Some(ProduceError::UserPanic { message, .. }) if &**message == "minus one")
    );
    assert_eq!(stored(&broker, "t", 0), ["0", "3"]);

    // The same input ends a fail-fast stream at its second element.
    let deliveries = all(stream::iter(envelopes).via(producer::flexi_flow(settings))).await;
    assert_eq!(deliveries.len(), 2);
    assert!(matches!(
        deliveries[1],
        Err(ProduceError::Serialization { .. })
    ));
    assert_eq!(stored(&broker, "t", 0), ["0", "3", "0"]);
}

#[tokio::test]
async fn an_upstream_error_is_told_after_all_results_before_it() {
    let broker = broker("t", 1).await;
    let records = stream::iter(0..500).map(|n| match n {
        400 => Err(io::Error::other("torn")),
        n => Ok(text("t", n)),
    });
    let results = all(records.via(producer::flexi_flow(settings(&broker)))).await;
    assert_eq!(results.len(), 401);
    assert!(results[..400].iter().all(Result::is_ok));
    let error = results[400].as_ref().unwrap_err();
    assert_eq!(error.upstream::<io::Error>().unwrap().to_string(), "torn");
    assert_eq!(stored(&broker, "t", 0), texts(0..400));
}

#[tokio::test]
async fn an_upstream_error_of_a_sink_comes_after_everything_is_acknowledged() {
    let broker = broker("t", 1).await;
    let records = (0..500).map(|n| Ok(text("t", n)));
    let records = stream::iter(records.chain([Err("torn")]));
    let error = within(records.run_with(producer::plain_sink(settings(&broker))))
        .await
        .unwrap_err();
    assert!(matches!(error, ProduceError::Upstream(_)));
    assert_eq!(stored(&broker, "t", 0), texts(0..500));
}

#[tokio::test]
async fn a_failure_is_found_through_a_second_flow() {
    let broker = broker("t", 1).await;
    let first = stream::iter([Ok(text("t", 0)), Err(io::Error::other("torn"))])
        .via(producer::flexi_flow(settings(&broker)));
    let second = first
        .map_ok(|_| text("t", 1))
        .via(producer::flexi_flow(settings(&broker)));
    let results = all(second).await;
    let error = results.last().unwrap().as_ref().unwrap_err();
    assert_eq!(error.upstream::<io::Error>().unwrap().to_string(), "torn");
}

#[tokio::test]
async fn a_closed_shared_producer_ends_its_streams_and_leaves_the_input_alone() {
    let broker = broker("t", 1).await;
    let shared = settings(&broker).create_kafka_producer().await.unwrap();
    let settings = settings(&broker).with_producer(&shared);
    let records = stream::iter(0..u32::MAX).then(|n| async move {
        // Gives way, so that the close can come between.
        tokio::task::yield_now().await;
        text("t", n)
    });
    let mut outcomes = Box::pin(records.via(producer::flexi_flow(settings).with_outcomes()));
    within(outcomes.next()).await.unwrap().unwrap().unwrap();
    let closing = tokio::spawn(async move { shared.close().await });
    let (mut delivered, mut failed) = (1, 0);
    let end = loop {
        match within(outcomes.next()).await {
            Some(Ok(Ok(_))) => delivered += 1,
            Some(Ok(Err(outcome))) => {
                assert!(outcome.is_fatal());
                failed += 1;
            }
            Some(Err(error)) => break error,
            None => panic!("it ends with an error"),
        }
    };
    assert!(matches!(end, ProduceError::Closed), "{end:?}");
    assert!(failed <= 10_000, "what was in flight at most");
    assert!(within(outcomes.next()).await.is_none());
    let report = within(closing).await.unwrap();
    assert_eq!(report.acknowledged, delivered);
    assert_eq!(stored(&broker, "t", 0).len() as u64, delivered);
}

#[tokio::test]
async fn a_partitioner_that_panics_or_errs_fails_its_record_alone() {
    let broker = broker("t", 2).await;
    let picky = guanaco::partition_with(|_, _, value, count| match value {
        Some(b"panic") => panic!("no partition for you"),
        Some(b"out") => count,
        _ => 1,
    });
    let records = stream::iter(["a", "panic", "b", "out", "c"].map(|value| text("t", value)));
    let settings = settings(&broker).with_partitioner(picky);
    let outcomes = records.via(producer::flexi_flow(settings).with_outcomes());
    let outcomes: Vec<_> = within(outcomes.try_collect()).await.unwrap();
    for (outcome, good) in outcomes.iter().zip([true, false, true, false, true]) {
        match outcome {
            Ok(_) => assert!(good),
            Err(failed) => {
                let cause = failed.error.delivery().unwrap().cause();
                assert!(!good && matches!(cause, Cause::Partitioner(_)), "{cause:?}");
            }
        }
    }
    assert_eq!(stored(&broker, "t", 1), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_producer_that_fails_for_good_ends_every_stream_on_it_with_the_same_cause() {
    let broker = broker("t", 2).await;
    let shared = settings(&broker).create_kafka_producer().await.unwrap();
    let fatal = broker.faults().on(ApiKey::Produce).always();
    fatal.error(31); // CLUSTER_AUTHORIZATION_FAILED
    let flow = |partition: i32| {
        let settings = settings(&broker).with_producer(&shared);
        let records = stream::repeat_with(move || text("t", "x").with_partition(partition));
        let flow = records.via(producer::flexi_flow(settings).with_outcomes());
        tokio::spawn(flow.try_for_each(|outcome| {
            assert!(outcome.unwrap_err().error.delivery().is_some());
            std::future::ready(Ok(()))
        }))
    };
    for flow in [flow(0), flow(1)] {
        let error = within(flow).await.unwrap().unwrap_err();
        assert!(error.is_fatal(), "{error:?}");
        let cause = error.delivery().unwrap().cause();
        assert!(
            matches!(cause, Cause::Fatal(error) if error.code() == 31),
            "{cause:?}"
        );
    }
    let late = SendProducer::new(settings(&broker).with_producer(&shared));
    let failed = within(late.send(text("t", "late"))).await.unwrap_err();
    assert!(
        failed.is_fatal() && failed.written() == Written::No,
        "{failed:?}"
    );
    within(shared.close()).await;
    assert_eq!(all_stored(&broker, "t").len(), 0);
}
