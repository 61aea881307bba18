//! Connections that die, crawl, swallow and hold.

use super::{Played, SECOND, resident};
use crate::{
    arena::Arena,
    checker::Verdict,
    problem::Problem,
    workload::{Plan, Via},
};
use guanaco_testkit::{
    kafka::ConfigResource,
    proxy::{ApiKey, Direction, Rule},
};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// F17: requests that never arrive while later ones do, so that the broker finds their sequences out
/// of order; then producer ids that the brokers have forgotten.
pub(super) async fn sequences_lost(arena: &Arena) -> Played {
    let run = arena.run("f17").start().await?;
    for nth in 1..=6 {
        for proxy in arena.cluster.proxies() {
            proxy.add(Rule::requests().api(ApiKey::Produce).nth(nth).drop());
        }
        arena.fault(format_args!(
            "produce request {nth} to each broker vanishes"
        ));
        run.flowing(arena.bound(10 * SECOND) + 2 * arena.times.request)
            .await?;
    }
    let gaps = run.finish(arena.rules()).await?;
    Ok(gaps.and(forgotten(arena).await?))
}

async fn forgotten(arena: &Arena) -> Result<Verdict, Problem> {
    const KEY: &str = "producer.id.expiration.ms";
    arena
        .cluster
        .alter_config(ConfigResource::AllBrokers, KEY, Some("1000"))
        .await?;
    let quiet = |via, keys| Plan {
        quiet: Some((SECOND, 4 * SECOND)),
        ..Plan::new(via, keys, 500)
    };
    let writers = [
        quiet(Via::Appender, 50),
        quiet(Via::Flow, 0),
        quiet(Via::Send, 50),
    ];
    let run = arena.run("f17-forgotten").writers(writers).start().await?;
    for _ in 0..3 {
        arena.fault("brokers forget the producers in a quiet spell");
        sleep(4 * SECOND).await;
        run.flowing(arena.bound(10 * SECOND)).await?;
    }
    let verdict = run.finish(arena.rules()).await;
    arena
        .cluster
        .alter_config(ConfigResource::AllBrokers, KEY, None)
        .await?;
    verdict
}

/// F19: every connection dies after 0.5 to 1.5 s; something is acknowledged in every 20 s.
pub(super) async fn short_lives(arena: &Arena) -> Played {
    let run = arena.run("f19").start().await?;
    let lives = Duration::from_millis(500)..Duration::from_millis(1500);
    for (node, proxy) in (0..).zip(arena.cluster.proxies()) {
        proxy.set_connection_lifetime(lives.clone(), arena.seed + node);
        proxy.cut_all();
    }
    arena.fault("connections live for 0.5 to 1.5 s");
    sleep(if arena.is_scaled() {
        12 * SECOND
    } else {
        60 * SECOND
    })
    .await;
    // With the connections still dying.
    run.flowing(20 * SECOND).await?;
    let cut: usize = arena
        .cluster
        .proxies()
        .map(|proxy| proxy.accepted_connections())
        .sum();
    arena.say(format_args!("{cut} connections so far"));
    run.finish(arena.rules().stall(20 * SECOND)).await
}

/// F20: 100 ms and 3 Mbit/s, then 1 kB/s: nothing fails, writers are held back.
pub(super) async fn slow_line(arena: &Arena) -> Played {
    let run = arena
        .run("f20")
        .property("buffer.memory", 2 << 20)
        .writers(Plan::flood(500))
        .start()
        .await?;
    let before = resident();
    for proxy in arena.cluster.proxies() {
        proxy.set_latency(SECOND / 10);
        proxy.set_bandwidth(Some(3_000_000 / 8));
    }
    arena.fault("100 ms, 3 Mbit/s");
    sleep(if arena.is_scaled() {
        5 * SECOND
    } else {
        40 * SECOND
    })
    .await;
    for proxy in arena.cluster.proxies() {
        proxy.set_bandwidth(Some(1_000));
    }
    arena.fault("1 kB/s");
    sleep(if arena.is_scaled() {
        2 * SECOND
    } else {
        20 * SECOND
    })
    .await;
    let grown = resident().saturating_sub(before);
    crate::ensure!(grown < 64 << 20, "memory grew by {} MiB", grown >> 20);
    arena.heal();
    run.flowing(arena.bound(20 * SECOND) + arena.times.request)
        .await?;
    run.finish(arena.rules()).await
}

/// F21: requests, then answers, of one broker stay away for 30 s: nothing fails, and no duplicate
/// when they come after all. The broker keeps its leaderships, so its partitions stand meanwhile.
pub(super) async fn black_hole(arena: &Arena) -> Played {
    let hole = if arena.is_scaled() {
        5 * SECOND
    } else {
        30 * SECOND
    };
    let mut all = Verdict::default();
    for direction in [Direction::ToBroker, Direction::ToClient] {
        let run = arena.run("f21").start().await?;
        let leader = run.leader().await?;
        arena.fault(format_args!("black hole {direction:?} at node {leader}"));
        let began = Instant::now();
        arena.cluster.proxy(leader)?.blackhole(direction);
        sleep(hole).await;
        arena.cluster.proxy(leader)?.reopen(direction);
        run.flowing(arena.bound(20 * SECOND) + arena.times.request)
            .await?;
        arena.say(format_args!(
            "all writers went on {:?} after its begin",
            began.elapsed()
        ));
        let bound = hole + arena.times.request + 4 * SECOND;
        all = all.and(run.finish(arena.rules().stall(arena.bound(bound))).await?);
    }
    Ok(all)
}
