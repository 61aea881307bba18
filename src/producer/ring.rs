//! The flow's own queue: elements in input order, from acceptance to result.

mod element;

pub(crate) use element::{delivered, multi_error};

use super::{
    append::Append,
    items::Intake,
    staging::{CHUNK_RECORDS, Serializers, Staging, recycle, wall_clock},
};
use crate::{Delivery, Envelope, Failed, ProduceError, settings::Limits};
use element::{Run, State, each_waiting, push, single_outcome, stage};
use futures_core::Stream;
use guanaco_engine::{Ack, RecordRef};
use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::task::coop;

/// So many results cost one unit of the task's budget (128 units): a stream that is always ready
/// gives way to others a thousand times a second or so.
const RESULTS_PER_UNIT: usize = 32;

/// What became of an element.
pub(super) type Outcome<K, V, P> = Result<Delivery<K, V, P>, Failed<K, V, P>>;

/// What comes next out of a ring.
pub(super) enum Step<K, V, P> {
    Outcome(Outcome<K, V, P>),
    /// Every element has its outcome, and there are no more; the error is why.
    End(Option<ProduceError>),
}

/// Elements in input order, from acceptance to result. An element is pushed once and popped once;
/// its records are read where they are. What is known of the elements stands beside them, in runs:
/// `acked`, then `placed`, then `waiting`.
pub(super) struct Ring<K, V, P, A: Append> {
    appender: A,
    serializers: Serializers<K, V>,
    limits: Limits,
    fail_fast: bool,
    envelopes: VecDeque<Envelope<K, V, P>>,
    /// The serialized size of each.
    sizes: VecDeque<usize>,
    /// The sum of the sizes.
    bytes: usize,
    acked: Acked,
    /// Elements with nothing left to place.
    placed: VecDeque<Run<A::Place>>,
    /// Elements from the first on that has a record which is not placed yet, and how many.
    waiting: VecDeque<Run<A::Place>>,
    unplaced: usize,
    staging: Staging,
    /// Allocations, kept between chunks.
    places: Vec<A::Places>,
    list: Vec<RecordRef<'static>>,
    input: Input,
    /// Results since the input was last looked at, and since the last unit of budget.
    since_input: usize,
    since_unit: usize,
    /// No record was placed since the producer was last told that this ring waits.
    hurried: bool,
}

enum Input {
    Open,
    Ended,
    Failed(ProduceError),
}

/// Single records at the head that were acknowledged, with offsets that count up.
struct Acked {
    left: usize,
    next: Ack,
    stamp: i64,
}

impl<K, V, P, A: Append> Ring<K, V, P, A> {
    pub(super) fn new(
        appender: A,
        serializers: Serializers<K, V>,
        limits: Limits,
        fail_fast: bool,
    ) -> Self {
        Self {
            appender,
            serializers,
            limits,
            fail_fast,
            envelopes: VecDeque::new(),
            sizes: VecDeque::new(),
            bytes: 0,
            acked: Acked {
                left: 0,
                next: Ack {
                    partition: 0,
                    offset: None,
                    log_append_time: None,
                },
                stamp: 0,
            },
            placed: VecDeque::new(),
            waiting: VecDeque::new(),
            unplaced: 0,
            staging: Staging::default(),
            places: Vec::new(),
            list: Vec::new(),
            input: Input::Open,
            since_input: 0,
            since_unit: 0,
            hurried: true,
        }
    }

