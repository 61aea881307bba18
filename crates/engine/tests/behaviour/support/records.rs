//! Records through a producer, and their outcomes back.

use super::Sample;
use guanaco_engine::{
    Ack, Appender, DeliveryError, Placement, Placements, Producer, RecordRef, Topic,
};
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

pub(crate) type Outcome = Result<Ack, DeliveryError>;

/// Appends all, waiting for room where there is none.
pub(crate) async fn append(
    appender: &mut Appender,
    topic: &Topic,
    samples: &[Sample],
) -> Vec<Placement> {
    let records: Vec<RecordRef<'_>> = samples.iter().map(|sample| sample.record(topic)).collect();
    let (mut placed, mut done) = (Vec::new(), 0);
    poll_fn(|cx| {
        while done < records.len() {
            match appender.poll_append(cx, &records[done..], &mut placed) {
                Poll::Ready(count) => done += count,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    })
    .await;
    placed.into_iter().flat_map(Placements::each).collect()
}

/// The outcomes of placed records, once all are there.
pub(crate) async fn outcomes(appender: &mut Appender, placed: &[Placement]) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(placed.len());
    poll_fn(|cx| {
        // Before the look, so that no outcome is missed between the two.
        appender.register(cx);
        while let Some(place) = placed.get(outcomes.len()) {
            match appender.take(*place) {
                Some(outcome) => outcomes.push(outcome),
                None => return Poll::Pending,
            }
        }
        Poll::Ready(())
    })
    .await;
    outcomes
}

/// Appends all as one stream, ends their linger and waits for their outcomes.
pub(crate) async fn produce(
    producer: &Producer,
    topic: &Topic,
    samples: &[Sample],
) -> Vec<Outcome> {
    let mut appender = producer.appender();
    let placed = append(&mut appender, topic, samples).await;
    appender.hurry();
    outcomes(&mut appender, &placed).await
}

/// What a future says to one poll; its waker is this task's.
pub(crate) async fn poll_once<F: Future + Unpin>(mut future: F) -> Poll<F::Output> {
    poll_fn(move |cx| Poll::Ready(Pin::new(&mut future).poll(cx))).await
}
