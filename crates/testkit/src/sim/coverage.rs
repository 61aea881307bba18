//! What happened in a run, counted, so that a simulation that meets no trouble cannot pass for one.

use std::fmt;

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $words:literal,)*) => {
        /// Something that a simulation has to have met.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Event {
            $($(#[$doc])* $name,)*
        }

        impl Event {
            /// All of them.
            pub const ALL: &'static [Event] = &[$(Event::$name,)*];

            /// In a few words.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self {
                    $(Event::$name => $words,)*
                }
            }
        }
    };
}

events! {
    /// A partition changed its leader while batches of it were on the wire.
    LeaderMoved = "leader move with batches in flight",
    /// A batch was split.
    Split = "split",
    /// A batch ran out of time while it was on the wire.
    ExpiredInFlight = "expiry in flight",
    /// A partition had to count anew.
    EpochBump = "epoch bump",
    /// A broker recognised a batch as a repetition.
    Duplicate = "duplicate reply",
    /// A request of a dead connection was applied.
    ZombieApplied = "zombie request applied",
    /// A request of a dead connection was refused.
    ZombieRefused = "zombie request refused",
    /// A connection died before a request arrived.
    RequestLost = "request lost",
    /// A request was applied and its answer lost.
    ReplyLost = "reply lost",
    /// A request had no answer in time.
    TimedOut = "request time-out",
    /// A broker died.
    Killed = "broker killed",
    /// A broker stopped for a while.
    Frozen = "broker frozen",
    /// A batch was retried after a refusal.
    Refused = "refusal",
    /// A topic was made anew under its name.
    Recreated = "topic re-created",
    /// A topic got more partitions.
    Grown = "partitions added",
    /// A topic was not known at first.
    UnknownTopic = "topic unknown at first",
    /// A broker asked for quiet.
    Throttled = "throttled",
    /// A broker forgot a producer.
    Forgotten = "producer forgotten",
    /// A flow waited for room in the buffer.
    Waited = "flow waits for room",
    /// A send was withdrawn before it was admitted.
    Withdrawn = "send withdrawn",
    /// A flow was dropped with records under way.
    Dropped = "flow dropped",
    /// A producer id had to be had again, or took long.
    IdentityTrouble = "trouble with the producer id",
    /// The producer was closed with records under way.
    ClosedEarly = "closed early",
    /// The producer was abandoned.
    Abandoned = "abandoned",
    /// The producer of a fail-fast stream was abandoned at its first failure.
    FailedFast = "first failure of a fail-fast stream",
    /// The producer was refused for good.
    Fatal = "fatal answer",
    /// Batches were compressed.
    Compressed = "compression",
    /// A producer without idempotence.
    Weaker = "weaker acks",
}

/// How often each [`Event`] happened, in a run or in how many of several runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    counts: [u64; Event::ALL.len()],
    /// Batches that were put on the wire, retries not counted.
    pub batches: u64,
    /// Records.
    pub records: u64,
    /// Faults that were injected.
    pub faults: u64,
    /// Virtual time, in microseconds.
    pub micros: u64,
}

impl Coverage {
    /// It happened.
    pub fn see(&mut self, event: Event) {
        self.counts[event as usize] += 1;
    }

    /// It happened so many times.
    pub fn see_times(&mut self, event: Event, times: u64) {
        self.counts[event as usize] += times;
    }

    /// How often it happened.
    #[must_use]
    pub fn count(&self, event: Event) -> u64 {
        self.counts[event as usize]
    }

    /// Adds a run: each event counts once for it.
    pub fn add_run(&mut self, run: &Coverage) {
        for (sum, count) in self.counts.iter_mut().zip(run.counts) {
            *sum += u64::from(count > 0);
        }
        self.add_totals(run);
    }

    /// Adds up two halves of a simulation.
    pub fn merge(&mut self, other: &Coverage) {
        for (sum, count) in self.counts.iter_mut().zip(other.counts) {
            *sum += count;
        }
        self.add_totals(other);
    }

    fn add_totals(&mut self, other: &Coverage) {
        self.batches += other.batches;
        self.records += other.records;
        self.faults += other.faults;
        self.micros += other.micros;
    }
}

/// The share of `seeds` runs that met each event.
#[derive(Debug)]
pub struct Shares<'a>(pub &'a Coverage, pub u64);

impl fmt::Display for Shares<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(coverage, seeds) = self;
        let seeds = (*seeds).max(1) as f64;
        for event in Event::ALL {
            let share = coverage.count(*event) as f64 / seeds * 100.0;
            writeln!(f, "  {:<36} {share:5.1} % of seeds", event.words())?;
        }
        write!(
            f,
            "  per seed: {:.0} batches, {:.0} records, {:.1} faults, {:.1} s",
            coverage.batches as f64 / seeds,
            coverage.records as f64 / seeds,
            coverage.faults as f64 / seeds,
            coverage.micros as f64 / seeds / 1e6
        )
    }
}
