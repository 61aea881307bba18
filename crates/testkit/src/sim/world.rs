//! The world: virtual time, what is going to happen, and everything that it happens to.

use super::{
    Run,
    check::Anomaly,
    coverage::{Coverage, Event},
    driver::{Control, Link, Watch},
    history::History,
    network::{BrokerState, Conn, ConnId},
    plan::{Fault, Micros, Plan, chance},
    sends::Sends,
    serve::Errand,
    tasks::Flow,
    track::Tracks,
};
use crate::model::{Cluster, ClusterConfig, TopicConfig};
use guanaco_engine::{
    Topic,
    core::{Answer, CompressJob, Core, Effects, RequestId},
};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BinaryHeap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    task::{Wake, Waker},
    time::{Duration, Instant},
};

/// The Unix time at which every run begins, in milliseconds.
const EPOCH_MS: i64 = 1_700_000_000_000;

/// More events than any healthy run needs.
const EVENTS_MAX: u64 = 2_000_000;

/// The core's books are looked at after so many events.
const AUDIT_EVERY: u64 = 8;

/// Something that is going to happen.
#[derive(Debug)]
pub(super) enum Do {
    Poll(Task),
    LinkWake(i32, u32),
    LinkTimer(i32, u32, u32),
    Connected(i32, u32),
    Arrive(ConnId),
    Answer(ConnId, RequestId, Box<Answer>),
    Broken(ConnId, &'static str),
    Written(ConnId, RequestId),
    ControlWake,
    ControlTimer(u32),
    Serve(Errand),
    Reply(u32, Box<super::serve::Reply>),
    Watch(u32),
    Compressed(Box<CompressJob>),
    CreateTopic(usize),
    Strike(usize),
    Repair(Fault),
    Upstream(usize),
    SendNext,
    Withdraw(usize),
    Flushed(Box<super::end::Flush>),
    Look,
}

/// A task of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Flow(usize),
    Send(usize),
}

struct Entry {
    at: Micros,
    order: u64,
    what: Do,
}

pub(super) struct World {
    pub plan: Plan,
    pub rng: fastrand::Rng,
    base: Instant,
    pub now: Micros,
    queue: BinaryHeap<Entry>,
    next_order: u64,
    pub core: Core,
    pub cluster: Cluster,
    pub names: Vec<Topic>,
    /// The ids that each topic had, oldest first.
    pub ids: Vec<Vec<uuid::Uuid>>,
    pub links: BTreeMap<i32, Link>,
    pub conns: Vec<Conn>,
    pub brokers: Vec<BrokerState>,
    /// Error codes that the next appends to a partition get, and whether they are applied.
    pub refusals: HashMap<(usize, i32), VecDeque<(i16, bool)>>,
    pub control: Control,
    pub watch: Watch,
    pub flows: Vec<Flow>,
    pub sends: Sends,
    pub tracks: Tracks,
    pub history: History,
    pub ending: super::end::Ending,
    pub coverage: Coverage,
    pub anomalies: Vec<Anomaly>,
    woken: Arc<Mutex<Vec<Task>>>,
    log: Option<Vec<String>>,
    digest: u64,
}

/// What a task is woken by; a task that is not woken is not polled.
struct Beacon {
    task: Task,
    woken: Arc<Mutex<Vec<Task>>>,
}

impl Wake for Beacon {
    fn wake(self: Arc<Self>) {
        self.woken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self.task);
    }
}

