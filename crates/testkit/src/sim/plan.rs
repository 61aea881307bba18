//! What a seed comes to: settings, cluster, workload and faults.

use guanaco_engine::{Acks, Compression, ProducerConfig};
use std::time::Duration;

/// Microseconds of virtual time.
pub type Micros = u64;

/// One millisecond.
pub const MS: Micros = 1_000;

/// Everything that is decided before a run begins; the rest is decided by the same seed on the way.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// The producer's settings.
    pub config: ProducerConfig,
    /// How many brokers.
    pub brokers: i32,
    /// The topics.
    pub topics: Vec<TopicPlan>,
    /// Whether brokers create topics on first use.
    pub auto_create: bool,
    /// Whether the cluster knows topics by id; else produce requests name them.
    pub by_id: bool,
    /// The first epoch of a producer id.
    pub first_epoch: i16,
    /// The flows.
    pub flows: Vec<FlowPlan>,
    /// How many plain sends there are.
    pub sends: usize,
    /// The mean pause between two of them.
    pub send_pause: Micros,
    /// Faults, by the time at which they strike.
    pub faults: Vec<(Micros, Fault)>,
    /// When all is repaired.
    pub healed: Micros,
    /// How the producer ends.
    pub end: End,
    /// The first record that fails has the producer abandoned.
    pub fail_fast: bool,
    /// At least so many batches are sent.
    pub batches: u64,
    /// The mean time of a message from here to there.
    pub latency: Micros,
}

/// A topic.
#[derive(Clone, Debug)]
pub struct TopicPlan {
    /// How many partitions.
    pub partitions: i32,
    /// When it is created; `None`: never, unless a broker does so on first use.
    pub created: Option<Micros>,
    /// `min.insync.replicas`.
    pub min_insync: i32,
    /// `max.message.bytes`.
    pub max_message: usize,
    /// `message.timestamp.type=LogAppendTime`.
    pub log_append_time: bool,
}

/// A flow.
#[derive(Clone, Debug)]
pub struct FlowPlan {
    /// Records that its upstream has.
    pub records: usize,
    /// The mean pause between two of them.
    pub pause: Micros,
    /// Records on their way at once.
    pub parallelism: usize,
    /// Records appended at once.
    pub chunk: usize,
    /// Whether it chooses partitions itself.
    pub partitions: bool,
    /// The topics that it sends to.
    pub topics: Vec<usize>,
    /// The largest padding of a value.
    pub padding: usize,
}

/// How a producer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// When all is told.
    Idle,
    /// In the middle, within a time limit.
    Close(Micros),
    /// In the middle, at once.
    Abandon,
    /// By an answer that no producer survives.
    Fatal,
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// A broker dies and comes back.
    Kill {
        /// Which.
        broker: i32,
        /// For how long.
        down: Micros,
        /// Its connections do not notice.
        silent: bool,
        /// It knows no topic for so long after.
        unaware: Micros,
    },
    /// A broker stops and goes on.
    Freeze {
        /// Which.
        broker: i32,
        /// For how long.
        time: Micros,
        /// Others lead its partitions from then on.
        deposed: bool,
    },
    /// A partition is led by another broker.
    MoveLeader,
    /// All partitions of a broker are led by others.
    Drain(i32),
    /// A connection is reset; what is on its way may still arrive, much later.
    Reset {
        /// To which broker.
        broker: i32,
        /// How much later.
        late: Micros,
    },
    /// What is on its way to a broker is held up.
    Stall {
        /// Which.
        broker: i32,
        /// For how long.
        time: Micros,
    },
    /// The next request is applied and its connection dies with the answer.
    LoseReply(i32),
    /// The next request is lost with its connection.
    LoseRequest(i32),
    /// A partition answers with an error.
    Refuse {
        /// The code.
        code: i16,
        /// After the append.
        applied: bool,
        /// So many times.
        times: usize,
    },
    /// A broker's metadata lag behind.
    LagMetadata(i32, Micros),
    /// A broker asks for quiet.
    Throttle(i32, Micros),
    /// Every partition forgets its producers, where that harms nobody that Kafka would protect.
    Forget,
    /// A partition remembers one batch per producer only.
    Reload,
    /// A topic is deleted, and after a while created anew.
    Recreate(usize, Micros),
    /// A topic gets more partitions.
    Grow(usize),
    /// No producer id can be had for a while.
    NoIdentity(Micros),
    /// No metadata can be had for a while.
    NoMetadata(Micros),
    /// A broker takes no connections for a while.
    RefuseConnections(i32, Micros),
    /// A broker is slow for a while.
    Slow(i32, Micros),
    /// The application flushes.
    Flush,
    /// A flow is dropped.
    DropFlow,
    /// An answer leaves a batch out.
    LeaveOut(i32),
    /// A repetition is answered by an error code instead of its offset.
    DuplicateCode(i32),
    /// The application sends nothing for a while.
    LongPause(Micros),
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rng = &mut rng;
        let config = config(rng);
        let brokers = rng.i32(2..=4);
        let by_id = !chance(rng, 8);
        let topics = topics(rng, &config, brokers);
        let flows = flows(rng, topics.len());
        let active = rng.u64(1_500..4_000) * MS;
        let mut faults: Vec<_> = (0..rng.usize(5..=14))
            .map(|_| {
                (
                    rng.u64(20 * MS..active),
                    fault(rng, brokers, topics.len(), by_id),
                )
            })
            .collect();
        if chance(rng, 5) {
            // Brokers may forget a producer that is idle for long; the next batches go to them.
            let time = rng.u64(70_000..75_000) * MS;
            faults.push((active, Fault::LongPause(time)));
            faults.push((active + time, Fault::Forget));
            for _ in 0..10 {
                let code = *rng.choice(&[19, 10, 6, 2, 87]).unwrap_or(&19);
                let refuse = Fault::Refuse {
                    code,
                    applied: false,
                    times: 1,
                };
                faults.push((active + time, refuse));
            }
        }
        faults.sort_by_key(|(at, _)| *at);
        let repaired = faults
            .iter()
            .map(|(at, fault)| at + fault.lasts())
            .max()
            .unwrap_or(0);
        let end = match rng.u32(..100) {
            0..5 => End::Close(rng.u64(0..800) * MS),
            5..9 => End::Abandon,
            9..12 => End::Fatal,
            _ => End::Idle,
        };
        let sends = if chance(rng, 40) {
            0
        } else {
            rng.usize(20..150)
        };
        Self {
            seed,
            config,
            brokers,
            topics,
            auto_create: chance(rng, 20),
            by_id,
            first_epoch: if chance(rng, 10) {
                i16::MAX - rng.i16(0..4)
            } else {
                0
            },
            flows,
            sends,
            send_pause: rng.u64(1..40) * MS,
            faults,
            healed: repaired.max(active) + 500 * MS,
            end,
            fail_fast: seed % 16 == 9,
            batches: 200,
            latency: *rng.choice([200, 1_000, 5_000].iter()).unwrap_or(&1_000),
        }
    }
}

