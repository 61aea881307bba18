//! A fault proxy: TCP between a client and a broker, with faults by API key.
//!
//! It reads only the length, API key and correlation id of each frame and forwards the rest as it
//! came, so it works in front of any broker, real or embedded. A client has to be led to it: as the
//! bootstrap address, and by the broker advertising it.
//!
//! ```no_run
//! # async fn example(broker: std::net::SocketAddr) -> Result<(), Box<dyn std::error::Error>> {
//! use guanaco_testkit::proxy::{ApiKey, Proxy, Rule};
//! use std::time::Duration;
//!
//! let proxy = Proxy::start(broker)?;
//! // The answer to the second produce request stays away until it is let go.
//! let held = proxy.add(Rule::responses().api(ApiKey::Produce).nth(2).hold());
//! // ... a client talks to proxy.address() ...
//! held.wait_for(1, Duration::from_secs(10)).await?;
//! held.release();
//! # Ok(())
//! # }
//! ```
//!
//! A proxy runs on a thread of its own, so it serves tests with different runtimes and goes on while
//! a test blocks. Dropping it closes everything.

mod connection;
mod frame;
mod link;
mod rule;

pub use kafka_protocol::messages::ApiKey;
pub use rule::{Rule, RuleHandle, RuleTimedOut};

use connection::{Connections, serve};
use link::Links;
use rule::Rules;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, runtime::Runtime};

/// One way through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to the broker: requests.
    ToBroker,
    /// From the broker to the client: responses.
    ToClient,
}

/// A listener on loopback that forwards to one broker.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    // `None` only while being dropped.
    runtime: Option<Runtime>,
}

/// What the connections of a proxy have in common.
#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    rules: Rules,
    links: Links,
    connections: Connections,
    lifetimes: Mutex<Option<Lifetimes>>,
    refusing: AtomicBool,
    accepted: AtomicUsize,
}

#[derive(Debug)]
struct Lifetimes {
    range: Range<Duration>,
    random: fastrand::Rng,
}

impl Proxy {
    /// Listens on a free port of loopback and forwards what comes to `upstream`, untouched for now.
    ///
    /// # Errors
    /// If there is no port or no thread to be had.
    pub fn start(upstream: SocketAddr) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("fault-proxy")
            .enable_all()
            .build()?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let shared = Arc::new(Shared {
            upstream,
            rules: Rules::default(),
            links: Links::default(),
            connections: Connections::default(),
            lifetimes: Mutex::default(),
            refusing: AtomicBool::new(false),
            accepted: AtomicUsize::new(0),
        });
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            runtime: Some(runtime),
        })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a rule in force. It stays so until it is [released](RuleHandle::release), its time is
    /// over, or all are cleared; dropping the handle changes nothing.
    pub fn add(&self, rule: Rule) -> RuleHandle {
        self.shared.rules.add(rule)
    }

    /// Ends every rule, lets go what they hold, and takes back latency, bandwidth, black holes,
    /// lifetimes and refusal: the proxy is transparent again.
    pub fn heal(&self) {
        self.shared.rules.clear();
        self.shared.links.reset();
        *self.shared.lifetimes() = None;
        self.refuse_connections(false);
    }

    /// Cuts every connection that is open now, in mid-frame too. New ones are accepted.
    pub fn cut_all(&self) {
        self.shared.connections.cut_all();
    }

    /// Lets nothing through in one direction until it is [healed](Self::heal): connections stay open
    /// and are accepted, bytes wait as they do for a partitioned network's retransmissions.
    pub fn blackhole(&self, direction: Direction) {
        self.shared.links.of(direction).set_open(false);
    }

    /// Ends a [`blackhole`](Self::blackhole) of that direction; what waited goes on.
    pub fn reopen(&self, direction: Direction) {
        self.shared.links.of(direction).set_open(true);
    }

    /// Delays every byte, in both directions. Bytes on the way overlap, so it costs no throughput.
    pub fn set_latency(&self, each_way: Duration) {
        for direction in [Direction::ToBroker, Direction::ToClient] {
            self.shared.links.of(direction).set_latency(each_way);
        }
    }

    /// Limits each direction, all connections together; `None` lifts the limit.
    pub fn set_bandwidth(&self, bytes_per_second: Option<u32>) {
        for direction in [Direction::ToBroker, Direction::ToClient] {
            self.shared
                .links
                .of(direction)
                .set_bandwidth(bytes_per_second);
        }
    }

    /// Has every connection made from now on die after a time within `range`, drawn from `seed`.
    pub fn set_connection_lifetime(&self, range: Range<Duration>, seed: u64) {
        *self.shared.lifetimes() = Some(Lifetimes {
            range,
            random: fastrand::Rng::with_seed(seed),
        });
    }

    /// Closes each new connection at once, or stops doing so. Those that are open stay.
    pub fn refuse_connections(&self, refuse: bool) {
        self.shared.refusing.store(refuse, Ordering::Relaxed);
    }

    /// How many connections are open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.shared.connections.open()
    }

    /// How many connections there have been, those refused included.
    #[must_use]
    pub fn accepted_connections(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// How many requests of this kind came from clients, those a rule dropped included.
    #[must_use]
    pub fn requests(&self, api: ApiKey) -> usize {
        self.shared.rules.requests(api)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The only way to drop a runtime inside another one; its tasks and sockets go at once.
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    fn lifetimes(&self) -> MutexGuard<'_, Option<Lifetimes>> {
        // Each change is a single assignment: there is no half-done state to be afraid of.
        self.lifetimes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn next_lifetime(&self) -> Option<Duration> {
        self.lifetimes().as_mut().map(|lifetimes| {
            let Range { start, end } = lifetimes.range;
            start + end.saturating_sub(start).mul_f64(lifetimes.random.f64())
        })
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        // A client that is gone before it was accepted, or too many open files: others still come.
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        shared.accepted.fetch_add(1, Ordering::Relaxed);
        if shared.refusing.load(Ordering::Relaxed) {
            continue;
        }
        let lifetime = shared.next_lifetime();
        let served = serve(Arc::clone(&shared), client);
        shared.connections.spawn(async move {
            match lifetime {
                // Dead at the end of its life or before: either way there is nothing left to do.
                Some(lifetime) => drop(tokio::time::timeout(lifetime, served).await),
                None => served.await,
            }
        });
    }
}