    pub(super) fn poll_next<I, S>(
        &mut self,
        mut upstream: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<Step<K, V, P>>
    where
        S: Stream,
        I: Intake<S::Item, Key = K, Value = V, Carried = P>,
    {
        if self.since_unit >= RESULTS_PER_UNIT {
            ready!(coop::poll_proceed(cx)).made_progress();
            self.since_unit = 0;
        }
        loop {
            // A whole batch of results is emitted bit by bit, so that the producer gets something
            // to do meanwhile.
            if (self.since_input < CHUNK_RECORDS || !self.accepts())
                && let Some(outcome) = self.pop_done()
            {
                return Poll::Ready(Step::Outcome(outcome));
            }
            self.since_input = 0;
            let pulled = self.pull::<I, S>(upstream.as_mut(), cx);
            if self.place(cx) || pulled {
                continue;
            }
            if self.envelopes.is_empty() && !matches!(self.input, Input::Open) {
                let error = match std::mem::replace(&mut self.input, Input::Ended) {
                    Input::Failed(error) => Some(error),
                    Input::Open | Input::Ended => None,
                };
                return Poll::Ready(Step::End(error));
            }
            // Nothing more comes before a result goes: what is in open batches is waited for.
            if !self.hurried && !self.accepts() {
                self.hurried = true;
                self.appender.hurry();
            }
            self.appender.register(cx);
            // An outcome that came before the waker was kept wakes nobody.
            return match self.pop_done() {
                Some(outcome) => Poll::Ready(Step::Outcome(outcome)),
                None => Poll::Pending,
            };
        }
    }

    /// The common case apart, so that it is compiled into whoever asks and the delivery is made
    /// where it is wanted: the head is known to be acknowledged, and it is nobody else's turn.
    #[inline(always)]
    pub(super) fn pop_acked(&mut self) -> Option<Delivery<K, V, P>> {
        if self.since_unit >= RESULTS_PER_UNIT || self.since_input >= CHUNK_RECORDS {
            return None;
        }
        self.next_acked()
    }

    #[inline(always)]
    fn next_acked(&mut self) -> Option<Delivery<K, V, P>> {
        let Acked { left, next, stamp } = &mut self.acked;
        *left = left.checked_sub(1)?;
        let (ack, stamp) = (*next, *stamp);
        next.offset = ack.offset.map(|offset| offset + 1);
        self.bytes -= self.sizes.pop_front()?;
        self.since_input += 1;
        self.since_unit += 1;
        match self.envelopes.pop_front()? {
            Envelope::Single {
                record,
                pass_through,
            } => Some(Delivery::Single {
                part: delivered(record, &ack, stamp),
                pass_through,
            }),
            other => Some(Delivery::PassThrough(other.into_pass_through())),
        }
    }

    #[inline]
    fn accepts(&self) -> bool {
        matches!(self.input, Input::Open)
            && self.envelopes.len() < self.limits.envelopes
            && self.bytes < self.limits.bytes
    }

    /// Takes a chunk of the input; says whether there was anything, if only its end.
    ///
    /// An element is serialized before it comes to its place, not there: it is made field by field
    /// just before, and a copy that reads what was written so lately in other pieces would wait for
    /// it. And it comes there by `extend`, in room that is there: `push_back` may have to grow, for
    /// which it keeps a copy.
    fn pull<I, S>(&mut self, mut upstream: Pin<&mut S>, cx: &mut Context<'_>) -> bool
    where
        S: Stream,
        I: Intake<S::Item, Key = K, Value = V, Carried = P>,
    {
        let room = self.limits.envelopes.saturating_sub(self.envelopes.len());
        let most = CHUNK_RECORDS.min(room);
        self.make_room(most);
        let Self {
            envelopes,
            sizes,
            bytes,
            staging,
            serializers,
            limits,
            fail_fast,
            input,
            placed,
            waiting,
            unplaced,
            ..
        } = self;
        let mut stamp = None;
        let mut taken = 0;
        envelopes.extend(std::iter::from_fn(|| {
            let open = matches!(input, Input::Open) && *bytes < limits.bytes;
            // Elements without records stage nothing.
            if taken == most || staging.is_full() || !open {
                return None;
            }
            let polled = match upstream.as_mut().poll_next(cx) {
                Poll::Ready(polled) => polled,
                Poll::Pending => return None,
            };
            taken += 1;
            let Some(item) = polled else {
                *input = Input::Ended;
                return None;
            };
            let mut envelope = match I::envelope(item) {
                Ok(envelope) => envelope,
                Err(error) => {
                    *input = Input::Failed(ProduceError::from_upstream(error));
                    return None;
                }
            };
            serializers.traces.mark(&mut envelope);
            let stamp = *stamp.get_or_insert_with(wall_clock);
            let mark = staging.mark();
            let (size, state) = stage(staging, serializers, &envelope).unwrap_or_else(|error| {
                staging.back_to(mark);
                if *fail_fast {
                    *input = Input::Ended;
                }
                (0, State::Failed(Box::new(error)))
            });
            sizes.push_back(size);
            *bytes += size;
            let run = Run {
                count: 1,
                stamp,
                state,
            };
            if staging.is_empty() {
                push::<A>(placed, run);
            } else {
                *unplaced += 1;
                push::<A>(waiting, run);
            }
            Some(envelope)
        }));
        taken > 0
    }

    /// Makes room for so many elements, but not beyond what may be in flight: the ring is gone round
    /// and round, and what it does not use would only displace other things from the caches. A flow
    /// without any element yet holds nothing.
    #[inline]
    fn make_room(&mut self, elements: usize) {
        let free = self.envelopes.capacity() - self.envelopes.len();
        if free < elements && !self.envelopes.is_empty() {
            let most = self.limits.envelopes.saturating_sub(self.envelopes.len());
            let more = self.envelopes.len().max(CHUNK_RECORDS).min(most);
            self.envelopes.reserve_exact(more);
            self.sizes.reserve_exact(more);
        }
    }

    /// An element cannot be sent.
    #[cold]
    fn refuse(&mut self) {
        if self.fail_fast {
            self.input = Input::Ended;
        }
    }

    /// Hands what is staged to the producer; says whether any of it went.
    fn place(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while !self.staging.is_empty() {
            let list = recycle(std::mem::take(&mut self.list));
            let from = self.envelopes.len() - self.unplaced;
            let chunk = self.staging.chunk(&self.serializers, list, |chunk| {
                each_waiting(&self.waiting, &self.envelopes, from, |record, stamp| {
                    chunk.push(record, stamp)
                })
            });
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    self.fail_first_unplaced(error);
                    any = true;
                    continue;
                }
            };
            let mut done = 0;
            while let rest @ [_, ..] = &chunk[done..] {
                match self.appender.poll_append(cx, rest, &mut self.places) {
                    Poll::Ready(count) => done += count,
                    Poll::Pending => break,
                }
            }
            let stuck = done < chunk.len();
            self.list = recycle(chunk);
            self.staging.advance(done);
            self.note_places();
            if done > 0 {
                any = true;
                self.hurried = false;
            }
            if stuck {
                break;
            }
        }
        any
    }

