//! The producer's core under a simulated network and a model cluster: time is virtual, and one
//! seed decides everything that happens, so every run can be repeated from its number.
//!
//! [`run`] plans a workload and faults from the seed, lets the real [`Core`] live through them as
//! the engine's driver would drive it, and has [`check`](mod@check) compare what the application was told with
//! what the logs hold. See [`plan`] for what can go wrong and [`Promise`] for what must hold anyway.
//!
//! ```
//! let run = guanaco_testkit::sim::run(7);
//! assert!(run.anomalies.is_empty(), "{run}");
//! ```
//!
//! [`Core`]: guanaco_engine::core::Core

pub mod check;
mod coverage;
mod driver;
mod end;
mod faults;
pub mod history;
mod network;
pub mod plan;
mod sends;
mod serve;
mod tasks;
mod track;
mod world;

pub use check::{Anomaly, Promise, check};
pub use coverage::{Coverage, Event, Shares};
pub use history::{History, Told};
pub use plan::Plan;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// What came of one seed.
#[derive(Clone, Debug)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// What went wrong; nothing, if all is well.
    pub anomalies: Vec<Anomaly>,
    /// What happened on the way.
    pub coverage: Coverage,
    /// A digest of all that happened: the same for every run of the seed.
    pub digest: u64,
    /// What happened, line by line, if it was asked for.
    pub log: Vec<String>,
}

/// Lives through one seed.
#[must_use]
pub fn run(seed: u64) -> Run {
    live(Plan::of(seed), false)
}

/// As [`run`], and writes down what happened.
#[must_use]
pub fn run_logged(seed: u64) -> Run {
    live(Plan::of(seed), true)
}

/// Lives through a plan of one's own.
#[must_use]
pub fn live(plan: Plan, log: bool) -> Run {
    let seed = plan.seed;
    let lived = catch_unwind(AssertUnwindSafe(|| world::World::new(plan, log).live()));
    lived.unwrap_or_else(|_| Run {
        seed,
        anomalies: vec![Anomaly {
            name: "panic",
            detail: "see above".into(),
        }],
        coverage: Coverage::default(),
        digest: 0,
        log: Vec::new(),
    })
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.log {
            writeln!(f, "{line}")?;
        }
        for anomaly in &self.anomalies {
            writeln!(f, "seed {}: {anomaly}", self.seed)?;
        }
        Ok(())
    }
}
