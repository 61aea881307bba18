//! Faults on a real Kafka cluster.
//!
//! Writers send numbered records through every way in that the library has and enter what they see
//! in a journal; meanwhile a scenario kills, freezes, cuts and moves. Then the log is read back and
//! the [checker] judges: nothing acknowledged may be missing, doubled or swapped, nothing
//! "not written" may be there, nothing may hang, and failures are those that the scenario allows.
//!
//! `guanaco-chaos` plays them: see `scripts/chaos`.

pub mod arena;
pub mod checker;
pub mod class;
pub mod history;
pub mod journal;
pub mod mixed;
pub mod problem;
pub mod report;
pub mod rows;
pub mod run;
pub mod smoke;
pub mod stage;
pub mod value;
pub mod workload;
