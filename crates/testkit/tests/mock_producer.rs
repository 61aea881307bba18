//! The mock producer under flows, sinks and `SendProducer`, with the clock stopped.

use futures_util::{StreamExt, stream};
use guanaco::{
    Cause, NoKey, PartOutcome, SettingsError, StartError, Written, partition_with, prelude::*,
};
use guanaco_testkit::{mock::MockProducer, model::code};
use std::time::Duration;

type Text = ProducerRecord<NoKey, String>;

fn text(value: impl ToString) -> Text {
    ProducerRecord::new("t", value.to_string())
}

fn settings() -> ProducerSettings<NoKey, String> {
    ProducerSettings::keyless(StringSerializer)
}

fn manual() -> MockProducer {
    let mock = MockProducer::builder().manual().build();
    mock.expect("there are no properties")
}

fn sends(mock: &MockProducer) -> SendProducer<NoKey, String> {
    SendProducer::new(settings().with_producer(mock.producer()))
}

fn values(mock: &MockProducer) -> Vec<String> {
    let values = mock.history().into_iter().filter_map(|record| record.value);
    values
        .map(|value| String::from_utf8_lossy(&value).into_owned())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_sink_ends_when_all_is_acknowledged() {
    let mock = MockProducer::new();
    let settings = settings()
        .with_bootstrap_servers("kafka.internal:9092")
        .with_property("compression.type", "lz4");
    stream::iter(0..3)
        .map(text)
        .run_with(producer::plain_sink(
            settings.with_producer(mock.producer()),
        ))
        .await
        .expect("all is acknowledged");
    assert_eq!(values(&mock), ["0", "1", "2"]);
    assert!(mock.flushed() && !mock.is_closed());
}

#[tokio::test(start_paused = true)]
async fn the_history_has_records_whole_and_in_the_order_of_their_calls() {
    let mock = MockProducer::builder().topic("t", 4).topic("u", 2).build();
    let mock = mock.expect("there are no properties");
    let settings = ProducerSettings::new(StringSerializer, StringSerializer);
    let producer = SendProducer::new(settings.with_producer(mock.producer()));
    for (topic, partition) in [("t", 3), ("u", 1), ("t", 0), ("t", 3)] {
        let record = ProducerRecord::new(topic, "v".to_owned())
            .with_key("k".to_owned())
            .with_partition(partition)
            .with_timestamp(7)
            .with_header("h", "1");
        producer.send(record).await.expect("it is acknowledged");
    }
    let tombstone = ProducerRecord::tombstone("u", "gone".to_owned());
    producer.send(tombstone).await.expect("it is acknowledged");
    let history = mock.history();
    let places: Vec<_> = history
        .iter()
        .map(|record| (&*record.topic, record.partition))
        .collect();
    assert_eq!(places[..4], [("t", 3), ("u", 1), ("t", 0), ("t", 3)]);
    let first = &history[0];
    assert_eq!(
        (first.key.as_deref(), first.timestamp),
        (Some(&b"k"[..]), 7)
    );
    assert_eq!(first.headers, [("h".to_owned(), Some("1".into()))]);
    assert_eq!(
        (history[4].key.as_deref(), &history[4].value),
        (Some(&b"gone"[..]), &None)
    );
}

#[tokio::test(start_paused = true)]
async fn records_are_settled_one_by_one_and_offsets_count_what_was_acknowledged() {
    let mock = manual();
    let producer = sends(&mock);
    let [a, b, c] = ["a", "b", "c"].map(|value| producer.send(text(value)));
    assert_eq!(values(&mock), ["a", "b", "c"]);
    assert!(!mock.flushed());
    assert!(mock.complete_next());
    assert!(mock.error_next(code::REQUEST_TIMED_OUT, Written::Maybe));
    assert!(mock.complete_next());
    assert!(!mock.complete_next(), "there is no fourth");
    assert!(mock.flushed());
    assert_eq!(a.await.expect("it is acknowledged").offset, Some(0));
    let failed = b.await.expect_err("it failed");
    assert_eq!(
        (failed.written(), failed.is_retriable()),
        (Written::Maybe, true)
    );
    assert_eq!(failed.envelope.records()[0].value.as_deref(), Some("b"));
    assert_eq!(c.await.expect("it is acknowledged").offset, Some(1));
    let again = producer.send_envelope(failed.envelope);
    assert!(mock.complete_next());
    let again = again.await.expect("it is acknowledged");
    assert_eq!(again.parts()[0].offset, Some(2));
}

#[tokio::test(start_paused = true)]
async fn an_element_of_several_records_can_fail_in_part() {
    let mock = manual();
    let flow = producer::flexi_flow(settings().with_producer(mock.producer())).with_outcomes();
    let elements = stream::iter([Envelope::multi([text("a"), text("b")], 'p')]);
    let outcomes = tokio::spawn(elements.via(flow).collect::<Vec<_>>());
    mock.wait_for_records(2).await;
    mock.complete_next();
    mock.error_next(code::INVALID_RECORD, Written::No);
    let outcome = outcomes.await.expect("no panic").pop().expect("an outcome");
    let failed = outcome.expect("the stream goes on").expect_err("b failed");
    assert!(matches!(
        failed.parts(),
        [PartOutcome::Acknowledged(_), PartOutcome::NotWritten(_)]
    ));
}

#[tokio::test(start_paused = true)]
async fn a_flow_emits_in_order_and_stops_at_the_first_failure() {
    let mock = manual();
    let flow = producer::flexi_flow(settings().with_producer(mock.producer()));
    let deliveries = stream::iter(0..3).map(text).via(flow);
    let deliveries = tokio::spawn(deliveries.collect::<Vec<_>>());
    mock.wait_for_records(3).await;
    mock.complete_next();
    mock.error_next(code::NOT_ENOUGH_REPLICAS, Written::No);
    mock.complete_next();
    let deliveries = deliveries.await.expect("no panic");
    assert!(matches!(deliveries[..], [Ok(_), Err(_)]), "{deliveries:?}");
}

#[tokio::test(start_paused = true)]
async fn without_room_a_try_is_refused_and_a_send_waits_its_turn() {
    let builder = MockProducer::builder().manual();
    let builder = builder.property("buffer.memory", "2048");
    let mock = builder.build().expect("the property is right");
    let producer = sends(&mock);
    let first = producer.try_enqueue(text("a")).expect("there is room");
    let second = producer.send(text("b"));
    mock.wait_for_records(2).await;
    let refused = producer.try_enqueue(text("c")).expect_err("it is full");
    assert!(matches!(refused.error, ProduceError::Full));
    let third = producer.send(text("d"));
    assert_eq!(values(&mock), ["a", "b"]);
    while mock.complete_next() {}
    for future in [second, third] {
        future.await.expect("it is acknowledged");
    }
    first.await.expect("it is acknowledged");
    assert_eq!(values(&mock), ["a", "b", "d"]);
}

#[tokio::test(start_paused = true)]
async fn the_partitioner_of_the_settings_is_asked() {
    let settings = settings().with_partitioner(partition_with(|_, _, _, count| count - 1));
    let refused = settings
        .clone()
        .with_producer(MockProducer::new().producer());
    let refused = SendProducer::new(refused).send(text("a")).await;
    assert!(matches!(
        refused.expect_err("it would not be asked").error,
        ProduceError::Start(StartError::Settings(SettingsError::Shared { .. }))
    ));
    let mock = MockProducer::builder()
        .settings(&settings)
        .topic("t", 3)
        .build();
    let mock = mock.expect("the settings are right");
    let producer = SendProducer::new(settings.with_producer(mock.producer()));
    let metadata = producer.send(text("a")).await.expect("it is acknowledged");
    assert_eq!(metadata.partition, 2);
    mock.set_partitions("t", 5);
    let metadata = producer.send(text("a")).await.expect("it is acknowledged");
    assert_eq!(metadata.partition, 4);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_topic_and_a_missing_answer_take_no_time_to_test() {
    let mock = MockProducer::builder()
        .no_auto_create_topics()
        .topic("t", 1);
    let mock = mock.manual().build().expect("there are no properties");
    let producer = sends(&mock);
    let lost = producer.send(ProducerRecord::new("typo", "a".to_owned()));
    let error = lost.await.expect_err("there is no such topic").error;
    let cause = error.delivery().expect("it is the record's error").cause();
    assert!(matches!(cause, Cause::UnknownTopic { .. }), "{cause}");
    let late = producer.send(text("b")).await.expect_err("nobody answers");
    let cause = late.error.delivery().expect("the record's error").cause();
    assert!(matches!(cause, Cause::Expired { .. }), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_not_there_fails_the_creation() {
    let mock = MockProducer::builder().unreachable("no route").build();
    let mock = mock.expect("there are no properties");
    let sink = producer::plain_sink(settings().with_producer(mock.producer()));
    let error = stream::iter([text("a")]).run_with(sink).await;
    let error = error.expect_err("there is no cluster");
    assert!(
        matches!(&error, ProduceError::Start(StartError::Unreachable { failures, .. })
        if &**failures == "no route"),
        "{error:?}"
    );
    let failed = sends(&mock).send(text("a")).await.expect_err("nor here");
    assert!(failed.is_fatal());
}

#[tokio::test(start_paused = true)]
async fn a_fatal_error_ends_everything() {
    let mock = manual();
    let producer = sends(&mock);
    let waits = producer.send(text("a"));
    mock.fail(code::INVALID_PRODUCER_EPOCH);
    for send in [waits, producer.send(text("b"))] {
        let failed = send.await.expect_err("the producer is dead");
        assert!(failed.is_fatal() && failed.written() == Written::No);
    }
    assert!(mock.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_close_gives_up_what_has_no_outcome() {
    let mock = manual();
    let settings = settings();
    let own = {
        let producer = mock.producer().clone();
        settings.with_producer_factory(move |_| {
            let producer = producer.clone();
            async move { Ok(producer) }
        })
    };
    let producer = SendProducer::new(own);
    let [a, b] = ["a", "b"].map(|value| producer.send(text(value)));
    mock.wait_for_records(2).await;
    mock.complete_next();
    let report = producer.close_timeout(Duration::from_secs(5)).await;
    let report = report.expect("it was created");
    assert_eq!((report.acknowledged, report.not_written), (1, 1));
    assert!(a.await.is_ok() && b.await.is_err() && mock.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_cleared_history_starts_again_and_offsets_go_on() {
    let mock = MockProducer::new();
    let producer = sends(&mock);
    producer.send(text("a")).await.expect("it is acknowledged");
    mock.clear();
    assert!(mock.history().is_empty());
    let metadata = producer.send(text("b")).await.expect("it is acknowledged");
    assert_eq!(
        (metadata.offset, values(&mock)),
        (Some(1), vec!["b".to_owned()])
    );
}
