//! The send producer: order, room, cancellation, close.

use crate::support::{
    all_stored, broker, settings, stored, text, texts, until, until_disconnected, within,
};
use futures_util::future::join_all;
use guanaco::{Cause, CloseReport, Written, prelude::*};
use guanaco_testkit::embedded::{ApiKey, EmbeddedBroker};
use std::time::Duration;

/// A million in a release build.
const MANY: u32 = if cfg!(debug_assertions) {
    100_000
} else {
    1_000_000
};

#[tokio::test]
async fn calls_keep_their_order_whatever_becomes_of_their_futures() {
    let broker = broker("t", 1).await;
    let small = settings(&broker)
        .with_property("buffer.memory", "262144")
        .with_property("pending.sends.max", "2000000");
    let sends = SendProducer::new(small);
    let mut kept = Vec::new();
    for n in 0..MANY {
        let sending = sends.send(text("t", n));
        if n % 1_000 == 0 {
            tokio::task::yield_now().await;
        }
        kept.push(sending);
    }
    // Awaited from the last to the first: the order is that of the calls.
    for sending in kept.into_iter().rev() {
        within(sending).await.unwrap();
    }
    assert_eq!(stored(&broker, "t", 0), texts(0..MANY));
    let report = within(sends.close()).await.unwrap();
    assert_eq!(
        report,
        CloseReport {
            acknowledged: u64::from(MANY),
            ..CloseReport::default()
        }
    );
    until_disconnected(&broker).await;
}

#[tokio::test]
async fn keyed_sends_of_one_task_arrive_in_order_in_every_partition() {
    let broker = broker("t", 8).await;
    let settings = ProducerSettings::new(StringSerializer, StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers());
    let sends = SendProducer::new(settings);
    let sent = (0..10_000_u32).map(|n| {
        let record = ProducerRecord::new("t", n.to_string()).with_key(format!("key {}", n % 97));
        sends.send(record)
    });
    for (n, metadata) in within(join_all(sent)).await.into_iter().enumerate() {
        let metadata = metadata.unwrap();
        let records = broker
            .read("t", metadata.partition, metadata.offset.unwrap(), 1)
            .unwrap();
        if n % 500 == 0 {
            assert_eq!(records[0].value.as_deref(), Some(n.to_string().as_bytes()));
        }
    }
    for partition in 0..8 {
        let numbers: Vec<u32> = stored(&broker, "t", partition)
            .iter()
            .map(|n| n.parse().unwrap())
            .collect();
        assert!(numbers.is_sorted(), "partition {partition}");
    }
    assert_eq!(all_stored(&broker, "t").len(), 10_000);
}

#[tokio::test]
async fn records_sent_before_the_producer_is_there_come_first() {
    let broker = broker("t", 1).await;
    let servers = broker.bootstrap_servers();
    let (go, gone) = tokio::sync::watch::channel(false);
    let enriched = ProducerSettings::keyless(StringSerializer).with_enrich_async(move |settings| {
        let (mut gone, servers) = (gone.clone(), servers.clone());
        async move {
            gone.wait_for(|go| *go).await?;
            Ok(settings.with_bootstrap_servers(servers))
        }
    });
    let sends = SendProducer::new(enriched);
    let mut early: Vec<_> = (0..1_000).map(|n| sends.send(text("t", n))).collect();
    let withdrawn = early.remove(500);
    drop(withdrawn);
    let full = sends.try_enqueue(text("t", "no")).unwrap_err();
    assert!(matches!(full.error, ProduceError::Full), "{full:?}");
    go.send_replace(true);
    let late = within(sends.enqueue(text("t", 1_000))).await.unwrap();
    for sending in early {
        within(sending).await.unwrap();
    }
    within(late).await.unwrap();
    let expected = texts((0..=1_000).filter(|n| *n != 500));
    assert_eq!(stored(&broker, "t", 0), expected);
}