impl Fault {
    /// How long it takes to pass.
    #[must_use]
    pub fn lasts(&self) -> Micros {
        match self {
            Self::Kill { down, unaware, .. } => down + unaware,
            Self::Freeze { time, .. } | Self::Stall { time, .. } => *time,
            Self::Reset { .. } => 100 * MS,
            Self::LagMetadata(_, time)
            | Self::Throttle(_, time)
            | Self::NoIdentity(time)
            | Self::NoMetadata(time)
            | Self::RefuseConnections(_, time)
            | Self::Slow(_, time)
            | Self::Recreate(_, time)
            | Self::LongPause(time) => *time,
            _ => 0,
        }
    }
}

pub(super) fn chance(rng: &mut fastrand::Rng, percent: u32) -> bool {
    rng.u32(..100) < percent
}

fn millis(rng: &mut fastrand::Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}

fn config(rng: &mut fastrand::Rng) -> ProducerConfig {
    let mut config = ProducerConfig::default();
    (config.acks, config.enable_idempotence) = match rng.u32(..100) {
        0..6 => (Acks::All, false),
        6..13 => (Acks::Leader, false),
        13..18 => (Acks::None, false),
        _ => (Acks::All, true),
    };
    config.batch_size = rng.usize(150..1_500);
    config.batch_adaptive = rng.bool();
    config.buffer_memory = match rng.u32(..100) {
        0..25 => config.batch_size.max(rng.usize(1..7) << 10),
        25..60 => rng.usize(16..64) << 10,
        _ => 1 << 20,
    };
    config.linger = match rng.u32(..100) {
        0..25 => Duration::ZERO,
        25..88 => millis(rng, 1..15),
        _ => Duration::from_secs(3_600),
    };
    config.max_request_size = if chance(rng, 20) {
        rng.usize(2_000..6_000)
    } else {
        1 << 20
    };
    config.max_in_flight = if chance(rng, 70) { 5 } else { rng.usize(1..=5) };
    config.request_timeout = millis(rng, 150..1_200);
    let delivery = millis(rng, 800..6_000);
    config.delivery_timeout = (config.linger + config.request_timeout + delivery / 2).max(delivery);
    if chance(rng, 6) {
        config.retries = rng.u32(1..4);
    }
    config.retry_backoff = millis(rng, 2..80);
    config.retry_backoff_max = config.retry_backoff + millis(rng, 10..250);
    config.reconnect_backoff = millis(rng, 5..40);
    config.reconnect_backoff_max = config.reconnect_backoff + millis(rng, 10..150);
    config.connection_setup_timeout = millis(rng, 100..600);
    config.connections_max_idle = millis(rng, 300..20_000);
    config.metadata_max_age = millis(rng, 300..60_000);
    config.metadata_max_idle = millis(rng, 500..300_000);
    config.max_block = millis(rng, 300..4_000);
    config.pending_sends_max = if chance(rng, 15) {
        rng.usize(1..10)
    } else {
        10_000
    };
    config.compression = if chance(rng, 25) {
        Compression::Snappy
    } else {
        Compression::None
    };
    config.partitioner_adaptive = rng.bool();
    if rng.bool() {
        config.partitioner_availability_timeout = millis(rng, 1..1_000);
    }
    config
}

