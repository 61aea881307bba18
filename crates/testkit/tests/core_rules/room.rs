//! Who has room in `buffer.memory`, and who is next.

use crate::bench::{Bench, at, count_wakes, record};
use guanaco_engine::{RecordRef, Topic};
use std::sync::atomic::Ordering;

#[test]
fn a_flow_behind_a_try_send_that_found_no_room_is_woken() {
    let mut bench = Bench::new(|config| config.buffer_memory = 1_024);
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let (mut holds, mut waits) = (bench.core.new_flow(), bench.core.new_flow());
    bench
        .append(&mut holds, &topic, 900)
        .expect("there is room");
    let value = vec![1; 900];
    assert!(
        bench
            .core
            .try_send(&record(&topic, &value), bench.now)
            .is_none()
    );
    assert!(
        bench.append(&mut waits, &topic, 900).is_none(),
        "the buffer is full"
    );
    let wakes = count_wakes(&waits);
    let request = bench.drain().expect("someone waits for room");
    bench.answer(&request, vec![at(0)]);
    bench.wake();
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    assert!(bench.append(&mut waits, &topic, 900).is_some());
}

#[test]
fn room_that_was_granted_and_not_needed_goes_to_the_next() {
    let mut bench = Bench::new(|config| config.buffer_memory = 1_024);
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let mut flows: Vec<_> = (0..3).map(|_| bench.core.new_flow()).collect();
    bench
        .append(&mut flows[0], &topic, 900)
        .expect("there is room");
    assert!(bench.append(&mut flows[1], &topic, 900).is_none());
    assert!(bench.append(&mut flows[2], &topic, 900).is_none());
    let wakes = count_wakes(&flows[2]);
    let request = bench.drain().expect("someone waits for room");
    bench.answer(&request, vec![at(0)]);
    // The next record of the one that was granted room needs none: it is refused.
    let value = [1];
    let nowhere = RecordRef {
        partition: Some(9),
        ..record(&topic, &value)
    };
    let placed = bench
        .core
        .append(&mut flows[1], &[nowhere], bench.now, &mut Vec::new());
    assert_eq!(placed, 1);
    bench.wake();
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    assert!(bench.append(&mut flows[2], &topic, 900).is_some());
}

#[test]
fn room_that_was_kept_for_a_record_is_not_anybody_elses() {
    let mut bench = Bench::new(|config| {
        config.buffer_memory = 2_048;
        config.batch_size = 1_000;
    });
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let value = vec![1; 900];
    let (kept, given_back, late) = (
        bench.core.new_flow(),
        bench.core.new_flow(),
        bench.core.new_flow(),
    );
    assert!(bench.core.reserve(&kept, bench.now) && bench.core.reserve(&given_back, bench.now));
    let wakes = count_wakes(&late);
    assert!(!bench.core.reserve(&late, bench.now));
    let behind = bench.core.send(&record(&topic, &value), bench.now);
    assert!(behind.place().is_none(), "it came last");
    bench.core.audit().expect("the books agree");
    bench.core.drop_flow(&given_back, bench.now);
    bench.wake();
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    assert!(bench.core.reserve(&late, bench.now));
    // It keeps its place in the order behind what was sent before, whatever room it has.
    let sent = bench
        .core
        .send_reserved(&kept, &record(&topic, &value), bench.now);
    assert!(behind.place().is_some() && sent.place().is_none());
    bench.core.audit().expect("the books agree");
}

#[test]
fn what_a_record_does_not_need_of_its_kept_room_is_given_back() {
    let mut bench = Bench::new(|config| {
        config.buffer_memory = 4_096;
        config.batch_size = 2_000;
    });
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let flow = bench.core.new_flow();
    for _ in 0..3 {
        assert!(bench.core.reserve(&flow, bench.now));
        let sent = bench
            .core
            .send_reserved(&flow, &record(&topic, b"x"), bench.now);
        assert!(sent.place().is_some());
        bench.core.audit().expect("the books agree");
    }
    let other = bench.core.new_flow();
    assert!(
        bench.core.reserve(&other, bench.now),
        "three small ones took one buffer"
    );
}
