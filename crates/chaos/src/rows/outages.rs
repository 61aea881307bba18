//! Clusters that are away in part or in whole, and replicas that are missing.

use super::{Played, SECOND, resident};
use crate::{
    arena::{Arena, millis},
    checker::{Rules, Verdict},
    class, ensure,
    problem::Problem,
    workload::{Stop, pace, settings},
};
use futures_util::StreamExt;
use guanaco::{KafkaStreamExt, ProducerRecord, producer};
use guanaco_testkit::{
    kafka::Connection,
    proxy::{ApiKey, Rule},
};
use kafka_protocol::{
    messages::{
        DescribeQuorumRequest, TopicName,
        describe_quorum_request::{PartitionData, TopicData},
    },
    protocol::StrBytes,
};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How the scaled delivery time-out differs from the full one, in rows that wait for it to pass.
const SHORT_DELIVERY: Duration = Duration::from_secs(8);

/// How elements fail where the delivery time-out, `limit`, passes: by it, or behind a batch that it
/// ended on the wire. Nobody knows whether the log has that one, so those that were on the wire behind
/// it are sent again as they were; a broker that is back without it refuses them, and they may be
/// written.
fn expiring(arena: &Arena, limit: Duration) -> Rules {
    let classes = ["Expired", "OUT_OF_ORDER_SEQUENCE_NUMBER"];
    arena.rules().failing(&classes).hung(limit + 5 * SECOND)
}

fn delivery(arena: &Arena) -> Duration {
    if arena.is_scaled() {
        SHORT_DELIVERY
    } else {
        arena.times.delivery
    }
}

/// F4: the active controller dies, later two of three; nothing fails.
pub(super) async fn controller_lost(arena: &Arena) -> Played {
    let run = arena.run("f4").start().await?;
    let controller = active_controller(arena).await?;
    arena.kill(controller).await?;
    run.flowing(arena.bound(20 * SECOND) + arena.times.request)
        .await?;
    arena.restart(controller).await?;
    arena.cluster.wait_in_sync().await?;
    // No quorum for 20 s: no leader can be elected.
    let away: Vec<i32> = arena.cluster.nodes().take(2).collect();
    for node in &away {
        arena.freeze(*node).await?;
    }
    sleep(if arena.is_scaled() {
        5 * SECOND
    } else {
        20 * SECOND
    })
    .await;
    for node in &away {
        arena.thaw(*node).await?;
    }
    run.flowing(arena.bound(20 * SECOND) + arena.times.request)
        .await?;
    run.finish(arena.rules()).await
}

async fn active_controller(arena: &Arena) -> Result<i32, Problem> {
    let bootstrap = arena.cluster.direct_bootstrap_servers();
    let first = bootstrap.split(',').next().ok_or("there is no node")?;
    let mut connection = Connection::open(first.parse()?, 5 * SECOND).await?;
    let log = TopicData::default()
        .with_topic_name(TopicName(StrBytes::from_static_str("__cluster_metadata")))
        .with_partitions(vec![PartitionData::default().with_partition_index(0)]);
    let request = DescribeQuorumRequest::default().with_topics(vec![log]);
    let response = connection.call(&request, 1).await?;
    let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    Ok(partitions
        .next()
        .ok_or("no quorum in the answer")?
        .leader_id
        .0)
}

/// F7: every node killed in turn, five rounds.
pub(super) async fn rolling_kills(arena: &Arena) -> Played {
    let rounds = if arena.is_scaled() { 1 } else { 5 };
    let run = arena.run("f7").start().await?;
    for _ in 0..rounds {
        for node in arena.cluster.nodes() {
            arena.kill(node).await?;
            run.flowing(arena.bound(30 * SECOND)).await?;
            arena.restart(node).await?;
            arena.cluster.wait_in_sync().await?;
            arena.cluster.elect_preferred().await?;
        }
    }
    run.flowing(arena.bound(20 * SECOND)).await?;
    run.finish(arena.rules().stall(arena.bound(10 * SECOND)))
        .await
}

