//! Time: throttling, time-outs, frozen brokers, closes that may not wait.

use crate::support::{
    Sample, append, broker, connect, holds_exactly, metric, numbered, outcomes, topic, until,
    within,
};
use guanaco_engine::{Cause, Written};
use guanaco_testkit::embedded::ApiKey;
use std::time::{Duration, Instant};
use tokio::time::timeout;

#[tokio::test]
async fn a_throttled_producer_sends_nothing_until_its_time_is_over() {
    let broker = broker(1).await;
    let producer = connect(&broker, &[("linger.ms", "0")]).await;
    let time = Duration::from_millis(400);
    broker.faults().on(ApiKey::Produce).nth(1).throttle(time);
    let topic = topic();
    let first = within(producer.send(Sample::new("0").record(&topic))).await;
    let told = Instant::now();
    first.expect("the broker takes it");
    let mut second = producer.send(Sample::new("1").record(&topic));
    let early = timeout(time / 2, &mut second).await;
    early.expect_err("the broker asked for patience");
    // Not even on the wire.
    assert_eq!(metric(&producer, "request-total"), 1.0);
    assert_eq!(metric(&producer, "produce-throttle-time-max"), 400.0);
    within(second).await.expect("the broker takes it");
    let waited = told.elapsed();
    // The clock started when the answer was sent, a moment before it was told.
    assert!(waited > time - Duration::from_millis(50), "{waited:?}");
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_by_a_broker_that_freezes_and_thaws() {
    let broker = broker(1).await;
    let producer = connect(&broker, &[("batch.size", "500"), ("linger.ms", "1")]).await;
    let samples = numbered(4_000);
    let mut appender = producer.appender();
    let mut placed = Vec::new();
    for (n, chunk) in samples.chunks(1_000).enumerate() {
        let requests = metric(&producer, "request-total");
        placed.extend(within(append(&mut appender, &topic(), chunk)).await);
        appender.hurry();
        if n % 2 == 0 {
            until("on its way", || {
                metric(&producer, "request-total") > requests
            })
            .await;
            broker.freeze(1);
            // The requests in flight run out of their 500 ms, and new connections get no answer.
            until("given up", || {
                metric(&producer, "requests-in-flight") == 0.0
            })
            .await;
            broker.thaw(1);
        }
    }
    for outcome in within(outcomes(&mut appender, &placed)).await {
        outcome.expect("the broker is back");
    }
    holds_exactly(&broker, &samples);
}

#[tokio::test]
async fn what_is_not_delivered_in_time_says_whether_it_may_be_written() {
    let broker = broker(1).await;
    let settings = [
        ("delivery.timeout.ms", "900"),
        ("linger.ms", "0"),
        ("max.in.flight.requests.per.connection", "1"),
    ];
    let producer = connect(&broker, &settings).await;
    let topic = topic();
    let first = within(producer.send(Sample::new("0").record(&topic))).await;
    first.expect("the broker takes it");
    broker.freeze(1);
    let began = Instant::now();
    let on_the_wire = producer.send(Sample::new("1").record(&topic));
    until("on the wire", || {
        metric(&producer, "requests-in-flight") == 1.0
    })
    .await;
    let queued = producer.send(Sample::new("2").record(&topic));
    for (sending, written) in [(on_the_wire, Written::Maybe), (queued, Written::No)] {
        let error = within(sending).await.expect_err("the broker is frozen");
        let Cause::Expired { after, last } = error.cause() else {
            panic!("{error}")
        };
        assert_eq!(
            (*after, error.written()),
            (Duration::from_millis(900), written)
        );
        // What stood in the way is told, where something was seen.
        assert!(written == Written::No || last.is_some(), "{error}");
    }
    let took = began.elapsed();
    assert!((900..2_900).contains(&took.as_millis()), "{took:?}");
    broker.thaw(1);

    // The partition goes on, and what may be written is there once at most.
    let last = Sample::new("3");
    within(producer.send(last.record(&topic)))
        .await
        .expect("the broker is back");
    let log = broker.records("t").expect("it exists").remove(0);
    let values: Vec<_> = log
        .iter()
        .filter_map(|record| record.value.as_deref())
        .collect();
    assert!(
        values == [b"0", b"3"] || values == [b"0", b"1", b"3"],
        "{values:?}"
    );
}

#[tokio::test]
async fn close_returns_in_time_when_no_broker_can_be_reached() {
    for killed in [true, false] {
        let broker = broker(1).await;
        let settings = [
            ("linger.ms", "0"),
            ("max.in.flight.requests.per.connection", "1"),
            ("request.timeout.ms", "5000"),
        ];
        let producer = connect(&broker, &settings).await;
        let topic = topic();
        let first = within(producer.send(Sample::new("0").record(&topic))).await;
        first.expect("the broker takes it");
        if killed {
            broker.kill_broker(1).await;
            // Nothing is sent while the producer does not know it yet.
            until("disconnected", || broker.open_connections() == 0).await;
        } else {
            broker.freeze(1);
        }
        let sent: Vec<_> = numbered(10)
            .iter()
            .map(|sample| producer.send(sample.record(&topic)))
            .collect();
        let began = Instant::now();
        let limit = Duration::from_millis(500);
        let report = within(producer.close(limit)).await;
        let took = began.elapsed();
        assert!(took < limit + Duration::from_secs(1), "{took:?}");
        let mut maybe = 0;
        for sending in sent {
            let error = within(sending).await.expect_err("nobody took it");
            assert_eq!(error.cause(), &Cause::Closed);
            maybe += u64::from(error.written() == Written::Maybe);
        }
        assert_eq!(report.acknowledged, 1);
        assert_eq!(
            (report.maybe_written, report.not_written),
            (maybe, 10 - maybe)
        );
        // A frozen broker's socket still took the first request.
        assert!(killed || maybe >= 1, "{report:?}");
        let again = Instant::now();
        assert_eq!(within(producer.close(limit)).await, report);
        assert!(again.elapsed() < Duration::from_millis(200));
    }
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_and_not_asked_for_again() {
    let broker = broker(1).await;
    let producer = connect(&broker, &[("request.timeout.ms", "10000")]).await;
    let slow = Duration::from_millis(300);
    broker
        .faults()
        .on(ApiKey::Produce)
        .nth(1)
        .delay_response(slow);
    let began = Instant::now();
    let sent = within(producer.send(Sample::new("0").record(&topic()))).await;
    sent.expect("the broker takes it");
    assert!(began.elapsed() >= slow);
    assert_eq!(broker.requests(ApiKey::Produce), 1);
    assert!(metric(&producer, "request-latency-max") >= 300.0);
}