    /// Gives the records that wait the places that they got, and finds the first that waits still.
    fn note_places(&mut self) {
        let mut places = std::mem::take(&mut self.places);
        let mut runs = places.drain(..).map(A::run);
        let mut left = runs.next();
        // Of the places at hand, as many as are asked for.
        let mut take = |most: usize| {
            let (first, count) = left?;
            let taken = count.min(most);
            left = match count - taken {
                0 => runs.next(),
                rest => Some((A::nth(first, taken), rest)),
            };
            Some((first, taken))
        };
        while let Some(run) = self.waiting.front_mut() {
            let count = match &mut run.state {
                State::Waiting => {
                    let Some((first, count)) = take(run.count) else {
                        break;
                    };
                    let placed = Run {
                        count,
                        stamp: run.stamp,
                        state: State::Placed(first),
                    };
                    push::<A>(&mut self.placed, placed);
                    run.count -= count;
                    if run.count == 0 {
                        self.waiting.pop_front();
                    }
                    count
                }
                State::Parts(parts) if parts.cut.is_none() => {
                    let at = self.envelopes.len() - self.unplaced;
                    let records = self.envelopes[at].records().len();
                    while parts.places.len() < records
                        && let Some(run) = take(records - parts.places.len())
                    {
                        parts.places.extend(A::each(run));
                    }
                    if parts.places.len() < records {
                        break;
                    }
                    self.placed.extend(self.waiting.pop_front());
                    1
                }
                _ => {
                    let count = run.count;
                    self.placed.extend(self.waiting.pop_front());
                    count
                }
            };
            self.unplaced -= count;
        }
        drop(runs);
        self.places = places;
    }

