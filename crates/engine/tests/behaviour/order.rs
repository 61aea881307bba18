//! Records keep their order, and acknowledgements say where they are.

use crate::support::{Sample, Stored, Target, append, numbered, outcomes, produce, start};
use guanaco_engine::{Ack, Topic, core::partition_of};
use std::collections::HashMap;

async fn offsets_follow_the_order_of_appends_in_every_partition(target: &Target) {
    let topic = target.topic("explicit", 3).await;
    // Many batches of each partition.
    let producer = start(target, &[("batch.size", "500")]).await;
    let samples: Vec<_> = (0..3_000)
        .map(|n| Sample::new(n.to_string()).to(n % 3))
        .collect();
    for (n, outcome) in (0..).zip(produce(&producer, &topic, &samples).await) {
        let ack = outcome.expect("the broker takes it");
        assert_eq!((ack.partition, ack.offset), (n % 3, Some(i64::from(n / 3))));
    }
    let stored = target.stored(&topic).await;
    for (partition, log) in (0..3).zip(&stored) {
        let expected: Vec<_> = samples.iter().skip(partition).step_by(3).collect();
        is_exactly(log, &expected);
    }
}

async fn keys_choose_partitions_as_kafka_does_and_keep_their_order(target: &Target) {
    let topic = target.topic("keyed", 8).await;
    let producer = start(target, &[("batch.size", "1000")]).await;
    let key = |n: usize| format!("key-{}", n % 50);
    let samples: Vec<_> = (0..2_000)
        .map(|n| Sample::new(n.to_string()).key(key(n)))
        .collect();
    let mut expected = vec![Vec::new(); 8];
    for (n, outcome) in produce(&producer, &topic, &samples)
        .await
        .into_iter()
        .enumerate()
    {
        let ack = outcome.expect("the broker takes it");
        let partition = partition_of(key(n).as_bytes(), 8);
        let log = &mut expected[usize::try_from(partition).expect("from 0")];
        assert_eq!(
            (ack.partition, ack.offset),
            (partition, Some(log.len() as i64))
        );
        log.push(&samples[n]);
    }
    for (log, expected) in target.stored(&topic).await.iter().zip(&expected) {
        is_exactly(log, expected);
    }
}

async fn keyless_records_move_on_from_partition_to_partition(target: &Target) {
    let topic = target.topic("keyless", 4).await;
    let producer = start(target, &[("batch.size", "512")]).await;
    let samples = numbered(4_000);
    let acks: Vec<Ack> = produce(&producer, &topic, &samples)
        .await
        .into_iter()
        .map(|outcome| outcome.expect("the broker takes it"))
        .collect();
    let stored = target.stored(&topic).await;
    let mut found = HashMap::new();
    for (partition, log) in (0..).zip(&stored) {
        assert!(!log.is_empty(), "partition {partition} never had its turn");
        let numbers: Vec<usize> = log.iter().map(number).collect();
        assert!(numbers.is_sorted(), "partition {partition} is out of order");
        found.extend(
            log.iter()
                .map(|record| ((partition, Some(record.offset)), number(record))),
        );
    }
    assert_eq!(found.len(), samples.len());
    for (n, ack) in acks.iter().enumerate() {
        assert_eq!(found.get(&(ack.partition, ack.offset)), Some(&n));
    }
}

async fn single_sends_and_appends_of_one_task_keep_the_order_of_their_calls(target: &Target) {
    let topic = target.topic("mixed", 1).await;
    let producer = start(target, &[]).await;
    let samples = numbered(400);
    let mut appender = producer.appender();
    let (mut sent, mut placed) = (Vec::new(), Vec::new());
    for (n, sample) in samples.iter().enumerate() {
        match n % 3 {
            0 => placed.extend(append(&mut appender, &topic, std::slice::from_ref(sample)).await),
            1 => sent.push(producer.send(sample.record(&topic))),
            _ => sent.push(
                producer
                    .try_send(sample.record(&topic))
                    .expect("there is room"),
            ),
        }
    }
    // Awaited against their order: it must not matter.
    for (at, sending) in sent.into_iter().enumerate().rev() {
        let expected = 3 * (at / 2) + 1 + at % 2;
        let ack = sending.await.expect("the broker takes it");
        assert_eq!(ack.offset, Some(expected as i64));
    }
    for (at, outcome) in outcomes(&mut appender, &placed)
        .await
        .into_iter()
        .enumerate()
    {
        assert_eq!(
            outcome.expect("the broker takes it").offset,
            Some(3 * at as i64)
        );
    }
    is_exactly(
        &target.stored(&topic).await[0],
        &samples.iter().collect::<Vec<_>>(),
    );
}

