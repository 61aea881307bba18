//! The flow's own queue: elements in input order, from acceptance to result.

use super::{
    append::Append,
    items::Intake,
    staging::{CHUNK_RECORDS, Serializers, Staging, recycle, wall_clock},
};
use crate::{
    Delivered, Delivery, Envelope, Failed, PartOutcome, ProduceError, ProducerRecord,
    record::timestamp_of, settings::Limits,
};
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
/// its records are read where they are.
pub(super) struct Ring<K, V, P, A: Append> {
    appender: A,
    serializers: Serializers<K, V>,
    limits: Limits,
    fail_fast: bool,
    entries: VecDeque<Entry<K, V, P, A::Place>>,
    /// The entries from the first with a record that was not placed yet; 0 if there is none.
    unplaced: usize,
    staging: Staging,
    placed: Vec<A::Place>,
    /// An allocation, kept between chunks.
    list: Vec<RecordRef<'static>>,
    /// The serialized size of all entries.
    bytes: usize,
    input: Input,
    /// Results since the input was last looked at, and since the last unit of budget.
    since_input: usize,
    since_unit: usize,
    /// No record was placed since the producer was last told that this ring waits.
    hurried: bool,
    failing: bool,
}

enum Input {
    Open,
    Ended,
    Failed(ProduceError),
}

struct Entry<K, V, P, L> {
    envelope: Envelope<K, V, P>,
    /// The time of records that bring none.
    stamp: i64,
    size: usize,
    state: State<L>,
}

enum State<L> {
    /// A single record that is not placed yet, or a pass-through.
    Waiting,
    /// A single record.
    Placed(L),
    /// Several records, those placed so far.
    Parts(Box<Parts<L>>),
    /// It cannot be sent.
    Failed(Box<ProduceError>),
}

