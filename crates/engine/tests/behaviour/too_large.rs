//! Records that are too large: for a request, or only for their topic.

use crate::support::{Sample, Target, poll_once, produce, start};
use guanaco_engine::{Cause, Written};
use std::task::Poll;

const MESSAGE_TOO_LARGE: i16 = 10;

async fn a_record_beyond_max_request_size_fails_at_once_and_alone(target: &Target) {
    let topic = target.topic("request", 1).await;
    // What is not refused at once would linger.
    let settings = [("max.request.size", "10000"), ("linger.ms", "60000")];
    let producer = start(target, &settings).await;
    let [small, large] = [Sample::new("small"), Sample::new(vec![0; 10_000])];
    for known in [false, true] {
        if known {
            producer.partitions_for(&topic).await.expect("it exists");
        }
        let before = producer.send(small.record(&topic));
        let mut refused = producer.send(large.record(&topic));
        let after = producer.send(small.record(&topic));
        let Poll::Ready(outcome) = poll_once(&mut refused).await else {
            panic!("it waits")
        };
        let error = outcome.expect_err("it is too large");
        match error.cause() {
            Cause::TooLarge {
                size,
                limit: 10_000,
            } => assert!(*size > 10_000),
            other => panic!("{other}"),
        }
        assert_eq!(
            (error.written(), error.attempts(), error.is_retriable()),
            (Written::No, 0, false)
        );
        producer.flush().await;
        let first = if known { 2 } else { 0 };
        assert_eq!(before.await.expect("it is small").offset, Some(first));
        assert_eq!(after.await.expect("it is small").offset, Some(first + 1));
    }
}

async fn a_record_of_exactly_the_limit_is_taken(target: &Target) {
    let topic = target.topic("limit", 1).await;
    let producer = start(target, &[("max.request.size", "10000")]).await;
    let refused = producer
        .send(Sample::new(vec![0; 10_000]).record(&topic))
        .await;
    let error = refused.expect_err("it is too large");
    let &Cause::TooLarge { size, limit } = error.cause() else {
        panic!("{error}")
    };
    let fits = 10_000 - (size - limit);
    let taken = producer
        .send(Sample::new(vec![0; fits]).record(&topic))
        .await;
    taken.expect("it fits to the byte");
    producer
        .send(Sample::new(vec![0; fits + 1]).record(&topic))
        .await
        .expect_err("a byte too many");
}

async fn a_batch_that_is_too_large_for_its_topic_is_split(target: &Target) {
    let settings = [("max.message.bytes", "2000")];
    for codec in ["none", "lz4"] {
        let topic = target.topic_with("split", 2, &settings).await;
        let producer = start(
            target,
            &[("linger.ms", "60000"), ("compression.type", codec)],
        )
        .await;
        producer.partitions_for(&topic).await.expect("it exists");
        // One batch a partition; a record of the first is too large by itself.
        let mut rng = fastrand::Rng::with_seed(7);
        let samples: Vec<_> = (0..100)
            .map(|n| {
                let mut value = vec![0; if n == 42 { 3_000 } else { 100 }];
                rng.fill(&mut value);
                Sample::new(value).to(n % 2)
            })
            .collect();
        let mut next = [0, 0];
        for (n, outcome) in produce(&producer, &topic, &samples)
            .await
            .into_iter()
            .enumerate()
        {
            if n == 42 {
                let error = outcome.expect_err("it is too large");
                assert_eq!(error.written(), Written::No);
                match error.cause() {
                    Cause::Broker(broker) => assert_eq!(broker.code(), MESSAGE_TOO_LARGE),
                    other => panic!("{other}"),
                }
                continue;
            }
            let ack = outcome.expect("it is small");
            assert_eq!(ack.offset, Some(next[n % 2]), "{codec}: record {n}");
            next[n % 2] += 1;
        }
        // The partition counts on where the refused one left it.
        let last = Sample::new("last").to(0);
        let ack = produce(&producer, &topic, &[last])
            .await
            .remove(0)
            .expect("it is small");
        assert_eq!(ack.offset, Some(49));
        let stored = target.stored(&topic).await;
        for (partition, log) in stored.iter().enumerate() {
            let mut expected: Vec<_> = samples.iter().skip(partition).step_by(2).collect();
            expected.retain(|sample| {
                sample
                    .value
                    .as_ref()
                    .is_some_and(|value| value.len() == 100)
            });
            assert!(
                expected
                    .iter()
                    .zip(log)
                    .all(|(sample, stored)| sample.is(stored)),
                "{codec}"
            );
        }
        assert_eq!(stored.iter().map(Vec::len).sum::<usize>(), 100, "{codec}");
        let splits = producer.metrics().values.into_iter();
        let splits = splits.filter(|(name, _)| name.name == "batch-split-total");
        assert!(splits.map(|(_, count)| count).sum::<f64>() >= 2.0);
    }
}

on_both! {
    a_record_beyond_max_request_size_fails_at_once_and_alone,
    a_record_of_exactly_the_limit_is_taken,
    a_batch_that_is_too_large_for_its_topic_is_split,
}
