//! Batches that grow while records come, and those that go as they are instead.

use crate::bench::{Bench, at, record};
use guanaco_engine::{
    ProducerConfig, Topic,
    core::{FlowLink, ProduceRequest},
};
use std::{collections::VecDeque, time::Duration};

/// Nothing lingers out, and what is a batch is the core's choice.
fn adaptive(config: &mut ProducerConfig) {
    config.batch_adaptive = true;
    config.linger = Duration::from_secs(1);
}

/// A flow, and topic `t` with a leader that knows the producer.
fn warmed(bench: &mut Bench) -> FlowLink {
    bench.know("t", 1, 1, true);
    let mut flow = bench.core.new_flow();
    let first = hurried(bench, &mut flow);
    bench.answer(&first, vec![at(0)]);
    flow
}

/// A batch of one record that took its time, on the wire.
fn hurried(bench: &mut Bench, flow: &mut FlowLink) -> ProduceRequest {
    let topic = Topic::from("t");
    bench.append(flow, &topic, 1).expect("there is room");
    bench.core.hurry(flow);
    bench.now += 2 * bench.core.config().linger;
    bench.drain().expect("the flow waits for it")
}

#[test]
fn a_record_that_finds_no_room_to_grow_into_opens_a_batch_of_its_own() {
    let mut bench = Bench::new(|config| config.buffer_memory = 3_072);
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let mut flow = bench.core.new_flow();
    for _ in 0..2 {
        bench.append(&mut flow, &topic, 900).expect("there is room");
    }
    // Twice the 2 KiB of the two would be more than there is; 1 KiB for the third alone is left.
    let third = bench.append(&mut flow, &topic, 900);
    assert!(third.is_some(), "it needs not wait");
    bench.core.audit().expect("the books agree");
    let request = bench.drain().expect("what could not grow is closed");
    assert_eq!(request.parts[0].header.record_count, 2);
}

#[test]
fn room_that_was_kept_is_not_lost_to_a_batch_that_wants_to_grow() {
    let mut bench = Bench::new(|config| {
        adaptive(config);
        config.buffer_memory = 64 << 10;
        config.batch_size = 2_000;
    });
    let (topic, rest) = (Topic::from("t"), Topic::from("rest"));
    bench.know("t", 1, 1, true);
    bench.know("rest", 2, 1, true);
    let (kept, mut others) = (bench.core.new_flow(), bench.core.new_flow());
    // Ready with the fourth, and still open: the leader does not know the producer.
    for _ in 0..8 {
        bench
            .append(&mut others, &topic, 480)
            .expect("there is room");
    }
    assert!(bench.core.reserve(&kept, bench.now));
    // 4 KiB are the batch's and 2 KiB are kept: everything else is taken.
    for size in [30_000, 15_000, 8_000, 1_900] {
        bench
            .append(&mut others, &rest, size)
            .expect("there is room");
    }
    assert!(
        bench.append(&mut others, &rest, 8_000).is_none(),
        "there is no room left"
    );
    let value = [1; 480];
    let sent = bench
        .core
        .send_reserved(&kept, &record(&topic, &value), bench.now);
    assert!(sent.place().is_some(), "it has its room");
    bench.core.audit().expect("the books agree");
}

#[test]
fn a_full_buffer_grows_unless_the_next_record_would_make_the_batch_ready() {
    for (batch_size, together) in [(2_500, 2), (10_000, 3)] {
        let mut bench = Bench::new(|config| {
            adaptive(config);
            config.batch_size = batch_size;
        });
        let topic = Topic::from("t");
        let mut flow = warmed(&mut bench);
        // Two fill a buffer of 2 KiB.
        for _ in 0..3 {
            bench.append(&mut flow, &topic, 900).expect("there is room");
        }
        bench.core.hurry(&flow);
        let request = bench.drain().expect("the flow waits for it");
        assert_eq!(
            request.parts[0].header.record_count, together,
            "batch.size {batch_size}"
        );
        bench.core.audit().expect("the books agree");
    }
}

#[test]
fn a_batch_that_cannot_go_takes_all_that_comes() {
    let mut bench = Bench::new(adaptive);
    let topic = Topic::from("t");
    let mut flow = warmed(&mut bench);
    let unanswered: Vec<_> = (0..5).map(|_| hurried(&mut bench, &mut flow)).collect();
    for _ in 0..1_000 {
        bench.append(&mut flow, &topic, 500).expect("there is room");
    }
    assert!(bench.drain().is_none(), "five are on the wire");
    bench.answer(&unanswered[0], vec![at(0)]);
    let request = bench.drain().expect("one less is");
    assert_eq!(request.parts[0].header.record_count, 1_000);
}

/// How large the batches come to be of a flow whose records are there as fast as they are taken, with
/// so many of its batches unanswered when one is closed.
fn settled_size(
    bench: &mut Bench,
    flow: &mut FlowLink,
    unanswered: &mut VecDeque<ProduceRequest>,
    most: usize,
) -> usize {
    let topic = Topic::from("t");
    let mut size = 0;
    for _ in 0..20 {
        while unanswered.len() > most {
            let oldest = unanswered.pop_front().expect("there are more than none");
            bench.answer(&oldest, vec![at(0)]);
        }
        let request = loop {
            if let Some(request) = bench.drain() {
                break request;
            }
            bench.append(flow, &topic, 10_000).expect("there is room");
        };
        size = request.parts[0].body.len();
        unanswered.push_back(request);
    }
    size
}

#[test]
fn a_fast_partitions_batches_grow_to_half_a_mebibyte() {
    let mut bench = Bench::new(adaptive);
    let mut flow = warmed(&mut bench);
    let mut unanswered = VecDeque::new();
    let half = 500 << 10..530 << 10;
    for most in [2, 3] {
        let size = settled_size(&mut bench, &mut flow, &mut unanswered, most);
        assert!(half.contains(&size), "{size} beside {most} under way");
    }
    bench.core.audit().expect("the books agree");
}
