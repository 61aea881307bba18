//! A broker as the core knows it: its address, its partitions, its unanswered requests.

use super::{batch::BatchNo, partition::PartitionId, view::BrokerView};
use std::{collections::VecDeque, time::Instant};

/// A number that no other request of the producer has.
pub type RequestId = u64;

/// A broker.
#[derive(Debug)]
pub(super) struct Broker {
    pub view: BrokerView,
    /// Partitions led by it with something to send; each request starts one further.
    pub listed: VecDeque<PartitionId>,
    pub unanswered: VecDeque<Request>,
    /// When something last went to it.
    pub drained: Option<Instant>,
    /// When its connection's task will look again by itself.
    pub armed: Option<Instant>,
    /// It was told to look and has not looked yet.
    pub notified: bool,
    /// It asked for quiet until then (KIP-219).
    pub muted: Option<Instant>,
    /// Something may not linger.
    pub urgent: bool,
    /// Its connection was lost, and no other is up yet.
    pub down: bool,
}

/// A produce request on the wire.
#[derive(Debug)]
pub(super) struct Request {
    pub id: RequestId,
    pub sent: Instant,
    pub parts: Vec<(PartitionId, BatchNo)>,
}

impl Broker {
    pub(super) fn new(view: BrokerView) -> Self {
        Self {
            view,
            listed: VecDeque::new(),
            unanswered: VecDeque::new(),
            drained: None,
            armed: None,
            notified: false,
            muted: None,
            urgent: false,
            down: false,
        }
    }
}
