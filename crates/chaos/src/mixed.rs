//! Many faults in a row, drawn from a seed, on one workload: kills, freezes, cut and slow
//! connections, lost answers, leaders that move, partitions that are added, and quiet spells.

use crate::{
    arena::{Arena, Mode},
    checker::Verdict,
    problem::Problem,
    run::Run,
    stage::{self, Result},
};
use guanaco_testkit::proxy::{ApiKey, Direction, Rule};
use std::{
    ops::Range,
    time::{Duration, Instant},
};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

/// How long a topic is written to: its log is read back into memory.
const EPISODE: Duration = Duration::from_secs(300);

/// Plays episodes until the time is over, in both modes by turns.
pub async fn play(arena: &mut Arena, time: Duration) -> Vec<Result> {
    let end = Instant::now() + time;
    let mut random = fastrand::Rng::with_seed(arena.seed);
    let mut results = Vec::new();
    while let left = end.saturating_duration_since(Instant::now())
        && !left.is_zero()
    {
        let mode = if results.len() % 2 == 0 {
            Mode::I
        } else {
            Mode::P
        };
        let limit = left.min(EPISODE);
        let random = random.fork();
        // An episode ends with its last fault; the check of its log comes on top.
        let bound = limit + Duration::from_secs(300);
        let name = "MIXED";
        let played = stage::act(arena, name, "a mix of faults", mode, bound, |arena| {
            Box::pin(episode(arena, random, limit))
        });
        results.push(played.await);
    }
    results
}

async fn episode(
    arena: &Arena,
    mut random: fastrand::Rng,
    time: Duration,
) -> std::result::Result<Verdict, Problem> {
    let run = arena
        .run("mixed")
        // Added partitions are noticed within the episode.
        .property("metadata.max.age.ms", 10_000)
        .start()
        .await?;
    let end = Instant::now() + time;
    let mut partitions = 6;
    while Instant::now() < end {
        fault(arena, &run, &mut random, &mut partitions).await?;
        // Each fault alone, and what came of it over before the next.
        arena.recover().await?;
        run.flowing(arena.bound(20 * SECOND) + arena.times.request)
            .await?;
    }
    // The longest freeze or black hole, and one more time-out for what was sent into it.
    let bound = 2 * arena.times.request + 10 * SECOND;
    run.finish(arena.rules().stall(arena.bound(bound))).await
}

async fn fault(
    arena: &Arena,
    run: &Run<'_>,
    random: &mut fastrand::Rng,
    partitions: &mut i32,
) -> std::result::Result<(), Problem> {
    let nodes: Vec<i32> = arena.cluster.nodes().collect();
    let node = nodes[random.usize(..nodes.len())];
    if random.u32(..4) == 0 {
        short_lives(arena, random);
    }
    match random.u32(..100) {
        0..22 => {
            arena.kill(node).await?;
            sleep(between(random, 2..8)).await;
            arena.restart(node).await?;
        }
        22..40 => {
            arena.freeze(node).await?;
            sleep(between(random, 1..20)).await;
            arena.thaw(node).await?;
        }
        40..52 => {
            short_lives(arena, random);
            sleep(between(random, 5..15)).await;
        }
        52..60 => {
            for _ in 0..5 {
                arena.fault("every connection is cut");
                arena.cluster.proxies().for_each(|proxy| proxy.cut_all());
                sleep(SECOND.mul_f64(random.f64())).await;
            }
        }
        60..68 => {
            for _ in 0..4 {
                let partition = random.i32(0..*partitions);
                let to = nodes[random.usize(..nodes.len())];
                arena.fault(format_args!("partition {partition} moves to node {to}"));
                arena.cluster.move_leader(&run.topic, partition, to).await?;
            }
        }
        68..74 if *partitions < 12 => {
            *partitions += 1;
            arena.fault(format_args!("{partitions} partitions"));
            arena
                .cluster
                .add_partitions(&run.topic, *partitions)
                .await?;
            sleep(between(random, 1..12)).await;
        }
        68..80 => {
            let direction = if random.bool() {
                Direction::ToBroker
            } else {
                Direction::ToClient
            };
            arena.fault(format_args!("black hole {direction:?} at node {node}"));
            arena.cluster.proxy(node)?.blackhole(direction);
            sleep(between(random, 1..15)).await;
        }
        80..90 => {
            let count = random.usize(1..10);
            arena.fault(format_args!("{count} answers of each node are lost"));
            for proxy in arena.cluster.proxies() {
                let answers = Rule::responses().api(ApiKey::Produce).first(count);
                proxy.add(if random.bool() {
                    answers.close()
                } else {
                    answers.drop()
                });
            }
            sleep(between(random, 2..6)).await;
        }
        90..95 => {
            arena.fault("100 ms, 3 Mbit/s");
            for proxy in arena.cluster.proxies() {
                proxy.set_latency(SECOND / 10);
                proxy.set_bandwidth(Some(3_000_000 / 8));
            }
            sleep(between(random, 5..10)).await;
        }
        _ => {
            arena.say("quiet");
            sleep(between(random, 5..10)).await;
        }
    }
    Ok(())
}

fn short_lives(arena: &Arena, random: &mut fastrand::Rng) {
    for proxy in arena.cluster.proxies() {
        proxy.set_connection_lifetime(SECOND / 2..3 * SECOND / 2, random.u64(..));
        proxy.cut_all();
    }
    arena.fault("connections live for 0.5 to 1.5 s");
}

fn between(random: &mut fastrand::Rng, seconds: Range<u64>) -> Duration {
    let Range { start, end } = seconds;
    let width = (end - start) as f64;
    Duration::from_secs(start) + Duration::from_secs_f64(width * random.f64())
}