async fn batches_of_several_topics_share_one_request(target: &Target) {
    let topics = [
        target.topic("one", 2).await,
        target.topic("two", 2).await,
        target.topic("three", 1).await,
    ];
    let producer = start(target, &[("linger.ms", "60000")]).await;
    for topic in &topics {
        producer.partitions_for(topic).await.expect("it exists");
    }
    let sample = |n: usize| Sample::new(n.to_string());
    let to = |n: usize, topic: &Topic| sample(n).to((n % 2) as i32).record(topic).partition;
    let mut sent = Vec::new();
    for n in 0..40 {
        for topic in &topics[..2] {
            let sample = sample(n);
            let partition = to(n, topic);
            sent.push(producer.send(guanaco_engine::RecordRef {
                partition,
                ..sample.record(topic)
            }));
        }
        sent.push(producer.send(sample(n).record(&topics[2])));
    }
    producer.flush().await;
    for sending in sent {
        sending.await.expect("the broker takes it");
    }
    let requests = producer.metrics();
    let requests = requests
        .values
        .iter()
        .find(|(name, _)| name.name == "request-total");
    assert_eq!(requests.map(|(_, count)| *count), Some(1.0));
    for (topic, partitions) in topics.iter().zip([2, 2, 1]) {
        let stored = target.stored(topic).await;
        let counts: Vec<_> = stored.iter().map(Vec::len).collect();
        assert_eq!(counts, vec![40 / partitions; partitions]);
    }
}

async fn parallel_senders_each_keep_their_order(target: &Target) {
    const SENDERS: usize = 8;
    const EACH: usize = 200;
    let topic = target.topic("parallel", 1).await;
    let producer = start(target, &[("batch.size", "300")]).await;
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (producer, topic) = (producer.clone(), topic.clone());
            // Threads, so that the calls are really at the same time.
            tokio::task::spawn_blocking(move || {
                let send = |n: usize| {
                    let sample = Sample::new(n.to_string()).key(sender.to_string());
                    producer.send(sample.record(&topic))
                };
                (0..EACH).map(send).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut offsets = Vec::new();
    for sender in senders {
        let mut last = -1;
        for sending in sender.await.expect("it does not panic") {
            let offset = sending.await.expect("the broker takes it").offset;
            let offset = offset.expect("an idempotent answer has offsets");
            assert!(offset > last, "{offset} after {last}");
            last = offset;
            offsets.push(offset);
        }
    }
    offsets.sort_unstable();
    assert!(offsets.into_iter().eq(0..(SENDERS * EACH) as i64));
    let log = &target.stored(&topic).await[0];
    for sender in 0..SENDERS {
        let of_sender =
            |record: &&Stored| record.key.as_deref() == Some(sender.to_string().as_bytes());
        let numbers = log.iter().filter(of_sender).map(number);
        assert!(numbers.eq(0..EACH));
    }
}

fn number(record: &Stored) -> usize {
    let value = record.value.as_deref().expect("it was not null");
    std::str::from_utf8(value)
        .expect("digits")
        .parse()
        .expect("digits")
}

fn is_exactly(log: &[Stored], expected: &[&Sample]) {
    assert_eq!(log.len(), expected.len());
    for ((offset, stored), sample) in (0..).zip(log).zip(expected) {
        assert!(
            stored.offset == offset && sample.is(stored),
            "{stored:?} instead of {sample:?}"
        );
    }
}

on_both! {
    offsets_follow_the_order_of_appends_in_every_partition,
    keys_choose_partitions_as_kafka_does_and_keep_their_order,
    keyless_records_move_on_from_partition_to_partition,
    single_sends_and_appends_of_one_task_keep_the_order_of_their_calls,
    batches_of_several_topics_share_one_request,
    parallel_senders_each_keep_their_order,
}
