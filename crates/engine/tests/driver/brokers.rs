//! Several brokers: leaders that move, brokers that die or freeze.

use crate::support::{
    Sample, append, connect, metric, numbered, outcomes, produce, topic, until, within,
};
use guanaco_engine::Producer;
use guanaco_testkit::embedded::{ApiKey, EmbeddedBroker};

const PARTITIONS: i32 = 6;

async fn three() -> EmbeddedBroker {
    let brokers = EmbeddedBroker::builder().brokers(3).topic("t", PARTITIONS);
    brokers.start().await.expect("loopback has free ports")
}

async fn producer(brokers: &EmbeddedBroker) -> Producer {
    connect(brokers, &[("batch.size", "500"), ("linger.ms", "1")]).await
}

fn samples() -> Vec<Sample> {
    let numbered = numbered(6_000).into_iter().zip((0..PARTITIONS).cycle());
    numbered.map(|(sample, at)| sample.to(at)).collect()
}

/// Each partition holds its own samples, each once and in order.
fn holds_all(brokers: &EmbeddedBroker, samples: &[Sample]) {
    for (at, log) in brokers.records("t").expect("it exists").iter().enumerate() {
        let expected = samples.iter().skip(at).step_by(PARTITIONS as usize);
        let expected: Vec<_> = expected.map(|sample| sample.value.clone()).collect();
        let stored: Vec<_> = log.iter().map(|record| record.value.clone()).collect();
        assert_eq!(stored.len(), expected.len());
        assert!(stored == expected, "partition {at} is out of order");
    }
}

#[tokio::test]
async fn leaders_that_move_in_mid_stream_are_followed() {
    let brokers = three().await;
    let producer = producer(&brokers).await;
    let samples = samples();
    let mut appender = producer.appender();
    let mut placed = Vec::new();
    for chunk in samples.chunks(200) {
        placed.extend(within(append(&mut appender, &topic(), chunk)).await);
        brokers.with_cluster(|cluster, now| {
            for partition in 0..PARTITIONS {
                let moved = cluster.move_leader("t", partition, now);
                moved.expect("all replicas live");
            }
        });
        // Lets some of it go out before the next move.
        tokio::task::yield_now().await;
    }
    appender.hurry();
    for outcome in within(outcomes(&mut appender, &placed)).await {
        outcome.expect("it follows the leader");
    }
    holds_all(&brokers, &samples);
}

#[tokio::test]
async fn what_a_killed_broker_led_goes_to_the_others() {
    let brokers = three().await;
    let producer = producer(&brokers).await;
    let samples = samples();
    let mut appender = producer.appender();
    let (first, rest) = samples.split_at(3_000);
    let mut placed = within(append(&mut appender, &topic(), first)).await;
    for id in 1..=3 {
        brokers.kill_broker(id).await;
        let chunk = &rest[(id as usize - 1) * 1_000..][..1_000];
        placed.extend(within(append(&mut appender, &topic(), chunk)).await);
        within(producer.flush()).await;
        brokers.restart_broker(id).await.expect("its port is free");
    }
    for outcome in within(outcomes(&mut appender, &placed)).await {
        outcome.expect("others live");
    }
    holds_all(&brokers, &samples);
}

#[tokio::test]
async fn one_frozen_broker_does_not_stop_the_partitions_of_the_others() {
    let brokers = three().await;
    let producer = producer(&brokers).await;
    let samples = samples();
    let (first, rest) = samples.split_at(3_000);
    for outcome in within(produce(&producer, &topic(), first)).await {
        outcome.expect("all brokers live");
    }
    brokers.freeze(2);
    let frozen: Vec<i32> = brokers.with_cluster(|cluster, _| {
        (0..PARTITIONS)
            .filter(|partition| {
                let leader = cluster.leader("t", *partition);
                leader.is_some_and(|leader| leader.id == 2)
            })
            .collect()
    });
    assert!(!frozen.is_empty() && frozen.len() < PARTITIONS as usize);
    let mut appender = producer.appender();
    let placed = within(append(&mut appender, &topic(), rest)).await;
    appender.hurry();
    let (stuck, served): (Vec<_>, Vec<_>) = placed
        .into_iter()
        .zip((0..PARTITIONS).cycle())
        .partition(|(_, at)| frozen.contains(at));
    let [stuck, served] = [stuck, served].map(|places| {
        places
            .into_iter()
            .map(|(place, _)| place)
            .collect::<Vec<_>>()
    });
    for outcome in within(outcomes(&mut appender, &served)).await {
        outcome.expect("its leader lives");
    }
    // The frozen one is given up as silent once before it goes on.
    until("given up", || {
        metric(&producer, "requests-in-flight") == 0.0
    })
    .await;
    brokers.thaw(2);
    for outcome in within(outcomes(&mut appender, &stuck)).await {
        outcome.expect("its leader is back");
    }
    holds_all(&brokers, &samples);
}

#[tokio::test]
async fn a_shared_connection_carries_all_partitions_of_a_broker() {
    let brokers = three().await;
    let producer = producer(&brokers).await;
    for outcome in within(produce(&producer, &topic(), &samples())).await {
        outcome.expect("all brokers live");
    }
    // One for produce requests to each broker, and one for the rest.
    assert!(brokers.open_connections() <= 4);
    let requests = brokers.requests(ApiKey::Produce);
    assert_eq!(metric(&producer, "request-total"), requests as f64);
    assert_eq!(brokers.requests(ApiKey::InitProducerId), 1);
}