struct Parts<L> {
    places: Vec<L>,
    outcomes: Vec<Result<Ack, ProduceError>>,
    /// Why no further part is placed.
    cut: Option<ProduceError>,
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
            entries: VecDeque::new(),
            unplaced: 0,
            staging: Staging::default(),
            placed: Vec::new(),
            list: Vec::new(),
            bytes: 0,
            input: Input::Open,
            since_input: 0,
            since_unit: 0,
            hurried: true,
            failing: false,
        }
    }

    /// Whether a part of the element at the head has failed, before all of its parts are settled.
    pub(super) fn is_failing(&self) -> bool {
        self.failing
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
            if self.entries.is_empty() && !matches!(self.input, Input::Open) {
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
    /// where it is wanted: a single record at the head whose batch was acknowledged.
    #[inline(always)]
    pub(super) fn pop_acked(&mut self) -> Option<Delivery<K, V, P>> {
        if self.since_unit >= RESULTS_PER_UNIT || self.since_input >= CHUNK_RECORDS {
            return None;
        }
        let Some(Entry {
            envelope: Envelope::Single { .. },
            state: State::Placed(place),
            ..
        }) = self.entries.front()
        else {
            return None;
        };
        let ack = self.appender.take_acked(*place)?;
        let Some(Entry {
            envelope:
                Envelope::Single {
                    record,
                    pass_through,
                },
            stamp,
            size,
            ..
        }) = self.entries.pop_front()
        else {
            return None;
        };
        self.bytes -= size;
        self.since_input += 1;
        self.since_unit += 1;
        Some(Delivery::Single {
            part: delivered(record, &ack, stamp),
            pass_through,
        })
    }

    #[inline]
    fn accepts(&self) -> bool {
        matches!(self.input, Input::Open)
            && self.entries.len() < self.limits.envelopes
            && self.bytes < self.limits.bytes
    }

    /// Takes a chunk of the input; says whether there was anything, if only its end.
    fn pull<I, S>(&mut self, mut upstream: Pin<&mut S>, cx: &mut Context<'_>) -> bool
    where
        S: Stream,
        I: Intake<S::Item, Key = K, Value = V, Carried = P>,
    {
        let mut stamp = None;
        let mut taken = 0;
        // Elements without records stage nothing.
        while taken < CHUNK_RECORDS && !self.staging.is_full() && self.accepts() {
            match upstream.as_mut().poll_next(cx) {
                Poll::Ready(Some(item)) => match I::envelope(item) {
                    Ok(envelope) => {
                        let stamp = *stamp.get_or_insert_with(wall_clock);
                        self.accept(envelope, stamp);
                    }
                    Err(error) => self.input = Input::Failed(ProduceError::from_upstream(error)),
                },
                Poll::Ready(None) => self.input = Input::Ended,
                Poll::Pending => break,
            }
            taken += 1;
        }
        taken > 0
    }

    /// An element is pushed first and read where it lies: one move less than the other way round.
    #[inline(always)]
    fn accept(&mut self, envelope: Envelope<K, V, P>, stamp: i64) {
        self.entries.push_back(Entry {
            envelope,
            stamp,
            size: 0,
            state: State::Waiting,
        });
        let Some(entry) = self.entries.back_mut() else {
            return;
        };
        self.serializers.traces.mark(&mut entry.envelope);
        match &entry.envelope {
            Envelope::Single { record, .. } => {
                let mark = self.staging.mark();
                match self.staging.add(&self.serializers, record) {
                    Ok(size) => entry.size = size,
                    Err(error) => {
                        self.staging.back_to(mark);
                        self.refuse(error);
                    }
                }
            }
            Envelope::Multi { .. } => self.accept_multi(),
            Envelope::PassThrough(_) => {}
        }
        if let Some(entry) = self.entries.back() {
            self.bytes += entry.size;
        }
        if !self.staging.is_empty() {
            self.unplaced += 1;
        }
    }

    /// Stages the records of the newest element: all of them, or none.
    fn accept_multi(&mut self) {
        let Some(entry) = self.entries.back_mut() else {
            return;
        };
        let records = entry.envelope.records();
        let mark = self.staging.mark();
        let mut size = 0;
        for record in records {
            match self.staging.add(&self.serializers, record) {
                Ok(bytes) => size += bytes,
                Err(error) => {
                    self.staging.back_to(mark);
                    return self.refuse(error);
                }
            }
        }
        entry.size = size;
        entry.state = State::Parts(Box::new(Parts {
            places: Vec::with_capacity(records.len()),
            outcomes: Vec::with_capacity(records.len()),
            cut: None,
        }));
    }

    /// The newest element cannot be sent.
    #[cold]
    fn refuse(&mut self, error: ProduceError) {
        if let Some(entry) = self.entries.back_mut() {
            entry.state = State::Failed(Box::new(error));
        }
        if self.fail_fast {
            self.input = Input::Ended;
        }
    }

    /// Hands what is staged to the producer; says whether any of it went.
    fn place(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while !self.staging.is_empty() {
            let waiting = self.entries.range(self.entries.len() - self.unplaced..);
            let waiting = waiting.flat_map(Entry::waiting);
            let list = recycle(std::mem::take(&mut self.list));
            let chunk = match self.staging.chunk(&self.serializers, waiting, list) {
                Ok(chunk) => chunk,
                Err(error) => {
                    self.fail_first_unplaced(error);
                    any = true;
                    continue;
                }
            };
            let mut done = 0;
            while let rest @ [_, ..] = &chunk[done..] {
                match self.appender.poll_append(cx, rest, &mut self.placed) {
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
        let first = self.entries.len() - self.unplaced;
        let mut placed = self.placed.drain(..);
        let mut settled = 0;
        for entry in self.entries.range_mut(first..) {
            match (&mut entry.state, &entry.envelope) {
                (state @ State::Waiting, Envelope::Single { .. }) => match placed.next() {
                    Some(place) => *state = State::Placed(place),
                    None => break,
                },
                (State::Parts(parts), Envelope::Multi { records, .. }) if parts.cut.is_none() => {
                    let missing = records.len() - parts.places.len();
                    parts.places.extend(placed.by_ref().take(missing));
                    if parts.places.len() < records.len() {
                        break;
                    }
                }
                _ => {}
            }
            settled += 1;
        }
        self.unplaced -= settled;
    }

    /// The first record that waits cannot be handed over, nor the rest of its element.
    #[cold]
    fn fail_first_unplaced(&mut self, error: ProduceError) {
        let first = self.entries.len() - self.unplaced;
        if let Some(entry) = self.entries.get_mut(first) {
            self.staging.advance(entry.waiting().count());
            match &mut entry.state {
                State::Parts(parts) => parts.cut = Some(error),
                state => *state = State::Failed(Box::new(error)),
            }
        }
        if self.fail_fast {
            self.input = Input::Ended;
        }
        self.note_places();
    }

    /// The element at the head, if it has its outcome.
    #[inline]
    fn pop_done(&mut self) -> Option<Outcome<K, V, P>> {
        let head = self.entries.front_mut()?;
        let outcome = match &mut head.state {
            State::Placed(place) => {
                let outcome = self.appender.take(*place)?;
                let entry = self.entries.pop_front()?;
                self.bytes -= entry.size;
                entry.into_single(outcome)
            }
            State::Parts(parts) => {
                let records = head.envelope.records().len();
                let settled = parts.settle(&mut self.appender, &mut self.failing);
                let all = if parts.cut.is_some() {
                    parts.places.len()
                } else {
                    records
                };
                if settled < all {
                    return None;
                }
                let entry = self.entries.pop_front()?;
                self.bytes -= entry.size;
                entry.into_multi()
            }
            State::Waiting if matches!(head.envelope, Envelope::PassThrough(_)) => {
                let pass_through = self.entries.pop_front()?.envelope.into_pass_through();
                Ok(Delivery::PassThrough(pass_through))
            }
            State::Waiting => return None,
            State::Failed(_) => {
                let entry = self.entries.pop_front()?;
                self.bytes -= entry.size;
                entry.into_failed()
            }
        };
        self.since_input += 1;
        self.since_unit += 1;
        if let Err(failed) = &outcome {
            self.note_failure(&failed.error);
        }
        Some(outcome)
    }

    /// Decides whether the input goes on after a failed element.
    #[cold]
    fn note_failure(&mut self, error: &ProduceError) {
        self.failing = false;
        if self.fail_fast {
            self.input = Input::Ended;
        } else if error.is_fatal() && !matches!(self.input, Input::Failed(_)) {
            // With a dead producer all further input would fail: it is better left where it is.
            self.input = Input::Failed(error.clone());
        }
    }
}

impl<K, V, P, L> Entry<K, V, P, L> {
    /// The records that are not placed yet.
    fn waiting(&self) -> impl Iterator<Item = (&ProducerRecord<K, V>, i64)> {
        let records: &[_] = match (&self.state, &self.envelope) {
            (State::Waiting, Envelope::Single { record, .. }) => std::slice::from_ref(record),
            (State::Parts(parts), Envelope::Multi { records, .. }) if parts.cut.is_none() => {
                &records[parts.places.len()..]
            }
            _ => &[],
        };
        records.iter().map(|record| (record, self.stamp))
    }

    #[inline]
    fn into_single(self, outcome: Result<Ack, ProduceError>) -> Outcome<K, V, P> {
        match (outcome, self.envelope) {
            (
                Ok(ack),
                Envelope::Single {
                    record,
                    pass_through,
                },
            ) => Ok(Delivery::Single {
                part: delivered(record, &ack, self.stamp),
                pass_through,
            }),
            (Ok(_), other) => Ok(Delivery::PassThrough(other.into_pass_through())),
            (Err(error), envelope) => Err(Failed { envelope, error }),
        }
    }

    fn into_multi(self) -> Outcome<K, V, P> {
        let (State::Parts(parts), stamp) = (self.state, self.stamp) else {
            return Ok(Delivery::PassThrough(self.envelope.into_pass_through()));
        };
        let Parts { outcomes, cut, .. } = *parts;
        if cut.is_none() && outcomes.iter().all(Result::is_ok) {
            return match self.envelope {
                Envelope::Multi {
                    records,
                    pass_through,
                } => {
                    let acks = outcomes.into_iter().flatten();
                    let parts = records.into_iter().zip(acks);
                    let parts = parts.map(|(record, ack)| delivered(record, &ack, stamp));
                    Ok(Delivery::Multi {
                        parts: parts.collect(),
                        pass_through,
                    })
                }
                other => Ok(Delivery::PassThrough(other.into_pass_through())),
            };
        }
        let error = multi_error(self.envelope.records(), outcomes, cut, stamp);
        let envelope = self.envelope;
        Err(Failed { envelope, error })
    }

    #[cold]
    fn into_failed(self) -> Outcome<K, V, P> {
        let envelope = self.envelope;
        match self.state {
            State::Failed(error) => Err(Failed {
                envelope,
                error: *error,
            }),
            _ => Ok(Delivery::PassThrough(envelope.into_pass_through())),
        }
    }
}

impl<L: Copy> Parts<L> {
    /// Takes the outcomes that there are, in order; how many there are by now.
    fn settle<A: Append<Place = L>>(&mut self, appender: &mut A, failing: &mut bool) -> usize {
        while let Some(place) = self.places.get(self.outcomes.len()) {
            match appender.take(*place) {
                Some(outcome) => {
                    *failing |= outcome.is_err();
                    self.outcomes.push(outcome);
                }
                None => break,
            }
        }
        self.outcomes.len()
    }
}

#[inline]
pub(crate) fn delivered<K, V>(
    record: ProducerRecord<K, V>,
    ack: &Ack,
    stamp: i64,
) -> Delivered<K, V> {
    let timestamp = timestamp_of(record.timestamp, ack, stamp);
    Delivered {
        record,
        partition: ack.partition,
        offset: ack.offset,
        timestamp,
    }
}

/// What became of each part of a Multi of which at least one failed; `cut` holds for those that
/// were not handed over.
#[cold]
pub(crate) fn multi_error<K, V>(
    records: &[ProducerRecord<K, V>],
    outcomes: Vec<Result<Ack, ProduceError>>,
    cut: Option<ProduceError>,
    stamp: i64,
) -> ProduceError {
    let cut = match cut {
        // Nothing of it was handed over: there is only one thing to say.
        Some(error) if outcomes.is_empty() => return error,
        cut => cut.unwrap_or(ProduceError::Closed),
    };
    let outcomes = outcomes
        .into_iter()
        .chain(std::iter::repeat_with(|| Err(cut.clone())));
    let parts = records
        .iter()
        .zip(outcomes)
        .map(|(record, outcome)| match outcome {
            Ok(ack) => PartOutcome::Acknowledged(record.metadata(&ack, stamp)),
            Err(error) => PartOutcome::failed(error),
        });
    ProduceError::Multi(parts.collect())
}

#[cfg(test)]
mod tests;
