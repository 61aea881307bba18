//! Requests and answers that get lost, or come late: with idempotence every record is there once.

use crate::support::{Sample, Stored, Target, append, numbered, outcomes, produce, start};
use guanaco_engine::Header;

/// What is lost is noticed soon.
const QUICK: [(&str, &str); 3] = [
    ("request.timeout.ms", "1000"),
    ("batch.size", "500"),
    ("linger.ms", "1"),
];

async fn every_record_is_there_once_although_answers_and_requests_are_lost(target: &Target) {
    let topic = target.topic("lost", 2).await;
    let producer = start(target, &QUICK).await;
    let samples: Vec<_> = numbered(4_000)
        .into_iter()
        .zip((0..2).cycle())
        .map(|(sample, at)| sample.to(at))
        .collect();
    let lost = [
        target.lose_answer(2),
        target.lose_request(5),
        target.lose_answer(7),
        target.lose_answer(8),
    ];
    for (n, outcome) in (0..).zip(produce(&producer, &topic, &samples).await) {
        let ack = outcome.expect("it is tried again");
        let offset = i64::from(n / 2);
        assert!(ack.partition == n % 2 && ack.offset.is_none_or(|known| known == offset));
    }
    for fault in lost {
        fault.caught().await;
    }
    is_there_once(target, &topic, &samples, 2).await;
}

async fn a_request_that_arrives_after_its_retry_is_not_written_again(target: &Target) {
    let topic = target.topic("zombie", 1).await;
    let producer = start(target, &QUICK).await;
    let samples = numbered(1_000);
    let held = target.hold_from(2);
    let mut appender = producer.appender();
    let placed = append(&mut appender, &topic, &samples).await;
    appender.hurry();
    held.caught().await;
    for outcome in outcomes(&mut appender, &placed).await {
        outcome.expect("it is tried again on another connection");
    }
    held.release();
    // More, so that the late one meets a partition that went on.
    let more = numbered(1_000);
    for outcome in produce(&producer, &topic, &more).await {
        outcome.expect("the broker takes it");
    }
    let all: Vec<_> = samples.into_iter().chain(more).collect();
    is_there_once(target, &topic, &all, 1).await;
}

async fn the_parts_of_a_split_batch_are_there_once_although_answers_are_lost(target: &Target) {
    let topic = target
        .topic_with("parts", 1, &[("max.message.bytes", "1500")])
        .await;
    let producer = start(target, &[QUICK[0], ("linger.ms", "60000")]).await;
    producer.partitions_for(&topic).await.expect("it exists");
    let samples: Vec<_> = (0..60)
        .map(|n| Sample::new(vec![n; 200]).headers([Header::new("n", vec![n])]))
        .collect();
    // The first request is refused as too large; of the parts some get no answer.
    let lost = [target.lose_answer(3), target.lose_answer(5)];
    for (offset, outcome) in (0..).zip(produce(&producer, &topic, &samples).await) {
        let ack = outcome.expect("it is small enough");
        assert!(ack.offset.is_none_or(|known| known == offset));
    }
    for fault in lost {
        fault.caught().await;
    }
    is_there_once(target, &topic, &samples, 1).await;
}

async fn without_idempotence_nothing_is_lost_and_the_first_copies_are_in_order(target: &Target) {
    let topic = target.topic("plain", 1).await;
    let settings = [
        QUICK[0],
        QUICK[1],
        QUICK[2],
        ("enable.idempotence", "false"),
    ];
    let producer = start(target, &settings).await;
    let samples = numbered(2_000);
    let lost = [target.lose_answer(2), target.lose_answer(4)];
    for outcome in produce(&producer, &topic, &samples).await {
        outcome.expect("it is tried again");
    }
    for fault in lost {
        fault.caught().await;
    }
    let log = target.stored(&topic).await.remove(0);
    assert!(
        log.len() > samples.len(),
        "what got no answer was written twice"
    );
    let mut seen = std::collections::HashSet::new();
    let first: Vec<Stored> = log
        .into_iter()
        .filter(|record| seen.insert(record.value.clone()))
        .collect();
    assert_eq!(first.len(), samples.len());
    assert!(
        samples
            .iter()
            .zip(&first)
            .all(|(sample, stored)| sample.is(stored))
    );
}

async fn is_there_once(target: &Target, topic: &str, samples: &[Sample], partitions: usize) {
    let stored = target.stored(topic).await;
    assert_eq!(stored.len(), partitions);
    for (at, log) in stored.iter().enumerate() {
        let expected: Vec<_> = samples.iter().skip(at).step_by(partitions).collect();
        assert_eq!(log.len(), expected.len(), "partition {at}");
        for (sample, stored) in expected.into_iter().zip(log) {
            assert!(sample.is(stored), "{stored:?} instead of {sample:?}");
        }
    }
}

on_both! {
    faulty:
    every_record_is_there_once_although_answers_and_requests_are_lost,
    a_request_that_arrives_after_its_retry_is_not_written_again,
    the_parts_of_a_split_batch_are_there_once_although_answers_are_lost,
    without_idempotence_nothing_is_lost_and_the_first_copies_are_in_order,
}
