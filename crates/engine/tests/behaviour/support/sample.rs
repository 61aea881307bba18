//! Records as the tests write them and read them back.

use bytes::Bytes;
use guanaco_engine::{Header, RecordRef, Topic};

/// The create time of samples that say nothing else, in milliseconds since the Unix epoch.
pub(crate) const TIMESTAMP: i64 = 1_700_000_000_000;

/// A record to write.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: Vec<Header>,
}

/// A record as it lies in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: Vec<(String, Option<Bytes>)>,
    /// Of its batch.
    pub(crate) codec: i16,
    /// Of its batch; -1 without idempotence.
    pub(crate) producer_id: i64,
}

impl Sample {
    pub(crate) fn new(value: impl Into<Bytes>) -> Self {
        Self {
            value: Some(value.into()),
            ..Self::null()
        }
    }

    /// Neither key nor value.
    pub(crate) fn null() -> Self {
        Self {
            partition: None,
            timestamp: TIMESTAMP,
            key: None,
            value: None,
            headers: Vec::new(),
        }
    }

    pub(crate) fn to(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    pub(crate) fn key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(crate) fn at(mut self, timestamp: i64) -> Self {
        self.timestamp = timestamp;
        self
    }

    pub(crate) fn headers(mut self, headers: impl Into<Vec<Header>>) -> Self {
        self.headers = headers.into();
        self
    }

    pub(crate) fn record<'a>(&'a self, topic: &'a Topic) -> RecordRef<'a> {
        RecordRef {
            topic,
            partition: self.partition,
            timestamp: self.timestamp,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &self.headers,
        }
    }

    /// Whether `stored` holds the same, wherever it lies.
    pub(crate) fn is(&self, stored: &Stored) -> bool {
        let headers = |header: &Header| (header.key.to_string(), header.value.clone());
        self.key == stored.key
            && self.value == stored.value
            && self.timestamp == stored.timestamp
            && self
                .headers
                .iter()
                .map(headers)
                .eq(stored.headers.iter().cloned())
    }
}

/// Samples whose values are their numbers.
pub(crate) fn numbered(count: usize) -> Vec<Sample> {
    (0..count)
        .map(|number| Sample::new(number.to_string()))
        .collect()
}
