//! Records whose partitions the user's partitioner chooses.

use crate::bench::{Bench, at, record};
use guanaco_engine::{
    Ack, Cause, DeliveryError, RecordRef, Topic,
    core::{ChoiceJob, Ticket},
};
use std::{sync::Arc, time::Duration};

/// A core with a partitioner of the user's that does not know topic `t` yet, and a send to it.
fn asked() -> (Bench, Topic, Arc<Ticket>) {
    let mut bench = Bench::new(|config| config.max_block = Duration::from_secs(1));
    bench.core = bench.core.asking();
    let topic = Topic::from("t");
    let first = bench.core.send(&unplaced(&topic, b"1"), bench.now);
    bench.know("t", 1, 4, true);
    (bench, topic, first)
}

fn unplaced<'a>(topic: &'a Topic, value: &'a [u8]) -> RecordRef<'a> {
    RecordRef {
        partition: None,
        ..record(topic, value)
    }
}

fn jobs(bench: &mut Bench) -> Vec<ChoiceJob> {
    bench.core.take_effects().unwrap_or_default().choose
}

fn outcome(ticket: &Ticket) -> Option<Result<Ack, DeliveryError>> {
    let (slot, index) = ticket.place()?;
    slot.outcome_of(*index)
}

#[test]
fn what_is_sent_while_the_partitioner_is_asked_stays_behind_what_was_sent_before() {
    let (mut bench, topic, first) = asked();
    let mut asked = jobs(&mut bench);
    let job = asked.pop().expect("the partitioner is to be asked");
    // The second comes when the topic is known, and the third did not know that yet.
    let second = bench.core.send(&record(&topic, b"2"), bench.now);
    let third = bench.core.send(&unplaced(&topic, b"3"), bench.now);
    assert!(jobs(&mut bench).is_empty(), "one at a time");
    assert!(bench.drain().is_none(), "none overtakes the first");
    let choices = job.choices(|_, count| Ok(count - 4));
    bench.core.chosen(&job, choices, bench.now);
    let job = jobs(&mut bench).pop().expect("about the third");
    let choices = job.choices(|_, _| Ok(0));
    bench.core.chosen(&job, choices, bench.now);
    let request = bench.drain().expect("nothing lingers");
    assert_eq!(request.parts[0].header.record_count, 3);
    bench.answer(&request, vec![at(0)]);
    let offsets = [first, second, third].map(|send| match outcome(&send) {
        Some(Ok(ack)) => ack.offset,
        other => panic!("{other:?}"),
    });
    assert_eq!(offsets, [Some(0), Some(1), Some(2)]);
    bench.core.audit().expect("the books agree");
}

#[test]
fn an_answer_of_the_partitioner_for_records_that_failed_meanwhile_is_void() {
    let (mut bench, topic, first) = asked();
    let job = jobs(&mut bench).pop().expect("it is to be asked");
    bench.now += Duration::from_secs(1);
    bench.core.expire(bench.now);
    let failed = outcome(&first).expect("it is out of time");
    let failed = failed.expect_err("it is out of time");
    assert!(matches!(failed.cause(), Cause::Partitioner(_)), "{failed}");
    let second = bench.core.send(&record(&topic, b"2"), bench.now);
    let choices = job.choices(|_, _| Ok(0));
    bench.core.chosen(&job, choices, bench.now);
    let request = bench.drain().expect("the second goes");
    assert_eq!(request.parts[0].header.record_count, 1);
    bench.answer(&request, vec![at(0)]);
    assert!(outcome(&second).is_some_and(|outcome| outcome.is_ok()));
    bench.core.audit().expect("the books agree");
}

#[test]
fn room_freed_by_a_refusal_of_the_partitioner_goes_to_who_waits_for_it() {
    let mut bench = Bench::new(|config| config.buffer_memory = 1_024);
    bench.core = bench.core.asking();
    let topic = Topic::from("t");
    let value = vec![1; 900];
    let refused = bench.core.send(&unplaced(&topic, &value), bench.now);
    let waits = bench.core.send(&record(&topic, &value), bench.now);
    bench.know("t", 1, 4, true);
    let job = jobs(&mut bench).pop().expect("it is to be asked");
    assert!(waits.place().is_none(), "there is no room");
    let choices = job.choices(|_, count| Ok(count));
    bench.core.chosen(&job, choices, bench.now);
    assert!(outcome(&refused).is_some_and(|outcome| outcome.is_err()));
    assert!(waits.place().is_some(), "now there is");
    bench.core.audit().expect("the books agree");
}

#[test]
fn a_send_that_waited_for_room_has_its_partitioner_asked_when_it_is_admitted() {
    let mut bench = Bench::new(|config| config.buffer_memory = 1_024);
    bench.core = bench.core.asking();
    let topic = Topic::from("t");
    bench.know("t", 1, 4, true);
    let value = vec![1; 900];
    bench.core.send(&record(&topic, &value), bench.now);
    let waits = bench.core.send(&unplaced(&topic, &value), bench.now);
    assert!(waits.place().is_none(), "there is no room");
    let request = bench.drain().expect("nothing lingers");
    bench.answer(&request, vec![at(0)]);
    let job = jobs(&mut bench).pop().expect("it has room");
    let choices = job.choices(|_, count| Ok(count - 1));
    bench.core.chosen(&job, choices, bench.now);
    let request = bench.drain().expect("nothing lingers");
    assert_eq!(request.parts[0].partition, 3);
    bench.core.audit().expect("the books agree");
}