/// F8: all brokers away, for less than the delivery time-out: nothing fails, the streams resume, and
/// memory stays within the buffers.
pub(super) async fn all_down_for_a_while(arena: &Arena) -> Played {
    // However slowly the brokers come back, the delivery time-out is not what is tried here.
    let patient = arena.times.delivery.max(60 * SECOND);
    let run = arena
        .run("f8")
        .property("delivery.timeout.ms", millis(patient))
        .property("buffer.memory", 4 << 20)
        .start()
        .await?;
    let before = resident();
    arena.kill_all().await?;
    sleep(if arena.is_scaled() {
        5 * SECOND
    } else {
        30 * SECOND
    })
    .await;
    // Three producers, and as much again for what writers and journal keep.
    let grown = resident().saturating_sub(before);
    ensure!(grown < 64 << 20, "memory grew by {} MiB", grown >> 20);
    arena.restart_all().await?;
    run.flowing(arena.bound(30 * SECOND)).await?;
    run.finish(arena.rules().hung(patient + 5 * SECOND)).await
}

/// F9: all brokers away for longer: every element ends within the delivery time-out and 5 s, and so
/// does a stream that stops at its first failure; afterwards the same producers go on.
pub(super) async fn all_down_for_too_long(arena: &Arena) -> Played {
    let limit = delivery(arena);
    let run = arena
        .run("f9")
        .property("delivery.timeout.ms", millis(limit))
        .start()
        .await?;
    let sink_topic = format!("{}-sink", run.topic);
    arena.cluster.create_topic(&sink_topic, 2, 3, &[]).await?;
    let (stop, stopped) = Stop::new();
    let sink = tokio::spawn(failing_sink(arena, &sink_topic, limit, stopped));
    sleep(SECOND).await;
    arena.kill_all().await?;
    let down = Instant::now();
    let ended = tokio::time::timeout(limit + 5 * SECOND, sink).await;
    let class = ended.map_err(|_| "the failing sink did not end in time")??;
    ensure!(class == "Expired", "the sink failed with {class}");
    arena.say(format_args!(
        "a sink failed {:?} after the kill",
        down.elapsed()
    ));
    drop(stop);
    sleep((limit + 5 * SECOND).saturating_sub(down.elapsed())).await;
    let failed = run
        .until(SECOND, |progress| progress.oldest_open < limit + SECOND)
        .await;
    ensure!(failed.is_ok(), "elements are open for too long: {failed:?}");
    arena.restart_all().await?;
    run.flowing(arena.bound(30 * SECOND)).await?;
    arena.cluster.delete_topic(&sink_topic).await?;
    some_expired(run.finish(expiring(arena, limit)).await?)
}

/// A plain sink on a topic of its own, until it fails: with which class.
fn failing_sink(
    arena: &Arena,
    topic: &str,
    limit: Duration,
    stop: Stop,
) -> impl Future<Output = &'static str> + Send + use<> {
    let mut properties = arena.properties();
    properties.push(("delivery.timeout.ms".into(), millis(limit)));
    let topic: guanaco::Topic = topic.to_owned().into();
    let settings = settings(&properties);
    let records = pace(100, None, stop).map(move |()| ProducerRecord::new(&topic, Vec::new()));
    async move {
        match records.run_with(producer::plain_sink(settings)).await {
            Ok(()) => "no error",
            Err(error) => class::class(&error),
        }
    }
}

fn some_expired(verdict: Verdict) -> Played {
    ensure!(
        verdict.figures.failed() > 0,
        "nothing expired, so nothing was proven"
    );
    Ok(verdict)
}

