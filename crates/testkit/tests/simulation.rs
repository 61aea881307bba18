//! The producer's core lives through seeds of simulated trouble.
//!
//! `SEED=123` replays one seed and prints what happened; `SEEDS=10000` lives through that many, from
//! `FIRST` on. `scripts/simulate` sets them and builds for speed.

use guanaco_testkit::sim::{self, Coverage, Event, Run, Shares};
use std::{
    num::NonZero,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

/// Every event has to be met in so many of a hundred seeds.
const COVERED: [Event; 7] = [
    Event::LeaderMoved,
    Event::Split,
    Event::ExpiredInFlight,
    Event::EpochBump,
    Event::Duplicate,
    Event::ZombieApplied,
    Event::ZombieRefused,
];
const SHARE: f64 = 0.02;

/// Shares mean something from so many seeds on.
const ENOUGH: u64 = 500;

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {value}")),
    )
}

/// Lives through seeds on all cores; the first failures in order of their seeds.
fn live_through(first: u64, seeds: u64) -> (Coverage, Vec<Run>) {
    let next = AtomicU64::new(first);
    let worker = || {
        let (mut coverage, mut failed) = (Coverage::default(), Vec::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return (coverage, failed);
            }
            let run = sim::run(seed);
            coverage.add_run(&run.coverage);
            if !run.anomalies.is_empty() {
                failed.push(run);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut all = (Coverage::default(), Vec::new());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            let (coverage, failed) = worker.join().expect("a run does not panic");
            all.0.merge(&coverage);
            all.1.extend(failed);
        }
    });
    all.1.sort_by_key(|run| run.seed);
    all
}

#[test]
fn keeps_every_promise_through_all_seeds() {
    if let Some(seed) = number("SEED") {
        let run = sim::run_logged(seed);
        println!("{:#?}\n{run}", sim::Plan::of(seed));
        let failed = u8::from(!run.anomalies.is_empty());
        println!("{} passed, {failed} failed", 1 - failed);
        assert_eq!(failed, 0, "seed {seed} failed");
        return;
    }
    let (first, seeds) = (number("FIRST").unwrap_or(0), number("SEEDS").unwrap_or(200));
    let began = Instant::now();
    let (coverage, failed) = live_through(first, seeds);
    let rate = seeds as f64 / began.elapsed().as_secs_f64();
    println!(
        "{seeds} seeds from {first}, {rate:.0} a second\n{}",
        Shares(&coverage, seeds)
    );
    for run in failed.iter().take(40) {
        print!("{}", run.to_string().lines().next().unwrap_or_default());
        println!(" (and {} more)", run.anomalies.len() - 1);
    }
    println!(
        "{} passed, {} failed",
        seeds - failed.len() as u64,
        failed.len()
    );
    assert!(failed.is_empty(), "replay with SEED={}", failed[0].seed);
    if seeds >= ENOUGH {
        for event in COVERED {
            let share = coverage.count(event) as f64 / seeds as f64;
            assert!(
                share >= SHARE,
                "only {:.2} % of seeds met: {}",
                share * 100.0,
                event.words()
            );
        }
        assert!(
            coverage.batches >= 200 * seeds * 9 / 10,
            "a seed has 200 batches"
        );
        assert!(coverage.faults >= 5 * seeds, "a seed has 5 faults");
    }
}

#[test]
fn a_seed_replays_to_the_same_end() {
    for seed in 0..20 {
        assert_eq!(sim::run(seed).digest, sim::run(seed).digest, "seed {seed}");
    }
}

/// Each planted defect has to show within so many seeds.
#[cfg(feature = "mutants")]
const CAUGHT_WITHIN: u64 = 2_000;

#[cfg(feature = "mutants")]
#[test]
fn every_mutant_is_caught() {
    use guanaco_engine::core::mutants::{Mutant, plant};

    let mut missed = 0;
    for mutant in Mutant::ALL {
        // What a seed finds shows in its anomalies; a panic among them is expected, not printed.
        let found = (0..CAUGHT_WITHIN).map(|seed| {
            plant(Some(mutant));
            let run = sim::run(seed);
            plant(None);
            run
        });
        match found.into_iter().find(|run| !run.anomalies.is_empty()) {
            Some(run) => {
                println!(
                    "mutant {mutant:?} caught at seed {}: {}",
                    run.seed, run.anomalies[0]
                );
            }
            None => {
                println!("mutant {mutant:?} missed in {CAUGHT_WITHIN} seeds");
                missed += 1;
            }
        }
    }
    println!("{} passed, {missed} failed", Mutant::ALL.len() - missed);
    assert_eq!(missed, 0);
}
