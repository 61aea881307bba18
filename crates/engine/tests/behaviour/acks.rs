//! The promises that a producer can ask for.

use crate::support::{Target, numbered, produce, start};

async fn each_level_of_acks_delivers_in_order(target: &Target) {
    for (acks, knows_offsets) in [("0", false), ("1", true), ("all", true)] {
        let topic = target.topic("acks", 1).await;
        let producer = start(target, &[("acks", acks), ("batch.size", "400")]).await;
        let samples = numbered(1_000);
        for (offset, outcome) in (0..).zip(produce(&producer, &topic, &samples).await) {
            let ack = outcome.expect("the broker takes it");
            assert_eq!(ack.offset, knows_offsets.then_some(offset), "acks={acks}");
        }
        producer.close(std::time::Duration::from_secs(10)).await;
        let log = loop {
            // With acks=0 nothing says when the broker has read what was written.
            let log = target.stored(&topic).await.remove(0);
            if log.len() >= samples.len() {
                break log;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(log.len(), samples.len(), "acks={acks}");
        assert!(
            log.iter()
                .zip(&samples)
                .all(|(stored, sample)| sample.is(stored)),
            "acks={acks}"
        );
        let idempotent = log.iter().all(|record| record.producer_id >= 0);
        assert_eq!(idempotent, acks == "all");
    }
}

async fn without_idempotence_nothing_is_numbered_and_order_is_kept(target: &Target) {
    let topic = target.topic("plain", 2).await;
    let settings = [
        ("enable.idempotence", "false"),
        ("acks", "all"),
        ("batch.size", "400"),
    ];
    let producer = start(target, &settings).await;
    let samples: Vec<_> = numbered(1_000)
        .into_iter()
        .zip((0..2).cycle())
        .map(|(sample, at)| sample.to(at))
        .collect();
    for outcome in produce(&producer, &topic, &samples).await {
        outcome.expect("the broker takes it");
    }
    for (at, log) in target.stored(&topic).await.iter().enumerate() {
        let expected: Vec<_> = samples.iter().skip(at).step_by(2).collect();
        assert_eq!(log.len(), expected.len());
        assert!(
            log.iter()
                .zip(&expected)
                .all(|(stored, sample)| sample.is(stored))
        );
        assert!(log.iter().all(|record| record.producer_id == -1));
    }
}

on_both! {
    each_level_of_acks_delivers_in_order,
    without_idempotence_nothing_is_numbered_and_order_is_kept,
}
