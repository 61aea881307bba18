//! A sink from its first poll to its end: open a producer, drain the input, close it.

use super::queue::Queue;
use crate::{
    Envelope, ProduceError,
    producer::{
        held::{Closing, Held, Opening},
        items::Intake,
        staging::{CHUNK_RECORDS, Serializers, wall_clock},
    },
    settings::Parts,
};
use futures_core::Stream;
use guanaco_engine::Appender;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::task::coop;

/// Everything of a sink but where its items come from.
pub(super) struct Drain<K, V> {
    phase: Phase<K, V>,
    serializers: Serializers<K, V>,
    parallelism: usize,
    /// Nothing more is taken; what was taken is waited for.
    ended: bool,
    /// How it will end once everything before is settled.
    failed: Option<ProduceError>,
}

enum Phase<K, V> {
    Opening(Opening),
    Running(Box<Running<K, V>>),
    Closing(Closing),
    Done(Result<(), ProduceError>),
}

struct Running<K, V> {
    queue: Queue<K, V, Appender>,
    held: Held,
}

impl<K, V> Drain<K, V> {
    pub(super) fn new(parts: &Parts<K, V>) -> Self {
        Self {
            phase: Phase::Opening(Opening::new(parts)),
            serializers: Serializers::new(&parts.settings),
            parallelism: parts.settings.limits.envelopes,
            ended: false,
            failed: None,
        }
    }

