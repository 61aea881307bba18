//! What the handles and the driver's tasks share: the core under its lock, and who to wake after.

use super::bootstrap::ConnectOptions;
use crate::{
    Acks, Partitioner, ProducerConfig, StartError,
    batch::compress::compress,
    core::{ChoiceJob, CompressJob, Core, Effects},
    io::trace,
    producer::choose,
    sync::{Mutex, lock},
};
use std::{
    collections::{HashMap, VecDeque},
    num::NonZero,
    sync::{Arc, OnceLock, PoisonError},
    time::Instant,
};
use tokio::{runtime::Handle, sync::Notify};

/// One producer, behind all its handles.
pub(crate) struct Shared {
    core: Mutex<Core>,
    pub(crate) config: Arc<ProducerConfig>,
    pub(crate) connect: ConnectOptions,
    pub(crate) partitioner: Option<Arc<dyn Partitioner>>,
    /// Wakes the control task.
    pub(crate) control: Notify,
    /// Wakes the task that watches the clock and the brokers.
    pub(crate) clock: Notify,
    /// Wakes whoever waits for a flush, a close, a connection or a topic.
    pub(crate) changed: Notify,
    /// Wakes the task of a broker's connection.
    links: std::sync::Mutex<HashMap<i32, Arc<Notify>>>,
    compressing: std::sync::Mutex<Compressing>,
    pub(crate) start_error: OnceLock<StartError>,
    pub(crate) runtime: Handle,
}

#[derive(Default)]
struct Compressing {
    jobs: VecDeque<CompressJob>,
    workers: usize,
}

impl Shared {
    pub(crate) fn new(
        config: Arc<ProducerConfig>,
        connect: ConnectOptions,
        partitioner: Option<Arc<dyn Partitioner>>,
        runtime: Handle,
    ) -> Self {
        let mut core = Core::new(Arc::clone(&config), fastrand::u64(..), now());
        if partitioner.is_some() {
            core = core.asking();
        }
        Self {
            core: Mutex::new(core),
            config,
            connect,
            partitioner,
            control: Notify::new(),
            clock: Notify::new(),
            changed: Notify::new(),
            links: std::sync::Mutex::default(),
            compressing: std::sync::Mutex::default(),
            start_error: OnceLock::new(),
            runtime,
        }
    }

    /// Does something under the core's lock, then, off it, what the core wants done.
    pub(crate) fn with<R>(self: &Arc<Self>, act: impl FnOnce(&mut Core) -> R) -> R {
        let (result, effects) = {
            let mut core = lock(&self.core);
            let result = act(&mut core);
            (result, core.take_effects())
        };
        if let Some(effects) = effects {
            self.apply(effects);
        }
        result
    }

    fn apply(self: &Arc<Self>, effects: Effects) {
        for cell in effects.flows {
            cell.wake();
        }
        for slot in effects.slots {
            slot.wake();
        }
        for ticket in effects.admitted {
            ticket.waker.wake();
        }
        if !effects.brokers.is_empty() {
            let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
            for broker in effects.brokers {
                match links.get(&broker) {
                    Some(link) => link.notify_one(),
                    None => self.clock.notify_one(),
                }
            }
        }
        for trouble in &effects.troubles {
            trace::tell(trouble);
        }
        if effects.control || effects.brokers_changed {
            self.control.notify_one();
            self.clock.notify_one();
        }
        if effects.settled || effects.brokers_changed {
            self.changed.notify_waiters();
        }
        if !effects.compress.is_empty() {
            self.compress(effects.compress);
        }
        for job in effects.choose {
            self.choose(&job);
        }
    }

    /// Asks the user's partitioner, on the task that made it possible to ask.
    fn choose(self: &Arc<Self>, job: &ChoiceJob) {
        let Some(partitioner) = &self.partitioner else {
            return;
        };
        let choices = job.choices(|record, count| choose(&**partitioner, record, count));
        self.with(|core| core.chosen(job, choices, now()));
    }

    /// The wake-up of a broker's connection task, `true` where it is new: the task has to be
    /// started.
    pub(crate) fn link(&self, broker: i32) -> (Arc<Notify>, bool) {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = false;
        let link = links.entry(broker).or_insert_with(|| {
            new = true;
            let link = Arc::new(Notify::new());
            link.notify_one();
            link
        });
        (Arc::clone(link), new)
    }

    /// Wakes every connection task, so that it sees that the producer is dead.
    pub(crate) fn wake_links(&self) {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.values().for_each(|link| link.notify_one());
    }

    /// Compresses off the lock and off the I/O tasks, at most one batch per core at a time.
    fn compress(self: &Arc<Self>, new: Vec<CompressJob>) {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let mut queue = self
            .compressing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        queue.jobs.extend(new);
        let wanted = queue.jobs.len().min(cores.saturating_sub(queue.workers));
        queue.workers += wanted;
        drop(queue);
        for _ in 0..wanted {
            let shared = Arc::clone(self);
            self.runtime.spawn_blocking(move || shared.compress_all());
        }
    }

    fn compress_all(self: &Arc<Self>) {
        loop {
            let job = {
                let mut queue = self
                    .compressing
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                match queue.jobs.pop_front() {
                    Some(job) => job,
                    None => {
                        queue.workers -= 1;
                        return;
                    }
                }
            };
            let mut output = Vec::with_capacity(job.input.len() / 2);
            let done = match compress(self.config.compression, &job.input, &mut output) {
                Ok(()) => Some((output, self.config.compression.id())),
                Err(error) => {
                    tracing::warn!(%error, "a batch goes uncompressed");
                    None
                }
            };
            self.with(|core| core.compressed(job, done));
        }
    }

    /// With acks=0 there are no answers to wait for.
    pub(crate) fn answers(&self) -> bool {
        self.config.acks != Acks::None
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer")
            .field("client_id", &self.config.client_id)
            .finish_non_exhaustive()
    }
}

/// The clock of the core: tokio's, so that tests can stop it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
