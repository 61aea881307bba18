//! The embedded broker: what a run falls back to, and what it shows of it.

use crate::{
    exit::{Exit, Failure},
    output::note,
    report::ReadBack,
    text::Count,
};
use guanaco_testkit::embedded::{EmbeddedBroker, Record};

/// How many records are shown.
const SHOWN: usize = 3;

/// Enough to see keys spread.
const PARTITIONS: i32 = 3;

/// What a partition keeps: the whole of a first try, and a bound for a huge one.
const KEPT_BYTES: usize = 128 << 20;

/// A broker in this process. Says first and last that nothing of it stays.
#[derive(Debug)]
pub(crate) struct Embedded(EmbeddedBroker);

impl Embedded {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let broker = EmbeddedBroker::builder()
            .auto_create_topics(PARTITIONS)
            .retention_bytes(KEPT_BYTES)
            .start()
            .await
            .map_err(|error| {
                let advice = "name a cluster with --bootstrap-servers";
                Failure::caused(
                    Exit::Unreachable,
                    "cannot start the embedded broker",
                    &error,
                    advice,
                )
            })?;
        note(format_args!(
            "no --bootstrap-servers given: using an embedded broker at {}; \
             its records are discarded on exit",
            broker.bootstrap_servers(),
        ));
        Ok(Self(broker))
    }

    pub(crate) fn addresses(&self) -> String {
        self.0.bootstrap_servers()
    }

    /// Some records of the topic, as a consumer reads them: none if it does not exist.
    pub(crate) fn read_back(&self, topic: &str) -> Vec<ReadBack> {
        let partitions = self.0.end_offsets(topic).map_or(0, |ends| ends.len());
        (0..partitions)
            .filter_map(|partition| {
                self.0
                    .read(topic, i32::try_from(partition).ok()?, 0, SHOWN)
                    .ok()
            })
            .flatten()
            .take(SHOWN)
            .map(shown)
            .collect()
    }

    /// Ends it; `topic` is what the run produced to.
    pub(crate) fn end(self, topic: &str) {
        let records = self
            .0
            .end_offsets(topic)
            .map_or(0, |ends| ends.iter().sum());
        note(format_args!(
            "the embedded broker ends here, its {} records of {topic} are discarded",
            Count(u64::try_from(records).unwrap_or_default()),
        ));
    }
}

fn shown(record: Record) -> ReadBack {
    let text = |bytes: bytes::Bytes| String::from_utf8_lossy(&bytes).into_owned();
    ReadBack {
        partition: record.partition,
        offset: record.offset,
        key: record.key.map(text),
        value: record.value.map(text),
    }
}
