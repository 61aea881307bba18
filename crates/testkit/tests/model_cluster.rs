//! The model cluster: leadership, topics, refusals and logs.

use bytes::Bytes;
use guanaco_testkit::model::{
    Append, Appended, Cluster, ClusterConfig, Leader, OffsetAt, ReadFrom, Refused, TopicConfig,
    TopicRef, code,
};

const TOPIC: &str = "orders";

fn cluster(brokers: i32, topic: TopicConfig) -> Cluster {
    let mut cluster = Cluster::new(ClusterConfig {
        brokers,
        seed: 3,
        ..Default::default()
    });
    cluster
        .create_topic(TOPIC, topic, 0)
        .expect("the name is valid and free");
    cluster
}

fn leader(cluster: &Cluster) -> Leader {
    cluster.leader(TOPIC, 0).expect("the topic exists")
}

fn idempotent(broker: i32, epoch: i16, base_sequence: i32, record_count: i32) -> Append<'static> {
    let (producer_id, producer_epoch) = (7, epoch);
    let append = Append {
        broker,
        producer_id,
        base_sequence,
        record_count,
        ..Append::to(TOPIC)
    };
    Append {
        producer_epoch,
        ..append
    }
}

fn code(result: Result<Appended, Refused>) -> i16 {
    result.expect_err("the append should be refused").code
}

#[test]
fn a_new_leader_knows_the_producers_of_the_old_one() {
    let mut cluster = cluster(3, TopicConfig::default());
    let old = leader(&cluster);
    cluster
        .append(idempotent(old.id, 0, 0, 4), 1)
        .expect("first batch");
    cluster.kill(old.id, 2);

    let new = leader(&cluster);
    assert_ne!(new.id, old.id);
    assert_eq!(new.epoch, old.epoch + 1);
    let again = cluster
        .append(idempotent(new.id, 0, 0, 4), 3)
        .expect("a duplicate");
    assert_eq!((again.base_offset, again.duplicate), (0, true));
    let next = cluster
        .append(idempotent(new.id, 0, 4, 1), 4)
        .expect("in sequence");
    assert_eq!(next.base_offset, 4);
    assert_eq!(
        cluster.log(TOPIC, 0)[1].header.partition_leader_epoch,
        new.epoch
    );
}

