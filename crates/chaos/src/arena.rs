//! The cluster that scenarios do their worst to.

use crate::{checker::Rules, problem::Problem, run::RunPlan};
use futures_util::future::try_join_all;
use guanaco_testkit::{
    kafka::{KafkaCluster, KafkaClusterBuilder, KafkaVersion, StartKafkaError},
    proxy::{Direction, Proxy},
};
use std::{
    collections::BTreeSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Whether writers are idempotent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Idempotent, the default of the library.
    I,
    /// Idempotence off by choice.
    P,
}

impl Mode {
    /// Its letter.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::I => "I",
            Self::P => "P",
        }
    }
}

/// The client's time-outs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// `request.timeout.ms`
    pub request: Duration,
    /// `delivery.timeout.ms`
    pub delivery: Duration,
}

impl Times {
    /// So that faults and their ends fit into seconds.
    pub const SCALED: Self = Self {
        request: Duration::from_secs(3),
        delivery: Duration::from_secs(15),
    };
    /// Kafka's own.
    pub const FULL: Self = Self {
        request: Duration::from_secs(30),
        delivery: Duration::from_secs(120),
    };
}

/// Three nodes behind proxies, and what was done to them.
#[derive(Debug)]
pub struct Arena {
    /// The nodes.
    pub cluster: KafkaCluster,
    /// Whether writers are idempotent.
    pub mode: Mode,
    /// The time-outs in force.
    pub times: Times,
    /// Of every random choice.
    pub seed: u64,
    builder: KafkaClusterBuilder,
    harmed: Mutex<Harmed>,
    runs: AtomicU64,
    faults: AtomicU64,
    began: Instant,
}

#[derive(Debug, Default)]
struct Harmed {
    down: BTreeSet<i32>,
    frozen: BTreeSet<i32>,
}

impl Arena {
    /// Starts three nodes of the newest Kafka, behind proxies.
    ///
    /// # Errors
    /// If they do not come up.
    pub async fn start(times: Times, seed: u64) -> Result<Self, StartKafkaError> {
        let builder = KafkaCluster::builder()
            .nodes(3)
            .proxied()
            // So that an expired producer id is forgotten within seconds (F17).
            .property("producer.id.expiration.check.interval.ms", "1000");
        Self::of(builder, times, seed).await
    }

