//! Defects to plant, so that it can be shown that the simulation finds them.
//!
//! Without the feature `mutants` nothing can be planted and every question here is a constant no.

/// A defect. Each has one place in the core that asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A batch that may be in the log is counted anew when a gap is closed.
    RenumberUnknown,
    /// A batch that goes again stands behind newer ones.
    ReorderOnRetry,
    /// The outcome of a part of a split batch is forgotten.
    DropSegment,
    /// One of the flows with records in a batch is not woken.
    LoseWaker,
    /// A batch that ran out of time on the wire is told as acknowledged.
    AcknowledgeOnTimeout,
    /// Newer batches go beside one that goes again.
    NewerBeforeRetry,
    /// Who goes away keeps the room that it was granted.
    GrantForgotten,
    /// A leader that may not know the producer gets several batches at once.
    TrustStranger,
    /// A fail-fast stream goes on behind a record that failed.
    GoOnAfterFailure,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::RenumberUnknown,
        Self::ReorderOnRetry,
        Self::DropSegment,
        Self::LoseWaker,
        Self::AcknowledgeOnTimeout,
        Self::NewerBeforeRetry,
        Self::GrantForgotten,
        Self::TrustStranger,
        Self::GoOnAfterFailure,
    ];

    /// Whether it is planted on this thread.
    #[inline(always)]
    pub(super) fn is_planted(self) -> bool {
        #[cfg(feature = "mutants")]
        return PLANTED.get() == Some(self);
        #[cfg(not(feature = "mutants"))]
        false
    }
}

#[cfg(feature = "mutants")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Plants a defect in all cores on this thread, or takes it out again.
#[cfg(feature = "mutants")]
pub fn plant(mutant: Option<Mutant>) {
    PLANTED.set(mutant);
}
