//! The embedded broker.

use super::EmbeddedBrokerBuilder;
use super::faults::Faults;
use super::node::Node;
use crate::model::wire::{Face, Malformed, Reply, Request, Twist};
use crate::model::{Cluster, Refused, TopicConfig};
use kafka_protocol::messages::ApiKey;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

/// A Kafka cluster in this process; see the [module](super).
///
/// # Drop
/// Closes all ports and connections and forgets all records.
#[derive(Debug)]
pub struct EmbeddedBroker {
    shared: Arc<Shared>,
    /// Broker `id` is at `id - 1`.
    nodes: Vec<Mutex<Node>>,
    runtime: Handle,
    /// Dropped to end the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What connections work on.
#[derive(Debug)]
pub(super) struct Shared {
    cluster: Mutex<Cluster>,
    face: Face,
    garbage: Mutex<fastrand::Rng>,
    pub(super) faults: Faults,
    pub(super) latency: Duration,
    /// Counts appends, so that fetches and tests can wait for more.
    pub(super) changes: watch::Sender<u64>,
    pub(super) accepted: AtomicUsize,
    open: Arc<AtomicUsize>,
    requests: Mutex<HashMap<i16, usize>>,
}

impl EmbeddedBroker {
    /// One broker that creates topics of one partition as they are asked for.
    ///
    /// # Errors
    /// If there is no free port, thread or descriptor.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Settings to start from.
    pub fn builder() -> EmbeddedBrokerBuilder {
        EmbeddedBrokerBuilder::default()
    }

    pub(super) async fn from_builder(builder: EmbeddedBrokerBuilder) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (runtime, thread) = spawn_runtime(stopped)?;
        let brokers = builder.cluster.brokers.max(1);
        let (nodes, listeners): (Vec<_>, Vec<_>) = {
            // Sockets belong to the runtime that they are made in.
            let _entered = runtime.enter();
            (0..brokers)
                .map(|_| Node::bind())
                .collect::<io::Result<Vec<_>>>()?
                .into_iter()
                .unzip()
        };
        let addresses = nodes.iter().map(|node| {
            let address = node.address();
            (address.ip().to_string(), address.port())
        });
        let seed = builder.cluster.seed;
        let mut cluster = Cluster::new(builder.cluster);
        for (name, config) in builder.topics {
            cluster
                .create_topic(&name, config, now())
                .map_err(io::Error::other)?;
        }
        let face = Face {
            cluster_id: format!("embedded-{seed}"),
            release: builder.release,
            addresses: addresses.collect(),
        };
        let shared = Arc::new(Shared {
            cluster: Mutex::new(cluster),
            face,
            garbage: Mutex::new(fastrand::Rng::with_seed(seed)),
            faults: Faults::default(),
            latency: builder.latency,
            changes: watch::Sender::new(0),
            accepted: AtomicUsize::new(0),
            open: Arc::default(),
            requests: Mutex::default(),
        });
        let broker = Self {
            shared,
            nodes: nodes.into_iter().map(Mutex::new).collect(),
            runtime,
            stop: Some(stop),
            thread: Some(thread),
        };
        for ((id, node), listener) in (1..).zip(&broker.nodes).zip(listeners) {
            lock(node).up(id, listener, &broker.shared, &broker.runtime);
        }
        Ok(broker)
    }

