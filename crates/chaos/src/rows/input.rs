//! Records that cannot be delivered, beside others that can.

use super::{Played, SECOND};
use crate::{arena::Arena, class, ensure, history::Outcome, problem::Problem, workload::settings};
use guanaco::{ProducerRecord, SendProducer};
use std::time::{Duration, Instant};

type Sender = SendProducer<Vec<u8>, Vec<u8>>;
type Record = ProducerRecord<Vec<u8>, Vec<u8>>;

/// Sends what must be refused as not written, with this class, within a time.
async fn refused(
    sender: &Sender,
    record: Record,
    classes: &[&str],
    within: Duration,
) -> Result<Duration, Problem> {
    let (topic, partition) = (record.topic.clone(), record.partition);
    let began = Instant::now();
    let sent = tokio::time::timeout(within, sender.send(record)).await;
    let took = began.elapsed();
    let Ok(sent) = sent else {
        return Err(format!("{topic}/{partition:?} has no outcome after {took:?}").into());
    };
    let Err(failed) = sent else {
        return Err(format!("{topic}/{partition:?} was acknowledged: {sent:?}").into());
    };
    let outcome = class::of_produce(&failed.error);
    let right = matches!(outcome, Outcome::NotWritten(class) if classes.contains(&class));
    ensure!(
        right,
        "{topic}/{partition:?}: {outcome:?} ({failed}), not one of {classes:?}"
    );
    Ok(took)
}

/// A record of another topic than the run's, or of a size that breaks its limit.
fn record(topic: &str, size: usize) -> Record {
    ProducerRecord::new(topic.to_owned(), vec![0; size])
}

/// F25: refused as too large, by the client at once, by the broker within 2 s; others unharmed.
pub(super) async fn too_large(arena: &Arena) -> Played {
    let run = arena
        .run("f25")
        .config("max.message.bytes", 20_000)
        .property("max.request.size", 100_000)
        .start()
        .await?;
    let mut properties = arena.properties();
    properties.push(("max.request.size".into(), "100000".into()));
    let sender = Sender::new(settings(&properties));
    // The first record of a topic waits for what is known of it; the bounds are for all others.
    refused(
        &sender,
        record(&run.topic, 100_001),
        &["TooLarge"],
        5 * SECOND,
    )
    .await?;
    let mut took = [Duration::ZERO; 2];
    for _ in 0..20 {
        let by_client = record(&run.topic, 100_001);
        let at_once = arena.bound(SECOND / 5);
        took[0] = took[0].max(refused(&sender, by_client, &["TooLarge"], at_once).await?);
        let by_broker = record(&run.topic, 20_001);
        let classes = ["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "TooLarge"];
        took[1] =
            took[1].max(refused(&sender, by_broker, &classes, arena.bound(2 * SECOND)).await?);
    }
    arena.say(format_args!(
        "refused by the client within {:?}, by the broker within {:?}",
        took[0], took[1]
    ));
    sender.close().await?;
    run.flowing(5 * SECOND).await?;
    run.finish(arena.rules()).await
}

/// F26: refused within 1 s; others unharmed.
pub(super) async fn invalid_target(arena: &Arena) -> Played {
    let run = arena.run("f26").start().await?;
    let sender = Sender::new(settings(&arena.properties()));
    let second = arena.bound(SECOND);
    let long = "x".repeat(250);
    for name in [
        "",
        ".",
        "..",
        "no spaces",
        "nul\0inside",
        "umläut",
        "a/b",
        &long,
    ] {
        let classes = ["InvalidTopic", "INVALID_TOPIC_EXCEPTION"];
        refused(&sender, record(name, 10), &classes, second).await?;
    }
    for partition in [6, 99, -1, i32::MAX] {
        let record = record(&run.topic, 10).with_partition(partition);
        refused(&sender, record, &["UnknownPartition"], second).await?;
    }
    sender.close().await?;
    run.flowing(5 * SECOND).await?;
    run.finish(arena.rules()).await
}

/// F27: refused as unknown within `max.block.ms`, others meanwhile unharmed; later records of that
/// topic are refused at once.
pub(super) async fn unknown_topic(arena: &Arena) -> Played {
    let run = arena.run("f27").start().await?;
    let mut properties = arena.properties();
    let block = 5 * SECOND;
    properties.push(("max.block.ms".into(), crate::arena::millis(block)));
    let sender = Sender::new(settings(&properties));
    let took = refused(
        &sender,
        record("f27-nowhere", 10),
        &["UnknownTopic"],
        block + arena.bound(SECOND),
    )
    .await?;
    arena.say(format_args!("an unknown topic was refused after {took:?}"));
    for _ in 0..100 {
        refused(
            &sender,
            record("f27-nowhere", 10),
            &["UnknownTopic"],
            arena.bound(SECOND / 5),
        )
        .await?;
    }
    let known = format!("{}-known", run.topic);
    arena.cluster.create_topic(&known, 1, 3, &[]).await?;
    let sent = sender.send(record(&known, 10)).await;
    ensure!(sent.is_ok(), "a known topic beside it: {sent:?}");
    arena.cluster.delete_topic(&known).await?;
    sender.close().await?;
    run.flowing(5 * SECOND).await?;
    run.finish(arena.rules()).await
}
