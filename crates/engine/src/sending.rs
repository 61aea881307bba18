//! The outcome of a single send.

use crate::{
    Ack, DeliveryError, Producer,
    core::{Slot, Ticket},
    io::shared::now,
};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// The outcome of one `send`. Owned.
///
/// # Drop
/// Before the record was admitted to the buffer, dropping it withdraws the record: it is not sent.
/// Later it only loses the answer: the record may be written.
#[derive(Debug)]
#[must_use = "dropping it may withdraw the record, or loses its answer"]
pub struct Sending {
    producer: Producer,
    state: State,
    /// Where the slot that is waited on keeps this future's waker.
    waits: Option<(Arc<Slot>, Option<usize>)>,
}

#[derive(Debug)]
enum State {
    Sent(Arc<Ticket>),
    Failed(DeliveryError),
    Done,
}

impl Sending {
    pub(crate) fn new(producer: Producer, ticket: Arc<Ticket>) -> Self {
        Self {
            producer,
            state: State::Sent(ticket),
            waits: None,
        }
    }

    pub(crate) fn failed(producer: Producer, error: DeliveryError) -> Self {
        Self {
            producer,
            state: State::Failed(error),
            waits: None,
        }
    }

    /// Waits until the record has room in the buffer: from then on dropping the future loses only
    /// the answer.
    pub fn poll_admitted(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.state {
            State::Sent(ticket) if ticket.place().is_none() => {
                ticket.waker.register(cx.waker());
                if ticket.place().is_some() {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }
            _ => Poll::Ready(()),
        }
    }

    fn outcome(
        &mut self,
        slot: Arc<Slot>,
        index: u32,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Ack, DeliveryError>> {
        let (mut slot, mut index) = (slot, index);
        loop {
            if let Some(outcome) = slot.outcome_of(index) {
                return Poll::Ready(outcome);
            }
            // A record that waited for its topic is in another batch by now.
            if let Some((moved, at)) = slot.moved(index).map(|(slot, at)| (Arc::clone(slot), at)) {
                (slot, index) = (moved, at);
                continue;
            }
            if !self
                .waits
                .as_ref()
                .is_some_and(|(waits, _)| Arc::ptr_eq(waits, &slot))
            {
                self.forget();
                self.waits = Some((Arc::clone(&slot), None));
            }
            if let Some((_, key)) = &mut self.waits {
                slot.register(cx.waker(), key);
            }
            // What was settled before the waker was in place is seen here; later, it wakes.
            if !slot.is_done(index) && slot.moved(index).is_none() {
                return Poll::Pending;
            }
        }
    }

    fn forget(&mut self) {
        if let Some((slot, Some(key))) = self.waits.take() {
            slot.forget(key);
        }
    }
}

impl Future for Sending {
    type Output = Result<Ack, DeliveryError>;

    /// # Panics
    /// If it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.poll_admitted(cx).is_pending() {
            return Poll::Pending;
        }
        let outcome = match &self.state {
            State::Sent(ticket) => match ticket.place() {
                Some((slot, index)) => {
                    let (slot, index) = (Arc::clone(slot), *index);
                    std::task::ready!(self.outcome(slot, index, cx))
                }
                None => return Poll::Pending,
            },
            State::Failed(error) => Err(error.clone()),
            State::Done => panic!("`Sending` polled after it was ready"),
        };
        self.state = State::Done;
        self.waits = None;
        Poll::Ready(outcome)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.forget();
        if let State::Sent(ticket) = &self.state
            && ticket.place().is_none()
        {
            self.producer
                .shared()
                .with(|core| core.withdraw(ticket, now()));
        }
    }
}
