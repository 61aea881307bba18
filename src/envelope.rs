//! What flows take and what they give: envelopes in, deliveries out, in the same order.

use crate::{ProducerRecord, RecordMetadata};
use guanaco_engine::Timestamp;

/// One element of a producing flow: a record, several, or none, with a value that is carried along.
///
/// ```
/// use guanaco::{Envelope, ProducerRecord};
///
/// let record = |text: &str| ProducerRecord::<(), _>::new("lines", text.to_owned());
/// let one = Envelope::single(record("a"), 1);
/// let many = Envelope::multi([record("b"), record("c")], 2);
/// let none = Envelope::<(), String, _>::pass_through(3);
/// assert_eq!([one, many, none].map(Envelope::into_pass_through), [1, 2, 3]);
/// ```
#[doc(alias = "ProducerMessage")]
#[derive(Clone, Debug, PartialEq)]
pub enum Envelope<K, V, P = ()> {
    /// One record.
    #[doc(alias = "Message")]
    Single {
        /// The record.
        record: ProducerRecord<K, V>,
        /// Comes out beside the result.
        pass_through: P,
    },
    /// Several records, to any topics and partitions: one element, which is done when all of them
    /// are acknowledged. No transaction: see [`PartOutcome`](crate::PartOutcome).
    #[doc(alias = "MultiMessage")]
    Multi {
        /// The records; may be none.
        records: Vec<ProducerRecord<K, V>>,
        /// Comes out beside the results.
        pass_through: P,
    },
    /// Nothing to send; keeps its place in the order.
    #[doc(alias = "PassThroughMessage")]
    PassThrough(
        /// Comes out as it is.
        P,
    ),
}

impl<K, V, P> Envelope<K, V, P> {
    /// One record and what to carry along.
    pub fn single(record: ProducerRecord<K, V>, pass_through: P) -> Self {
        Self::Single {
            record,
            pass_through,
        }
    }

    /// Several records that succeed or fail as one element.
    pub fn multi(records: impl IntoIterator<Item = ProducerRecord<K, V>>, pass_through: P) -> Self {
        Self::Multi {
            records: records.into_iter().collect(),
            pass_through,
        }
    }

    /// No record.
    pub fn pass_through(pass_through: P) -> Self {
        Self::PassThrough(pass_through)
    }

    /// The same records with another value carried along.
    #[doc(alias = "withPassThrough")]
    pub fn with_pass_through<Q>(self, pass_through: Q) -> Envelope<K, V, Q> {
        self.swap_pass_through(pass_through).0
    }

    /// The records, in order.
    #[must_use]
    pub fn records(&self) -> &[ProducerRecord<K, V>] {
        match self {
            Self::Single { record, .. } => std::slice::from_ref(record),
            Self::Multi { records, .. } => records,
            Self::PassThrough(_) => &[],
        }
    }

    pub(crate) fn records_mut(&mut self) -> &mut [ProducerRecord<K, V>] {
        match self {
            Self::Single { record, .. } => std::slice::from_mut(record),
            Self::Multi { records, .. } => records,
            Self::PassThrough(_) => &mut [],
        }
    }

    /// What is carried along.
    pub fn into_pass_through(self) -> P {
        match self {
            Self::Single { pass_through, .. }
            | Self::Multi { pass_through, .. }
            | Self::PassThrough(pass_through) => pass_through,
        }
    }

    /// The envelope with the other value, and the value that it had.
    #[inline]
    pub(crate) fn swap_pass_through<Q>(self, with: Q) -> (Envelope<K, V, Q>, P) {
        match self {
            Self::Single {
                record,
                pass_through,
            } => (Envelope::single(record, with), pass_through),
            Self::Multi {
                records,
                pass_through,
            } => {
                let envelope = Envelope::Multi {
                    records,
                    pass_through: with,
                };
                (envelope, pass_through)
            }
            Self::PassThrough(pass_through) => (Envelope::PassThrough(with), pass_through),
        }
    }
}

