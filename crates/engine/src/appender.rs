//! One ordered stream of records into a producer.

use crate::{
    Ack, DeliveryError, Producer, RecordRef,
    core::{FlowLink, Place, Places},
    io::shared::now,
    producer::choose,
};
use std::task::{Context, Poll};

/// Where an appended record went, for one [`Appender`]: ask it for the outcome.
pub type Placement = Place;

/// Where so many appended records went, one behind the other.
pub type Placements = Places;

/// One ordered stream of records into a producer, and their outcomes back, batch by batch. One
/// waker serves it all.
///
/// # Drop
/// What was appended is delivered all the same; only its outcomes are not told any more.
#[derive(Debug)]
pub struct Appender {
    producer: Producer,
    flow: FlowLink,
}

impl Appender {
    pub(crate) fn new(producer: Producer) -> Self {
        let flow = producer.shared().with(|core| core.new_flow());
        Self { producer, flow }
    }

    /// Appends `records` in order until one finds no room; pushes their [`Placements`], in
    /// order.
    ///
    /// Records that are refused at once (too large, unknown partition, closed producer) are placed
    /// too: their outcome is the error. `Ready(n)`: the first `n` were placed, at least one.
    /// `Pending`: there is no room for even the first, and the waker is kept for when there is.
    pub fn poll_append(
        &mut self,
        cx: &mut Context<'_>,
        records: &[RecordRef<'_>],
        placed: &mut Vec<Placements>,
    ) -> Poll<usize> {
        if records.is_empty() {
            return Poll::Ready(0);
        }
        if self.producer.shared().partitioner.is_some() {
            return self.poll_append_chosen(cx, records, placed);
        }
        let flow = &mut self.flow;
        let done = self
            .producer
            .shared()
            .with(|core| core.append(flow, records, now(), placed));
        if done == 0 {
            // The flow was queued for room under the lock; a grant may have come since, so look
            // once more with the waker in place.
            self.flow.cell().waker.register(cx.waker());
            let flow = &mut self.flow;
            let done = self
                .producer
                .shared()
                .with(|core| core.append(flow, records, now(), placed));
            return if done == 0 {
                Poll::Pending
            } else {
                Poll::Ready(done)
            };
        }
        Poll::Ready(done)
    }

    /// With a partitioner of the user's: it runs off the lock, on a snapshot of the partition
    /// counts, one record at a time.
    fn poll_append_chosen(
        &mut self,
        cx: &mut Context<'_>,
        records: &[RecordRef<'_>],
        placed: &mut Vec<Placements>,
    ) -> Poll<usize> {
        let shared = self.producer.shared().clone();
        let mut done = 0;
        for record in records {
            self.flow.cell().waker.register(cx.waker());
            let mut record = *record;
            if record.partition.is_none() {
                let Some(partitioner) = &shared.partitioner else {
                    break;
                };
                let flow = &mut self.flow;
                let count = shared.with(|core| core.partition_count_for(flow, record.topic, now()));
                match count.map(|count| choose(&**partitioner, &record, count)) {
                    None => break,
                    Some(Ok(partition)) => record.partition = Some(partition),
                    Some(Err(error)) => {
                        placed.push(shared.with(|core| core.place_failed(flow, error)).into());
                        done += 1;
                        continue;
                    }
                }
            }
            let flow = &mut self.flow;
            let one = shared.with(|core| core.append(flow, &[record], now(), placed));
            if one == 0 {
                break;
            }
            done += 1;
        }
        if done == 0 {
            Poll::Pending
        } else {
            Poll::Ready(done)
        }
    }

    /// The outcome of a placed record, once: `None` while it is open. It must be taken exactly once
    /// for each placement.
    #[inline]
    pub fn take(&mut self, placement: Placement) -> Option<Result<Ack, DeliveryError>> {
        self.flow.take(placement)
    }

    /// As [`take`](Self::take) for `count` records at once, `first` and those behind it in the same
    /// batch: the acknowledgement of the first, from which offsets count up. `None`, and all stay to
    /// be taken, unless the batch was acknowledged as a whole.
    #[inline]
    pub fn take_acked(&mut self, first: Placement, count: u32) -> Option<Ack> {
        self.flow.take_acked(first, count)
    }

    /// Keeps the waker for the next change: an outcome, or room. Call [`take`](Self::take) again
    /// after it, or the change between the two is missed.
    pub fn register(&mut self, cx: &mut Context<'_>) {
        self.flow.cell().waker.register(cx.waker());
    }

    /// Ends the linger of every batch that holds records of this stream: it waits for them, because
    /// its upstream ended or its limits are reached.
    pub fn hurry(&mut self) {
        let flow = &self.flow;
        self.producer.shared().with(|core| core.hurry(flow));
    }

    /// The producer that it appends to.
    #[must_use]
    pub fn producer(&self) -> &Producer {
        &self.producer
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        let flow = &self.flow;
        self.producer
            .shared()
            .with(|core| core.drop_flow(flow, now()));
    }
}