#[test]
fn a_broker_that_does_not_lead_names_the_one_that_does() {
    let mut cluster = cluster(3, TopicConfig::default());
    let old = leader(&cluster);
    let id = cluster.move_leader(TOPIC, 0, 5).expect("others live");
    let refused = cluster
        .append(idempotent(old.id, 0, 0, 1), 6)
        .expect_err("it lost the lead");
    assert_eq!(refused.code, code::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(
        refused.leader,
        Some(Leader {
            id,
            epoch: old.epoch + 1
        })
    );
    assert!(cluster.log(TOPIC, 0).is_empty());
}

#[test]
fn the_last_replica_to_die_is_the_first_to_lead() {
    let mut cluster = cluster(2, TopicConfig::default());
    let first = leader(&cluster).id;
    let last = 3 - first;
    cluster.kill(first, 1);
    cluster.kill(last, 2);
    assert_eq!(leader(&cluster).id, -1);
    let view = cluster.metadata(last, None, false, 3);
    assert_eq!(view.expect_err("it is dead").code, code::NETWORK_EXCEPTION);

    cluster.restart(first, 4);
    assert_eq!(leader(&cluster).id, -1, "it was not in sync");
    let view = &cluster.metadata(first, None, false, 5).expect("it lives")[0];
    assert_eq!(view.partitions[0].code, code::LEADER_NOT_AVAILABLE);
    cluster.restart(last, 6);
    assert_eq!(leader(&cluster).id, last);
    let view = &cluster.metadata(first, None, false, 7).expect("it lives")[0];
    assert_eq!(view.partitions[0].isr.len(), 2);
}

#[test]
fn too_few_replicas_refuse_only_who_wants_all_of_them() {
    let config = TopicConfig {
        min_insync_replicas: 2,
        ..TopicConfig::default()
    };
    let mut cluster = cluster(2, config);
    let broker = leader(&cluster).id;
    cluster.kill(3 - broker, 1);
    let append = |acks| Append {
        broker,
        acks,
        ..Append::to(TOPIC)
    };
    assert_eq!(
        code(cluster.append(append(-1), 2)),
        code::NOT_ENOUGH_REPLICAS
    );
    assert!(cluster.log(TOPIC, 0).is_empty());
    cluster.append(append(1), 3).expect("the leader suffices");
    assert_eq!(
        code(cluster.append(append(2), 4)),
        code::INVALID_REQUIRED_ACKS
    );
}

#[test]
fn an_append_that_is_refused_afterwards_is_a_duplicate_the_next_time() {
    let mut cluster = cluster(1, TopicConfig::default());
    let refusal = code::NOT_ENOUGH_REPLICAS_AFTER_APPEND;
    cluster
        .refuse_appends(TOPIC, 0, refusal, true, 1)
        .expect("the partition exists");
    assert_eq!(code(cluster.append(idempotent(1, 0, 0, 2), 1)), refusal);
    assert_eq!(cluster.log(TOPIC, 0).len(), 1);
    assert!(
        cluster
            .append(idempotent(1, 0, 0, 2), 2)
            .expect("it is there")
            .duplicate
    );

    cluster
        .refuse_appends(TOPIC, 0, code::REQUEST_TIMED_OUT, false, 1)
        .expect("as above");
    assert_eq!(
        code(cluster.append(idempotent(1, 0, 2, 2), 3)),
        code::REQUEST_TIMED_OUT
    );
    assert!(
        !cluster
            .append(idempotent(1, 0, 2, 2), 4)
            .expect("it was not there")
            .duplicate
    );
}

#[test]
fn a_topic_that_is_created_again_is_another_one() {
    let mut cluster = cluster(1, TopicConfig::default());
    let old = cluster.topic_id(TOPIC).expect("it exists");
    cluster
        .append(idempotent(1, 0, 0, 1), 1)
        .expect("first batch");
    cluster.delete_topic(TOPIC).expect("it exists");
    let gone = cluster.append(idempotent(1, 0, 1, 1), 2);
    assert_eq!(code(gone), code::UNKNOWN_TOPIC_OR_PARTITION);
    let new = cluster
        .create_topic(TOPIC, TopicConfig::default(), 3)
        .expect("the name is free");
    assert_ne!(new, old);

    let by_id = Append {
        topic: TopicRef::Id(old),
        ..idempotent(1, 0, 1, 1)
    };
    assert_eq!(code(cluster.append(by_id, 4)), code::UNKNOWN_TOPIC_ID);
    let appended = cluster
        .append(idempotent(1, 0, 1, 1), 5)
        .expect("no state, any sequence");
    assert_eq!(appended.base_offset, 0);
    assert_eq!(
        cluster.log(old, 0).len(),
        1,
        "a deleted topic's log can be looked at"
    );
    assert_eq!(cluster.log(new, 0)[0].header.base_sequence, 1);
}

#[test]
fn auto_creation_answers_unknown_first() {
    let config = ClusterConfig {
        topic_defaults: TopicConfig::partitions(5),
        ..Default::default()
    };
    let mut cluster = Cluster::new(ClusterConfig {
        auto_create_lag_ms: 10,
        ..config
    });
    let ask = |cluster: &mut Cluster, topic: &str, allow, now| {
        let views = cluster
            .metadata(1, Some(&[topic.into()]), allow, now)
            .expect("it lives");
        (views[0].code, views[0].partitions.len())
    };
    let unknown = (code::UNKNOWN_TOPIC_OR_PARTITION, 0);
    assert_eq!(ask(&mut cluster, "a", false, 0), unknown);
    assert_eq!(ask(&mut cluster, "a", true, 20), unknown);
    assert_eq!(ask(&mut cluster, "a", true, 29), unknown);
    assert_eq!(ask(&mut cluster, "a", false, 30), (code::NONE, 5));
    assert_eq!(
        ask(&mut cluster, "no spaces", true, 30),
        (code::INVALID_TOPIC_EXCEPTION, 0)
    );
    let long = "x".repeat(250);
    assert_eq!(
        ask(&mut cluster, &long, true, 30),
        (code::INVALID_TOPIC_EXCEPTION, 0)
    );
}

#[test]
fn partitions_are_added_empty_and_led() {
    let mut cluster = cluster(3, TopicConfig::partitions(2));
    cluster.create_partitions(TOPIC, 4, 1).expect("it has two");
    assert_eq!(cluster.partition_count(TOPIC), Some(4));
    let leader = cluster.leader(TOPIC, 3).expect("it has four").id;
    let append = Append {
        broker: leader,
        partition: 3,
        ..Append::to(TOPIC)
    };
    assert_eq!(cluster.append(append, 2).expect("it leads").base_offset, 0);
    let refused = cluster
        .create_partitions(TOPIC, 4, 3)
        .expect_err("it has four");
    assert_eq!(refused.code, code::INVALID_PARTITIONS);
}

#[test]
fn the_limits_of_a_batch_are_enforced() {
    let config = TopicConfig {
        max_message_bytes: 100,
        ..TopicConfig::default()
    };
    let mut cluster = cluster(1, config);
    let sized = |size| Append {
        payload: vec![0; size].into(),
        ..Append::to(TOPIC)
    };
    cluster.append(sized(39), 0).expect("61 + 39 bytes");
    assert_eq!(code(cluster.append(sized(40), 0)), code::MESSAGE_TOO_LARGE);
    let empty = Append {
        record_count: 0,
        ..Append::to(TOPIC)
    };
    assert_eq!(code(cluster.append(empty, 0)), code::INVALID_RECORD);
    let no_sequence = Append {
        producer_id: 1,
        producer_epoch: 0,
        ..Append::to(TOPIC)
    };
    assert_eq!(code(cluster.append(no_sequence, 0)), code::INVALID_RECORD);
    let future = Append {
        timestamp: 3_600_002,
        ..Append::to(TOPIC)
    };
    assert_eq!(
        code(cluster.append(future.clone(), 1)),
        code::INVALID_TIMESTAMP
    );
    cluster.append(future, 2).expect("an hour ahead is allowed");
}

#[test]
fn bytes_are_checked_before_they_are_believed() {
    use guanaco_engine::batch::BatchHeader;
    let mut cluster = cluster(1, TopicConfig::default());
    let body = b"not read by the model";
    let header = BatchHeader {
        record_count: 1,
        ..BatchHeader::default()
    };
    let good = [&header.encode(body)[..], body].concat();
    let mut append = |bytes: &[u8]| {
        let bytes = Bytes::copy_from_slice(bytes);
        cluster.append_bytes(1, TOPIC, 0, -1, &bytes, 0)
    };
    append(&good).expect("one batch, checksum right");
    let mut flipped = good.clone();
    flipped[70] ^= 1;
    assert_eq!(code(append(&flipped)), code::CORRUPT_MESSAGE);
    assert_eq!(
        code(append(&[&good[..], &good].concat())),
        code::INVALID_RECORD
    );
    assert_eq!(code(append(b"")), code::INVALID_RECORD);
    for end in 0..good.len() {
        append(&good[..end]).expect_err("cut short");
    }
}

#[test]
fn log_append_time_is_the_brokers() {
    let config = TopicConfig {
        log_append_time: true,
        ..TopicConfig::default()
    };
    let mut cluster = cluster(1, config);
    let append = Append {
        timestamp: 5,
        ..idempotent(1, 0, 0, 1)
    };
    let appended = cluster.append(append.clone(), 1_000).expect("first batch");
    assert_eq!(appended.log_append_time, Some(1_000));
    let stored = &cluster.log(TOPIC, 0)[0].header;
    assert!(stored.is_log_append_time());
    assert_eq!(stored.max_timestamp, 1_000);
    let again = cluster.append(append, 2_000).expect("a duplicate");
    assert_eq!(again.log_append_time, Some(1_000), "of the first time");
}

#[test]
fn retention_takes_the_oldest_batches_and_never_the_last() {
    let config = TopicConfig {
        retention_bytes: Some(250),
        ..TopicConfig::default()
    };
    let mut cluster = cluster(1, config);
    for now in 0..10 {
        let append = Append {
            payload: vec![0; 39].into(),
            record_count: 2,
            ..Append::to(TOPIC)
        };
        let appended = cluster.append(append, now).expect("no limit is broken");
        assert_eq!(appended.base_offset, 2 * now);
        let log = cluster.log(TOPIC, 0);
        assert_eq!(log.len(), 2.min(now as usize + 1));
        assert_eq!(log[0].base_offset(), appended.log_start_offset);
    }
    let huge = Append {
        payload: vec![0; 1_000].into(),
        ..Append::to(TOPIC)
    };
    cluster.append(huge, 20).expect("retention refuses nothing");
    assert_eq!(cluster.log(TOPIC, 0).len(), 1);
}

#[test]
fn truncation_takes_the_memory_of_producers_with_it() {
    let mut cluster = cluster(1, TopicConfig::default());
    for sequence in 0..3 {
        cluster
            .append(idempotent(1, 0, sequence, 1), 0)
            .expect("in sequence");
    }
    cluster.truncate(TOPIC, 0, 1).expect("the partition exists");
    assert_eq!(cluster.log(TOPIC, 0).len(), 1);
    let gap = cluster.append(idempotent(1, 0, 3, 1), 1);
    assert_eq!(code(gap), code::OUT_OF_ORDER_SEQUENCE_NUMBER);
    let cut = cluster.append(idempotent(1, 0, 2, 1), 1);
    assert_eq!(
        code(cut),
        code::OUT_OF_ORDER_SEQUENCE_NUMBER,
        "it is no duplicate any more"
    );
    let appended = cluster
        .append(idempotent(1, 0, 1, 1), 2)
        .expect("in sequence again");
    assert_eq!(appended.base_offset, 1);
}

#[test]
fn a_producer_expires_at_a_check_and_not_before() {
    let config = ClusterConfig {
        producer_id_expiration_ms: 1_000,
        producer_id_check_ms: 10_000,
        ..Default::default()
    };
    let mut cluster = Cluster::new(config);
    cluster
        .create_topic(TOPIC, TopicConfig::default(), 0)
        .expect("the name is valid");
    let at = |sequence, now| Append {
        timestamp: now,
        ..idempotent(1, 0, sequence, 1)
    };
    cluster.append(at(0, 0), 0).expect("first batch");
    let early = cluster.append(at(9, 5_000), 5_000);
    assert_eq!(code(early), code::OUT_OF_ORDER_SEQUENCE_NUMBER);
    cluster
        .append(at(9, 10_000), 10_000)
        .expect("forgotten: any sequence");
}

#[test]
fn fetch_gives_whole_batches_and_knows_its_bounds() {
    let mut cluster = cluster(2, TopicConfig::default());
    let Leader { id: broker, epoch } = leader(&cluster);
    for n in 0..3 {
        let append = Append {
            timestamp: n * 100,
            ..idempotent(broker, 0, n as i32 * 10, 10)
        };
        cluster.append(append, 0).expect("in sequence");
    }
    let from = ReadFrom {
        broker,
        topic: TOPIC.into(),
        partition: 0,
        leader_epoch: -1,
    };
    let fetched = cluster.fetch(from, 15, 1, 0).expect("in range");
    assert_eq!(fetched.batches.len(), 1, "one at least, whatever its size");
    assert_eq!(fetched.batches[0].base_offset(), 10);
    assert_eq!(fetched.high_watermark, 30);
    assert_eq!(
        cluster
            .fetch(from, 0, 1_000, 0)
            .expect("in range")
            .batches
            .len(),
        3
    );
    assert!(
        cluster
            .fetch(from, 30, 1_000, 0)
            .expect("at the end")
            .batches
            .is_empty()
    );
    let beyond = cluster
        .fetch(from, 31, 1_000, 0)
        .expect_err("beyond the end");
    assert_eq!(beyond.code, code::OFFSET_OUT_OF_RANGE);

    let at = |at| cluster.offset_at(from, at, 0).expect("it leads");
    assert_eq!(at(OffsetAt::Earliest), Some((0, -1)));
    assert_eq!(at(OffsetAt::Latest), Some((30, -1)));
    assert_eq!(at(OffsetAt::Timestamp(150)), Some((20, 200)));
    assert_eq!(at(OffsetAt::Timestamp(201)), None);

    let ahead = ReadFrom {
        leader_epoch: epoch + 1,
        ..from
    };
    let refused = cluster.fetch(ahead, 0, 1, 0).expect_err("no such epoch");
    assert_eq!(refused.code, code::UNKNOWN_LEADER_EPOCH);
    let other = ReadFrom {
        broker: 3 - broker,
        ..from
    };
    let refused = cluster.fetch(other, 0, 1, 0).expect_err("it does not lead");
    assert_eq!(refused.code, code::NOT_LEADER_OR_FOLLOWER);
}

#[test]
fn a_lagging_broker_tells_of_the_old_leader_for_a_while() {
    let mut cluster = cluster(3, TopicConfig::default());
    let old = leader(&cluster);
    let new = cluster.move_leader(TOPIC, 0, 100).expect("others live");
    let bystander = 6 - old.id - new;
    cluster.lag_metadata(bystander, 50).expect("it lives");
    let mut seen = |now| {
        let views = cluster
            .metadata(bystander, None, false, now)
            .expect("it lives");
        views[0].partitions[0].leader.id
    };
    assert_eq!(seen(149), old.id);
    assert_eq!(seen(150), new);
}

#[test]
fn a_restarted_broker_may_know_no_topic_for_a_while() {
    let mut cluster = cluster(1, TopicConfig::default());
    cluster.kill(1, 0);
    cluster.restart_unaware(1, 10, 20);
    let early = cluster.append(Append::to(TOPIC), 19);
    assert_eq!(code(early), code::UNKNOWN_TOPIC_OR_PARTITION);
    cluster
        .append(Append::to(TOPIC), 20)
        .expect("it has caught up");
}

#[test]
fn the_same_seed_makes_the_same_cluster() {
    let make = |seed| {
        let mut cluster = Cluster::new(ClusterConfig {
            brokers: 3,
            seed,
            ..Default::default()
        });
        let id = cluster
            .create_topic(TOPIC, TopicConfig::partitions(9), 0)
            .expect("valid");
        (id, cluster.metadata(1, None, false, 0).expect("it lives"))
    };
    assert_eq!(make(5), make(5));
    assert_ne!(make(5).0, make(6).0);
}
