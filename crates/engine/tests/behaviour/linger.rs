//! What ends a linger, and what a flush waits for. `linger.ms` is a minute: a test that has to wait
//! for it hangs.

use crate::support::{Sample, Target, append, numbered, outcomes, poll_once, start};
use std::{pin::pin, time::Duration};

const A_MINUTE: (&str, &str) = ("linger.ms", "60000");

async fn flush_ends_the_linger_and_returns_when_every_outcome_is_there(target: &Target) {
    let topic = target.topic("flush", 3).await;
    let producer = start(target, &[A_MINUTE]).await;
    let mut appender = producer.appender();
    let keyed: Vec<_> = numbered(90)
        .into_iter()
        .map(|sample| Sample {
            key: sample.value.clone(),
            ..sample
        })
        .collect();
    let placed = append(&mut appender, &topic, &keyed).await;
    let mut sent: Vec<_> = keyed
        .iter()
        .map(|sample| producer.send(sample.record(&topic)))
        .collect();
    producer.flush().await;
    for place in placed {
        let outcome = appender
            .take(place)
            .expect("it was there when flush returned");
        outcome.expect("the broker takes it");
    }
    for sending in &mut sent {
        assert!(poll_once(sending).await.is_ready());
    }
    // With nothing to wait for it returns at once.
    producer.flush().await;
}

async fn hurry_ends_the_linger_of_its_own_stream_only(target: &Target) {
    let (topic, other) = (
        target.topic("mine", 2).await,
        target.topic("other", 1).await,
    );
    let producer = start(target, &[A_MINUTE]).await;
    for topic in [&topic, &other] {
        producer.partitions_for(topic).await.expect("it exists");
    }
    let (mut appender, mut patient) = (producer.appender(), producer.appender());
    let waits = append(&mut patient, &other, &numbered(1)).await;
    let samples = [Sample::new("a").to(0), Sample::new("b").to(1)];
    let placed = append(&mut appender, &topic, &samples).await;
    appender.hurry();
    for outcome in outcomes(&mut appender, &placed).await {
        outcome.expect("the broker takes it");
    }
    // It may have gone along, for the request went anyway; what it may not is be forgotten.
    patient.hurry();
    for outcome in outcomes(&mut patient, &waits).await {
        outcome.expect("the broker takes it");
    }
}

async fn hurry_reaches_records_that_wait_for_their_topic(target: &Target) {
    let topic = target.topic("staged", 2).await;
    let producer = start(target, &[A_MINUTE]).await;
    let mut appender = producer.appender();
    // The producer has never heard of the topic.
    let placed = append(&mut appender, &topic, &numbered(10)).await;
    appender.hurry();
    for outcome in outcomes(&mut appender, &placed).await {
        outcome.expect("the broker takes it");
    }
}

async fn hurry_reaches_records_that_have_waited_for_their_topic(target: &Target) {
    let topic = target.topic("staged", 2).await;
    let producer = start(target, &[A_MINUTE]).await;
    let mut appender = producer.appender();
    let placed = append(&mut appender, &topic, &numbered(10)).await;
    producer.partitions_for(&topic).await.expect("it exists");
    appender.hurry();
    for outcome in outcomes(&mut appender, &placed).await {
        outcome.expect("the broker takes it");
    }
}

async fn close_ends_the_linger(target: &Target) {
    let topic = target.topic("close", 1).await;
    let producer = start(target, &[A_MINUTE]).await;
    let samples = numbered(10);
    let sent: Vec<_> = samples
        .iter()
        .map(|sample| producer.send(sample.record(&topic)))
        .collect();
    let report = producer.close(Duration::from_secs(30)).await;
    assert_eq!(
        (
            report.acknowledged,
            report.not_written,
            report.maybe_written
        ),
        (10, 0, 0)
    );
    for sending in sent {
        sending.await.expect("the broker takes it");
    }
}

async fn a_full_buffer_ends_the_linger(target: &Target) {
    let topic = target.topic("pressure", 2).await;
    let settings = [A_MINUTE, ("buffer.memory", "8192"), ("batch.size", "8192")];
    let producer = start(target, &settings).await;
    let mut appender = producer.appender();
    let samples: Vec<_> = (0..100)
        .map(|n| Sample::new(vec![0; 300]).to(n % 2))
        .collect();
    let placed = append(&mut appender, &topic, &samples).await;
    appender.hurry();
    for outcome in outcomes(&mut appender, &placed).await {
        outcome.expect("the broker takes it");
    }
}

