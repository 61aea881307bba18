//! A choice of partitions of one's own.

pub use guanaco_engine::Partitioner;

use guanaco_engine::Topic;
use std::fmt;

/// A partitioner from a closure, for
/// [`with_partitioner`](crate::ProducerSettings::with_partitioner): it gets the topic, the
/// serialized key and value and the number of partitions, and gives a partition from 0 on.
///
/// It replaces Kafka's rule for every record that names no partition itself, keyed or not.
///
/// ```
/// use guanaco::{ProducerSettings, partition_with, serialization::StringSerializer};
///
/// let settings = ProducerSettings::keyless(StringSerializer).with_partitioner(partition_with(
///     |_topic, _key, value, count| value.map_or(0, |value| value.len() as i32 % count),
/// ));
/// ```
pub fn partition_with<F>(choose: F) -> PartitionWith<F>
where
    F: Fn(&Topic, Option<&[u8]>, Option<&[u8]>, i32) -> i32 + Send + Sync + 'static,
{
    PartitionWith(choose)
}

/// See [`partition_with`].
#[derive(Clone, Copy)]
pub struct PartitionWith<F>(F);

impl<F> Partitioner for PartitionWith<F>
where
    F: Fn(&Topic, Option<&[u8]>, Option<&[u8]>, i32) -> i32 + Send + Sync + 'static,
{
    fn partition(
        &self,
        topic: &Topic,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        count: i32,
    ) -> i32 {
        (self.0)(topic, key, value, count)
    }
}

impl<F> fmt::Debug for PartitionWith<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PartitionWith(..)")
    }
}
