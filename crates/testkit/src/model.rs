//! A Kafka cluster as a value: what brokers do with our requests, without sockets and clocks.
//!
//! [`Cluster`] holds brokers, topics, partitions and their logs. Every operation takes `now` (in
//! milliseconds since the Unix epoch) and nothing in it reads a clock; what is random (topic ids,
//! where partitions are placed) comes from the seed. So a simulation can run it under virtual time,
//! and the [embedded broker](crate::embedded) puts sockets before it.
//!
//! One log serves all replicas of a partition: what a leader appended, its successor has. The rules
//! for producer ids, epochs and sequences are those of a real broker, checked against one by
//! [`conformance`](crate::conformance).
//!
//! ```
//! use guanaco_testkit::model::{Append, Cluster, ClusterConfig, TopicConfig, code};
//!
//! let mut cluster = Cluster::new(ClusterConfig { brokers: 3, seed: 7, ..Default::default() });
//! cluster.create_topic("orders", TopicConfig::partitions(2), 0)?;
//! let (producer_id, epoch) = cluster.init_producer_id();
//! let leader = cluster.leader("orders", 1).expect("the topic was just created").id;
//!
//! let first = Append {
//!     broker: leader,
//!     partition: 1,
//!     producer_id,
//!     producer_epoch: epoch,
//!     base_sequence: 0,
//!     record_count: 10,
//!     ..Append::to("orders")
//! };
//! let appended = cluster.append(first.clone(), 5).expect("the first batch is in sequence");
//! assert_eq!((appended.base_offset, appended.duplicate), (0, false));
//! let again = cluster.append(first.clone(), 6).expect("a repetition is a success");
//! assert_eq!((again.base_offset, again.duplicate), (0, true));
//!
//! cluster.kill(leader, 7);
//! assert_eq!(cluster.append(first, 8).unwrap_err().code, code::NETWORK_EXCEPTION);
//! # Ok::<(), guanaco_testkit::model::Refused>(())
//! ```

mod append;
mod brokers;
mod cluster;
pub mod code;
mod config;
mod partition;
mod producers;
mod read;
mod topics;
pub mod wire;

pub use append::{Append, Appended, Refused};
pub use cluster::{Cluster, Leader, TopicRef};
pub use config::{ClusterConfig, TopicConfig};
pub use partition::StoredBatch;
pub use read::{Fetched, OffsetAt, ReadFrom};
pub use topics::{PartitionView, TopicView};