    /// Starts one node of an older Kafka.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn start_older(times: Times, seed: u64) -> Result<Self, StartKafkaError> {
        let builder = KafkaCluster::builder().version(KafkaVersion::V3_9);
        Self::of(builder, times, seed).await
    }

    async fn of(
        builder: KafkaClusterBuilder,
        times: Times,
        seed: u64,
    ) -> Result<Self, StartKafkaError> {
        let builder = builder.jvm_option("-Xms128m").jvm_option("-Xmx384m");
        Ok(Self {
            cluster: builder.clone().start().await?,
            builder,
            mode: Mode::I,
            times,
            seed,
            harmed: Mutex::default(),
            runs: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            began: Instant::now(),
        })
    }

    /// Goes on with another cluster of the same kind; what was counted goes on, too.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn renew(&mut self) -> Result<(), StartKafkaError> {
        // The machine has room for one: the sick one goes first.
        for node in self.cluster.nodes() {
            // It only can fail for a node that does not exist.
            let _ = self.cluster.kill(node).await;
        }
        self.cluster = self.builder.clone().start().await?;
        *self.harmed() = Harmed::default();
        Ok(())
    }

    /// Tells how far a scenario is.
    pub fn say(&self, text: impl std::fmt::Display) {
        eprintln!("{:7.1}s   {text}", self.began.elapsed().as_secs_f64());
    }

    /// How many faults there were.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// Counts a fault that is none of the ones below.
    pub fn fault(&self, text: impl std::fmt::Display) {
        self.faults.fetch_add(1, Ordering::Relaxed);
        self.say(text);
    }

    /// A workload on a fresh topic, to be configured and started.
    pub fn run(&self, name: &str) -> RunPlan<'_> {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        RunPlan::new(self, format!("{name}-{number}"), self.seed ^ number)
    }

    /// The client's properties, bootstrap addresses included.
    pub fn properties(&self) -> Vec<(String, String)> {
        let mut properties = vec![
            ("bootstrap.servers".into(), self.cluster.bootstrap_servers()),
            ("client.id".into(), "guanaco-chaos".into()),
            ("request.timeout.ms".into(), millis(self.times.request)),
            ("delivery.timeout.ms".into(), millis(self.times.delivery)),
        ];
        if self.mode == Mode::P {
            properties.push(("enable.idempotence".into(), "false".into()));
        }
        properties
    }

    /// What holds unless a row says otherwise: no failure, everything ended within the delivery
    /// time-out.
    pub fn rules(&self) -> Rules {
        Rules {
            idempotent: self.mode == Mode::I,
            stall: None,
            hung: self.times.delivery + Duration::from_secs(5),
            failures: Vec::new(),
        }
    }

    /// Whether time-outs are scaled down, and so are the faults.
    pub fn is_scaled(&self) -> bool {
        self.times == Times::SCALED
    }

    /// A bound in time: twice as long while the machine has more to do than it can.
    pub fn bound(&self, time: Duration) -> Duration {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().and_then(|it| it.parse::<f64>().ok());
        if load.is_some_and(|load| load > 4.0) {
            time * 2
        } else {
            time
        }
    }

    /// kill -9.
    ///
    /// # Errors
    /// If there is no such node.
    pub async fn kill(&self, node: i32) -> Result<(), Problem> {
        self.fault(format_args!("kill -9 node {node}"));
        self.harmed().down.insert(node);
        Ok(self.cluster.kill(node).await?)
    }

    /// kill -15.
    ///
    /// # Errors
    /// If it does not end.
    pub async fn terminate(&self, node: i32) -> Result<(), Problem> {
        self.fault(format_args!("kill -15 node {node}"));
        self.harmed().down.insert(node);
        Ok(self.cluster.terminate(node).await?)
    }

    /// SIGSTOP.
    ///
    /// # Errors
    /// If it does not run.
    pub async fn freeze(&self, node: i32) -> Result<(), Problem> {
        self.fault(format_args!("freeze node {node}"));
        self.harmed().frozen.insert(node);
        Ok(self.cluster.freeze(node).await?)
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// If it is not frozen.
    pub async fn thaw(&self, node: i32) -> Result<(), Problem> {
        self.say(format_args!("thaw node {node}"));
        self.harmed().frozen.remove(&node);
        Ok(self.cluster.thaw(node).await?)
    }

    /// Brings a node back.
    ///
    /// # Errors
    /// If it does not come.
    pub async fn restart(&self, node: i32) -> Result<(), Problem> {
        self.say(format_args!("restart node {node}"));
        self.cluster.restart(node).await?;
        self.harmed().down.remove(&node);
        Ok(())
    }

    /// Brings all nodes back that are down, at once.
    ///
    /// # Errors
    /// If one does not come.
    pub async fn restart_all(&self) -> Result<(), Problem> {
        let down: Vec<i32> = self.harmed().down.iter().copied().collect();
        try_join_all(down.into_iter().map(|node| self.restart(node))).await?;
        Ok(())
    }

    /// kill -9 for every node.
    ///
    /// # Errors
    /// None but what [`kill`](Self::kill) has.
    pub async fn kill_all(&self) -> Result<(), Problem> {
        for node in self.cluster.nodes() {
            self.kill(node).await?;
        }
        Ok(())
    }

    /// Lets nothing through between clients and brokers, in one direction or both.
    pub fn blackhole_all(&self, directions: &[Direction]) {
        self.fault(format_args!("black hole {directions:?}"));
        for proxy in self.cluster.proxies() {
            directions
                .iter()
                .for_each(|direction| proxy.blackhole(*direction));
        }
    }

    /// Makes every proxy transparent again.
    pub fn heal(&self) {
        self.cluster.proxies().for_each(Proxy::heal);
    }

    /// Undoes every fault and waits until all replicas are in sync and lead where they should.
    ///
    /// # Errors
    /// If the cluster does not get well.
    pub async fn recover(&self) -> Result<(), Problem> {
        self.heal();
        let frozen: Vec<i32> = self.harmed().frozen.iter().copied().collect();
        for node in frozen {
            self.thaw(node).await?;
        }
        self.restart_all().await?;
        self.cluster.wait_in_sync().await?;
        self.cluster.elect_preferred().await?;
        Ok(())
    }

    fn harmed(&self) -> MutexGuard<'_, Harmed> {
        self.harmed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As a property's value.
#[must_use]
pub fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}
