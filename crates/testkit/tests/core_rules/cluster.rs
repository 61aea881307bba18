//! What the cluster says of its topics and leaders.

use crate::bench::{BROKER, Bench, append_to, at, error, record};
use guanaco_engine::{
    HealthProblem, ProducerConfig, RecordRef, Topic,
    core::{Answer, BrokerView, ClusterView, FlowLink, PartitionView, TopicView},
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

const OTHER: i32 = 2;
const AVAILABILITY: Duration = Duration::from_millis(500);

/// A topic with two partitions, each with a broker of its own.
fn two_brokers(change: impl FnOnce(&mut ProducerConfig)) -> (Bench, Topic) {
    let mut bench = Bench::new(|config| {
        config.batch_size = 300;
        config.partitioner_availability_timeout = AVAILABILITY;
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
        brokers: vec![broker(BROKER), broker(OTHER)],
        topics: vec![TopicView {
            name: topic.clone(),
            id: Uuid::from_u128(1),
            error: 0,
            partitions: vec![partition(0, BROKER), partition(1, OTHER)],
        }],
    };
    bench.core.ask_for(&topic, bench.now);
    bench.core.apply(view, bench.now);
    (bench, topic)
}

/// How many of 30 keyless records go to the first broker.
fn to_the_first(bench: &mut Bench, flow: &mut FlowLink, topic: &Topic) -> i32 {
    for _ in 0..30 {
        let keyless = RecordRef {
            partition: None,
            ..record(topic, &[1; 200])
        };
        bench
            .core
            .append(flow, &[keyless], bench.now, &mut Vec::new());
    }
    let mut taken = 0;
    while let Some(request) = bench.drain() {
        let parts = request.parts.iter();
        taken += parts.map(|part| part.header.record_count).sum::<i32>();
        bench.answer(&request, vec![at(0)]);
    }
    taken
}

/// How many go to the first once the second has taken nothing for `waited`.
fn beside_an_idle_one(waited: Duration, change: impl FnOnce(&mut ProducerConfig)) -> i32 {
    let (mut bench, topic) = two_brokers(change);
    let mut flow = bench.core.new_flow();
    append_to(&mut bench, &mut flow, &topic, 1);
    bench.now += waited;
    to_the_first(&mut bench, &mut flow, &topic)
}

#[test]
fn keyless_records_avoid_a_broker_that_takes_none_for_the_availability_timeout() {
    let taken = beside_an_idle_one(AVAILABILITY + Duration::from_millis(1), |_| ());
    assert_eq!(taken, 30);
    let taken = beside_an_idle_one(AVAILABILITY, |_| ());
    assert!((1..30).contains(&taken), "not yet: {taken} of 30");
    let late = AVAILABILITY * 100;
    let taken = beside_an_idle_one(late, |config| {
        config.partitioner_availability_timeout = Duration::ZERO;
    });
    assert!((1..30).contains(&taken), "it is off: {taken} of 30");
    let taken = beside_an_idle_one(late, |config| config.partitioner_adaptive = false);
    assert!((1..30).contains(&taken), "it needs adaptive: {taken} of 30");
}

#[test]
fn a_partition_that_backs_off_says_nothing_about_its_broker() {
    const NOT_ENOUGH_REPLICAS: i16 = 19;
    let (mut bench, topic) = two_brokers(|config| {
        config.retry_backoff = Duration::from_secs(60);
        config.retry_backoff_max = Duration::from_secs(60);
    });
    let mut flow = bench.core.new_flow();
    append_to(&mut bench, &mut flow, &topic, 1);
    let refused = bench.core.drain(OTHER, bench.now).request.expect("a batch");
    let answer = Answer {
        parts: vec![Some(error(NOT_ENOUGH_REPLICAS))],
        ..Answer::default()
    };
    assert!(bench.core.answered(OTHER, refused.id, answer, bench.now));
    bench.now += AVAILABILITY * 2;
    let taken = to_the_first(&mut bench, &mut flow, &topic);
    assert!((1..30).contains(&taken), "{taken} of 30");
}