    /// `host:port` of every broker, separated by commas.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        let servers: Vec<_> = self
            .shared
            .face
            .addresses
            .iter()
            .map(|(host, port)| format!("{host}:{port}"))
            .collect();
        servers.join(",")
    }

    /// The cluster's id, as clients see it.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.shared.face.cluster_id
    }

    /// Creates a topic with the defaults of this broker.
    ///
    /// # Errors
    /// If the name is invalid or taken, or `partitions` is less than 1.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), Refused> {
        self.with_cluster(|cluster, now| {
            let defaults = cluster.config().topic_defaults.clone();
            cluster.create_topic(
                name,
                TopicConfig {
                    partitions,
                    ..defaults
                },
                now,
            )
        })
        .map(drop)
    }

    /// The faults of this broker.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.shared.faults.clone()
    }

    /// Runs `act` on the model: it can move leaders, delete topics, refuse appends, cut logs. The
    /// second argument is the time to pass on. No request is handled meanwhile.
    pub fn with_cluster<T>(&self, act: impl FnOnce(&mut Cluster, i64) -> T) -> T {
        let result = act(&mut lock(&self.shared.cluster), now());
        self.shared.changes.send_modify(|changes| *changes += 1);
        result
    }

    /// Kills a broker: its connections are cut, its port refuses new ones, and what it led is led
    /// by others where replicas live. Without effect on a dead or unknown broker.
    pub async fn kill_broker(&self, id: i32) {
        let Some(node) = self.node(id) else { return };
        self.with_cluster(|cluster, now| cluster.kill(id, now));
        let down = lock(node).down();
        if let Some(down) = down {
            down.await;
            let _entered = self.runtime.enter();
            lock(node).reserve();
        }
    }

    /// Starts a killed broker again, on its old port. Without effect on a living or unknown one.
    ///
    /// # Errors
    /// If its port was taken meanwhile.
    pub async fn restart_broker(&self, id: i32) -> io::Result<()> {
        let Some(node) = self.node(id) else {
            return Ok(());
        };
        let _entered = self.runtime.enter();
        let mut node = lock(node);
        if let Some(listener) = node.listen()? {
            self.with_cluster(|cluster, now| cluster.restart(id, now));
            node.up(id, listener, &self.shared, &self.runtime);
        }
        Ok(())
    }

    /// Stops a broker as SIGSTOP does: nothing is read, answered or closed. It keeps what it leads.
    pub fn freeze(&self, id: i32) {
        if let Some(node) = self.node(id) {
            lock(node).freeze(true);
        }
    }

    /// Lets a frozen broker go on: it handles all that was sent to it meanwhile.
    pub fn thaw(&self, id: i32) {
        if let Some(node) = self.node(id) {
            lock(node).freeze(false);
        }
    }

    /// How many requests of a kind came, those with faults included.
    #[must_use]
    pub fn requests(&self, api: ApiKey) -> usize {
        lock(&self.shared.requests)
            .get(&(api as i16))
            .copied()
            .unwrap_or(0)
    }

    /// How many connections are open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// How many connections there have been.
    #[must_use]
    pub fn accepted_connections(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    fn node(&self, id: i32) -> Option<&Mutex<Node>> {
        self.nodes.get(usize::try_from(id.wrapping_sub(1)).ok()?)
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It only drops its tasks; a panic in one of them was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    pub(super) fn answer(
        &self,
        broker: i32,
        request: &Request,
        twist: Twist,
    ) -> Result<Reply, Malformed> {
        let mut cluster = lock(&self.cluster);
        if !cluster.is_alive(broker) {
            return Ok(Reply::Close);
        }
        let reply = self
            .face
            .answer(&mut cluster, broker, request, twist, now());
        drop(cluster);
        if matches!(request.api, ApiKey::Produce | ApiKey::CreateTopics) {
            self.changes.send_modify(|changes| *changes += 1);
        }
        reply
    }

    pub(super) fn count(&self, api: ApiKey) {
        *lock(&self.requests).entry(api as i16).or_default() += 1;
    }

    pub(super) fn fill(&self, bytes: &mut [u8]) {
        lock(&self.garbage).fill(bytes);
    }

    /// Counts a connection until the guard is dropped.
    pub(super) fn open(&self) -> impl Drop + use<> {
        struct Open(Arc<AtomicUsize>);
        impl Drop for Open {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(self.open.clone())
    }
}

/// A thread with a runtime, until `stopped` resolves.
fn spawn_runtime(stopped: oneshot::Receiver<()>) -> io::Result<(Handle, JoinHandle<()>)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let handle = runtime.handle().clone();
    let thread = std::thread::Builder::new()
        .name("embedded-kafka".to_owned())
        .spawn(move || {
            // An error is the sender's end, which says the same.
            let _ = runtime.block_on(stopped);
        })?;
    Ok((handle, thread))
}

fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A panic while it was held, in a test's own closure, takes nothing from the others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
