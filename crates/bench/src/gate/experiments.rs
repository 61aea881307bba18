//! The experiments behind the bars.

use super::{
    bars::Finding,
    overhead,
    real::RealKafka,
    rounds::{Journal, Server, best, figure, ratio},
    stall,
    stats::Figure,
};
use crate::{child::NullBroker, error::BenchError, sample::Sample};

/// One measurement: what it needs and which keys it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Experiment {
    NullFlexi,
    NullKeyed,
    NullKib,
    Lz4,
    ReplyDelay,
    Send,
    NullLatency,
    Growth,
    ManyPartitions,
    NullShared,
    Tls,
    Tracing,
    Metrics,
    RealFlexi,
    RealKib,
    RealLatency,
    RealShared,
    Stall,
}

type Findings = Result<Vec<Finding>, BenchError>;

impl Experiment {
    /// Those on the null broker first: no JVM is in their way then.
    pub(crate) const ALL: [Self; 18] = [
        Self::NullFlexi,
        Self::NullKeyed,
        Self::NullKib,
        Self::Lz4,
        Self::ReplyDelay,
        Self::Send,
        Self::NullLatency,
        Self::Growth,
        Self::ManyPartitions,
        Self::NullShared,
        Self::Tls,
        Self::Tracing,
        Self::Metrics,
        Self::RealFlexi,
        Self::RealKib,
        Self::RealLatency,
        Self::RealShared,
        Self::Stall,
    ];

