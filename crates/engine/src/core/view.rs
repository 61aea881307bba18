//! What a metadata answer says, as plain data.

use crate::Topic;
use std::sync::Arc;
use uuid::Uuid;

/// A cluster as one broker sees it.
#[derive(Clone, Debug, Default)]
pub struct ClusterView {
    /// The cluster's id.
    pub cluster_id: Option<Arc<str>>,
    /// The live brokers.
    pub brokers: Vec<BrokerView>,
    /// The topics that were asked for.
    pub topics: Vec<TopicView>,
}

/// A live broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerView {
    /// Its node id.
    pub id: i32,
    /// Its advertised host.
    pub host: Arc<str>,
    /// Its advertised port.
    pub port: u16,
}

/// A topic that was asked for.
#[derive(Clone, Debug)]
pub struct TopicView {
    /// Its name.
    pub name: Topic,
    /// Its id; nil where the broker has none.
    pub id: Uuid,
    /// Its error code, 0 for none.
    pub error: i16,
    /// Its partitions, in any order.
    pub partitions: Vec<PartitionView>,
}

/// One partition.
#[derive(Clone, Copy, Debug)]
pub struct PartitionView {
    /// Its number.
    pub index: i32,
    /// Its leader; -1 while it has none.
    pub leader: i32,
    /// The leader's epoch; -1 where the broker does not tell.
    pub leader_epoch: i32,
}
