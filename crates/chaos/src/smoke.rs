//! The older Kafka: nothing but one restart goes wrong, and every codec is written.

use crate::{
    arena::{Arena, Mode, Times},
    checker::Verdict,
    ensure,
    problem::Problem,
    stage::{self, Result},
};
use std::time::Duration;
use tokio::time::sleep;

/// The bits of a batch's attributes that say which codec.
const CODEC: i16 = 7;

const SECOND: Duration = Duration::from_secs(1);

/// Starts one node of 3.9 and plays the smoke on it.
///
/// # Errors
/// If it does not start.
pub async fn play(seed: u64) -> std::result::Result<Vec<Result>, Problem> {
    let mut arena = Arena::start_older(Times::SCALED, seed).await?;
    let mut results = Vec::new();
    for (name, codec, id) in [
        ("NONE", "none", 0),
        ("GZIP", "gzip", 1),
        ("SNAPPY", "snappy", 2),
        ("LZ4", "lz4", 3),
        ("ZSTD", "zstd", 4),
    ] {
        let play = stage::act(
            &mut arena,
            name,
            "a codec on 3.9",
            Mode::I,
            20 * SECOND,
            |arena| Box::pin(written(arena, codec, id)),
        );
        results.push(play.await);
    }
    let bound = 40 * SECOND;
    let play = stage::act(
        &mut arena,
        "RESTART",
        "a restart of 3.9",
        Mode::I,
        bound,
        |arena| Box::pin(restarted(arena)),
    );
    results.push(play.await);
    Ok(results)
}

async fn written(
    arena: &Arena,
    codec: &'static str,
    id: i16,
) -> std::result::Result<Verdict, Problem> {
    let run = arena
        .run(codec)
        .property("compression.type", codec)
        .start()
        .await?;
    sleep(SECOND).await;
    run.flowing(5 * SECOND).await?;
    let log = arena.cluster.read_all(&run.topic).await?;
    let mut batches = log.iter().flatten().map(|record| &record.batch);
    // A batch that would grow goes as it is.
    let written = batches.any(|batch| batch.attributes & CODEC == id);
    ensure!(written, "nothing was written with {codec}");
    run.finish(arena.rules().stall(arena.bound(5 * SECOND)))
        .await
}

async fn restarted(arena: &Arena) -> std::result::Result<Verdict, Problem> {
    // A restart may take longer than the scaled time-out.
    let run = arena
        .run("restart")
        .property("delivery.timeout.ms", 60_000)
        .start()
        .await?;
    let node = arena.cluster.nodes().next().ok_or("there is no node")?;
    arena.fault("the only node restarts");
    arena.restart(node).await?;
    run.flowing(arena.bound(20 * SECOND)).await?;
    run.finish(arena.rules().hung(65 * SECOND)).await
}
