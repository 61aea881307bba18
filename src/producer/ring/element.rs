//! What is known of a ring's elements, and what becomes of them.

use super::{
    super::{
        append::Append,
        staging::{Serializers, Staging},
    },
    Outcome,
};
use crate::{
    Delivered, Delivery, Envelope, Failed, PartOutcome, ProduceError, ProducerRecord,
    record::timestamp_of,
};
use guanaco_engine::Ack;
use std::{collections::VecDeque, ops::ControlFlow};

/// Neighbours of which the same is known: a batch has hundreds, so this costs nothing for each.
pub(super) struct Run<L> {
    pub(super) count: usize,
    /// The time of records that bring none.
    pub(super) stamp: i64,
    pub(super) state: State<L>,
}

pub(super) enum State<L> {
    /// Single records that are not placed yet.
    Waiting,
    /// Single records in one batch, one behind the other: the place of the first.
    Placed(L),
    PassThrough,
    /// An element of several records.
    Parts(Box<Parts<L>>),
    /// An element that cannot be sent.
    Failed(Box<ProduceError>),
}

/// The records of an element of several, as far as they were placed.
pub(super) struct Parts<L> {
    pub(super) places: Vec<L>,
    pub(super) outcomes: Vec<Result<Ack, ProduceError>>,
    /// Why no further part is placed.
    pub(super) cut: Option<ProduceError>,
}

/// Adds a run at the end, to the last one if it goes on with it.
#[inline]
pub(super) fn push<A: Append>(runs: &mut VecDeque<Run<A::Place>>, run: Run<A::Place>) {
    if let Some(last) = runs.back_mut() {
        let goes_on = match (&last.state, &run.state) {
            (State::Waiting, State::Waiting) | (State::PassThrough, State::PassThrough) => true,
            (State::Placed(first), State::Placed(next)) => A::nth(*first, last.count) == *next,
            _ => false,
        };
        if goes_on && last.stamp == run.stamp {
            last.count += run.count;
            return;
        }
    }
    runs.push_back(run);
}

/// Gives the records that are not placed yet, with their times, to `each`, until it breaks; `runs` are
/// about the elements from `from` on. Loops, not iterators in each other: those do not become loops.
#[inline(always)]
pub(super) fn each_waiting<'a, K, V, P, L>(
    runs: &'a VecDeque<Run<L>>,
    envelopes: &'a VecDeque<Envelope<K, V, P>>,
    mut from: usize,
    mut each: impl FnMut(&'a ProducerRecord<K, V>, i64) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let (front, back) = envelopes.as_slices();
    for run in runs {
        let to = from + run.count;
        let in_front = &front[from.min(front.len())..to.min(front.len())];
        let in_back = &back[from.saturating_sub(front.len())..to.saturating_sub(front.len())];
        for envelope in in_front.iter().chain(in_back) {
            match (envelope, &run.state) {
                (Envelope::Single { record, .. }, State::Waiting) => each(record, run.stamp)?,
                (_, state) => {
                    for record in state.waiting(envelope) {
                        each(record, run.stamp)?;
                    }
                }
            }
        }
        from = to;
    }
    ControlFlow::Continue(())
}

impl<L> State<L> {
    /// The records of one of its elements that are not placed yet.
    #[inline]
    pub(super) fn waiting<'a, K, V, P>(
        &self,
        envelope: &'a Envelope<K, V, P>,
    ) -> &'a [ProducerRecord<K, V>] {
        match self {
            Self::Waiting => envelope.records(),
            Self::Parts(parts) if parts.cut.is_none() => &envelope.records()[parts.places.len()..],
            _ => &[],
        }
    }
}

impl<L: Copy> Parts<L> {
    pub(super) fn new(records: usize) -> Self {
        Self {
            places: Vec::with_capacity(records),
            outcomes: Vec::with_capacity(records),
            cut: None,
        }
    }

    /// Takes the outcomes that there are, in order; `None` while more will come.
    pub(super) fn settle<A: Append<Place = L>>(&mut self, appender: &mut A) -> Option<()> {
        while let Some(place) = self.places.get(self.outcomes.len()) {
            self.outcomes.push(appender.take(*place)?);
        }
        Some(())
    }

    pub(super) fn into_outcome<K, V, P>(
        self,
        envelope: Envelope<K, V, P>,
        stamp: i64,
    ) -> Outcome<K, V, P> {
        let Self { outcomes, cut, .. } = self;
        if cut.is_some() || outcomes.iter().any(Result::is_err) {
            let error = multi_error(envelope.records(), outcomes, cut, stamp);
            return Err(Failed::new(envelope, error));
        }
        match envelope {
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
        }
    }
}

/// Serializes the records of an element: all of them or, on an error, perhaps some.
#[inline(always)]
pub(super) fn stage<K, V, P, L: Copy>(
    staging: &mut Staging,
    serializers: &Serializers<K, V>,
    envelope: &Envelope<K, V, P>,
) -> Result<(usize, State<L>), ProduceError> {
    match envelope {
        Envelope::Single { record, .. } => {
            let size = staging.add(serializers, record)?;
            Ok((size, State::Waiting))
        }
        Envelope::Multi { records, .. } => {
            let sizes = records
                .iter()
                .map(|record| staging.add(serializers, record));
            let size = sizes.sum::<Result<usize, _>>()?;
            Ok((size, State::Parts(Box::new(Parts::new(records.len())))))
        }
        Envelope::PassThrough(_) => Ok((0, State::PassThrough)),
    }
}

/// What became of a single record.
pub(super) fn single_outcome<K, V, P>(
    envelope: Envelope<K, V, P>,
    outcome: Result<Ack, ProduceError>,
    stamp: i64,
) -> Outcome<K, V, P> {
    match (outcome, envelope) {
        (
            Ok(ack),
            Envelope::Single {
                record,
                pass_through,
            },
        ) => Ok(Delivery::Single {
            part: delivered(record, &ack, stamp),
            pass_through,
        }),
        (Ok(_), other) => Ok(Delivery::PassThrough(other.into_pass_through())),
        (Err(error), envelope) => Err(Failed::new(envelope, error)),
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