impl<K, V> From<ProducerRecord<K, V>> for Envelope<K, V> {
    fn from(record: ProducerRecord<K, V>) -> Self {
        Self::single(record, ())
    }
}

/// For sending again what a [`Failed`](crate::Failed) gave back.
impl<K, V, P> From<Box<Envelope<K, V, P>>> for Envelope<K, V, P> {
    fn from(envelope: Box<Self>) -> Self {
        *envelope
    }
}

/// A record that Kafka acknowledged.
#[doc(alias = "MultiResultPart")]
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered<K, V> {
    /// The record, as it came in.
    pub record: ProducerRecord<K, V>,
    /// The partition that it went to.
    pub partition: i32,
    /// Its offset; `None` with `acks=0`, and where the broker recognised a retried batch as a
    /// duplicate and no longer knows where it is.
    pub offset: Option<i64>,
    /// Its time in the log, and who set it.
    pub timestamp: Timestamp,
}

impl<K, V> Delivered<K, V> {
    /// For tests of code that takes deliveries.
    #[must_use]
    pub fn new(
        record: ProducerRecord<K, V>,
        partition: i32,
        offset: Option<i64>,
        timestamp: Timestamp,
    ) -> Self {
        Self {
            record,
            partition,
            offset,
            timestamp,
        }
    }

    /// Where the record is, without the record.
    #[must_use]
    pub fn metadata(&self) -> RecordMetadata {
        RecordMetadata {
            topic: self.record.topic.clone(),
            partition: self.partition,
            offset: self.offset,
            timestamp: self.timestamp,
        }
    }
}

/// What became of an [`Envelope`] that was delivered whole: the same variant, in the same place.
#[doc(alias = "Results")]
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery<K, V, P = ()> {
    /// Of [`Envelope::Single`].
    #[doc(alias = "Result")]
    Single {
        /// The record, acknowledged.
        part: Delivered<K, V>,
        /// What the envelope carried.
        pass_through: P,
    },
    /// Of [`Envelope::Multi`].
    #[doc(alias = "MultiResult")]
    Multi {
        /// The records, all acknowledged, in the envelope's order.
        parts: Vec<Delivered<K, V>>,
        /// What the envelope carried.
        pass_through: P,
    },
    /// Of [`Envelope::PassThrough`].
    #[doc(alias = "PassThroughResult")]
    PassThrough(
        /// What the envelope carried.
        P,
    ),
}

impl<K, V, P> Delivery<K, V, P> {
    /// Of one record; for tests of code that takes deliveries.
    pub fn single(part: Delivered<K, V>, pass_through: P) -> Self {
        Self::Single { part, pass_through }
    }

    /// Of several records; for tests of code that takes deliveries.
    pub fn multi(parts: impl IntoIterator<Item = Delivered<K, V>>, pass_through: P) -> Self {
        Self::Multi {
            parts: parts.into_iter().collect(),
            pass_through,
        }
    }

    /// The acknowledged records: one, several or none.
    #[must_use]
    pub fn parts(&self) -> &[Delivered<K, V>] {
        match self {
            Self::Single { part, .. } => std::slice::from_ref(part),
            Self::Multi { parts, .. } => parts,
            Self::PassThrough(_) => &[],
        }
    }

    /// What the envelope carried.
    pub fn into_pass_through(self) -> P {
        match self {
            Self::Single { pass_through, .. }
            | Self::Multi { pass_through, .. }
            | Self::PassThrough(pass_through) => pass_through,
        }
    }

    #[inline]
    pub(crate) fn split_pass_through(self) -> (Delivery<K, V>, P) {
        match self {
            Self::Single { part, pass_through } => (Delivery::single(part, ()), pass_through),
            Self::Multi {
                parts,
                pass_through,
            } => {
                let delivery = Delivery::Multi {
                    parts,
                    pass_through: (),
                };
                (delivery, pass_through)
            }
            Self::PassThrough(pass_through) => (Delivery::PassThrough(()), pass_through),
        }
    }
}
