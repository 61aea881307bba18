//! What the cluster says of its topics and leaders.

use crate::bench::{BROKER, Bench, append_to};
use guanaco_engine::{
    HealthProblem, Topic,
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