    /// The keys it gives, judged or not.
    pub(crate) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::NullFlexi => &[
                "null_flexi_vs_probe",
                "null_flexi_ns",
                "null_flexi_vs_probe_throughput",
            ],
            Self::NullKeyed => &["null_keyed64_ns"],
            Self::NullKib => &["null_kib_vs_probe"],
            Self::Lz4 => &["lz4_vs_none_50mb"],
            Self::ReplyDelay => &["rtt2ms_vs_limit", "rtt2ms_adaptive_vs_limit"],
            Self::Send => &["send_ns"],
            Self::NullLatency => &["null_p99_vs_probe_rtt", "null_p99_vs_probe_rtt_1k"],
            Self::Growth => &["rss_growth_20m_mib"],
            Self::ManyPartitions => &["batches_per_request"],
            Self::NullShared => &["null_shared4_vs_one", "null_shared4_vs_own4"],
            Self::Tls => &["tls_kib_vs_bare", "tls_kib_256k_vs_bare"],
            Self::Tracing => &["tracing_off_cpu"],
            Self::Metrics => &["metrics_on_cpu"],
            Self::RealFlexi => &["flexi_vs_probe_throughput", "flexi_vs_probe_cpu"],
            Self::RealKib => &["kib_vs_probe"],
            Self::RealLatency => &["p99_vs_probe_rtt", "p99_vs_probe_rtt_1k"],
            Self::RealShared => &["shared4_vs_one", "shared4_vs_own4"],
            Self::Stall => &["stall_rss_over_buffer_mib"],
        }
    }

    pub(crate) fn needs_real_kafka(self) -> bool {
        matches!(
            self,
            Self::RealFlexi | Self::RealKib | Self::RealLatency | Self::RealShared | Self::Stall
        )
    }

    fn name(self) -> &'static str {
        self.keys()[0]
    }

    /// Runs one on the null broker.
    pub(crate) async fn run_null(self, journal: &mut Journal) -> Findings {
        match self {
            Self::NullFlexi => {
                let broker = NullBroker::start(&[]).await?;
                let runs = self
                    .probes_and_flexi(journal, Server::Null(&broker), 100, 10_000_000)
                    .await?;
                let (flexi, probes) = (&runs[3], &runs[..3]);
                let fastest = best(probes, Sample::records_per_second);
                self.findings([
                    ratio(flexi, fastest, Sample::cpu_ns)?,
                    figure(flexi, Sample::cpu_ns)?,
                    ratio(flexi, fastest, Sample::records_per_second)?,
                ])
            }
            Self::NullKeyed => {
                let broker = NullBroker::start(&["--partitions", "64"]).await?;
                let records = journal.scaled(3_000_000);
                let run = args(&["path", "keyed", "--records", &records]);
                let runs = self
                    .interleave(journal, Server::Null(&broker), &[run])
                    .await?;
                self.findings([figure(&runs[0], Sample::cpu_ns)?])
            }
            Self::NullKib => {
                let broker = NullBroker::start(&[]).await?;
                self.kib(journal, Server::Null(&broker), 1_000_000).await
            }
            Self::Lz4 => {
                let broker = NullBroker::start(&["--bandwidth-mb", "50"]).await?;
                let records = journal.scaled(500_000);
                let none = args(&["path", "json-lines", "--records", &records]);
                let lz4 = [&none[..], &args(&["-X", "compression.type=lz4"])].concat();
                let runs = self
                    .interleave(journal, Server::Null(&broker), &[none, lz4])
                    .await?;
                self.findings([ratio(&runs[1], &runs[0], Sample::records_per_second)?])
            }
            Self::ReplyDelay => {
                let broker = NullBroker::start(&["--delay-ms", "2"]).await?;
                let records = journal.scaled(2_000_000);
                let probe = args(&["probe", "--batch-bytes", "65536", "--records", &records]);
                let adaptive = args(&["path", "flexi", "--records", &records]);
                let fixed = [&adaptive[..], &args(&["-X", "batch.size=65536"])].concat();
                let server = Server::Null(&broker);
                let runs = self
                    .interleave(journal, server, &[probe, fixed, adaptive])
                    .await?;
                let speed = Sample::records_per_second;
                self.findings([
                    ratio(&runs[1], &runs[0], speed)?,
                    ratio(&runs[2], &runs[0], speed)?,
                ])
            }
            Self::Send => {
                let broker = NullBroker::start(&[]).await?;
                let run = args(&["path", "send", "--records", &journal.scaled(2_000_000)]);
                let runs = self
                    .interleave(journal, Server::Null(&broker), &[run])
                    .await?;
                self.findings([figure(&runs[0], Sample::cpu_ns)?])
            }
            Self::NullLatency => {
                let broker = NullBroker::start(&[]).await?;
                self.latency(journal, Server::Null(&broker)).await
            }
            Self::Growth => {
                let broker = NullBroker::start(&[]).await?;
                // Never scaled: the bar is about these very records.
                let run = args(&["path", "growth", "--records", "20000000"]);
                let runs = self
                    .interleave(journal, Server::Null(&broker), &[run])
                    .await?;
                self.findings([figure(&runs[0], |run| run.figure("growth_mib"))?])
            }
            Self::ManyPartitions => self.many_partitions(journal).await,
            Self::NullShared => {
                let broker = NullBroker::start(&[]).await?;
                self.shared(journal, Server::Null(&broker), 4_000_000).await
            }
            Self::Tls => self.tls(journal).await,
            Self::Tracing => self.findings([overhead::tracing(journal, self.name()).await?]),
            Self::Metrics => self.findings([overhead::metrics(journal, self.name()).await?]),
            _ => Err(BenchError::Check(format!("{self:?} needs a real Kafka"))),
        }
    }

    /// Runs one on a real Kafka.
    pub(crate) async fn run_real(self, journal: &mut Journal, kafka: &mut RealKafka) -> Findings {
        match self {
            Self::RealFlexi => {
                let runs = self
                    .probes_and_flexi(journal, Server::Real(kafka), 100, 4_000_000)
                    .await?;
                let (flexi, probes) = (&runs[3], &runs[..3]);
                let fastest = best(probes, Sample::records_per_second);
                self.findings([
                    ratio(flexi, fastest, Sample::records_per_second)?,
                    ratio(flexi, fastest, Sample::cpu_ns)?,
                ])
            }
            Self::RealKib => self.kib(journal, Server::Real(kafka), 400_000).await,
            Self::RealLatency => self.latency(journal, Server::Real(kafka)).await,
            Self::RealShared => self.shared(journal, Server::Real(kafka), 4_000_000).await,
            Self::Stall => {
                let over = stall::measure(journal, kafka, self.name()).await?;
                self.findings([over])
            }
            _ => Err(BenchError::Check(format!("{self:?} needs a null broker"))),
        }
    }

    /// The probe with each of its batch sizes, then the flexi flow.
    async fn probes_and_flexi(
        self,
        journal: &mut Journal,
        server: Server<'_>,
        value_bytes: usize,
        records: u64,
    ) -> Result<Vec<Vec<Sample>>, BenchError> {
        let records = journal.scaled(records);
        let size = value_bytes.to_string();
        let common = args(&["--records", &records, "--value-bytes", &size]);
        let probe = |batch| [&args(&["probe", "--batch-bytes", batch])[..], &common].concat();
        let flexi = [&args(&["path", "flexi"])[..], &common].concat();
        let runs = [probe("65536"), probe("262144"), probe("1048576"), flexi];
        self.interleave(journal, server, &runs).await
    }

    async fn kib(self, journal: &mut Journal, server: Server<'_>, records: u64) -> Findings {
        let runs = self
            .probes_and_flexi(journal, server, 1024, records)
            .await?;
        let fastest = best(&runs[..3], Sample::bytes_per_second);
        self.findings([ratio(&runs[3], fastest, Sample::bytes_per_second)?])
    }

    /// At the rate of the bar, and at one that one-record requests keep up with everywhere: a probe
    /// that falls behind tells how long its queue was, not how long a request takes.
    async fn latency(self, journal: &mut Journal, server: Server<'_>) -> Findings {
        const RATES: [u64; 2] = [10_000, 1_000];
        const SECONDS: u64 = 4;
        let mut runs = Vec::new();
        for rate in RATES {
            let (records, rate) = (journal.scaled(rate * SECONDS), rate.to_string());
            let common = args(&["--rate", &rate, "--records", &records]);
            let path = args(&["path", "latency", "-X", "linger.ms=0"]);
            runs.extend([args(&["probe"]), path].map(|run| [run, common.clone()].concat()));
        }
        let runs = self.interleave(journal, server, &runs).await?;
        let p99 = |run: &Sample| run.figure("p99_us");
        self.findings([
            ratio(&runs[1], &runs[0], p99)?,
            ratio(&runs[3], &runs[2], p99)?,
        ])
    }

    async fn shared(self, journal: &mut Journal, server: Server<'_>, records: u64) -> Findings {
        let records = journal.scaled(records);
        let flows =
            |more: &[&str]| args(&[&["path", "flows", "--records", &records], more].concat());
        let one = flows(&["--flows", "1"]);
        let shared = flows(&["--flows", "4"]);
        let own = flows(&["--flows", "4", "--own-producers"]);
        let runs = self
            .interleave(journal, server, &[one, shared, own])
            .await?;
        let speed = Sample::records_per_second;
        self.findings([
            ratio(&runs[1], &runs[0], speed)?,
            ratio(&runs[1], &runs[2], speed)?,
        ])
    }

    async fn many_partitions(self, journal: &mut Journal) -> Findings {
        let mut broker = NullBroker::start(&["--partitions", "1000"]).await?;
        let records = journal.scaled(3_000_000);
        let run = args(&[
            "path",
            "round-robin",
            "--partitions",
            "1000",
            "--rate",
            "1000000",
            "-X",
            "linger.ms=5",
            "--records",
            &records,
        ]);
        let mut rounds = Vec::new();
        for round in 1..=journal.rounds {
            let before = broker.counters().await?;
            let sample = Server::Null(&broker).run(&run).await?;
            let after = broker.counters().await?;
            let requests = (after.requests - before.requests) as f64;
            let batches = (after.batches - before.batches) as f64;
            let sample = sample
                .with_figure("requests", requests)
                .with_figure("batches", batches);
            journal.note(self.name(), round, &sample);
            rounds.push(sample);
        }
        self.findings([figure(&rounds, |run| {
            run.figure("batches") / run.figure("requests")
        })?])
    }

    /// A flow beside a bare pair of sockets with each of its write sizes, all by TLS. Once more with
    /// batches that fit into a core's cache, as the bare pair's one buffer does: each byte is read
    /// again for the checksum, then for the cipher.
    async fn tls(self, journal: &mut Journal) -> Findings {
        let mut broker = NullBroker::start(&["--tls"]).await?;
        let authority = broker.authority().await?;
        // Seconds: in the first tenths neither side is at its speed.
        let records = journal.scaled(3_000_000);
        let common = args(&[
            "--authority",
            &authority,
            "--records",
            &records,
            "--value-bytes",
            "1024",
        ]);
        let bare = |write| [&args(&["bare-tls", "--write-bytes", write])[..], &common].concat();
        let flexi = [&args(&["path", "flexi"])[..], &common].concat();
        let small = [&flexi[..], &args(&["-X", "batch.size=262144"])].concat();
        let bare = ["65536", "262144", "1048576"].map(bare);
        let runs = [&bare[..], &[flexi, small]].concat();
        let runs = self
            .interleave(journal, Server::Null(&broker), &runs)
            .await?;
        let speed = Sample::bytes_per_second;
        let fastest = best(&runs[..3], speed);
        self.findings([
            ratio(&runs[3], fastest, speed)?,
            ratio(&runs[4], fastest, speed)?,
        ])
    }

    async fn interleave(
        self,
        journal: &mut Journal,
        mut server: Server<'_>,
        runs: &[Vec<String>],
    ) -> Result<Vec<Vec<Sample>>, BenchError> {
        journal.interleave(self.name(), &mut server, runs).await
    }

    /// The figures are in the order of the keys.
    fn findings<const N: usize>(self, figures: [Figure; N]) -> Findings {
        debug_assert_eq!(self.keys().len(), N);
        let pairs = self.keys().iter().zip(figures);
        Ok(pairs
            .map(|(&key, figure)| Finding { key, figure })
            .collect())
    }
}

fn args(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::bars::BARS;

    #[test]
    fn every_bar_comes_from_exactly_one_experiment() {
        for (key, _) in BARS {
            let from = Experiment::ALL
                .iter()
                .filter(|e| e.keys().contains(&key))
                .count();
            assert_eq!(from, 1, "{key}");
        }
    }
}