#[tokio::test]
async fn an_envelope_comes_back_with_its_answers() {
    let broker = broker("t", 2).await;
    let sends = SendProducer::new(settings(&broker));
    let single = within(sends.send_envelope(Envelope::single(text("t", 0), 'a')))
        .await
        .unwrap();
    assert!(matches!(
        single,
        Delivery::Single {
            pass_through: 'a',
            ..
        }
    ));
    let records = (1..600).map(|n| text("t", n).with_partition(n % 2));
    let multi = within(sends.send_envelope(Envelope::multi(records, 'b')))
        .await
        .unwrap();
    assert_eq!(multi.parts().len(), 599);
    assert_eq!(multi.parts()[4].record.value.as_deref(), Some("5"));
    let none = within(sends.send_envelope(Envelope::pass_through('c')))
        .await
        .unwrap();
    assert_eq!(none.into_pass_through(), 'c');
    // A record alone is an envelope without a pass-through.
    within(sends.send_envelope(text("t", 600))).await.unwrap();
    assert_eq!(all_stored(&broker, "t").len(), 601);
}

#[tokio::test]
async fn a_failed_send_gives_the_record_back() {
    let broker = broker("t", 1).await;
    let sends = SendProducer::new(settings(&broker));
    let large = "x".repeat(2 << 20);
    let too_large = |failed: &Failed<_, String, _>| {
        matches!(
            failed.error.delivery().unwrap().cause(),
            Cause::TooLarge { .. }
        ) && failed.envelope.records()[0].value.as_deref() == Some(&*large)
    };
    let failed = within(sends.send(text("t", &large))).await.unwrap_err();
    assert!(too_large(&failed), "{failed:?}");
    let failed = within(sends.enqueue(text("t", &large))).await.unwrap_err();
    assert!(too_large(&failed), "{failed:?}");
    let multi = Envelope::multi([text("t", 0), text("t", &large)], 'p');
    let failed = within(sends.send_envelope(multi)).await.unwrap_err();
    assert!(matches!(
        failed.parts(),
        [PartOutcome::Acknowledged(_), PartOutcome::NotWritten(_)]
    ));
    assert_eq!(failed.written(), Written::Maybe);
    assert_eq!(failed.envelope.into_pass_through(), 'p');
    assert!(!format!("{:?}", within(sends.send(text("t", &large))).await).contains("xxx"));
}

/// Room for a few records, and a broker that answers when it is told to.
async fn full() -> (
    EmbeddedBroker,
    SendProducer<guanaco::NoKey, String>,
    guanaco_testkit::embedded::Fault,
) {
    let broker = broker("t", 1).await;
    let small = settings(&broker)
        .with_property("buffer.memory", "32768")
        .with_property("batch.size", "4096");
    let sends = SendProducer::new(small);
    within(sends.send(text("t", "warm"))).await.unwrap();
    let held = broker.faults().on(ApiKey::Produce).always().hold();
    (broker, sends, held)
}

fn kib(n: u32) -> ProducerRecord<guanaco::NoKey, String> {
    text("t", format!("{n:01024}"))
}

#[tokio::test]
async fn without_room_an_enqueue_waits_and_a_try_does_not() {
    let (broker, sends, held) = full().await;
    let mut answers = Vec::new();
    let refused = loop {
        match sends.try_enqueue(kib(answers.len() as u32)) {
            Ok(answer) => answers.push(answer),
            Err(failed) => break failed,
        }
        assert!(answers.len() < 64, "the buffer has an end");
    };
    assert!(matches!(refused.error, ProduceError::Full), "{refused:?}");
    let count = answers.len() as u32;
    assert_eq!(refused.envelope.records(), [kib(count)]);

    let mut waiting = sends.enqueue(kib(count));
    tokio::select! {
        _ = &mut waiting => panic!("there is no room"),
        () = within(held.caught(1)) => {}
    }
    held.release();
    answers.push(within(waiting).await.unwrap());
    for answer in answers {
        within(answer).await.unwrap();
    }
    let expected: Vec<_> = (0..=count).map(|n| kib(n).value.unwrap()).collect();
    assert_eq!(stored(&broker, "t", 0)[1..], expected);
}