impl World {
    pub(super) fn new(plan: Plan, log: bool) -> Self {
        let base = Instant::now();
        let mut rng = fastrand::Rng::with_seed(plan.seed ^ 0x5151_5151);
        let cluster = Cluster::new(ClusterConfig {
            brokers: plan.brokers,
            seed: plan.seed,
            auto_create_topics: plan.auto_create,
            auto_create_lag_ms: rng.i64(0..300),
            topic_defaults: TopicConfig::partitions(2),
            ..ClusterConfig::default()
        });
        let mut core = Core::new(Arc::new(plan.config.clone()), rng.u64(..), base);
        if plan.fail_fast {
            core.abandon_on_failure();
        }
        let names = (0..plan.topics.len())
            .map(|n| Topic::from(format!("t{n}")))
            .collect();
        let mut world = Self {
            base,
            now: 0,
            queue: BinaryHeap::new(),
            next_order: 0,
            core,
            cluster,
            names,
            ids: vec![Vec::new(); plan.topics.len()],
            links: BTreeMap::new(),
            conns: Vec::new(),
            brokers: (0..plan.brokers).map(|_| BrokerState::default()).collect(),
            refusals: HashMap::new(),
            control: Control::default(),
            watch: Watch::default(),
            flows: Vec::new(),
            sends: Sends::default(),
            tracks: Tracks::default(),
            history: History::default(),
            ending: super::end::Ending::default(),
            coverage: Coverage::default(),
            anomalies: Vec::new(),
            woken: Arc::default(),
            log: log.then(Vec::new),
            digest: plan.seed,
            rng,
            plan,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for topic in 0..self.plan.topics.len() {
            match self.plan.topics[topic].created {
                Some(0) => self.create_topic(topic),
                Some(at) => self.at(at, Do::CreateTopic(topic)),
                None => {}
            }
        }
        for fault in 0..self.plan.faults.len() {
            self.at(self.plan.faults[fault].0, Do::Strike(fault));
        }
        self.begin_flows();
        if self.plan.sends > 0 {
            self.after(self.plan.send_pause, Do::SendNext);
        }
        self.after(0, Do::ControlWake);
        self.after(0, Do::Watch(0));
        self.after(self.plan.healed, Do::Look);
        let config = &self.plan.config;
        if config.acks != guanaco_engine::Acks::All || !config.enable_idempotence {
            self.coverage.see(Event::Weaker);
        }
    }

    /// Lives until nothing more is going to happen.
    pub(super) fn live(mut self) -> Run {
        let mut events = 0;
        while let Some(Entry { at, what, .. }) = self.queue.pop() {
            self.now = self.now.max(at);
            if events + 30 > EVENTS_MAX {
                self.note(|| format!("{what:?}"));
            }
            self.happen(what);
            self.poll_woken();
            events += 1;
            if events % AUDIT_EVERY == 0
                && let Err(wrong) = self.core.audit()
            {
                self.flag("audit", wrong);
                break;
            }
            if events > EVENTS_MAX {
                self.flag("livelock", format!("{events} events"));
                break;
            }
        }
        self.judge();
        self.coverage.records = self.history.len() as u64;
        Run {
            seed: self.plan.seed,
            anomalies: self.anomalies,
            coverage: self.coverage,
            digest: self.digest,
            log: self.log.unwrap_or_default(),
        }
    }

    fn happen(&mut self, what: Do) {
        match what {
            Do::Poll(Task::Flow(flow)) => self.poll_flow(flow),
            Do::Poll(Task::Send(send)) => self.poll_send(send),
            Do::LinkWake(broker, age) => self.link_woken(broker, age),
            Do::LinkTimer(broker, age, timer) => self.link_timer(broker, age, timer),
            Do::Connected(broker, age) => self.connected(broker, age),
            Do::Arrive(conn) => self.arrive(conn),
            Do::Answer(conn, request, answer) => self.answer(conn, request, *answer),
            Do::Broken(conn, why) => self.broken(conn, why),
            Do::Written(conn, request) => self.written(conn, request),
            Do::ControlWake => self.control_woken(),
            Do::ControlTimer(timer) => self.control_timer(timer),
            Do::Serve(errand) => self.serve(errand),
            Do::Reply(errand, reply) => self.reply(errand, *reply),
            Do::Watch(timer) => self.watch_clock(timer),
            Do::Compressed(job) => self.compressed(*job),
            Do::CreateTopic(topic) => self.create_topic(topic),
            Do::Strike(fault) => self.strike(fault),
            Do::Repair(fault) => self.repair(&fault),
            Do::Upstream(flow) => self.upstream(flow),
            Do::SendNext => self.send_next(),
            Do::Withdraw(send) => self.withdraw(send),
            Do::Flushed(flush) => self.check_flush(&flush),
            Do::Look => self.look(),
        }
    }

    pub(super) fn at(&mut self, at: Micros, what: Do) {
        let order = self.next_order;
        self.next_order += 1;
        self.queue.push(Entry {
            at: at.max(self.now),
            order,
            what,
        });
    }

    pub(super) fn after(&mut self, pause: Micros, what: Do) {
        self.at(self.now + pause, what);
    }

    /// How long a task waits for a thread.
    pub(super) fn soon(&mut self) -> Micros {
        self.rng.u64(0..60)
    }

    /// A time around `mean`, sometimes much longer.
    pub(super) fn about(&mut self, mean: Micros) -> Micros {
        let much = if chance(&mut self.rng, 3) { 10 } else { 1 };
        self.rng.u64(mean / 2..=mean * 3 / 2) * much
    }

    pub(super) fn instant(&self) -> Instant {
        self.base + Duration::from_micros(self.now)
    }

    pub(super) fn micros_of(&self, instant: Instant) -> Micros {
        // A timer fires at its instant or later, never before.
        instant
            .saturating_duration_since(self.base)
            .as_nanos()
            .div_ceil(1_000) as Micros
    }

    /// The model's time.
    pub(super) fn millis(&self) -> i64 {
        EPOCH_MS + (self.now / 1_000) as i64
    }

    pub(super) fn waker(&self, task: Task) -> Waker {
        Arc::new(Beacon {
            task,
            woken: Arc::clone(&self.woken),
        })
        .into()
    }

    /// Does something with the core, then, as the driver does, what the core wants done.
    pub(super) fn with<R>(&mut self, act: impl FnOnce(&mut Core, Instant) -> R) -> R {
        let now = self.instant();
        let result = act(&mut self.core, now);
        if let Some(effects) = self.core.take_effects() {
            self.apply(effects);
        }
        result
    }

    pub(super) fn apply(&mut self, effects: Effects) {
        effects.flows.iter().for_each(|cell| cell.wake());
        effects.slots.iter().for_each(|slot| slot.wake());
        effects
            .admitted
            .iter()
            .for_each(|ticket| ticket.waker.wake());
        for broker in effects.brokers {
            if !self.notify_link(broker) {
                self.notify_watch();
            }
        }
        if effects.control || effects.brokers_changed {
            self.notify_control();
            self.notify_watch();
        }
        for job in effects.compress {
            self.coverage.see(Event::Compressed);
            let pause = self.about(300);
            self.after(pause, Do::Compressed(Box::new(job)));
        }
        if effects.settled || effects.brokers_changed {
            self.changed();
        }
    }

    fn poll_woken(&mut self) {
        let woken = {
            let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
            if woken.is_empty() {
                return;
            }
            std::mem::take(&mut *woken)
        };
        for task in woken {
            self.schedule(task);
        }
    }

    /// Polls a task soon, once however often it was woken.
    pub(super) fn schedule(&mut self, task: Task) {
        let scheduled = match task {
            Task::Flow(flow) => &mut self.flows[flow].scheduled,
            Task::Send(send) => self.sends.scheduled(send),
        };
        if !std::mem::replace(scheduled, true) {
            let pause = self.soon();
            self.after(pause, Do::Poll(task));
        }
    }

    pub(super) fn flag(&mut self, name: &'static str, detail: String) {
        self.note(|| format!("ANOMALY {name}: {detail}"));
        if self.anomalies.len() < 20 {
            self.anomalies.push(Anomaly { name, detail });
        }
    }

    /// Writes down what happens, and makes the digest depend on it.
    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.push(format!("{:>10.3} ms  {}", self.now as f64 / 1e3, line()));
        }
    }

    /// Makes the digest depend on something that happened.
    pub(super) fn mark(&mut self, number: u64) {
        let mixed =
            (self.digest ^ self.now ^ number.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.digest = mixed ^ (mixed >> 29);
    }

    pub(super) fn create_topic(&mut self, topic: usize) {
        let plan = &self.plan.topics[topic];
        let config = TopicConfig {
            replication_factor: 3.min(self.plan.brokers),
            min_insync_replicas: plan.min_insync,
            max_message_bytes: plan.max_message,
            log_append_time: plan.log_append_time,
            ..TopicConfig::partitions(plan.partitions)
        };
        let now = self.millis();
        // A broker may have created it on first use meanwhile.
        let created = self.cluster.create_topic(&self.names[topic], config, now);
        self.note(|| format!("topic t{topic} created: {created:?}"));
        self.remember_ids();
    }

    /// Keeps the ids of all topics, so that their logs can be read in the end.
    pub(super) fn remember_ids(&mut self) {
        for (topic, ids) in self.ids.iter_mut().enumerate() {
            if let Some(id) = self.cluster.topic_id(&self.names[topic])
                && ids.last() != Some(&id)
            {
                ids.push(id);
            }
        }
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives its greatest first: that has to be the earliest.
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}