/// F10: fewer replicas in sync than the topic wants: retried; beyond the delivery time-out, failed.
pub(super) async fn too_few_replicas(arena: &Arena) -> Played {
    let limit = delivery(arena);
    let run = arena
        .run("f10")
        .config("min.insync.replicas", 3)
        .property("delivery.timeout.ms", millis(limit.max(30 * SECOND)))
        .start()
        .await?;
    let leader = run.leader().await?;
    let away = arena
        .cluster
        .nodes()
        .find(|node| *node != leader)
        .ok_or("one node only")?;
    arena.kill(away).await?;
    sleep(5 * SECOND).await;
    arena.restart(away).await?;
    arena.cluster.wait_in_sync().await?;
    run.flowing(arena.bound(20 * SECOND)).await?;
    let hung = limit.max(30 * SECOND) + 5 * SECOND;
    let retried = run.finish(arena.rules().hung(hung)).await?;

    let run = arena
        .run("f10-expired")
        .config("min.insync.replicas", 3)
        .property("delivery.timeout.ms", millis(limit))
        .start()
        .await?;
    arena.kill(away).await?;
    sleep(limit + 5 * SECOND).await;
    arena.restart(away).await?;
    arena.cluster.wait_in_sync().await?;
    run.flowing(arena.bound(20 * SECOND)).await?;
    let rules = expiring(arena, limit);
    let expired = some_expired(run.finish(rules).await?)?;
    Ok(retried.and(expired))
}

/// F11: appended, but the answer is a failure, or is lost: an idempotent retry finds itself done.
///
/// The replicas fall out of sync before they have the batch. Kafka 4 lets such a produce request run
/// into its time-out, after the append; older ones refuse it as NOT_ENOUGH_REPLICAS_AFTER_APPEND.
pub(super) async fn refused_after_append(arena: &Arena) -> Played {
    let request = arena.times.request.min(5 * SECOND);
    let run = arena
        .run("f11")
        .config("min.insync.replicas", 3)
        .property("request.timeout.ms", millis(request))
        .property("delivery.timeout.ms", 60_000)
        .start()
        .await?;
    let leader = run.leader().await?;
    let follower = arena.cluster.nodes().find(|node| *node != leader);
    let follower = follower.ok_or("one node only")?;
    for _ in 0..2 {
        arena.freeze(follower).await?;
        sleep(request + 3 * SECOND).await;
        arena.thaw(follower).await?;
        arena.cluster.wait_in_sync().await?;
        run.flowing(arena.bound(20 * SECOND)).await?;
    }
    // So that each node is asked.
    arena.cluster.elect_preferred().await?;
    for count in 1..=5 {
        arena.fault(format_args!("{count} answers of each node are lost"));
        let lost: Vec<_> = arena
            .cluster
            .proxies()
            .map(|proxy| proxy.add(Rule::responses().api(ApiKey::Produce).first(count).close()))
            .collect();
        for rule in lost {
            rule.wait_for(count, 20 * SECOND).await?;
        }
        run.flowing(arena.bound(20 * SECOND)).await?;
    }
    run.finish(arena.rules().hung(65 * SECOND)).await
}

/// Deliveries expire while two of three brokers are away: what is on the wire then is of unknown
/// fate, and nothing sent later may be lost, doubled or swapped for it.
pub(super) async fn two_away(arena: &Arena) -> Played {
    let limit = delivery(arena);
    let mut all = Verdict::default();
    for frozen in [true, false] {
        let run = arena
            .run("away")
            .property("delivery.timeout.ms", millis(limit))
            .start()
            .await?;
        let away: Vec<i32> = arena.cluster.nodes().skip(1).collect();
        for node in &away {
            match frozen {
                true => arena.freeze(*node).await?,
                false => arena.kill(*node).await?,
            }
        }
        sleep(limit + 5 * SECOND).await;
        match frozen {
            true => {
                for node in &away {
                    arena.thaw(*node).await?;
                }
            }
            false => arena.restart_all().await?,
        }
        run.flowing(arena.bound(40 * SECOND)).await?;
        let rules = expiring(arena, limit);
        all = all.and(some_expired(run.finish(rules).await?)?);
    }
    Ok(all)
}