#[tokio::test]
async fn a_send_dropped_before_there_is_room_is_not_sent_and_later_it_is() {
    let (broker, sends, held) = full().await;
    let mut answers = Vec::new();
    while let Ok(answer) = sends.try_enqueue(kib(answers.len() as u32)) {
        answers.push(answer);
    }
    let count = answers.len() as u32;
    let first = sends.send(text("t", "first"));
    let dropped = sends.send(text("t", "withdrawn"));
    let last = sends.send(text("t", "last"));
    drop(dropped);
    // Those that have room are on their way, whether anybody waits for them or not.
    drop(answers);
    held.release();
    within(first).await.unwrap();
    within(last).await.unwrap();
    let mut expected: Vec<_> = (0..count).map(|n| kib(n).value.unwrap()).collect();
    expected.extend(["first".to_owned(), "last".to_owned()]);
    assert_eq!(stored(&broker, "t", 0)[1..], expected);
}

#[tokio::test]
async fn an_unpolled_send_keeps_nobody_waiting() {
    let (broker, sends, held) = full().await;
    let unpolled: Vec<_> = (0..100).map(|n| sends.send(kib(n))).collect();
    held.release();
    within(sends.send(text("t", "behind"))).await.unwrap();
    assert_eq!(stored(&broker, "t", 0).len(), 102);
    drop(unpolled);
}

#[tokio::test]
async fn more_than_may_wait_is_refused_at_once() {
    let broker = broker("t", 1).await;
    let small = settings(&broker)
        .with_property("buffer.memory", "32768")
        .with_property("batch.size", "4096")
        .with_property("pending.sends.max", "10");
    let sends = SendProducer::new(small);
    within(sends.send(text("t", "warm"))).await.unwrap();
    let held = broker.faults().on(ApiKey::Produce).always().hold();
    let answers: Vec<_> = (0..100).map(|n| sends.send(kib(n))).collect();
    held.release();
    let answers = within(join_all(answers)).await;
    let refused: Vec<_> = answers
        .iter()
        .filter_map(|answer| answer.as_ref().err())
        .collect();
    assert!(
        !refused.is_empty() && refused.len() < 90,
        "{} were refused",
        refused.len()
    );
    for failed in refused {
        let cause = failed.error.delivery().unwrap().cause();
        assert!(matches!(cause, Cause::BufferFull { .. }), "{failed:?}");
        assert_eq!(failed.written(), Written::No);
    }
}

#[tokio::test]
async fn a_flush_ends_every_linger() {
    let broker = broker("t", 3).await;
    let linger = settings(&broker)
        .with_property("linger.ms", "3600000")
        .with_property("delivery.timeout.ms", "7200000");
    let sends = SendProducer::new(linger);
    let answers: Vec<_> = (0..100).map(|n| sends.send(text("t", n))).collect();
    within(sends.flush()).await.unwrap();
    assert_eq!(all_stored(&broker, "t").len(), 100);
    for answer in within(join_all(answers)).await {
        answer.unwrap();
    }
}

#[tokio::test]
async fn a_close_during_sends_resolves_every_one_of_them() {
    let broker = broker("t", 4).await;
    let sends = SendProducer::new(settings(&broker).with_property("buffer.memory", "65536"));
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let sends = sends.clone();
            tokio::spawn(async move {
                let mut done = Vec::new();
                for n in 0..2_000 {
                    let answer = sends.send(text("t", task * 10_000 + n)).await;
                    let closed = answer.is_err();
                    done.push(answer.map_err(|failed| failed.error));
                    if closed {
                        break;
                    }
                }
                done
            })
        })
        .collect();
    within(broker.wait_for_records("t", 500)).await;
    let report = within(sends.close()).await.unwrap();
    let mut acknowledged = 0;
    for task in tasks {
        for answer in within(task).await.unwrap() {
            match answer {
                Ok(_) => acknowledged += 1,
                Err(error) => assert!(matches!(error, ProduceError::Closed), "{error:?}"),
            }
        }
    }
    assert_eq!(all_stored(&broker, "t").len(), acknowledged);
    assert_eq!(
        (report.acknowledged, report.maybe_written),
        (acknowledged as u64, 0)
    );
    assert_eq!(
        within(sends.close()).await.unwrap().acknowledged,
        report.acknowledged
    );
    let late = within(sends.clone().send(text("t", "late")))
        .await
        .unwrap_err();
    assert!(matches!(late.error, ProduceError::Closed));
    until_disconnected(&broker).await;
}