    /// Drives a whole stream.
    pub(super) fn poll_run<I, S>(
        &mut self,
        mut upstream: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ProduceError>>
    where
        S: Stream,
        I: Intake<S::Item, Key = K, Value = V>,
    {
        loop {
            if matches!(self.phase, Phase::Closing(_) | Phase::Done(_)) {
                return self.poll_closed(cx);
            }
            ready!(self.poll_running(cx))?;
            // One unit of the task's budget for a chunk, so that an input that is always ready
            // gives way to others.
            let unit = ready!(coop::poll_proceed(cx));
            let pulled = self.pull::<I, S>(upstream.as_mut(), cx);
            if self.settle(|queue| Ok(queue.reap()? | queue.place(cx)?))? || pulled {
                unit.made_progress();
                continue;
            }
            if ready!(self.poll_settled(cx))? {
                return self.poll_closed(cx);
            }
        }
    }

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProduceError>> {
        loop {
            ready!(self.poll_running(cx))?;
            if let Some(error) = &self.failed {
                return Poll::Ready(Err(error.clone()));
            }
            self.settle(Queue::reap)?;
            let (chunk, room) = self.room();
            if !chunk && room {
                return Poll::Ready(Ok(()));
            }
            if !self.settle(|queue| queue.place(cx))? {
                ready!(self.poll_settled(cx))?;
            }
        }
    }

    pub(super) fn start_send(&mut self, envelope: Envelope<K, V>) -> Result<(), ProduceError> {
        match &mut self.phase {
            Phase::Running(running) => {
                let taken = running.queue.accept(envelope, wall_clock());
                taken.inspect_err(|error| self.failed = Some(error.clone()))
            }
            Phase::Done(Err(error)) => Err(error.clone()),
            // The contract of `Sink` asks for `poll_ready` first.
            Phase::Opening(_) => Err(ProduceError::Full),
            Phase::Closing(_) | Phase::Done(Ok(())) => Err(ProduceError::Closed),
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProduceError>> {
        if matches!(self.phase, Phase::Opening(_)) {
            // Nothing was taken yet.
            return Poll::Ready(Ok(()));
        }
        loop {
            ready!(self.poll_running(cx))?;
            if self.settle(|queue| Ok(queue.reap()? | queue.place(cx)?))? {
                continue;
            }
            if matches!(&self.phase, Phase::Running(running) if running.queue.is_empty()) {
                return Poll::Ready(self.failed.clone().map_or(Ok(()), Err));
            }
            ready!(self.poll_wait(cx, true))?;
        }
    }

    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProduceError>> {
        match self.phase {
            Phase::Opening(_) => self.phase = Phase::Done(Ok(())),
            Phase::Running(_) => ready!(self.poll_flush(cx))?,
            Phase::Closing(_) | Phase::Done(_) => {}
        }
        self.poll_closed(cx)
    }

    /// Takes a chunk of the input; says whether there was anything, if only its end.
    fn pull<I, S>(&mut self, mut upstream: Pin<&mut S>, cx: &mut Context<'_>) -> bool
    where
        S: Stream,
        I: Intake<S::Item, Key = K, Value = V>,
    {
        let Phase::Running(running) = &mut self.phase else {
            return false;
        };
        let queue = &mut running.queue;
        let (mut stamp, mut taken) = (None, 0);
        while taken < CHUNK_RECORDS && !self.ended && queue.accepts() && !queue.has_chunk() {
            let item = match upstream.as_mut().poll_next(cx) {
                Poll::Ready(Some(item)) => I::envelope(item).map_err(ProduceError::from_upstream),
                Poll::Ready(None) => {
                    self.ended = true;
                    return true;
                }
                Poll::Pending => break,
            };
            let stamp = *stamp.get_or_insert_with(wall_clock);
            if let Err(error) = item.and_then(|envelope| queue.accept(envelope, stamp)) {
                self.ended = true;
                self.failed = Some(error);
            }
            taken += 1;
        }
        taken > 0
    }

    /// Whether a chunk waits, and whether there is room for another element.
    fn room(&self) -> (bool, bool) {
        match &self.phase {
            Phase::Running(running) => (running.queue.has_chunk(), running.queue.accepts()),
            _ => (false, false),
        }
    }

    /// Runs a step of the queue; a failure in it is the end.
    fn settle(
        &mut self,
        step: impl FnOnce(&mut Queue<K, V, Appender>) -> Result<bool, ProduceError>,
    ) -> Result<bool, ProduceError> {
        let Phase::Running(running) = &mut self.phase else {
            return Ok(false);
        };
        let result = step(&mut running.queue).map_err(|error| running.held.abandon(error));
        if let Err(error) = &result {
            self.phase = Phase::Done(Err(error.clone()));
        }
        result
    }

    /// Waits for something to change, unless everything is settled and nothing more comes.
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, ProduceError>> {
        match &self.phase {
            Phase::Running(running) if self.ended && running.queue.is_empty() => {
                match self.failed.take() {
                    Some(error) => {
                        self.phase = Phase::Done(Err(error.clone()));
                        Poll::Ready(Err(error))
                    }
                    None => Poll::Ready(Ok(true)),
                }
            }
            Phase::Running(running) => {
                let idle = self.ended || !running.queue.accepts();
                self.poll_wait(cx, idle).map_ok(|()| false)
            }
            _ => Poll::Ready(Ok(true)),
        }
    }

    /// Pending, unless an acknowledgement came before the waker was kept.
    fn poll_wait(&mut self, cx: &mut Context<'_>, idle: bool) -> Poll<Result<(), ProduceError>> {
        let came = self.settle(|queue| {
            queue.wait(cx, idle);
            queue.reap()
        })?;
        if came {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    /// Drives what comes before the run; after it, the end is the answer.
    #[inline]
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProduceError>> {
        match &mut self.phase {
            Phase::Running(_) => Poll::Ready(Ok(())),
            Phase::Opening(opening) => Poll::Ready(match ready!(opening.poll(cx)) {
                Ok(held) => {
                    held.fail_fast();
                    let appender = held.producer().engine().appender();
                    let serializers = self.serializers.clone();
                    let queue = Queue::new(appender, serializers, self.parallelism);
                    self.phase = Phase::Running(Box::new(Running { queue, held }));
                    Ok(())
                }
                Err(error) => {
                    let error = ProduceError::from(error);
                    self.phase = Phase::Done(Err(error.clone()));
                    Err(error)
                }
            }),
            Phase::Closing(_) | Phase::Done(_) => {
                ready!(self.poll_closed(cx))?;
                Poll::Ready(Err(ProduceError::Closed))
            }
        }
    }

    /// Closes the producer if that is the sink's to do; everything is settled.
    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProduceError>> {
        if matches!(self.phase, Phase::Running(_)) {
            let phase = std::mem::replace(&mut self.phase, Phase::Done(Ok(())));
            if let Phase::Running(running) = phase
                && let Some(closing) = running.held.close()
            {
                self.phase = Phase::Closing(closing);
            }
        }
        match &mut self.phase {
            Phase::Closing(closing) => {
                ready!(closing.poll(cx));
                self.phase = Phase::Done(Ok(()));
                Poll::Ready(Ok(()))
            }
            Phase::Done(result) => Poll::Ready(result.clone()),
            Phase::Opening(_) | Phase::Running(_) => Poll::Ready(Ok(())),
        }
    }
}

impl<K, V> fmt::Debug for Drain<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.phase {
            Phase::Opening(_) => "Opening",
            Phase::Running(_) => "Running",
            Phase::Closing(_) => "Closing",
            Phase::Done(_) => "Done",
        })
    }
}
