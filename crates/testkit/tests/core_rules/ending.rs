//! Closes, failures that end a stream, and who is told of them.

use crate::bench::{BROKER, Bench, append_to, at, cause, count_wakes, error, record};
use guanaco_engine::{Cause, Topic, Written};
use std::{sync::atomic::Ordering, time::Duration};

#[test]
fn everyone_who_waits_is_woken_when_the_producer_is_given_up() {
    let mut bench = Bench::new(|config| config.buffer_memory = 1_024);
    let (topic, unknown) = (Topic::from("t"), Topic::from("unknown"));
    bench.know("t", 1, 1, true);
    let mut flows: Vec<_> = (0..4).map(|_| bench.core.new_flow()).collect();
    bench
        .append(&mut flows[0], &topic, 900)
        .expect("there is room");
    assert!(bench.append(&mut flows[1], &topic, 900).is_none());
    assert!(bench.append(&mut flows[2], &topic, 900).is_none());
    let count = bench
        .core
        .partition_count_for(&flows[3], &unknown, bench.now);
    assert_eq!(count, None, "it waits to know the topic");
    let wakes: Vec<_> = flows[1..].iter().map(count_wakes).collect();
    bench.core.abandon(bench.now);
    bench.wake();
    for (flow, wakes) in wakes.iter().enumerate() {
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1, "flow {}", flow + 1);
    }
}

#[test]
fn a_send_that_was_accepted_before_a_close_goes_out_and_one_after_it_does_not() {
    let mut bench = Bench::new(|config| config.buffer_memory = 1_024);
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let value = vec![1; 900];
    let sends: Vec<_> = (0..2)
        .map(|_| bench.core.send(&record(&topic, &value), bench.now))
        .collect();
    assert!(sends[1].place().is_none(), "it waits for room");
    bench.core.close();
    let late = bench.core.send(&record(&topic, &value), bench.now);
    let (slot, index) = late.place().expect("it is refused at once");
    let refused = slot.outcome_of(*index).expect("it is refused at once");
    assert_eq!(
        refused.expect_err("the producer is closed").cause(),
        &Cause::Closed
    );
    for offset in 0..2 {
        let request = bench.drain().expect("nothing lingers while closing");
        bench.answer(&request, vec![at(offset)]);
    }
    let (slot, index) = sends[1].place().expect("it was admitted");
    assert!(
        slot.outcome_of(*index)
            .is_some_and(|outcome| outcome.is_ok())
    );
}

#[test]
fn the_first_failure_of_a_fail_fast_stream_leaves_nothing_to_be_sent() {
    let mut bench = Bench::new(|config| config.batch_size = 80);
    bench.core.abandon_on_failure();
    let topic = Topic::from("t");
    bench.know("t", 1, 2, true);
    let mut flow = bench.core.new_flow();
    let first = append_to(&mut bench, &mut flow, &topic, 0);
    let request = bench.drain().expect("a batch waits");
    bench.answer(&request, vec![at(0)]);
    assert!(flow.take(first).expect("it is settled").is_ok());
    let refused = append_to(&mut bench, &mut flow, &topic, 0);
    let first = bench.drain().expect("a batch waits");
    let sent_behind = append_to(&mut bench, &mut flow, &topic, 0);
    let second = bench.drain().expect("a batch waits");
    let waits = append_to(&mut bench, &mut flow, &topic, 1);
    bench.answer(&first, vec![error(87)]);
    assert_eq!(cause(&mut flow, waits), (Cause::StreamFailed, Written::No));
    bench.answer(&second, vec![error(45)]);
    let held_back = (Cause::StreamFailed, Written::No);
    assert_eq!(cause(&mut flow, sent_behind), held_back);
    assert!(bench.drain().is_none(), "nothing goes again");
    let failure = bench.core.failure().expect("it is kept").cause().clone();
    assert_eq!((failure, Written::No), cause(&mut flow, refused));
}

#[test]
fn what_an_abandoned_stream_has_on_a_lost_connection_is_not_sent_again() {
    let mut bench = Bench::new(|config| config.batch_size = 80);
    bench.core.abandon_on_failure();
    let topic = Topic::from("t");
    bench.know("t", 1, 2, true);
    let mut flow = bench.core.new_flow();
    let refused = append_to(&mut bench, &mut flow, &topic, 0);
    let first = bench.drain().expect("a batch waits");
    let on_the_wire = append_to(&mut bench, &mut flow, &topic, 1);
    bench.drain().expect("a batch waits");
    bench.answer(&first, vec![error(87)]);
    assert!(flow.take(refused).expect("it is settled").is_err());
    assert!(!bench.core.disconnected(BROKER, "cut", bench.now));
    let unknown = (Cause::StreamFailed, Written::Maybe);
    assert_eq!(cause(&mut flow, on_the_wire), unknown);
}

#[test]
fn a_record_refused_at_the_door_lets_nothing_in_behind_it_and_harms_none_before_it() {
    let mut bench = Bench::new(|config| {
        config.max_request_size = 500;
        config.linger = Duration::from_secs(3_600);
    });
    bench.core.abandon_on_failure();
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let mut flow = bench.core.new_flow();
    let before = append_to(&mut bench, &mut flow, &topic, 0);
    let large = bench
        .append(&mut flow, &topic, 1_000)
        .expect("it is placed");
    let behind = append_to(&mut bench, &mut flow, &topic, 0);
    assert!(matches!(
        cause(&mut flow, large),
        (Cause::TooLarge { .. }, Written::No)
    ));
    assert_eq!(cause(&mut flow, behind), (Cause::StreamFailed, Written::No));
    let request = bench.drain().expect("what is before it does not linger");
    bench.answer(&request, vec![at(0)]);
    assert!(flow.take(before).expect("it is settled").is_ok());
}

#[test]
fn the_failure_that_is_told_is_the_one_that_had_everything_given_up() {
    let mut bench = Bench::new(|config| config.max_request_size = 500);
    bench.core.abandon_on_failure();
    let topic = Topic::from("t");
    bench.know("t", 1, 2, true);
    let mut flow = bench.core.new_flow();
    append_to(&mut bench, &mut flow, &topic, 0);
    let request = bench.drain().expect("a batch waits");
    bench
        .append(&mut flow, &topic, 1_000)
        .expect("it is placed");
    let refused = bench
        .core
        .failure()
        .expect("one was refused")
        .cause()
        .clone();
    assert!(matches!(refused, Cause::TooLarge { .. }));
    bench.answer(&request, vec![error(87)]);
    let failure = bench.core.failure().expect("it is kept").cause();
    assert!(matches!(failure, Cause::Broker(_)), "{failure}");
}