#[tokio::test]
async fn a_close_that_runs_out_of_time_fails_what_is_left() {
    let (broker, sends, held) = full().await;
    let answers: Vec<_> = (0..100).map(|n| sends.send(kib(n))).collect();
    within(held.caught(1)).await;
    let report = within(sends.close_timeout(Duration::from_millis(50)))
        .await
        .unwrap();
    assert_eq!(report.acknowledged, 1);
    assert_eq!(report.not_written + report.maybe_written, 100);
    let answers = within(join_all(answers)).await;
    let maybe = answers
        .iter()
        .filter(|answer| answer.as_ref().unwrap_err().written() == Written::Maybe);
    assert_eq!(maybe.count() as u64, report.maybe_written);
    held.release();
    until_disconnected(&broker).await;
}

#[tokio::test]
async fn a_close_of_a_shared_producers_sends_flushes_and_leaves_it_open() {
    let broker = broker("t", 1).await;
    let shared = settings(&broker).create_kafka_producer().await.unwrap();
    let sends = SendProducer::new(settings(&broker).with_producer(&shared));
    let answers: Vec<_> = (0..100).map(|n| sends.send(text("t", n))).collect();
    assert_eq!(within(sends.close()).await.unwrap(), CloseReport::default());
    assert_eq!(stored(&broker, "t", 0), texts(0..100));
    for answer in within(join_all(answers)).await {
        answer.unwrap();
    }
    let late = within(sends.send(text("t", "late"))).await.unwrap_err();
    assert!(matches!(late.error, ProduceError::Closed));
    assert!(!shared.is_closed());
    let others = SendProducer::new(settings(&broker).with_producer(&shared));
    within(others.send(text("t", 100))).await.unwrap();
    assert_eq!(within(shared.close()).await.acknowledged, 101);
}

#[tokio::test]
async fn a_close_while_the_producer_is_created_fails_what_waits() {
    let enriched = ProducerSettings::keyless(StringSerializer)
        .with_enrich_async(|_| std::future::pending::<Result<_, guanaco::BoxError>>());
    let sends = SendProducer::new(enriched);
    let answers: Vec<_> = (0..10).map(|n| sends.send(text("t", n))).collect();
    let report = within(sends.close_timeout(Duration::from_millis(20)))
        .await
        .unwrap();
    assert_eq!(
        report,
        CloseReport {
            not_written: 10,
            ..CloseReport::default()
        }
    );
    for answer in within(join_all(answers)).await {
        assert!(matches!(answer.unwrap_err().error, ProduceError::Closed));
    }
    assert_eq!(within(sends.close()).await.unwrap(), CloseReport::default());
}

#[tokio::test]
async fn dropping_the_last_clone_delivers_what_was_accepted() {
    let broker = broker("t", 1).await;
    let sends = SendProducer::new(settings(&broker).with_property("linger.ms", "200"));
    within(sends.send(text("t", 0))).await.unwrap();
    let other = sends.clone();
    drop(sends);
    for n in 1..100 {
        drop(within(other.enqueue(text("t", n))).await.unwrap());
    }
    drop(other);
    within(broker.wait_for_records("t", 100)).await;
    assert_eq!(stored(&broker, "t", 0), texts(0..100));
    until_disconnected(&broker).await;
}

#[tokio::test]
async fn metrics_count_what_was_sent() {
    let broker = broker("t", 1).await;
    let sends = SendProducer::new(settings(&broker));
    for n in 0..10 {
        within(sends.send(text("t", n))).await.unwrap();
    }
    let sent = || {
        let metrics = sends.metrics();
        let total = metrics
            .values
            .iter()
            .find(|(name, _)| (name.group, name.name) == ("producer-metrics", "record-send-total"));
        total.map(|(_, value)| *value)
    };
    until("ten records are counted", || sent() == Some(10.0)).await;
}