    /// The first record that waits cannot be handed over, nor the rest of its element.
    #[cold]
    fn fail_first_unplaced(&mut self, error: ProduceError) {
        let at = self.envelopes.len() - self.unplaced;
        let Some(run) = self.waiting.front_mut() else {
            return;
        };
        self.staging
            .advance(run.state.waiting(&self.envelopes[at]).len());
        if let State::Parts(parts) = &mut run.state {
            parts.cut = Some(error);
        } else {
            let failed = Run {
                count: 1,
                stamp: run.stamp,
                state: State::Failed(Box::new(error)),
            };
            run.count -= 1;
            if run.count == 0 {
                self.waiting.pop_front();
            }
            self.unplaced -= 1;
            self.placed.push_back(failed);
        }
        self.refuse();
        self.note_places();
        if self.fail_fast {
            self.drop_unplaced();
        }
    }

    /// The stream ends with a failure: what is behind it is not handed over.
    fn drop_unplaced(&mut self) {
        let kept = self.envelopes.len() - self.unplaced;
        self.envelopes.truncate(kept);
        self.bytes -= self.sizes.drain(kept..).sum::<usize>();
        self.waiting.clear();
        self.unplaced = 0;
        self.staging.clear();
    }

    /// The element at the head, if it has its outcome.
    #[inline]
    fn pop_done(&mut self) -> Option<Outcome<K, V, P>> {
        if self.acked.left == 0 {
            let head = self.placed.front()?;
            let State::Placed(first) = head.state else {
                return self.pop_other();
            };
            let Some(ack) = self.appender.take_acked(first, head.count) else {
                return self.pop_other();
            };
            self.acked = Acked {
                left: head.count,
                next: ack,
                stamp: head.stamp,
            };
            self.placed.pop_front();
        }
        self.next_acked().map(Ok)
    }

    /// The element at the head, if it has its outcome, whatever it is.
    #[inline(never)]
    fn pop_other(&mut self) -> Option<Outcome<K, V, P>> {
        let head = self.placed.front_mut()?;
        let stamp = head.stamp;
        let single = match &mut head.state {
            State::Placed(place) => {
                let outcome = self.appender.take(*place)?;
                *place = A::nth(*place, 1);
                Some(outcome)
            }
            State::Parts(parts) => {
                parts.settle(&mut self.appender)?;
                None
            }
            State::Failed(_) | State::PassThrough => None,
            State::Waiting => return None,
        };
        head.count -= 1;
        let last = if head.count == 0 {
            self.placed.pop_front().map(|run| run.state)
        } else {
            None
        };
        let envelope = self.envelopes.pop_front()?;
        self.bytes -= self.sizes.pop_front()?;
        self.since_input += 1;
        self.since_unit += 1;
        let outcome = match (single, last) {
            (Some(outcome), _) => single_outcome(envelope, outcome, stamp),
            (None, Some(State::Parts(parts))) => parts.into_outcome(envelope, stamp),
            (None, Some(State::Failed(error))) => Err(Failed::new(envelope, *error)),
            (None, _) => Ok(Delivery::PassThrough(envelope.into_pass_through())),
        };
        if let Err(failed) = &outcome {
            self.note_failure(&failed.error);
        }
        Some(outcome)
    }

    /// Decides whether the input goes on after a failed element.
    #[cold]
    fn note_failure(&mut self, error: &ProduceError) {
        if self.fail_fast {
            self.input = Input::Ended;
        } else if error.is_fatal() && !matches!(self.input, Input::Failed(_)) {
            // With a dead producer all further input would fail: it is better left where it is.
            self.input = Input::Failed(error.clone());
        }
    }
}

#[cfg(test)]
mod tests;
