//! Topics and partitions that are not there.

use crate::support::{Sample, Target, append, numbered, outcomes, poll_once, produce, start};
use guanaco_engine::{Cause, Topic, Written};
use std::{
    task::Poll,
    time::{Duration, Instant},
};

async fn an_invalid_name_is_refused_at_once(target: &Target) {
    let producer = start(target, &[]).await;
    let long = "x".repeat(250);
    for name in ["", ".", "..", "a b", "a/b", "nul\0", "\u{fc}", &long] {
        let topic = Topic::from(name.to_owned());
        let mut refused = producer.send(Sample::new("x").record(&topic));
        let Poll::Ready(outcome) = poll_once(&mut refused).await else {
            panic!("{name:?} waits")
        };
        let error = outcome.expect_err("the name is invalid");
        assert!(
            matches!(error.cause(), Cause::InvalidTopic { .. }),
            "{name:?}: {error}"
        );
        assert_eq!(
            (error.written(), error.is_retriable()),
            (Written::No, false)
        );
        assert_eq!(error.topic().as_str(), name);
    }
}

async fn an_unknown_topic_fails_its_own_records_within_max_block_ms(target: &Target) {
    let (topic, missing) = (target.topic("known", 1).await, target.name("missing"));
    let producer = start(target, &[("max.block.ms", "600")]).await;
    let began = Instant::now();
    let mut appender = producer.appender();
    let waits = append(&mut appender, &missing, &numbered(3)).await;
    let good = append(&mut appender, &topic, &numbered(3)).await;
    for (offset, outcome) in (0..).zip(outcomes(&mut appender, &good).await) {
        assert_eq!(outcome.expect("its topic is known").offset, Some(offset));
    }
    for outcome in outcomes(&mut appender, &waits).await {
        let error = outcome.expect_err("there is no such topic");
        assert!(
            matches!(error.cause(), Cause::UnknownTopic { .. }),
            "{error}"
        );
        assert_eq!((error.written(), error.partition()), (Written::No, None));
        assert!(
            error.is_retriable() && error.to_string().contains(missing.as_str()),
            "{error}"
        );
    }
    assert!(
        (600..3_000).contains(&began.elapsed().as_millis()),
        "{:?}",
        began.elapsed()
    );

    // Those that come after do not wait as long again.
    let later = Instant::now();
    for _ in 0..20 {
        producer
            .send(Sample::new("x").record(&missing))
            .await
            .expect_err("it is still missing");
    }
    assert!(
        later.elapsed() < Duration::from_secs(6),
        "{:?}",
        later.elapsed()
    );
    let error = producer
        .partitions_for(&missing)
        .await
        .expect_err("it is still missing");
    assert!(
        matches!(error.cause(), Cause::UnknownTopic { .. }),
        "{error}"
    );
}

async fn records_wait_for_a_topic_that_is_made_a_little_later(target: &Target) {
    let topic = target.name("made-later");
    let producer = start(target, &[("max.block.ms", "20000")]).await;
    let mut appender = producer.appender();
    let samples: Vec<_> = numbered(50).into_iter().zip((0..2).cycle()).collect();
    let samples: Vec<_> = samples
        .into_iter()
        .map(|(sample, at)| sample.to(at))
        .collect();
    let placed = append(&mut appender, &topic, &samples).await;
    let sending = producer.send(Sample::new("sent").to(0).record(&topic));
    target.create(&topic, 2, &[]).await;
    for (n, outcome) in (0..).zip(outcomes(&mut appender, &placed).await) {
        let ack = outcome.expect("the topic is there now");
        assert_eq!((ack.partition, ack.offset), (n % 2, Some(i64::from(n / 2))));
    }
    assert_eq!(
        sending.await.expect("the topic is there now").offset,
        Some(25)
    );
    assert_eq!(
        producer.partitions_for(&topic).await.expect("it is there"),
        [0, 1]
    );
}

async fn an_unknown_partition_is_refused_with_their_number(target: &Target) {
    let topic = target.topic("three", 3).await;
    let producer = start(target, &[]).await;
    // First while the topic is unknown, then from what is known.
    for known in [false, true] {
        for partition in [99, 3, -1] {
            let samples = [Sample::new("x").to(2), Sample::new("y").to(partition)];
            let mut outcomes = produce(&producer, &topic, &samples).await;
            let error = outcomes.remove(1).expect_err("there is no such partition");
            assert_eq!(
                error.cause(),
                &Cause::UnknownPartition { count: 3 },
                "known: {known}"
            );
            assert_eq!(
                (error.written(), error.partition()),
                (Written::No, Some(partition))
            );
            outcomes.remove(0).expect("there is a partition 2");
        }
    }
    assert_eq!(target.stored(&topic).await[2].len(), 6);
}

on_both! {
    an_invalid_name_is_refused_at_once,
    an_unknown_topic_fails_its_own_records_within_max_block_ms,
    records_wait_for_a_topic_that_is_made_a_little_later,
    an_unknown_partition_is_refused_with_their_number,
}
