//! A record as the engine sees it: bytes by reference.

use crate::Topic;
use bytes::Bytes;
use std::borrow::Cow;

/// A record header. Keys may repeat; a value may be absent, which is not the same as empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The header's name.
    pub key: Cow<'static, str>,
    /// The header's value; `None` is Kafka's null.
    pub value: Option<Bytes>,
}

impl Header {
    /// A header with a value.
    pub fn new(key: impl Into<Cow<'static, str>>, value: impl Into<Bytes>) -> Self {
        Self {
            key: key.into(),
            value: Some(value.into()),
        }
    }

    /// A header whose value is null.
    pub fn null(key: impl Into<Cow<'static, str>>) -> Self {
        Self {
            key: key.into(),
            value: None,
        }
    }
}

/// A serialized record, borrowed for the time of one append: its bytes are copied once, into the
/// batch of its partition.
#[derive(Clone, Copy, Debug)]
pub struct RecordRef<'a> {
    /// Where to.
    pub topic: &'a Topic,
    /// A partition chosen by the caller; `None` leaves the choice to the partitioner.
    pub partition: Option<i32>,
    /// Create time, in milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The key; `None` is Kafka's null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is Kafka's null, a tombstone on a compacted topic.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: &'a [Header],
}

/// Who gave a delivered record its timestamp (topic setting `message.timestamp.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamp {
    /// The producer's own, in milliseconds since the Unix epoch.
    CreateTime(i64),
    /// The broker's, at the append, in milliseconds since the Unix epoch.
    LogAppendTime(i64),
}

impl Timestamp {
    /// Milliseconds since the Unix epoch, whoever set them.
    #[must_use]
    pub fn millis(self) -> i64 {
        match self {
            Self::CreateTime(ms) | Self::LogAppendTime(ms) => ms,
        }
    }
}

/// What the broker said of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The partition that the record went to.
    pub partition: i32,
    /// Its offset; `None` with `acks=0`, and where a duplicate-sequence success no longer knows it.
    pub offset: Option<i64>,
    /// The broker's append time (`message.timestamp.type=LogAppendTime`), else `None`: the record
    /// kept its create time.
    pub log_append_time: Option<i64>,
}
