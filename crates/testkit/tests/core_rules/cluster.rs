//! What the cluster says of its topics and leaders.

use crate::bench::{BROKER, Bench, append_to, at, record};
use guanaco_engine::{
    HealthProblem, ProducerConfig, RecordRef, Topic,
    core::{BrokerView, ClusterView, PartitionView, TopicView},
};
use std::time::Duration;
use uuid::Uuid;

#[test]
fn a_record_for_a_partition_without_a_leader_asks_for_metadata() {
    let mut bench = Bench::new(|config| config.retry_backoff = Duration::from_millis(10));
    let topic = Topic::from("t");
    bench.know("t", 1, 1, false);
    let later = bench.now + Duration::from_secs(10);
    let due = bench.core.metadata_due(later);
    assert!(
        due.is_err_and(|due| due > Some(later)),
        "nothing waits for a leader yet"
    );
    let mut flow = bench.core.new_flow();
    bench.now = later;
    bench.append(&mut flow, &topic, 1).expect("there is room");
    let soon = later + Duration::from_secs(1);
    assert!(bench.core.metadata_due(soon).is_ok());
}

#[test]
fn without_answers_a_partition_that_changed_its_leader_is_looked_at_again() {
    let mut bench = Bench::new(|config| {
        config.acks = guanaco_engine::Acks::None;
        config.enable_idempotence = false;
        config.batch_size = 80;
    });
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let mut flow = bench.core.new_flow();
    append_to(&mut bench, &mut flow, &topic, 0);
    let request = bench.drain().expect("a batch waits");
    append_to(&mut bench, &mut flow, &topic, 0);
    let other = BrokerView {
        id: 2,
        host: "other".into(),
        port: 1,
    };
    let moved = PartitionView {
        index: 0,
        leader: 2,
        leader_epoch: 1,
    };
    let view = ClusterView {
        cluster_id: None,
        brokers: vec![other],
        topics: vec![TopicView {
            name: topic.clone(),
            id: Uuid::from_u128(1),
            error: 0,
            partitions: vec![moved],
        }],
    };
    bench.core.apply(view, bench.now);
    assert!(
        bench.core.drain(2, bench.now).request.is_none(),
        "one is on the wire"
    );
    bench.wake();
    bench.core.written(BROKER, request.id, bench.now);
    let effects = bench.core.take_effects().unwrap_or_default();
    assert!(
        effects.brokers.contains(&2),
        "its new leader has something to send"
    );
    assert!(bench.core.drain(2, bench.now).request.is_some());
}

#[test]
fn a_producer_id_that_comes_late_ends_the_trouble_about_it() {
    let mut bench = Bench::new(|_| ());
    bench.know("t", 1, 1, true);
    bench.core.errand_failed("no answer", bench.now);
    let health = bench.core.health(bench.now);
    assert!(
        matches!(&health.problems[..], [HealthProblem::Unreachable { .. }]),
        "{health:?}"
    );
    bench.now += Duration::from_secs(1);
    bench.core.identified(1, 0, bench.now);
    let health = bench.core.health(bench.now);
    assert!(health.problems.is_empty(), "{health:?}");
    assert_eq!(health.last_answer, Some(Duration::ZERO));
}

/// Two partitions with a broker each, of which one takes nothing. Says how many of 30 keyless records,
/// written once the first have waited for `waited`, went to the one that takes something.
fn to_the_one_that_takes(waited: Duration, change: impl FnOnce(&mut ProducerConfig)) -> i32 {
    const IDLE: i32 = 2;
    let mut bench = Bench::new(|config| {
        config.batch_size = 300;
        config.partitioner_availability_timeout = Duration::from_millis(500);
        change(config);
    });
    let topic = Topic::from("t");
    let broker = |id| BrokerView {
        id,
        host: "broker".into(),
        port: 1,
    };
    let partition = |index, leader| PartitionView {
        index,
        leader,
        leader_epoch: 0,
    };
    let view = ClusterView {
        cluster_id: None,
        brokers: vec![broker(BROKER), broker(IDLE)],
        topics: vec![TopicView {
            name: topic.clone(),
            id: Uuid::from_u128(1),
            error: 0,
            partitions: vec![partition(0, BROKER), partition(1, IDLE)],
        }],
    };
    bench.core.ask_for(&topic, bench.now);
    bench.core.apply(view, bench.now);
    let mut flow = bench.core.new_flow();
    append_to(&mut bench, &mut flow, &topic, 1);
    bench.now += waited;
    for _ in 0..30 {
        let keyless = RecordRef {
            partition: None,
            ..record(&topic, &[1; 200])
        };
        bench
            .core
            .append(&mut flow, &[keyless], bench.now, &mut Vec::new());
    }
    let mut taken = 0;
    while let Some(request) = bench.drain() {
        taken += request
            .parts
            .iter()
            .map(|part| part.header.record_count)
            .sum::<i32>();
        bench.answer(&request, vec![at(0)]);
    }
    taken
}

#[test]
fn keyless_records_avoid_a_broker_that_takes_none_for_the_availability_timeout() {
    let timeout = Duration::from_millis(500);
    let taken = to_the_one_that_takes(timeout + Duration::from_millis(1), |_| ());
    assert_eq!(taken, 30);
    let taken = to_the_one_that_takes(timeout, |_| ());
    assert!((1..30).contains(&taken), "not yet: {taken} of 30");
    let late = timeout * 100;
    let taken = to_the_one_that_takes(late, |config| {
        config.partitioner_availability_timeout = Duration::ZERO;
    });
    assert!((1..30).contains(&taken), "it is off: {taken} of 30");
    let taken = to_the_one_that_takes(late, |config| config.partitioner_adaptive = false);
    assert!((1..30).contains(&taken), "it needs adaptive: {taken} of 30");
}
