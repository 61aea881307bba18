//! One record's way from the call to its answer.

use crate::ProduceError;
use guanaco_engine::{Ack, Sending};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

/// A record that was sent, or will be, or cannot be.
#[derive(Debug)]
pub(super) enum Pending {
    /// The producer has it.
    Sent(Sending),
    /// It waits for the producer to be there. Dropping it withdraws it.
    Queued(Queued),
    /// It has its answer; `None` once that was told.
    Settled(Option<Result<Ack, ProduceError>>),
}

impl Pending {
    pub(super) fn failed(error: ProduceError) -> Self {
        Self::Settled(Some(Err(error)))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Ack, ProduceError>> {
        ready!(self.poll_sent(cx));
        match self {
            Self::Sent(sending) => Pin::new(sending).poll(cx).map_err(ProduceError::from),
            Self::Queued(_) => Poll::Pending,
            Self::Settled(answer) => {
                Poll::Ready(answer.take().unwrap_or(Err(ProduceError::Closed)))
            }
        }
    }

    /// Waits until the record has room, or was refused.
    pub(super) fn poll_admitted(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProduceError>> {
        ready!(self.poll_sent(cx));
        if let Self::Sent(sending) = self {
            ready!(sending.poll_admitted(cx));
        }
        // A refusal looks like an admission, with the answer there already.
        match self.poll(cx) {
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Ready(answer) => *self = Self::Settled(Some(answer)),
            Poll::Pending => {}
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until the producer has it, or it has failed.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Queued(queued) = self {
            *self = match ready!(queued.0.poll(cx)) {
                Ok(sending) => Self::Sent(sending),
                Err(error) => Self::failed(error),
            };
        }
        Poll::Ready(())
    }
}

/// The caller's half of a [`Ticket`].
#[derive(Debug)]
pub(super) struct Queued(pub(super) Arc<Ticket>);

impl Drop for Queued {
    fn drop(&mut self) {
        *self.0.lock() = State::Withdrawn;
    }
}

/// Where a queued record's caller and its producer meet.
#[derive(Debug)]
pub(super) struct Ticket(Mutex<State>);

#[derive(Debug)]
enum State {
    Waiting(Option<Waker>),
    Settled(Result<Sending, ProduceError>),
    /// The caller does not want it any longer, or has got it.
    Withdrawn,
}

impl Ticket {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Waiting(None))))
    }

    pub(super) fn is_withdrawn(&self) -> bool {
        matches!(*self.lock(), State::Withdrawn)
    }

    /// Tells the caller; what it must be woken with, if it waits.
    pub(super) fn settle(&self, result: Result<Sending, ProduceError>) -> Option<Waker> {
        let mut state = self.lock();
        match &mut *state {
            State::Waiting(waker) => {
                let waker = waker.take();
                *state = State::Settled(result);
                waker
            }
            State::Settled(_) | State::Withdrawn => None,
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Sending, ProduceError>> {
        let mut state = self.lock();
        if let State::Waiting(waker) = &mut *state {
            match waker {
                Some(waker) => waker.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        match std::mem::replace(&mut *state, State::Withdrawn) {
            State::Settled(result) => Poll::Ready(result),
            State::Waiting(_) | State::Withdrawn => Poll::Ready(Err(ProduceError::Closed)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
