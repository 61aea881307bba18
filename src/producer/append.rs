//! What a stage needs of the engine.

use crate::ProduceError;
use guanaco_engine::{Ack, Appender, Placement, Placements, RecordRef};
use std::task::{Context, Poll};

/// One ordered stream of records into a producer, and their outcomes back. A trait, so that tests
/// can script the producer's side; see [`Appender`] for what its methods promise.
pub(super) trait Append {
    type Place: Copy + PartialEq;

    /// Of so many records, one behind the other in the same batch.
    type Places;

    /// The place of the first of them, and how many they are.
    fn run(places: Self::Places) -> (Self::Place, usize);

    /// The place of the record `n` behind the one at `first`, in the same batch.
    fn nth(first: Self::Place, n: usize) -> Self::Place;

    /// The places of `count` records from the one at `first` on.
    fn each((first, count): (Self::Place, usize)) -> impl Iterator<Item = Self::Place> {
        (0..count).map(move |n| Self::nth(first, n))
    }

    fn poll_append(
        &mut self,
        cx: &mut Context<'_>,
        records: &[RecordRef<'_>],
        placed: &mut Vec<Self::Places>,
    ) -> Poll<usize>;

    fn take(&mut self, place: Self::Place) -> Option<Result<Ack, ProduceError>>;

    fn take_acked(&mut self, first: Self::Place, count: usize) -> Option<Ack>;

    fn register(&mut self, cx: &mut Context<'_>);

    fn hurry(&mut self);
}

impl Append for Appender {
    type Place = Placement;
    type Places = Placements;

    #[inline]
    fn run(places: Placements) -> (Placement, usize) {
        (places.first, places.count as usize)
    }

    #[inline]
    fn nth(first: Placement, n: usize) -> Placement {
        first.nth(n as u32)
    }

    #[inline]
    fn poll_append(
        &mut self,
        cx: &mut Context<'_>,
        records: &[RecordRef<'_>],
        placed: &mut Vec<Placements>,
    ) -> Poll<usize> {
        Self::poll_append(self, cx, records, placed)
    }

    #[inline]
    fn take(&mut self, place: Placement) -> Option<Result<Ack, ProduceError>> {
        Some(Self::take(self, place)?.map_err(ProduceError::from))
    }

    #[inline]
    fn take_acked(&mut self, first: Placement, count: usize) -> Option<Ack> {
        Self::take_acked(self, first, count as u32)
    }

    fn register(&mut self, cx: &mut Context<'_>) {
        Self::register(self, cx);
    }

    fn hurry(&mut self) {
        Self::hurry(self);
    }
}
