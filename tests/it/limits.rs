//! Limits that contradict each other at first sight: everything ends all the same.

use crate::support::{all, broker, settings, stored, text, texts, within};
use futures_util::{StreamExt, stream};
use guanaco::{NoKey, SettingsError, StartError, prelude::*};
use guanaco_testkit::embedded::EmbeddedBroker;

/// Linger of an hour: only whoever waits gets a batch on its way.
fn lingering(broker: &EmbeddedBroker) -> ProducerSettings<NoKey, String> {
    settings(broker)
        .with_property("linger.ms", "3600000")
        .with_property("delivery.timeout.ms", "7200000")
}

/// Buffer for a few records only.
fn tight(broker: &EmbeddedBroker) -> ProducerSettings<NoKey, String> {
    lingering(broker)
        .with_property("buffer.memory", "16384")
        .with_property("batch.size", "4096")
}

fn kib(n: u32) -> ProducerRecord<NoKey, String> {
    text("t", format!("{n:01024}"))
}

#[tokio::test]
async fn one_at_a_time_does_not_wait_for_the_linger() {
    let broker = broker("t", 3).await;
    let envelopes = stream::iter(0..50_u32).map(|n| Envelope::single(text("t", n), n));
    let flow = producer::flexi_flow(lingering(&broker).with_parallelism(1));
    let deliveries = all(envelopes.via(flow)).await;
    let passed: Vec<_> = deliveries
        .into_iter()
        .map(|delivery| delivery.unwrap().into_pass_through())
        .collect();
    assert_eq!(passed, (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_byte_limit_below_every_element_sends_them_one_by_one() {
    let broker = broker("t", 1).await;
    let records = stream::iter(0..50).map(|n| text("t", n));
    let flow = producer::flexi_flow(lingering(&broker).with_parallelism_bytes(1));
    assert_eq!(all(records.via(flow)).await.len(), 50);
    assert_eq!(stored(&broker, "t", 0), texts(0..50));
}

#[tokio::test]
async fn an_element_of_twice_the_buffer_goes_piece_by_piece() {
    let broker = broker("t", 1).await;
    let envelopes =
        stream::iter(0..4_u32).map(|n| Envelope::multi((0..32).map(|part| kib(32 * n + part)), n));
    let flow = producer::flexi_flow(tight(&broker).with_parallelism(1));
    let deliveries = all(envelopes.via(flow)).await;
    let parts: Vec<_> = deliveries
        .into_iter()
        .map(|delivery| delivery.unwrap().parts().len())
        .collect();
    assert_eq!(parts, [32; 4]);
    let expected: Vec<_> = (0..128).map(|n| kib(n).value.unwrap()).collect();
    assert_eq!(stored(&broker, "t", 0), expected);
}

#[tokio::test]
async fn two_flows_share_a_buffer_that_is_too_small_for_either() {
    let broker = broker("t", 2).await;
    let shared = tight(&broker).create_kafka_producer().await.unwrap();
    let flow = |partition: i32| {
        let settings = tight(&broker).with_parallelism(50).with_producer(&shared);
        let envelopes = (0..20_u32).map(move |n| {
            let records = (0..8).map(move |part| kib(8 * n + part).with_partition(partition));
            Envelope::multi(records, n)
        });
        tokio::spawn(
            stream::iter(envelopes)
                .via(producer::flexi_flow(settings))
                .collect::<Vec<_>>(),
        )
    };
    let (first, second) = (flow(0), flow(1));
    for flow in [first, second] {
        let deliveries = within(flow).await.unwrap();
        assert_eq!(deliveries.len(), 20);
        assert!(deliveries.iter().all(Result::is_ok));
    }
    let expected: Vec<_> = (0..160).map(|n| kib(n).value.unwrap()).collect();
    for partition in 0..2 {
        assert_eq!(stored(&broker, "t", partition), expected);
    }
    within(shared.close()).await;
}

#[tokio::test]
async fn a_sink_waits_for_room_and_loses_nothing() {
    let broker = broker("t", 4).await;
    let records = stream::iter(0..2_000).map(|n| kib(n).with_partition((n % 4) as i32));
    within(records.run_with(producer::plain_sink(tight(&broker))))
        .await
        .unwrap();
    for partition in 0..4 {
        let expected: Vec<_> = (0..2_000)
            .filter(|n| n % 4 == partition)
            .map(|n| kib(n).value.unwrap())
            .collect();
        assert_eq!(stored(&broker, "t", partition as usize), expected);
    }
}

#[tokio::test]
async fn no_parallelism_at_all_is_an_error() {
    let broker = broker("t", 1).await;
    for (settings, name) in [
        (settings(&broker).with_parallelism(0), "parallelism"),
        (
            settings(&broker).with_parallelism_bytes(0),
            "parallelism in bytes",
        ),
    ] {
        let stage = producer::plain_sink(settings.clone());
        let error = within(stream::iter([text("t", 0)]).run_with(stage))
            .await
            .unwrap_err();
        match &error {
            ProduceError::Start(StartError::Settings(SettingsError::Invalid {
                setting, ..
            })) => {
                assert_eq!(*setting, name);
            }
            other => panic!("{other:?}"),
        }
        let flow = stream::iter([text("t", 0)]).via(producer::flexi_flow(settings));
        assert!(matches!(
            &all(flow).await[..],
            [Err(ProduceError::Start(_))]
        ));
    }
    assert_eq!(broker.accepted_connections(), 0);
}
