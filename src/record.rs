//! Records on their way to Kafka, and what Kafka says of them.

use guanaco_engine::{Ack, Header, Timestamp, Topic};
use std::{borrow::Cow, fmt, ops::Deref};

/// A record for one topic, with key and value of the stream's own types: the settings' serializers
/// turn them into bytes.
///
/// ```
/// use guanaco::ProducerRecord;
///
/// let record = ProducerRecord::new("orders", "3 llamas".to_owned())
///     .with_key("customer-7".to_owned())
///     .with_header("source", "shop");
/// assert_eq!(record.topic, "orders");
/// assert_eq!(record.partition, None, "chosen by the key's hash");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ProducerRecord<K, V> {
    /// Where to.
    pub topic: Topic,
    /// The partition; `None` leaves the choice to the partitioner.
    pub partition: Option<i32>,
    /// Create time in milliseconds since the Unix epoch; `None` is the time at which a stage
    /// accepts the record.
    pub timestamp: Option<i64>,
    /// The key; `None` is Kafka's null, which is not the same as an empty key.
    pub key: Option<K>,
    /// The value; `None` is Kafka's null, a tombstone on a compacted topic.
    pub value: Option<V>,
    /// The headers, in order.
    pub headers: Headers,
}

impl<K, V> ProducerRecord<K, V> {
    /// A record without a key.
    pub fn new(topic: impl Into<Topic>, value: V) -> Self {
        Self {
            topic: topic.into(),
            partition: None,
            timestamp: None,
            key: None,
            value: Some(value),
            headers: Headers::default(),
        }
    }

    /// A key with a null value: on a compacted topic it deletes what the key had.
    pub fn tombstone(topic: impl Into<Topic>, key: K) -> Self {
        Self {
            topic: topic.into(),
            partition: None,
            timestamp: None,
            key: Some(key),
            value: None,
            headers: Headers::default(),
        }
    }

    /// The record with this key, or with none.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Option<K>>) -> Self {
        self.key = key.into();
        self
    }

    /// The record for this partition.
    #[must_use]
    pub fn with_partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// The record with this create time, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn with_timestamp(mut self, millis: i64) -> Self {
        self.timestamp = Some(millis);
        self
    }

    /// The record with one more header; names may repeat.
    #[must_use]
    pub fn with_header(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<bytes::Bytes>,
    ) -> Self {
        self.headers.push(Header::new(key, value));
        self
    }

    /// The record with these headers instead of those it had.
    #[must_use]
    pub fn with_headers(mut self, headers: impl IntoIterator<Item = Header>) -> Self {
        self.headers = headers.into_iter().collect();
        self
    }

    pub(crate) fn metadata(&self, ack: &Ack, stamp: i64) -> RecordMetadata {
        RecordMetadata {
            topic: self.topic.clone(),
            partition: ack.partition,
            offset: ack.offset,
            timestamp: timestamp_of(self.timestamp, ack, stamp),
        }
    }
}

/// The time that a record has in the log; `stamp` is what it got if it brought none.
#[inline]
pub(crate) fn timestamp_of(own: Option<i64>, ack: &Ack, stamp: i64) -> Timestamp {
    match ack.log_append_time {
        Some(millis) => Timestamp::LogAppendTime(millis),
        None => Timestamp::CreateTime(own.unwrap_or(stamp)),
    }
}

/// The headers of a record. Reads as a slice of [`Header`]; one pointer wide, and free while empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Option<Box<List>>);

#[derive(Clone, Default, PartialEq, Eq)]
struct List {
    headers: Vec<Header>,
}

impl Headers {
    /// Adds a header at the end.
    pub fn push(&mut self, header: Header) {
        self.0.get_or_insert_default().headers.push(header);
    }
}

impl Deref for Headers {
    type Target = [Header];

    #[inline]
    fn deref(&self) -> &[Header] {
        self.0.as_ref().map_or(&[], |list| &list.headers)
    }
}

impl FromIterator<Header> for Headers {
    fn from_iter<I: IntoIterator<Item = Header>>(headers: I) -> Self {
        let headers: Vec<Header> = headers.into_iter().collect();
        Self((!headers.is_empty()).then(|| Box::new(List { headers })))
    }
}

impl Extend<Header> for Headers {
    fn extend<I: IntoIterator<Item = Header>>(&mut self, headers: I) {
        for header in headers {
            self.push(header);
        }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Where a record is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    /// The topic.
    pub topic: Topic,
    /// The partition that the record went to.
    pub partition: i32,
    /// The record's offset; `None` with `acks=0`, and where the broker recognised a retried batch
    /// as a duplicate and no longer knows where it is.
    pub offset: Option<i64>,
    /// The record's time in the log, and who set it.
    pub timestamp: Timestamp,
}

impl RecordMetadata {
    /// For tests of code that takes results.
    #[must_use]
    pub fn new(
        topic: impl Into<Topic>,
        partition: i32,
        offset: Option<i64>,
        timestamp: Timestamp,
    ) -> Self {
        Self {
            topic: topic.into(),
            partition,
            offset,
            timestamp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_their_order_and_repeat() {
        let record: ProducerRecord<(), ()> = ProducerRecord::new("t", ())
            .with_header("a", "1")
            .with_header("b", "2")
            .with_header("a", "3");
        let keys: Vec<_> = record.headers.iter().map(|header| &*header.key).collect();
        assert_eq!(keys, ["a", "b", "a"]);
    }

    #[test]
    fn no_headers_take_no_memory_and_equal_an_empty_list() {
        assert_eq!(size_of::<Headers>(), size_of::<usize>());
        assert_eq!(Headers::default(), Headers::from_iter([]));
    }

    #[test]
    fn a_record_gets_the_brokers_time_where_the_topic_says_so() {
        let ack = |log_append_time| Ack {
            partition: 0,
            offset: Some(1),
            log_append_time,
        };
        let record = ProducerRecord::<(), ()>::new("t", ());
        let stamped = record.clone().with_timestamp(5);
        assert_eq!(
            record.metadata(&ack(None), 7).timestamp,
            Timestamp::CreateTime(7)
        );
        assert_eq!(
            stamped.metadata(&ack(None), 7).timestamp,
            Timestamp::CreateTime(5)
        );
        assert_eq!(
            stamped.metadata(&ack(Some(9)), 7).timestamp,
            Timestamp::LogAppendTime(9)
        );
    }
}
