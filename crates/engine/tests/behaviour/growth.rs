//! Topics of many partitions, and topics that get more.

use crate::support::{Sample, Target, produce, start};
use std::collections::HashSet;

async fn a_thousand_partitions_are_served(target: &Target) {
    const PARTITIONS: i32 = 1_000;
    let topic = target.topic("thousand", PARTITIONS).await;
    // A sixteenth of what a batch of `batch.size` for each would take.
    let producer = start(target, &[("buffer.memory", "1048576")]).await;
    let samples: Vec<_> = (0..3 * PARTITIONS)
        .map(|n| Sample::new(n.to_string()).to(n % PARTITIONS))
        .collect();
    for (n, outcome) in (0..).zip(produce(&producer, &topic, &samples).await) {
        let ack = outcome.expect("the broker takes it");
        let offset = i64::from(n / PARTITIONS);
        assert_eq!((ack.partition, ack.offset), (n % PARTITIONS, Some(offset)));
    }
    assert!(target.ends(&topic).await.iter().all(|end| *end == 3));
}

async fn partitions_that_are_added_are_used(target: &Target) {
    let topic = target.topic("growing", 2).await;
    let settings = [("metadata.max.age.ms", "200"), ("batch.size", "100")];
    let producer = start(target, &settings).await;
    let sample = |n: usize| Sample::new(format!("{n:0>30}"));
    let keyed = Sample::new("x").key("key");
    let before: Vec<_> = (0..200).map(sample).chain([keyed.clone()]).collect();
    for outcome in produce(&producer, &topic, &before).await {
        assert!(outcome.expect("the broker takes it").partition < 2);
    }
    producer
        .send(sample(0).to(5).record(&topic))
        .await
        .expect_err("there is no partition 5 yet");

    target.grow(&topic, 6).await;
    let mut acked = 0;
    while producer
        .partitions_for(&topic)
        .await
        .expect("it exists")
        .len()
        < 6
    {
        // Records go on meanwhile, and none is lost.
        let outcome = producer.send(sample(0).record(&topic)).await;
        outcome.expect("the broker takes it");
        acked += 1;
    }
    let ack = producer.send(sample(0).to(5).record(&topic)).await;
    assert_eq!(ack.expect("there is a partition 5 now").offset, Some(0));
    let after: Vec<_> = (0..1_000).map(sample).collect();
    let acks = produce(&producer, &topic, &after).await;
    let used: HashSet<i32> = acks
        .into_iter()
        .map(|outcome| outcome.expect("the broker takes it").partition)
        .collect();
    assert_eq!(used, (0..6).collect());
    let ack = producer
        .send(keyed.record(&topic))
        .await
        .expect("the broker takes it");
    assert_eq!(ack.partition, guanaco_engine::core::partition_of(b"key", 6));
    let total: i64 = target.ends(&topic).await.iter().sum();
    assert_eq!(total, 201 + acked + 1 + 1_000 + 1);
}

on_both! {
    a_thousand_partitions_are_served,
    partitions_that_are_added_are_used,
}
