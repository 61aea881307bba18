//! A flow from its first poll to its end: open a producer, run, close it.

use super::{
    held::{Closing, Held, Opening},
    items::Intake,
    ring::{Outcome, Ring, Step},
    staging::Serializers,
};
use crate::{
    ProduceError,
    settings::{Limits, Parts},
};
use futures_core::Stream;
use guanaco_engine::Appender;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// What a flow gives: an outcome, or why it ends.
type Next<K, V, P> = Result<Outcome<K, V, P>, ProduceError>;

/// Everything of a flow but its upstream.
pub(super) struct Line<K, V, P> {
    phase: Phase<K, V, P>,
    serializers: Serializers<K, V>,
    limits: Limits,
    fail_fast: bool,
}

enum Phase<K, V, P> {
    Opening(Opening),
    Running(Box<Running<K, V, P>>),
    Closing(Closing),
    Done,
}

struct Running<K, V, P> {
    ring: Ring<K, V, P, Appender>,
    held: Held,
}

impl<K, V, P> Line<K, V, P> {
    /// `fail_fast` says whether the first failure ends the stream.
    pub(super) fn new(parts: &Parts<K, V>, fail_fast: bool) -> Self {
        Self {
            phase: Phase::Opening(Opening::new(parts)),
            serializers: Serializers::new(&parts.settings),
            limits: parts.settings.limits,
            fail_fast,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// The next outcome, where it takes no more than looking.
    #[inline(always)]
    pub(super) fn pop_acked(&mut self) -> Option<crate::Delivery<K, V, P>> {
        match &mut self.phase {
            Phase::Running(running) => running.ring.pop_acked(),
            _ => None,
        }
    }

    /// The next outcome; an error ends the stream. With `fail_fast` no outcome is a failure.
    #[inline]
    pub(super) fn poll_next<I, S>(
        &mut self,
        mut upstream: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Next<K, V, P>>>
    where
        S: Stream,
        I: Intake<S::Item, Key = K, Value = V, Carried = P>,
    {
        loop {
            let Phase::Running(running) = &mut self.phase else {
                match ready!(self.poll_transition(cx)) {
                    Ok(true) => continue,
                    Ok(false) => return Poll::Ready(None),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                }
            };
            let step = running.ring.poll_next::<I, S>(upstream.as_mut(), cx);
            return Poll::Ready(match ready!(step) {
                Step::Outcome(Err(failed)) if self.fail_fast => {
                    let error = running.held.abandon(failed.error);
                    self.phase = Phase::Done;
                    Some(Err(error))
                }
                Step::Outcome(outcome) => Some(Ok(outcome)),
                Step::End(Some(error)) => {
                    self.phase = Phase::Done;
                    Some(Err(error))
                }
                Step::End(None) => {
                    self.close();
                    continue;
                }
            });
        }
    }

    /// Drives what comes before and after the run: whether the run is on.
    #[cold]
    fn poll_transition(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, ProduceError>> {
        match &mut self.phase {
            Phase::Opening(opening) => match ready!(opening.poll(cx)) {
                Ok(held) => {
                    if self.fail_fast {
                        held.fail_fast();
                    }
                    let appender = held.producer().engine().appender();
                    let serializers = self.serializers.clone();
                    let ring = Ring::new(appender, serializers, self.limits, self.fail_fast);
                    self.phase = Phase::Running(Box::new(Running { ring, held }));
                    Poll::Ready(Ok(true))
                }
                Err(error) => {
                    self.phase = Phase::Done;
                    Poll::Ready(Err(error.into()))
                }
            },
            Phase::Closing(closing) => {
                ready!(closing.poll(cx));
                self.phase = Phase::Done;
                Poll::Ready(Ok(false))
            }
            Phase::Running(_) => Poll::Ready(Ok(true)),
            Phase::Done => Poll::Ready(Ok(false)),
        }
    }

    fn close(&mut self) {
        let phase = std::mem::replace(&mut self.phase, Phase::Done);
        if let Phase::Running(running) = phase
            && let Some(closing) = running.held.close()
        {
            self.phase = Phase::Closing(closing);
        }
    }
}

impl<K, V, P> fmt::Debug for Line<K, V, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.phase {
            Phase::Opening(_) => "Opening",
            Phase::Running(_) => "Running",
            Phase::Closing(_) => "Closing",
            Phase::Done => "Done",
        })
    }
}