fn topics(rng: &mut fastrand::Rng, config: &ProducerConfig, brokers: i32) -> Vec<TopicPlan> {
    (0..rng.usize(1..=3))
        .map(|number| TopicPlan {
            partitions: if number == 0 {
                rng.i32(3..=7)
            } else {
                rng.i32(1..=4)
            },
            created: match (number, rng.u32(..100)) {
                (0, 0..85) | (_, 0..40) => Some(0),
                (0, _) | (_, 40..85) => Some(rng.u64(10..1_500) * MS),
                _ => None,
            },
            min_insync: rng.i32(1..=2.min(brokers - 1)),
            max_message: if chance(rng, 25) {
                61 + rng.usize(160..(config.batch_size * 2).max(300))
            } else {
                1 << 20
            },
            log_append_time: chance(rng, 15),
        })
        .collect()
}

fn flows(rng: &mut fastrand::Rng, topics: usize) -> Vec<FlowPlan> {
    (0..rng.usize(1..=4))
        .map(|_| FlowPlan {
            records: rng.usize(100..500),
            pause: rng.u64(100..12_000),
            parallelism: if chance(rng, 30) {
                rng.usize(1..5)
            } else {
                rng.usize(10..300)
            },
            chunk: rng.usize(1..=10),
            partitions: chance(rng, 15),
            topics: (0..topics)
                .filter(|topic| *topic == 0 || rng.bool())
                .collect(),
            padding: rng.usize(1..100),
        })
        .collect()
}

fn fault(rng: &mut fastrand::Rng, brokers: i32, topics: usize, by_id: bool) -> Fault {
    let broker = rng.i32(1..=brokers);
    match rng.u32(..100) {
        0..9 => Fault::Kill {
            broker,
            down: rng.u64(30..1_500) * MS,
            silent: chance(rng, 25),
            unaware: if chance(rng, 30) {
                rng.u64(10..300) * MS
            } else {
                0
            },
        },
        9..16 => Fault::Freeze {
            broker,
            time: rng.u64(50..2_500) * MS,
            deposed: rng.bool(),
        },
        16..25 => Fault::MoveLeader,
        25..29 => Fault::Drain(broker),
        29..36 => Fault::Reset {
            broker,
            late: rng.u64(0..2_500) * MS,
        },
        36..43 => Fault::Stall {
            broker,
            time: rng.u64(100..2_500) * MS,
        },
        43..49 => Fault::LoseReply(broker),
        49..53 => Fault::LoseRequest(broker),
        53..70 => {
            let codes = [
                (19, false),
                (19, false),
                (20, true),
                (6, false),
                (6, true),
                (5, false),
                (3, false),
                (7, true),
                (7, false),
                (10, false),
                (10, false),
                (2, false),
                (56, true),
                (87, false),
                (-1, true),
                (-1, false),
                (45, false),
                (59, false),
            ];
            let (code, applied) = codes[rng.usize(..codes.len())];
            Fault::Refuse {
                code,
                applied,
                times: rng.usize(1..=3),
            }
        }
        70..73 => Fault::LagMetadata(broker, rng.u64(50..800) * MS),
        73..76 => Fault::Throttle(broker, rng.u64(10..300) * MS),
        76..79 => Fault::Reload,
        79..82 if by_id => Fault::Recreate(rng.usize(..topics), rng.u64(0..4) * 200 * MS),
        82..84 => Fault::Grow(rng.usize(..topics)),
        84..86 => Fault::NoIdentity(rng.u64(50..1_000) * MS),
        86..88 => Fault::NoMetadata(rng.u64(50..1_000) * MS),
        88..90 => Fault::RefuseConnections(broker, rng.u64(50..800) * MS),
        90..92 => Fault::Slow(broker, rng.u64(100..1_000) * MS),
        92..95 => Fault::Flush,
        95..97 => Fault::DropFlow,
        97..98 => Fault::LeaveOut(broker),
        98..99 => Fault::DuplicateCode(broker),
        _ => Fault::MoveLeader,
    }
}
