//! Single sends when `buffer.memory` is full: who waits, in which order, and for how long.
//!
//! Each record takes the whole buffer, so one is on the wire and the others wait.

use crate::support::{Sample, Target, numbered, poll_once, start};
use guanaco_engine::{Cause, Producer, Sending, Topic, Written};
use std::{
    future::poll_fn,
    task::Poll,
    time::{Duration, Instant},
};

const SMALL: [(&str, &str); 2] = [("buffer.memory", "2048"), ("batch.size", "1000")];

/// Takes all of the buffer.
fn large(number: u8) -> Sample {
    Sample::new(vec![number; 1_500])
}

fn send(producer: &Producer, topic: &Topic, sample: &Sample) -> Sending {
    producer.send(sample.record(topic))
}

async fn sends_and_tries_keep_the_order_of_their_calls_whatever_the_room(target: &Target) {
    let topic = target.topic("order", 1).await;
    let producer = start(target, &SMALL).await;
    let mut expected = Vec::new();
    let mut sent = Vec::new();
    for (n, sample) in numbered(300).into_iter().enumerate() {
        let sample = Sample {
            key: Some(vec![0; (n * 37) % 900].into()),
            ..sample
        };
        if n % 3 == 0 {
            match producer.try_send(sample.record(&topic)) {
                Some(sending) => sent.push(sending),
                None => continue,
            }
        } else {
            sent.push(send(&producer, &topic, &sample));
        }
        expected.push(sample);
        if n % 50 == 49 {
            // Lets the producer make some room in the middle.
            poll_fn(|cx| sent[n / 2].poll_admitted(cx)).await;
        }
    }
    for (offset, sending) in (0..).zip(sent) {
        assert_eq!(
            sending.await.expect("the broker takes it").offset,
            Some(offset)
        );
    }
    let stored = &target.stored(&topic).await[0];
    assert_eq!(stored.len(), expected.len());
    assert!(
        expected
            .iter()
            .zip(stored)
            .all(|(sample, stored)| sample.is(stored))
    );
}

async fn more_pending_sends_than_allowed_fail_at_once(target: &Target) {
    let topic = target.topic("many", 1).await;
    let settings = [SMALL[0], SMALL[1], ("pending.sends.max", "2")];
    let producer = start(target, &settings).await;
    producer.partitions_for(&topic).await.expect("it exists");
    let held = target.hold();
    let waiting: Vec<_> = (0..3).map(|n| send(&producer, &topic, &large(n))).collect();
    let mut beyond = send(&producer, &topic, &large(3));
    let Poll::Ready(outcome) = poll_once(&mut beyond).await else {
        panic!("it waits")
    };
    let error = outcome.expect_err("there is no room for it to wait in");
    assert_eq!(
        error.cause(),
        &Cause::BufferFull {
            waited: Duration::ZERO
        }
    );
    assert_eq!((error.written(), error.is_retriable()), (Written::No, true));
    held.release();
    for (offset, sending) in (0..).zip(waiting) {
        assert_eq!(
            sending.await.expect("the broker takes it").offset,
            Some(offset)
        );
    }
}

async fn a_pending_send_fails_after_max_block_ms(target: &Target) {
    let topic = target.topic("late", 1).await;
    let settings = [SMALL[0], SMALL[1], ("max.block.ms", "300")];
    let producer = start(target, &settings).await;
    producer.partitions_for(&topic).await.expect("it exists");
    let held = target.hold();
    let admitted = send(&producer, &topic, &large(0));
    let began = Instant::now();
    let error = send(&producer, &topic, &large(1))
        .await
        .expect_err("no room comes");
    let waited = Duration::from_millis(300);
    assert_eq!(error.cause(), &Cause::BufferFull { waited });
    assert_eq!(error.written(), Written::No);
    assert!(
        (waited..waited * 10).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
    held.release();
    admitted.await.expect("the broker takes it");
    assert_eq!(target.stored(&topic).await[0].len(), 1);
}

async fn a_send_that_is_dropped_before_it_had_room_is_never_sent(target: &Target) {
    let topic = target.topic("dropped", 1).await;
    let producer = start(target, &SMALL).await;
    producer.partitions_for(&topic).await.expect("it exists");
    let held = target.hold();
    let mut sent: Vec<_> = (0..4).map(|n| send(&producer, &topic, &large(n))).collect();
    let admitted =
        poll_fn(|cx| Poll::Ready([0, 1].map(|n: usize| sent[n].poll_admitted(cx)))).await;
    assert!(admitted[0].is_ready() && admitted[1].is_pending());
    // One from the middle of those who wait, and the one that is on the wire.
    drop(sent.remove(2));
    drop(sent.remove(0));
    held.release();
    for (offset, sending) in (1..).zip(sent) {
        assert_eq!(
            sending.await.expect("the broker takes it").offset,
            Some(offset)
        );
    }
    producer.flush().await;
    let stored = &target.stored(&topic).await[0];
    let numbers: Vec<_> = stored
        .iter()
        .map(|record| record.value.as_ref().map(|it| it[0]))
        .collect();
    assert_eq!(numbers, [Some(0), Some(1), Some(3)]);
}

async fn nothing_overtakes_a_send_that_waits(target: &Target) {
    let topic = target.topic("overtake", 1).await;
    let producer = start(target, &SMALL).await;
    producer.partitions_for(&topic).await.expect("it exists");
    let held = target.hold();
    let first = send(&producer, &topic, &Sample::new(vec![0; 800]));
    let waits = send(&producer, &topic, &large(1));
    // There is room for this one, but it is not its turn.
    let tiny = Sample::new("tiny");
    assert!(producer.try_send(tiny.record(&topic)).is_none());
    let behind = send(&producer, &topic, &tiny);
    held.release();
    for (offset, sending) in (0..).zip([first, waits, behind]) {
        assert_eq!(
            sending.await.expect("the broker takes it").offset,
            Some(offset)
        );
    }
}

on_both! { sends_and_tries_keep_the_order_of_their_calls_whatever_the_room }

mod faulty {
    use super::*;
    on_both! {
        faulty:
        more_pending_sends_than_allowed_fail_at_once,
        a_pending_send_fails_after_max_block_ms,
        a_send_that_is_dropped_before_it_had_room_is_never_sent,
        nothing_overtakes_a_send_that_waits,
    }
}
