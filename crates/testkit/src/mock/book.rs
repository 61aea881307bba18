//! What a mock's cluster knows and remembers.

use super::Verdict;
use bytes::Bytes;
use guanaco::{KafkaError, Topic, Written};
use guanaco_engine::{
    batch::decode::Batch,
    core::{BatchNo, BrokerView, ClusterView, Core, PartitionView, TopicView, stand_in::Unsettled},
};
use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};
use uuid::Uuid;

const BROKER: i32 = 0;

/// A record that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MockRecord {
    /// The topic.
    pub topic: Topic,
    /// The partition that it named, or that was chosen for it.
    pub partition: i32,
    /// In milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The serialized key; `None` is null.
    pub key: Option<Bytes>,
    /// The serialized value; `None` is null, a tombstone.
    pub value: Option<Bytes>,
    /// The headers, in order; a header's value may be null.
    pub headers: Vec<(String, Option<Bytes>)>,
}

#[derive(Debug)]
pub(super) struct Book {
    pub(super) topics: HashMap<Topic, i32>,
    /// Topics that are not listed exist too, with one partition.
    pub(super) any_topic: bool,
    /// Nothing is acknowledged unless the test says so.
    pub(super) manual: bool,
    pub(super) history: Vec<MockRecord>,
    /// What has no outcome yet, in order; what ran out of time may still be here.
    open: VecDeque<(BatchNo, Topic, i32)>,
    /// The offset that the next record of a partition gets.
    ends: HashMap<(Topic, i32), i64>,
    /// Batches before this number were looked at.
    next: BatchNo,
}

impl Book {
    pub(super) fn new(topics: HashMap<Topic, i32>, any_topic: bool, manual: bool) -> Self {
        Self {
            topics,
            any_topic,
            manual,
            history: Vec::new(),
            open: VecDeque::new(),
            ends: HashMap::new(),
            next: 0,
        }
    }

    pub(super) fn knows(&self, topic: &Topic) -> bool {
        self.any_topic || self.topics.contains_key(topic)
    }

    pub(super) fn set_partitions(&mut self, topic: Topic, count: i32) {
        self.topics.insert(topic, count.max(1));
    }

    /// The cluster, with what it knows of some topics.
    pub(super) fn view(&self, topics: impl IntoIterator<Item = Topic>) -> ClusterView {
        let topics = topics.into_iter().map(|name| TopicView {
            id: Uuid::nil(),
            error: 0,
            partitions: (0..self.topics.get(&name).copied().unwrap_or(1))
                .map(|index| PartitionView {
                    index,
                    leader: BROKER,
                    leader_epoch: 0,
                })
                .collect(),
            name,
        });
        ClusterView {
            cluster_id: Some("mock".into()),
            brokers: vec![BrokerView {
                id: BROKER,
                host: "mock".into(),
                port: 0,
            }],
            topics: topics.collect(),
        }
    }

    /// Writes down what was sent since the last look.
    pub(super) fn record_all(&mut self, core: &mut Core, now: Instant) {
        loop {
            let fresh = core.unsettled(self.next);
            let Some(last) = fresh.last() else { return };
            self.next = last.no + 1;
            for batch in fresh {
                self.record(batch);
            }
            if self.manual {
                return;
            }
            while self.settle_next(core, None, now) {}
            // What was settled made room for others.
        }
    }

    /// Gives the oldest record without an outcome the one that the test wants.
    pub(super) fn settle_next(
        &mut self,
        core: &mut Core,
        error: Option<(KafkaError, Written)>,
        now: Instant,
    ) -> bool {
        while let Some((no, topic, partition)) = self.open.pop_front() {
            let end = self.ends.entry((topic, partition)).or_default();
            let (verdict, written) = match &error {
                None => (Verdict::Acknowledged(*end), 1),
                Some((error, written)) => (Verdict::Failed(error.clone(), *written), 0),
            };
            if core.settle(no, verdict, now) {
                *end += written;
                return true;
            }
        }
        false
    }

    fn record(&mut self, batch: Unsettled) {
        let Unsettled {
            no,
            topic,
            partition,
            header,
            body,
        } = batch;
        let decoded = Batch { header, body };
        // The producer's own encoding, of one record: see the builder.
        for record in decoded.records().unwrap_or_default() {
            self.history.push(MockRecord {
                topic: topic.clone(),
                partition,
                timestamp: record.timestamp,
                key: record.key,
                value: record.value,
                headers: record.headers,
            });
        }
        self.open.push_back((no, topic, partition));
    }
}
