//! How a producer ends: closed, abandoned, dropped.

use crate::support::{Sample, Target, append, numbered, outcomes, produce, start};
use guanaco_engine::{Cause, CloseReport, Written};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(20);

async fn close_reports_the_whole_life_and_says_the_same_again(target: &Target) {
    let topic = target.topic("report", 2).await;
    let producer = start(target, &[("max.request.size", "2000")]).await;
    for outcome in produce(&producer, &topic, &numbered(40)).await {
        outcome.expect("the broker takes it");
    }
    let too_large = Sample::new(vec![0; 3_000]);
    producer
        .send(too_large.record(&topic))
        .await
        .expect_err("it is too large");
    let unknown = Sample::new("x").to(2);
    producer
        .send(unknown.record(&topic))
        .await
        .expect_err("there is no partition 2");
    let last = producer.send(Sample::new("last").record(&topic));

    let expected = CloseReport {
        acknowledged: 41,
        not_written: 2,
        maybe_written: 0,
    };
    assert!(!producer.is_closed());
    assert_eq!(producer.close(LIMIT).await, expected);
    assert!(producer.is_closed());
    assert_eq!(last.await.expect("it was accepted before").partition / 2, 0);
    assert_eq!(producer.clone().close(Duration::ZERO).await, expected);
}

async fn a_closed_producer_accepts_nothing(target: &Target) {
    let topic = target.topic("closed", 1).await;
    let producer = start(target, &[]).await;
    let mut appender = producer.appender();
    producer.close(LIMIT).await;
    let sample = Sample::new("late");
    let tried = producer
        .try_send(sample.record(&topic))
        .expect("it need not wait");
    let placed = append(&mut appender, &topic, &[sample.clone(), sample.clone()]).await;
    let mut errors = vec![
        producer
            .send(sample.record(&topic))
            .await
            .expect_err("it is closed"),
        tried.await.expect_err("it is closed"),
        producer
            .partitions_for(&target.name("other"))
            .await
            .expect_err("it is closed"),
    ];
    for outcome in outcomes(&mut appender, &placed).await {
        errors.push(outcome.expect_err("it is closed"));
    }
    for error in errors {
        assert_eq!(
            (error.cause(), error.written()),
            (&Cause::Closed, Written::No)
        );
        assert!(error.is_fatal());
    }
    // It has nothing to wait for either.
    producer.flush().await;
}

async fn what_a_dropped_producer_accepted_is_delivered_all_the_same(target: &Target) {
    let topic = target.topic("dropped", 1).await;
    let producer = start(target, &[("linger.ms", "60000")]).await;
    let mut appender = producer.appender();
    append(&mut appender, &topic, &numbered(20)).await;
    let sending = producer.send(Sample::new("20").record(&topic));
    drop(producer);
    drop(sending);
    // The appender was the last handle.
    drop(appender);
    while target.stored(&topic).await[0].len() < 21 {
        tokio::task::yield_now().await;
    }
}

async fn close_gives_up_after_its_time_and_says_what_may_be_written(target: &Target) {
    let topic = target.topic("stuck", 1).await;
    let settings = [
        ("max.in.flight.requests.per.connection", "1"),
        ("linger.ms", "0"),
    ];
    let producer = start(target, &settings).await;
    let first = producer.send(Sample::new("0").record(&topic)).await;
    first.expect("the broker takes it");
    let held = target.hold();
    let on_the_wire = producer.send(Sample::new("1").record(&topic));
    held.caught().await;
    let waiting = [(); 3].map(|()| producer.send(Sample::new("2").record(&topic)));

    let began = Instant::now();
    let timeout = Duration::from_millis(200);
    let report = producer.close(timeout).await;
    assert!((timeout..timeout + Duration::from_secs(1)).contains(&began.elapsed()));
    let expected = CloseReport {
        acknowledged: 1,
        not_written: 3,
        maybe_written: 1,
    };
    assert_eq!(report, expected);
    let error = on_the_wire.await.expect_err("no answer came");
    assert_eq!(
        (error.cause(), error.written()),
        (&Cause::Closed, Written::Maybe)
    );
    for sending in waiting {
        let error = sending.await.expect_err("it never went out");
        assert_eq!(
            (error.cause(), error.written()),
            (&Cause::Closed, Written::No)
        );
    }
    assert_eq!(producer.close(timeout).await, expected);
    held.release();
}

async fn a_close_that_is_not_waited_for_goes_on(target: &Target) {
    let topic = target.topic("again", 1).await;
    let producer = start(target, &[]).await;
    let held = target.hold();
    let sending = producer.send(Sample::new("0").record(&topic));
    held.caught().await;
    let impatient = tokio::time::timeout(Duration::from_millis(50), producer.close(LIMIT)).await;
    impatient.expect_err("the broker does not answer");
    let refused = producer.send(Sample::new("1").record(&topic)).await;
    assert_eq!(refused.expect_err("it is closed").cause(), &Cause::Closed);
    held.release();
    let report = producer.close(LIMIT).await;
    assert_eq!(
        (
            report.acknowledged,
            report.not_written,
            report.maybe_written
        ),
        (1, 1, 0)
    );
    sending.await.expect("the broker takes it");
}

async fn an_abandoned_producer_sends_nothing_more_and_hears_out_what_is_sent(target: &Target) {
    let topic = target.topic("abandoned", 1).await;
    let settings = [
        ("max.in.flight.requests.per.connection", "1"),
        ("linger.ms", "0"),
    ];
    let producer = start(target, &settings).await;
    producer.partitions_for(&topic).await.expect("it exists");
    let held = target.hold();
    let on_the_wire = producer.send(Sample::new("0").record(&topic));
    held.caught().await;
    let waiting = producer.send(Sample::new("1").record(&topic));
    producer.abandon();
    let later = producer.send(Sample::new("2").record(&topic));
    for sending in [waiting, later] {
        let error = sending.await.expect_err("the stream failed");
        assert_eq!(
            (error.cause(), error.written()),
            (&Cause::StreamFailed, Written::No)
        );
    }
    held.release();
    assert_eq!(
        on_the_wire.await.expect("the broker takes it").offset,
        Some(0)
    );
    let report = producer.close(LIMIT).await;
    assert_eq!(
        (
            report.acknowledged,
            report.not_written,
            report.maybe_written
        ),
        (1, 2, 0)
    );
    assert_eq!(target.stored(&topic).await[0].len(), 1);
}

on_both! {
    close_reports_the_whole_life_and_says_the_same_again,
    a_closed_producer_accepts_nothing,
    what_a_dropped_producer_accepted_is_delivered_all_the_same,
}

mod faulty {
    use super::*;
    on_both! {
        faulty:
        close_gives_up_after_its_time_and_says_what_may_be_written,
        a_close_that_is_not_waited_for_goes_on,
        an_abandoned_producer_sends_nothing_more_and_hears_out_what_is_sent,
    }
}
