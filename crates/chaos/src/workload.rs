//! Writers: each hands over records at its pace, through one of the library's ways in, and enters
//! every outcome in the journal.

mod appender;
pub(crate) mod flow;
mod pace;
mod send;

pub use pace::{Pace, Stop, pace};
pub(crate) use send::outcome_of;

use crate::{journal::Journal, problem::Problem, value::Value};
use guanaco::{ProducerSettings, serialization::BytesSerializer};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// A library's way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// `guanaco_engine::Appender`.
    Appender,
    /// `producer::flexi_flow(..).with_outcomes()`.
    Flow,
    /// `SendProducer::send`.
    Send,
}

/// What a writer does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How it writes.
    pub via: Via,
    /// Over how many keys its records go; 0 is no key.
    pub keys: u32,
    /// Records a second; 0 is as fast as it is let.
    pub rate: u32,
    /// The size of each value.
    pub size: usize,
    /// How many elements it keeps open.
    pub parallelism: usize,
    /// For how long it works, and then rests, in turn.
    pub quiet: Option<(Duration, Duration)>,
    /// Batches of this size at the most; 0 lets them grow while they wait.
    pub batch: usize,
}

impl Plan {
    /// Small values, at most 10,000 open.
    #[must_use]
    pub fn new(via: Via, keys: u32, rate: u32) -> Self {
        Self {
            via,
            keys,
            rate,
            size: 100,
            parallelism: 10_000,
            quiet: None,
            batch: 0,
        }
    }

    /// As fast as it is let, through each way in, so that buffers are full.
    #[must_use]
    pub fn flood(size: usize) -> Vec<Self> {
        [(Via::Appender, 50), (Via::Flow, 0), (Via::Send, 50)]
            .map(|(via, keys)| Self {
                size,
                parallelism: 2_000,
                ..Self::new(via, keys, 0)
            })
            .into()
    }

    /// About 2,000 records a second in all, keyed and keyless, through each way in.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        vec![
            // Closed batches queue up behind those that are tried again.
            Self {
                batch: 1_000,
                ..Self::new(Via::Appender, 50, 700)
            },
            Self::new(Via::Flow, 0, 700),
            Self::new(Via::Send, 50, 600),
        ]
    }
}

/// What a writer works with.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its number.
    pub writer: u32,
    /// What it does.
    pub plan: Plan,
    /// Where it writes to.
    pub topic: String,
    /// The client's properties, bootstrap addresses included.
    pub properties: Vec<(String, String)>,
    /// Where it enters what it does.
    pub journal: Arc<Journal>,
    /// When it stops.
    pub stop: Stop,
}

impl Job {
    /// Starts the writer. It ends after it was stopped and has the outcome of everything.
    #[must_use]
    pub fn spawn(self) -> JoinHandle<Result<(), Problem>> {
        match self.plan.via {
            Via::Appender => tokio::spawn(appender::write(self)),
            Via::Flow => tokio::spawn(flow::write(self)),
            Via::Send => tokio::spawn(send::write(self)),
        }
    }

    fn pace(&self) -> Pace {
        pace(self.plan.rate, self.plan.quiet, self.stop.clone())
    }

    pub(crate) fn value(&self, seq: u32) -> Vec<u8> {
        let value = Value {
            run: self.journal.run(),
            writer: self.writer,
            seq,
        };
        value.encode(self.plan.size)
    }

    pub(crate) fn key(&self, seq: u32) -> Option<Vec<u8>> {
        let keys = self.plan.keys;
        // Not `seq % keys`: neighbours in the order go to different partitions.
        (keys > 0).then(|| format!("k{}", seq.wrapping_mul(2_654_435_761) % keys).into_bytes())
    }

    fn properties(&self) -> Vec<(String, String)> {
        let mut properties = self.properties.clone();
        if self.plan.batch > 0 {
            properties.push(("batch.size".into(), self.plan.batch.to_string()));
        }
        properties
    }

    pub(crate) fn settings(&self) -> ProducerSettings<Vec<u8>, Vec<u8>> {
        settings(&self.properties()).with_parallelism(self.plan.parallelism)
    }
}

/// The stages' settings for keys and values of bytes.
#[must_use]
pub fn settings(properties: &[(String, String)]) -> ProducerSettings<Vec<u8>, Vec<u8>> {
    ProducerSettings::new(BytesSerializer, BytesSerializer)
        .with_properties(properties.iter().cloned())
}
