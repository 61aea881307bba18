//! A core without a driver, and what tests ask of it.

use guanaco_engine::{
    Cause, ProducerConfig, RecordRef, Topic, Written,
    core::{
        Answer, BrokerView, ClusterView, Core, FlowLink, PartAnswer, PartitionView, Place,
        ProduceRequest, TopicView,
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
    time::{Duration, Instant},
};
use uuid::Uuid;

pub(crate) const BROKER: i32 = 1;

/// A core that knows a broker and has a producer id, and a clock that stands still.
pub(crate) struct Bench {
    pub(crate) core: Core,
    pub(crate) now: Instant,
}

impl Bench {
    pub(crate) fn new(change: impl FnOnce(&mut ProducerConfig)) -> Self {
        let mut config = ProducerConfig::default();
        config.batch_adaptive = false;
        config.linger = Duration::ZERO;
        change(&mut config);
        let now = Instant::now();
        let mut core = Core::new(Arc::new(config), 7, now);
        core.identified(0, 0, now);
        Self { core, now }
    }

    /// The cluster tells of a topic, led by the broker or by nobody.
    pub(crate) fn know(&mut self, name: &str, id: u128, partitions: i32, led: bool) {
        let partitions = (0..partitions).map(|index| PartitionView {
            index,
            leader: if led { BROKER } else { -1 },
            leader_epoch: 0,
        });
        let view = ClusterView {
            cluster_id: None,
            brokers: vec![BrokerView {
                id: BROKER,
                host: "bench".into(),
                port: 1,
            }],
            topics: vec![TopicView {
                name: Topic::from(name.to_owned()),
                id: Uuid::from_u128(id),
                error: 0,
                partitions: partitions.collect(),
            }],
        };
        self.core.ask_for(&Topic::from(name.to_owned()), self.now);
        self.core.apply(view, self.now);
    }

    pub(crate) fn append(
        &mut self,
        flow: &mut FlowLink,
        topic: &Topic,
        size: usize,
    ) -> Option<Place> {
        let value = vec![1; size];
        let mut places = Vec::new();
        let record = [record(topic, &value)];
        self.core.append(flow, &record, self.now, &mut places);
        places.pop().map(|places| places.first)
    }

    pub(crate) fn drain(&mut self) -> Option<ProduceRequest> {
        self.core.drain(BROKER, self.now).request
    }

    pub(crate) fn answer(&mut self, request: &ProduceRequest, parts: Vec<PartAnswer>) {
        let answer = Answer {
            parts: parts.into_iter().map(Some).collect(),
            ..Answer::default()
        };
        assert!(self.core.answered(BROKER, request.id, answer, self.now));
    }

    /// Wakes whom the core wants woken.
    pub(crate) fn wake(&mut self) {
        let effects = self.core.take_effects().unwrap_or_default();
        effects.flows.iter().for_each(|flow| flow.wake());
    }
}

pub(crate) fn record<'a>(topic: &'a Topic, value: &'a [u8]) -> RecordRef<'a> {
    RecordRef {
        topic,
        partition: Some(0),
        timestamp: 0,
        key: None,
        value: Some(value),
        headers: &[],
    }
}

pub(crate) fn at(base_offset: i64) -> PartAnswer {
    PartAnswer {
        base_offset,
        log_append_time: -1,
        ..PartAnswer::default()
    }
}

pub(crate) fn error(error: i16) -> PartAnswer {
    PartAnswer { error, ..at(-1) }
}

#[derive(Default)]
pub(crate) struct Wakes(pub(crate) AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Has the flow's wakes counted from now on.
pub(crate) fn count_wakes(flow: &FlowLink) -> Arc<Wakes> {
    let wakes = Arc::new(Wakes::default());
    flow.cell().waker.register(&Waker::from(Arc::clone(&wakes)));
    wakes
}

/// Appends a record of one byte to a partition of a topic.
pub(crate) fn append_to(
    bench: &mut Bench,
    flow: &mut FlowLink,
    topic: &Topic,
    partition: i32,
) -> Place {
    let record = RecordRef {
        partition: Some(partition),
        ..record(topic, &[1])
    };
    let mut places = Vec::new();
    bench.core.append(flow, &[record], bench.now, &mut places);
    places.pop().expect("there is room").first
}

pub(crate) fn cause(flow: &mut FlowLink, place: Place) -> (Cause, Written) {
    let error = flow
        .take(place)
        .expect("it is settled")
        .expect_err("it failed");
    (error.cause().clone(), error.written())
}
