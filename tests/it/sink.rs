//! The plain sink, driven by a stream and pushed to.

use crate::support::{broker, settings, stored, text, texts, until_disconnected, within};
use futures_util::{SinkExt, StreamExt, stream};
use guanaco::{NoKey, prelude::*};
use guanaco_testkit::embedded::ApiKey;
use std::{io, time::Duration};

#[tokio::test]
async fn it_ends_when_all_is_acknowledged_and_its_producer_is_closed() {
    let broker = broker("t", 1).await;
    let records = stream::iter(0..20_000).map(|n| text("t", n));
    within(records.run_with(producer::plain_sink(settings(&broker))))
        .await
        .unwrap();
    assert_eq!(stored(&broker, "t", 0), texts(0..20_000));
    until_disconnected(&broker).await;
}

#[tokio::test]
async fn it_takes_envelopes_with_any_pass_through() {
    let broker = broker("t", 1).await;
    let envelopes = stream::iter([
        Envelope::single(text("t", 0), "one"),
        Envelope::pass_through("none"),
        Envelope::multi([1, 2, 3].map(|n| text("t", n)), "many"),
        Envelope::multi([], "empty"),
    ]);
    within(envelopes.run_with(producer::plain_sink(settings(&broker))))
        .await
        .unwrap();
    assert_eq!(stored(&broker, "t", 0), texts(0..4));
}

#[tokio::test]
async fn no_more_than_parallelism_is_in_flight() {
    let broker = broker("t", 1).await;
    let slow = broker.faults().on(ApiKey::Produce).always();
    let slow = slow.delay_response(Duration::from_millis(1));
    let records = stream::iter(0..100).map(|n| text("t", n));
    let sink = producer::plain_sink(settings(&broker).with_parallelism(4));
    within(records.run_with(sink)).await.unwrap();
    assert_eq!(stored(&broker, "t", 0), texts(0..100));
    assert!(
        slow.hits() >= 25,
        "{} requests had no more than four records each",
        slow.hits()
    );
}

#[tokio::test]
async fn a_flush_waits_for_every_acknowledgement() {
    let broker = broker("t", 1).await;
    let mut sink = producer::plain_sink(settings(&broker)).into_sink();
    for n in 0..1_000 {
        within(sink.feed(text("t", n))).await.unwrap();
    }
    within(SinkExt::<Text>::flush(&mut sink)).await.unwrap();
    assert_eq!(stored(&broker, "t", 0), texts(0..1_000));
    within(sink.send(text("t", 1_000))).await.unwrap();
    within(sink.close()).await.unwrap();
    assert_eq!(stored(&broker, "t", 0), texts(0..1_001));
    until_disconnected(&broker).await;
}

type Text = ProducerRecord<NoKey, String>;

#[tokio::test]
async fn a_stream_can_be_forwarded_into_it() {
    let broker = broker("t", 1).await;
    let records = stream::iter(0..5_000).map(|n| Ok(text("t", n)));
    let sink = producer::plain_sink(settings(&broker)).into_sink();
    within(records.forward(sink)).await.unwrap();
    assert_eq!(stored(&broker, "t", 0), texts(0..5_000));
}

#[tokio::test]
async fn small_limits_do_not_stop_what_is_fed() {
    let broker = broker("t", 1).await;
    let linger = settings(&broker).with_property("linger.ms", "3600000");
    let linger = linger.with_property("delivery.timeout.ms", "7200000");
    let mut sink = producer::plain_sink(linger.with_parallelism(2)).into_sink();
    for n in 0..20 {
        within(sink.feed(text("t", n))).await.unwrap();
    }
    within(sink.close()).await.unwrap();
    assert_eq!(stored(&broker, "t", 0), texts(0..20));
}

#[tokio::test]
async fn a_failed_sink_gives_the_same_error_again() {
    let broker = broker("t", 1).await;
    let mut sink = producer::plain_sink(settings(&broker)).into_sink();
    within(sink.feed(text("t", "good"))).await.unwrap();
    within(sink.feed(text("t", "x".repeat(2 << 20))))
        .await
        .unwrap();
    let first = within(SinkExt::<Text>::flush(&mut sink)).await.unwrap_err();
    assert!(
        matches!(
            first.delivery().unwrap().cause(),
            guanaco::Cause::TooLarge { .. }
        ),
        "{first}"
    );
    let again = within(sink.feed(text("t", "late"))).await.unwrap_err();
    assert_eq!(again.to_string(), first.to_string());
    let closed = within(SinkExt::<Text>::close(&mut sink)).await.unwrap_err();
    assert_eq!(closed.to_string(), first.to_string());
    assert_eq!(stored(&broker, "t", 0), ["good"]);
}

#[tokio::test]
async fn an_item_that_is_an_error_is_given_back_and_the_sink_goes_on() {
    let broker = broker("t", 1).await;
    let mut sink = producer::plain_sink(settings(&broker)).into_sink();
    within(sink.feed(Ok(text("t", 0)))).await.unwrap();
    let error = within(sink.feed(Err(io::Error::other("torn"))))
        .await
        .unwrap_err();
    assert_eq!(error.upstream::<io::Error>().unwrap().to_string(), "torn");
    within(sink.feed(Ok(text("t", 1)))).await.unwrap();
    within(sink.close()).await.unwrap();
    assert_eq!(stored(&broker, "t", 0), texts(0..2));
}

#[tokio::test]
async fn a_sink_that_was_given_nothing_needs_no_broker() {
    let settings =
        ProducerSettings::keyless(StringSerializer).with_bootstrap_servers("127.0.0.1:1");
    let mut sink = producer::plain_sink(settings).into_sink::<Text>();
    within(SinkExt::<Text>::flush(&mut sink)).await.unwrap();
    within(SinkExt::<Text>::close(&mut sink)).await.unwrap();
}
