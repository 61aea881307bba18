//! A topic that is deleted and made anew under its name.

use crate::support::{Outcome, Sample, Target, produce, start};
use guanaco_engine::{Cause, Producer, Topic};

/// Every acknowledged record is in the topic that there is now, at its offset.
async fn every_ack_is_true(target: &Target, topic: &Topic, acked: &[(Sample, Outcome)]) {
    let stored = target.stored(topic).await;
    let mut count = 0;
    for (sample, outcome) in acked {
        match outcome {
            Ok(ack) => {
                let log = &stored[usize::try_from(ack.partition).expect("from 0")];
                let found = log.iter().find(|record| Some(record.offset) == ack.offset);
                assert!(
                    found.is_some_and(|record| sample.is(record)),
                    "{ack:?} is not there"
                );
                count += 1;
            }
            Err(error) => {
                let cause = error.cause();
                let expected = matches!(
                    cause,
                    Cause::TopicRecreated | Cause::Broker(_) | Cause::UnknownPartition { .. }
                );
                assert!(expected, "{error}");
            }
        }
    }
    assert_eq!(stored.iter().map(Vec::len).sum::<usize>(), count);
}

/// Sends until one is acknowledged; everything that was sent, with its outcome.
async fn send_until_acknowledged(producer: &Producer, topic: &Topic) -> Vec<(Sample, Outcome)> {
    let mut sent = Vec::new();
    loop {
        let sample = Sample::new(format!("try {}", sent.len())).to(0);
        let outcome = producer.send(sample.record(topic)).await;
        let done = outcome.is_ok();
        sent.push((sample, outcome));
        if done {
            return sent;
        }
    }
}

async fn records_go_to_the_new_topic_and_no_ack_is_for_the_old_one(target: &Target) {
    let topic = target.topic("again", 2).await;
    let producer = start(target, &[]).await;
    let samples: Vec<_> = (0..20)
        .map(|n| Sample::new(n.to_string()).to(n % 2))
        .collect();
    for outcome in produce(&producer, &topic, &samples).await {
        outcome.expect("the broker takes it");
    }
    target.delete(&topic).await;
    target.create(&topic, 2, &[]).await;
    let mut sent = send_until_acknowledged(&producer, &topic).await;
    let outcomes = produce(&producer, &topic, &samples).await;
    for outcome in &outcomes {
        outcome.as_ref().expect("the producer knows the new topic");
    }
    sent.extend(samples.into_iter().zip(outcomes));
    every_ack_is_true(target, &topic, &sent).await;
}

async fn a_topic_that_comes_back_with_fewer_partitions_is_served(target: &Target) {
    let topic = target.topic("fewer", 4).await;
    let producer = start(target, &[]).await;
    let samples: Vec<_> = (0..20)
        .map(|n| Sample::new(n.to_string()).to(n % 4))
        .collect();
    for outcome in produce(&producer, &topic, &samples).await {
        outcome.expect("the broker takes it");
    }
    target.delete(&topic).await;
    target.create(&topic, 2, &[]).await;
    let mut sent = send_until_acknowledged(&producer, &topic).await;
    let outcomes = produce(&producer, &topic, &samples).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(ack) => assert_eq!(ack.partition as usize, n % 4),
            Err(error) => {
                assert_eq!(error.cause(), &Cause::UnknownPartition { count: 2 });
                assert!(n % 4 >= 2);
            }
        }
    }
    sent.extend(samples.into_iter().zip(outcomes));
    every_ack_is_true(target, &topic, &sent).await;
}

on_both! {
    records_go_to_the_new_topic_and_no_ack_is_for_the_old_one,
    a_topic_that_comes_back_with_fewer_partitions_is_served,
}
