//! What goes in comes out: nulls, empties, headers, timestamps, sizes.

use crate::support::{Sample, Target, produce, start};
use bytes::Bytes;
use guanaco_engine::{Cause, Header, Written};
use std::time::{SystemTime, UNIX_EPOCH};

const INVALID_RECORD: i16 = 87;
const INVALID_TIMESTAMP: i16 = 32;

async fn null_and_empty_stay_apart_in_keys_values_and_headers(target: &Target) {
    let topic = target.topic("nulls", 1).await;
    let fields = [
        None,
        Some(Bytes::new()),
        Some(Bytes::from_static(b"\x00\xff")),
    ];
    let headers = [
        vec![],
        vec![
            Header::null("null"),
            Header::new("empty", ""),
            Header::new("", "no name"),
        ],
        vec![
            Header::new("twice", "1"),
            Header::new("\u{fc}", b"\xff".to_vec()),
            Header::new("twice", "2"),
        ],
    ];
    let mut samples = Vec::new();
    for key in &fields {
        for value in &fields {
            for headers in &headers {
                let (key, value, headers) = (key.clone(), value.clone(), headers.clone());
                samples.push(Sample {
                    key,
                    value,
                    headers,
                    ..Sample::null()
                });
            }
        }
    }
    let producer = start(target, &[]).await;
    for outcome in produce(&producer, &topic, &samples).await {
        outcome.expect("the broker takes it");
    }
    let stored = &target.stored(&topic).await[0];
    assert_eq!(stored.len(), samples.len());
    for (sample, stored) in samples.iter().zip(stored) {
        assert!(sample.is(stored), "{stored:?} instead of {sample:?}");
    }
}

async fn a_compacted_topic_takes_tombstones_and_refuses_records_without_a_key(target: &Target) {
    let topic = target
        .topic_with("compacted", 1, &[("cleanup.policy", "compact")])
        .await;
    let producer = start(target, &[]).await;
    let tombstone = Sample::null().key("gone");
    let [ack] = &produce(&producer, &topic, std::slice::from_ref(&tombstone)).await[..] else {
        panic!("one record has one outcome")
    };
    assert_eq!(ack.as_ref().expect("a tombstone is fine").offset, Some(0));
    let [refused] = &produce(&producer, &topic, &[Sample::new("no key")]).await[..] else {
        panic!("one record has one outcome")
    };
    let error = refused.as_ref().expect_err("it has no key");
    assert_eq!(error.written(), Written::No);
    match error.cause() {
        Cause::Broker(broker) => assert_eq!(broker.code(), INVALID_RECORD),
        other => panic!("{other}"),
    }
    // The refusal leaves the partition as it was.
    let last = Sample::new("still here").key("kept");
    for (offset, outcome) in
        (1..).zip(produce(&producer, &topic, &[last.clone(), tombstone.clone()]).await)
    {
        assert_eq!(outcome.expect("it has a key").offset, Some(offset));
    }
    let stored = &target.stored(&topic).await[0];
    assert_eq!(stored.len(), 3);
    assert!(tombstone.is(&stored[0]) && last.is(&stored[1]) && tombstone.is(&stored[2]));
}

async fn create_times_are_kept_whatever_their_order(target: &Target) {
    let topic = target.topic("create-time", 1).await;
    let producer = start(target, &[]).await;
    let times = [
        now(),
        0,
        1,
        now() + 60_000,
        1_700_000_000_000,
        1_600_000_000_000,
    ];
    let samples = times.map(|time| Sample::new(time.to_string()).at(time));
    for outcome in produce(&producer, &topic, &samples).await {
        assert_eq!(outcome.expect("the broker takes it").log_append_time, None);
    }
    let stored = target.stored(&topic).await;
    assert!(stored[0].iter().map(|record| record.timestamp).eq(times));
}

async fn the_broker_s_clock_counts_where_the_topic_says_so(target: &Target) {
    let settings = [("message.timestamp.type", "LogAppendTime")];
    let topic = target.topic_with("append-time", 1, &settings).await;
    let producer = start(target, &[]).await;
    let before = now();
    let samples = [
        Sample::new("old").at(1),
        Sample::new("new").at(now() + 60_000),
    ];
    let acks = produce(&producer, &topic, &samples).await;
    let stored = &target.stored(&topic).await[0];
    for (outcome, record) in acks.into_iter().zip(stored) {
        let time = outcome.expect("the broker takes it").log_append_time;
        assert_eq!(time, Some(record.timestamp));
        assert!((before..=now()).contains(&record.timestamp));
    }
}

async fn a_record_from_the_far_future_is_refused_and_its_successors_are_not(target: &Target) {
    let topic = target.topic("future", 1).await;
    let producer = start(target, &[]).await;
    let far = Sample::new("far").at(now() + 48 * 3_600_000);
    let outcome = produce(&producer, &topic, &[far]).await.remove(0);
    let error = outcome.expect_err("its time is out of range");
    assert_eq!(error.written(), Written::No);
    match error.cause() {
        Cause::Broker(broker) => assert_eq!(broker.code(), INVALID_TIMESTAMP),
        other => panic!("{other}"),
    }
    let outcome = produce(&producer, &topic, &[Sample::new("near")])
        .await
        .remove(0);
    assert_eq!(outcome.expect("its time is fine").offset, Some(0));
}

async fn sizes_from_nothing_to_nearly_a_request_come_back_equal(target: &Target) {
    let topic = target.topic("sizes", 2).await;
    let producer = start(target, &[]).await;
    let sizes = [
        0, 1, 63, 64, 8_191, 16_384, 16_385, 100_000, 1_000_000, 2, 0,
    ];
    let samples = sizes.map(|size| Sample::new(noise(size)).key(noise(size / 50)).to(1));
    for outcome in produce(&producer, &topic, &samples).await {
        outcome.expect("the broker takes it");
    }
    let stored = target.stored(&topic).await;
    assert!(stored[0].is_empty());
    assert_eq!(stored[1].len(), samples.len());
    for (sample, stored) in samples.iter().zip(&stored[1]) {
        assert!(sample.is(stored), "at offset {}", stored.offset);
    }
}

fn noise(size: usize) -> Bytes {
    let mut bytes = vec![0; size];
    fastrand::Rng::with_seed(size as u64).fill(&mut bytes);
    bytes.into()
}

fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970");
    i64::try_from(since.as_millis()).expect("it is before the year 292 million")
}

on_both! {
    null_and_empty_stay_apart_in_keys_values_and_headers,
    a_compacted_topic_takes_tombstones_and_refuses_records_without_a_key,
    create_times_are_kept_whatever_their_order,
    the_broker_s_clock_counts_where_the_topic_says_so,
    a_record_from_the_far_future_is_refused_and_its_successors_are_not,
    sizes_from_nothing_to_nearly_a_request_come_back_equal,
}