async fn a_stream_whose_records_wait_alone_for_room_is_not_forgotten(target: &Target) {
    let topic = target.topic("alone", 1).await;
    // A record is larger than all the room there is: it is let in when there is nothing else.
    let settings = [A_MINUTE, ("buffer.memory", "1024"), ("batch.size", "1024")];
    let producer = start(target, &settings).await;
    let mut appender = producer.appender();
    let samples: Vec<_> = (0..5).map(|_| Sample::new(vec![0; 5_000])).collect();
    let placed = append(&mut appender, &topic, &samples).await;
    appender.hurry();
    for (offset, outcome) in (0..).zip(outcomes(&mut appender, &placed).await) {
        assert_eq!(outcome.expect("the broker takes it").offset, Some(offset));
    }
}

async fn flush_does_not_wait_for_what_came_after_it(target: &Target) {
    let topic = target.topic("after", 2).await;
    let producer = start(target, &[A_MINUTE]).await;
    producer.partitions_for(&topic).await.expect("it exists");
    let held = target.hold();
    let before = Sample::new("before").to(0);
    let before = producer.send(before.record(&topic));
    let mut flush = pin!(producer.flush());
    assert!(poll_once(flush.as_mut()).await.is_pending());
    held.caught().await;
    let mut after = producer.send(Sample::new("after").to(1).record(&topic));
    held.release();
    flush.await;
    assert!(before.await.is_ok());
    assert!(poll_once(&mut after).await.is_pending());
}

async fn flush_waits_for_sends_that_had_found_no_room(target: &Target) {
    let topic = target.topic("no-room", 1).await;
    let settings = [("buffer.memory", "2048"), ("batch.size", "1000")];
    let producer = start(target, &settings).await;
    producer.partitions_for(&topic).await.expect("it exists");
    let held = target.hold_from(2);
    let large = Sample::new(vec![0; 1_500]);
    let [first, mut second] = [(); 2].map(|()| producer.send(large.record(&topic)));
    let mut flush = pin!(producer.flush());
    assert!(poll_once(flush.as_mut()).await.is_pending());
    first.await.expect("the broker takes it");
    // The second has its room now, and is on its way.
    held.caught().await;
    assert!(poll_once(flush.as_mut()).await.is_pending());
    held.release();
    flush.await;
    assert!(poll_once(&mut second).await.is_ready());
}

async fn flush_does_not_wait_for_sends_that_find_no_room_after_it(target: &Target) {
    let topic = target.topic("no-room", 1).await;
    let settings = [("buffer.memory", "2048"), ("batch.size", "1000")];
    let producer = start(target, &settings).await;
    producer.partitions_for(&topic).await.expect("it exists");
    let held = target.hold_from(2);
    let large = Sample::new(vec![0; 1_500]);
    let first = producer.send(large.record(&topic));
    let mut flush = pin!(producer.flush());
    assert!(poll_once(flush.as_mut()).await.is_pending());
    let mut later: Vec<_> = (0..3)
        .map(|_| producer.send(large.record(&topic)))
        .collect();
    first.await.expect("the broker takes it");
    held.caught().await;
    flush.await;
    for sending in &mut later {
        assert!(poll_once(sending).await.is_pending());
    }
    held.release();
    for sending in later {
        sending.await.expect("the broker takes it");
    }
}

on_both! {
    flush_ends_the_linger_and_returns_when_every_outcome_is_there,
    hurry_ends_the_linger_of_its_own_stream_only,
    hurry_reaches_records_that_wait_for_their_topic,
    hurry_reaches_records_that_have_waited_for_their_topic,
    close_ends_the_linger,
    a_full_buffer_ends_the_linger,
    a_stream_whose_records_wait_alone_for_room_is_not_forgotten,
}

mod faulty {
    use super::*;
    on_both! {
        faulty:
        flush_does_not_wait_for_what_came_after_it,
        flush_waits_for_sends_that_had_found_no_room,
        flush_does_not_wait_for_sends_that_find_no_room_after_it,
    }
}
