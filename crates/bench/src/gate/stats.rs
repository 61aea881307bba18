//! Medians and spreads over rounds.

use serde::Serialize;

/// A figure over all rounds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// One value a round, in the order of the rounds.
    pub(crate) rounds: Vec<f64>,
}

impl Figure {
    /// `None` if there is no round.
    pub(crate) fn of(rounds: Vec<f64>) -> Option<Self> {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        };
        Some(Self {
            median,
            min,
            max,
            rounds,
        })
    }
}

/// The median of `values`; NaN if there are none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    Figure::of(values.into_iter().collect()).map_or(f64::NAN, |figure| figure.median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_the_middle_and_the_ends_of_its_rounds() {
        let figure = Figure::of(vec![5.0, 1.0, 3.0]).unwrap();
        assert_eq!((figure.median, figure.min, figure.max), (3.0, 1.0, 5.0));
        assert_eq!(figure.rounds, [5.0, 1.0, 3.0]);
        assert_eq!(median([4.0, 1.0, 2.0, 100.0]), 3.0);
        assert!(Figure::of(Vec::new()).is_none());
    }
}
