//! Why a scenario did not pass, where it is not an anomaly of the history.

/// Any error, or a sentence: see [`ensure`](crate::ensure).
pub type Problem = Box<dyn std::error::Error + Send + Sync>;

/// Ends a scenario with a sentence unless something holds.
#[macro_export]
macro_rules! ensure {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err(format!($($words)+).into());
        }
    };
}
