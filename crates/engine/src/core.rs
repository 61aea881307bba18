//! The producer as a state machine: no socket, no clock, no task.
//!
//! Everything that can lose, double or reorder a record is decided here, under one lock, with the
//! time passed in; the driver (`io`) moves bytes and calls in. See DESIGN.md for the file map.

mod along;
mod answer;
mod append;
mod ask;
mod audit;
mod batch;
mod broker;
mod choose;
mod counters;
mod credit;
mod drain;
mod expire;
mod flow;
mod health;
mod identity;
mod life;
mod metadata;
#[cfg(all(test, guanaco_loom))]
mod models;
mod murmur2;
#[doc(hidden)]
pub mod mutants;
mod partition;
mod pending;
mod pool;
mod slot;
mod split;
#[doc(hidden)]
pub mod stand_in;
mod topic;
mod view;
mod wake;

pub use answer::{Answer, LeaderHint, PartAnswer};
pub use ask::{Choice, ChoiceJob};
pub use batch::BatchNo;
pub use broker::RequestId;
pub use counters::Counters;
pub use credit::FlowId;
pub use drain::{CompressJob, Drained, DrainedPart, ProduceRequest};
pub use flow::{FlowCell, FlowLink, Place, Places, Ticket};
pub use murmur2::{murmur2, partition_of};
pub use partition::sequence_after;
pub use slot::Slot;
pub use view::{BrokerView, ClusterView, PartitionView, TopicView};
pub use wake::WakeCell;

use crate::{Acks, Compression, DeliveryError, ProducerConfig, Topic};
use batch::Batch;
use broker::Broker;
use credit::Credit;
use flow::PendingSend;
use identity::Identities;
use metadata::Metadata;
use mutants::Mutant;
use partition::{BrokerIndex, Partition, PartitionId};
use pool::Pool;
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};
use topic::TopicState;

/// The state machine of one producer.
#[derive(Debug)]
pub struct Core {
    config: Arc<ProducerConfig>,
    limits: Limits,
    topics: Vec<TopicState>,
    topic_index: HashMap<Topic, usize>,
    partitions: Vec<Partition>,
    brokers: Vec<Broker>,
    broker_index: HashMap<i32, BrokerIndex>,
    identities: Identities,
    metadata: Metadata,
    credit: Credit,
    pool: Pool,
    flows: HashMap<FlowId, Arc<FlowCell>>,
    /// Sends that wait for room, in order; they hold [`FlowId`] 0 among the waiters for credit.
    pending: VecDeque<PendingSend>,
    generations: Generations,
    /// There is a partitioner of the user's: see `ask`.
    asks: bool,
    next_flow: FlowId,
    next_batch: BatchNo,
    next_request: RequestId,
    rng: fastrand::Rng,
    life: life::Life,
    counters: Counters,
    contact: health::Contact,
    effects: Effects,
}

/// What the settings come to.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// An open batch of so many bytes is ready.
    batch: usize,
    /// No batch grows beyond.
    batch_max: usize,
    /// Ready means more the more requests are unanswered: see `Core::ready_size`.
    adaptive: bool,
    /// Unanswered batches of one partition.
    per_partition: usize,
    /// Unanswered requests of one broker.
    per_broker: usize,
    idempotent: bool,
    compressing: bool,
}

/// What the caller has to do after it released the lock.
#[derive(Debug, Default)]
pub struct Effects {
    /// Flows with news: outcomes, or room.
    pub flows: Vec<Arc<FlowCell>>,
    /// Settled slots whose futures wait.
    pub slots: Vec<Arc<Slot>>,
    /// Pending sends that got a place, or an end.
    pub admitted: Vec<Arc<flow::Ticket>>,
    /// Brokers (node ids) with something to send.
    pub brokers: Vec<i32>,
    /// Metadata, a producer id or a timer is wanted.
    pub control: bool,
    /// The set of brokers, or an address, changed.
    pub brokers_changed: bool,
    /// Batches to compress.
    pub compress: Vec<CompressJob>,
    /// Records whose partitions are the user's partitioner's choice.
    pub choose: Vec<ChoiceJob>,
    /// All batches of a flush are settled, or the producer's life moved on.
    pub settled: bool,
    /// What went wrong, for the log.
    pub troubles: Vec<Trouble>,
}

/// What went wrong with the records of one batch.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// The error that they have, or would have if this were the end of it.
    pub error: DeliveryError,
    /// How many they are.
    pub records: u32,
    /// They are sent again.
    pub again: bool,
}

impl Effects {
    /// Nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
            && self.slots.is_empty()
            && self.admitted.is_empty()
            && self.brokers.is_empty()
            && self.compress.is_empty()
            && self.choose.is_empty()
            && self.troubles.is_empty()
            && !(self.control || self.brokers_changed || self.settled)
    }
}

/// Counts unsettled batches by the flush that waits for them.
#[derive(Debug, Default)]
struct Generations {
    current: u64,
    /// Unsettled batches of each generation from `first` on.
    open: VecDeque<usize>,
    first: u64,
}

impl Generations {
    fn enter(&mut self) -> u64 {
        self.enter_at(self.current)
    }

