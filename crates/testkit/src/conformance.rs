//! What a broker must answer to produce requests, as a table that runs against any broker.
//!
//! The model broker and a real Kafka must both agree with [`CASES`]: where Kafka does not, the table
//! and the model are wrong. A producer's correctness hangs on these answers, so the questions that
//! its rules leave open are settled here, each by a case that is named after its answer.
//!
//! ```
//! use guanaco_testkit::{conformance, embedded::EmbeddedBroker};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let broker = EmbeddedBroker::builder().brokers(3).validate_records(true).start().await?;
//! let report = conformance::run(&broker.bootstrap_servers(), "conformance").await?;
//! assert!(report.agrees(), "{report}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cases;
mod peer;
mod raw;
mod run;
mod step;

pub use cases::CASES;
pub use raw::{RawConnection, RawError};
pub use run::{Disagreement, Report, run};
pub use step::{Act, Answer, Case, Expect, Flaw, Send, Time, TopicKind};
