//! Brokers that die, freeze and hand over.

use super::{Played, SECOND};
use crate::{
    arena::Arena,
    checker::{Rules, Verdict},
};
use std::time::{Duration, Instant};
use tokio::time::sleep;

fn stall(arena: &Arena, bound: Duration) -> Rules {
    arena.rules().stall(arena.bound(bound))
}

/// F1: the stream stays up, and stands for at most 10 s.
pub(super) async fn leader_killed(arena: &Arena) -> Played {
    let run = arena.run("f1").start().await?;
    let leader = run.leader().await?;
    arena.kill(leader).await?;
    run.flowing(20 * SECOND).await?;
    arena.restart(leader).await?;
    arena.cluster.wait_in_sync().await?;
    run.flowing(20 * SECOND).await?;
    run.finish(stall(arena, 10 * SECOND)).await
}

/// F2: up, at most 5 s, whether the leader ends in order or leaderships just move.
pub(super) async fn leader_moved(arena: &Arena) -> Played {
    let run = arena.run("f2").start().await?;
    let leader = run.leader().await?;
    for (partition, node) in (0..6).zip(
        arena
            .cluster
            .nodes()
            .collect::<Vec<_>>()
            .into_iter()
            .cycle(),
    ) {
        arena.fault(format_args!("partition {partition} moves to node {node}"));
        arena
            .cluster
            .move_leader(&run.topic, partition, node)
            .await?;
    }
    run.flowing(10 * SECOND).await?;
    arena.terminate(leader).await?;
    run.flowing(10 * SECOND).await?;
    arena.restart(leader).await?;
    arena.cluster.wait_in_sync().await?;
    arena.cluster.elect_preferred().await?;
    run.flowing(10 * SECOND).await?;
    run.finish(stall(arena, 5 * SECOND)).await
}

/// F3: up; however long the freeze, the stream stands for at most 4 s more than the request time-out,
/// or than the brokers take to elect another leader if that is longer; no duplicate after it.
pub(super) async fn leader_frozen(arena: &Arena) -> Played {
    // The scaled freeze is longer than its bound on a busy machine: waiting it out would be seen.
    let freezes: &[u32] = if arena.is_scaled() {
        &[16]
    } else {
        &[8, 25, 90]
    };
    let mut all = Verdict::default();
    for seconds in freezes {
        let run = arena.run("f3").start().await?;
        let leader = run.leader().await?;
        arena.freeze(leader).await?;
        let frozen = Instant::now();
        let thaw = sleep(*seconds * SECOND);
        let moved = arena.cluster.leader_other_than(&run.topic, 0, leader);
        let elected = tokio::select! {
            moved = moved => {
                moved?;
                frozen.elapsed()
            }
            // A short freeze ends before the brokers notice it.
            () = sleep(*seconds * SECOND) => frozen.elapsed(),
        };
        arena.say(format_args!(
            "another leader, or none needed, after {elapsed:?}",
            elapsed = elected
        ));
        thaw.await;
        arena.thaw(leader).await?;
        run.flowing(20 * SECOND).await?;
        // What the thawed node still had in its sockets, it has answered or written when it is back
        // in sync.
        arena.cluster.wait_in_sync().await?;
        run.flowing(20 * SECOND).await?;
        let bound = arena.times.request.max(elected) + 4 * SECOND;
        all = all.and(run.finish(stall(arena, bound)).await?);
    }
    Ok(all)
}