    /// Enters an older generation that someone still waits for.
    fn enter_at(&mut self, generation: u64) -> u64 {
        let at = (generation - self.first) as usize;
        self.open.resize(self.open.len().max(at + 1), 0);
        self.open[at] += 1;
        generation
    }

    /// Moves what is of the generation `held` to an older one that someone still waits for.
    fn lower(&mut self, held: &mut u64, to: u64) {
        if to < *held {
            self.enter_at(to);
            // No flush can be settled by it: what left the one is in an older one now.
            self.leave(std::mem::replace(held, to));
        }
    }

    /// Whether that was the last of what some flush may wait for.
    fn leave(&mut self, generation: u64) -> bool {
        if let Some(count) = self.open.get_mut((generation - self.first) as usize) {
            *count -= 1;
        }
        let before = self.first;
        while self.first < self.current && self.open.front().is_none_or(|count| *count == 0) {
            self.open.pop_front();
            self.first += 1;
        }
        self.first > before || (self.first == self.current && self.open.front() == Some(&0))
    }

    fn is_settled(&self, generation: u64) -> bool {
        self.first > generation
    }

    /// Closes the current generation; it is settled once `is_settled` says so.
    fn close(&mut self) -> u64 {
        let closed = self.current;
        self.current += 1;
        while self.first < self.current && self.open.front().is_none_or(|count| *count == 0) {
            self.open.pop_front();
            self.first += 1;
        }
        closed
    }
}

impl Core {
    /// A producer that knows nothing yet. `seed` fixes every random choice that it makes.
    #[must_use]
    pub fn new(config: Arc<ProducerConfig>, seed: u64, now: Instant) -> Self {
        let idempotent = config.enable_idempotence && config.acks == Acks::All;
        let explicit = !config.batch_adaptive;
        let share = (config.buffer_memory / 8).max(config.batch_size);
        let adaptive_max = share.min(config.max_request_size).min(1 << 20);
        let batch_max = if explicit {
            config.batch_size
        } else {
            adaptive_max.max(config.batch_size)
        };
        let limits = Limits {
            batch: config.batch_size,
            // More than a request may have would hide a record that is too large.
            batch_max: batch_max.min(config.max_request_size),
            adaptive: config.batch_adaptive,
            per_partition: config.unanswered_per_partition(),
            per_broker: config.max_in_flight,
            idempotent,
            compressing: config.compression != Compression::None,
        };
        Self {
            credit: Credit::new(config.buffer_memory),
            metadata: Metadata::new(now),
            config,
            limits,
            topics: Vec::new(),
            topic_index: HashMap::new(),
            partitions: Vec::new(),
            brokers: Vec::new(),
            broker_index: HashMap::new(),
            identities: Identities::default(),
            pool: Pool::default(),
            flows: HashMap::new(),
            pending: VecDeque::new(),
            generations: Generations::default(),
            asks: false,
            next_flow: 1,
            next_batch: 0,
            next_request: 0,
            rng: fastrand::Rng::with_seed(seed),
            life: life::Life::default(),
            counters: Counters::default(),
            contact: health::Contact::default(),
            effects: Effects::default(),
        }
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Arc<ProducerConfig> {
        &self.config
    }

    /// What the caller has to do once it released the lock.
    #[must_use]
    pub fn take_effects(&mut self) -> Option<Effects> {
        (!self.effects.is_empty()).then(|| std::mem::take(&mut self.effects))
    }

    /// The counters.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Tells everyone with records in `batch` what became of them, and frees what it held.
    fn finish(&mut self, partition: PartitionId, batch: Batch, outcome: slot::Outcome) {
        if !batch.expired {
            self.tell(partition, &batch, outcome);
            self.credit.free(batch.credit);
        }
        if let batch::Body::Sealed { bytes, .. } = batch.body
            && let Ok(buffer) = Arc::try_unwrap(bytes)
        {
            self.pool.put(buffer, self.credit.available());
        }
    }

    /// The outcome of a batch reaches its records, once.
    fn tell(&mut self, partition: PartitionId, batch: &Batch, outcome: slot::Outcome) {
        self.counters
            .settled(self.partitions[partition].topic, batch, &outcome);
        if let slot::Outcome::Failed(error) = &outcome {
            self.note_failure(error);
            self.effects.troubles.push(Trouble {
                error: error.clone(),
                records: batch.count,
                again: false,
            });
        }
        if let Some(slot) = batch.settle(outcome) {
            self.effects.slots.push(slot);
        }
        let lost = usize::from(Mutant::LoseWaker.is_planted());
        for (cell, ..) in batch.flows.iter().skip(lost) {
            self.effects.wake(cell);
        }
        self.leave_generation(batch.generation);
    }

    /// Something that a flush may wait for has its outcome.
    fn leave_generation(&mut self, generation: u64) {
        if self.generations.leave(generation) {
            self.effects.settled = true;
        }
    }
}

impl Effects {
    fn wake(&mut self, cell: &Arc<FlowCell>) {
        if !self.flows.iter().any(|known| Arc::ptr_eq(known, cell)) {
            self.flows.push(Arc::clone(cell));
        }
    }
}
