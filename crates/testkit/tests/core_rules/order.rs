//! The order of batches, and what is made of their answers.

use crate::bench::{Bench, at, error};
use guanaco_engine::{
    RecordRef, Topic, Written,
    core::{FlowLink, Place, Places},
};
use std::time::Duration;

#[test]
fn an_answer_is_matched_to_the_batches_in_the_order_that_they_were_written() {
    let mut bench = Bench::new(|_| ());
    // The order of their ids is not the order of their records.
    let (first, second) = (Topic::from("first"), Topic::from("second"));
    bench.know("first", 2, 1, true);
    bench.know("second", 1, 1, true);
    let mut flow = bench.core.new_flow();
    let in_first = bench.append(&mut flow, &first, 1).expect("there is room");
    let in_second = bench.append(&mut flow, &second, 1).expect("there is room");
    let request = bench.drain().expect("nothing lingers");
    let answers: Vec<_> = request
        .parts
        .iter()
        .map(|part| at(if part.topic == first { 100 } else { 200 }))
        .collect();
    bench.answer(&request, answers);
    let offset = |flow: &mut FlowLink, place| {
        flow.take(place)
            .expect("it is settled")
            .map(|ack| ack.offset)
    };
    assert_eq!(
        offset(&mut flow, in_first).expect("it is acknowledged"),
        Some(100)
    );
    assert_eq!(
        offset(&mut flow, in_second).expect("it is acknowledged"),
        Some(200)
    );
}

#[test]
fn the_first_batch_of_a_partition_goes_alone_until_its_leader_knows_the_producer() {
    let mut bench = Bench::new(|config| config.batch_size = 200);
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let mut flow = bench.core.new_flow();
    for _ in 0..4 {
        bench.append(&mut flow, &topic, 100).expect("there is room");
    }
    let first = bench.drain().expect("nothing lingers");
    assert!(
        bench.drain().is_none(),
        "the leader does not know the producer yet"
    );
    bench.answer(&first, vec![at(0)]);
    assert!(
        bench.drain().is_some() && bench.drain().is_some(),
        "now it does"
    );
}

#[test]
fn a_flush_waits_for_both_halves_of_a_split_batch() {
    let mut bench = Bench::new(|_| ());
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let mut flow = bench.core.new_flow();
    let places: Vec<_> = (0..2)
        .map(|_| bench.append(&mut flow, &topic, 100).expect("there is room"))
        .collect();
    let flush = bench.core.flush();
    let whole = bench.drain().expect("it is flushed");
    bench.answer(&whole, vec![error(10)]);
    let half = bench.drain().expect("the first half");
    bench.answer(&half, vec![at(0)]);
    assert!(!bench.core.is_settled(flush));
    let half = bench.drain().expect("the second half");
    bench.answer(&half, vec![at(1)]);
    assert!(bench.core.is_settled(flush));
    for (place, expected) in places.into_iter().zip(0..) {
        let ack = flow
            .take(place)
            .expect("both are settled")
            .expect("both are acknowledged");
        assert_eq!(ack.offset, Some(expected));
    }
}

#[test]
fn an_expired_batch_that_was_on_the_wire_holds_back_what_is_newer_until_its_answer() {
    let mut bench = Bench::new(|config| config.delivery_timeout = Duration::from_secs(40));
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let mut flow = bench.core.new_flow();
    let place = bench.append(&mut flow, &topic, 1).expect("there is room");
    let request = bench.drain().expect("nothing lingers");
    bench.now += Duration::from_secs(41);
    bench.core.expire(bench.now);
    let expired = flow
        .take(place)
        .expect("its time is up")
        .expect_err("no answer came");
    assert_eq!(expired.written(), Written::Maybe);
    bench.append(&mut flow, &topic, 1).expect("there is room");
    assert!(
        bench.drain().is_none(),
        "whether the sequence was taken is not known"
    );
    bench.answer(&request, vec![at(0)]);
    let next = bench.drain().expect("it is known now");
    assert_eq!(next.parts[0].header.base_sequence, 1);
    assert_eq!(next.parts[0].header.producer_epoch, 0);
}

#[test]
fn a_chunk_fills_batches_as_its_records_would_one_by_one() {
    let (one, many) = (Topic::from("one"), Topic::from("many"));
    let value = [7; 300];
    // Runs of every kind, of lengths that end in each other's midst.
    let records: Vec<RecordRef<'_>> = (0..4000_usize)
        .map(|n| RecordRef {
            topic: if n / 130 % 3 == 0 { &one } else { &many },
            partition: match n / 40 % 6 {
                0 => Some(2),
                1 => Some((n % 5) as i32),
                _ => None,
            },
            timestamp: 1_000 - (n / 256) as i64,
            key: (n / 70 % 4 == 0).then(|| &value[..n % 7]),
            value: (n % 11 > 0).then(|| &value[..n * 37 % 300]),
            headers: &[],
        })
        .collect();
    let sent = |chunk| {
        let mut bench = Bench::new(|config| config.batch_size = 2_000);
        bench.know("one", 1, 1, true);
        bench.know("many", 2, 4, true);
        let (mut flow, mut places) = (bench.core.new_flow(), Vec::new());
        for chunk in records.chunks(chunk) {
            let done = bench.core.append(&mut flow, chunk, bench.now, &mut places);
            assert_eq!(done, chunk.len());
        }
        let mut batches = Vec::new();
        while let Some(request) = bench.drain() {
            batches.extend(request.parts.iter().map(|part| {
                let (topic, body) = (part.topic.to_string(), part.body.to_vec());
                (topic, part.partition, part.header, body)
            }));
            let answers = request.parts.iter().map(|_| at(0)).collect();
            bench.answer(&request, answers);
        }
        let places: Vec<Place> = places.into_iter().flat_map(Places::each).collect();
        (places, batches)
    };
    let (places, batches) = sent(256);
    assert!(batches.len() > 100);
    assert_eq!((places, batches), sent(1));
}
