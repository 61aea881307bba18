//! Starts that cannot succeed.

use super::{Played, SECOND, ends::names};
use crate::{
    arena::Arena, checker::Verdict, class, ensure, history::Outcome, problem::Problem,
    workload::settings,
};
use guanaco::{ProducerRecord, SendProducer, StartError};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

/// How long a start may take in these rows.
const START: Duration = Duration::from_secs(3);

fn start_properties(servers: &str) -> Vec<(String, String)> {
    vec![
        ("bootstrap.servers".into(), servers.into()),
        ("start.timeout.ms".into(), crate::arena::millis(START)),
    ]
}

/// F24: nobody there, a dead name, silence, something else than Kafka: the start fails at its
/// time-out and names the address. An advertised address that cannot be reached fails the delivery,
/// and is named, too.
pub(super) async fn unreachable(arena: &Arena) -> Played {
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let other = TcpListener::bind("127.0.0.1:0").await?;
    let refusing = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let (silent_at, other_at) = (silent.local_addr()?, other.local_addr()?);
    let talking = tokio::spawn(async move {
        while let Ok((mut stream, _)) = other.accept().await {
            let _ = stream.read(&mut [0; 64]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    for address in [
        "no-such-host.invalid:9092".to_owned(),
        refusing.to_string(),
        silent_at.to_string(),
        other_at.to_string(),
    ] {
        let began = Instant::now();
        let created = settings(&start_properties(&address)).create_kafka_producer();
        let created = timeout(arena.bound(START + SECOND), created).await;
        let created = created.map_err(|_| format!("the start at {address} hangs"))?;
        let error = created
            .err()
            .ok_or_else(|| format!("{address} was reached"))?;
        names(&error, &address)?;
        arena.say(format_args!("after {:?}: {error}", began.elapsed()));
    }
    talking.abort();
    drop(silent);
    advertised_unreachable(arena).await
}

async fn advertised_unreachable(arena: &Arena) -> Played {
    let run = arena.run("f24").partitions(1).driven(0).start().await?;
    let leader = run.leader().await?;
    let other = arena
        .cluster
        .nodes()
        .find(|node| *node != leader)
        .ok_or("one node only")?;
    let mut properties = start_properties(&arena.cluster.address(other)?.to_string());
    properties.push(("delivery.timeout.ms".into(), "5000".into()));
    properties.push(("request.timeout.ms".into(), "2000".into()));
    arena.fault(format_args!(
        "connections to the leader, node {leader}, are refused"
    ));
    arena.cluster.proxy(leader)?.refuse_connections(true);
    let sender = SendProducer::new(settings(&properties));
    let record = ProducerRecord::new(run.topic.clone(), Vec::new());
    let sent = timeout(arena.bound(8 * SECOND), sender.send(record)).await;
    let failed = sent
        .map_err(|_| "the send hangs")?
        .err()
        .ok_or("the leader was reached")?;
    let outcome = class::of_produce(&failed.error);
    ensure!(outcome == Outcome::NotWritten("Expired"), "{outcome:?}");
    let (said, address) = (
        failed.to_string(),
        arena.cluster.address(leader)?.to_string(),
    );
    ensure!(said.contains(&address), "{said} does not name {address}");
    arena.heal();
    sender.close().await?;
    arena.cluster.delete_topic(&run.topic).await?;
    Ok(Verdict::default())
}

/// F54: settings that cannot be: refused before any socket, by key, never by value.
pub(super) async fn bad_settings(arena: &Arena) -> Played {
    const SECRET: &str = "5ecret-value";
    let watched = TcpListener::bind("127.0.0.1:0").await?;
    let servers = watched.local_addr()?.to_string();
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("lingr.ms", SECRET)], "linger.ms"),
        (&[("compression.typ", SECRET)], "compression.type"),
        (&[("bogus", SECRET)], "bogus"),
        (&[("linger.ms", SECRET)], "linger.ms"),
        (&[("acks", SECRET)], "acks"),
        (&[("batch.size", "-1")], "batch.size"),
        (&[("bootstrap.servers", "")], "bootstrap.servers"),
        (&[("bootstrap.servers", SECRET)], "bootstrap.servers"),
        (
            &[("acks", "1"), ("enable.idempotence", "true")],
            "enable.idempotence",
        ),
        (
            &[
                ("delivery.timeout.ms", "1000"),
                ("request.timeout.ms", "30000"),
            ],
            "delivery.timeout.ms",
        ),
    ];
    for (wrong, named) in cases {
        let settings = settings(&start_properties(&servers)).with_properties(wrong.iter().copied());
        let created = timeout(SECOND, settings.create_kafka_producer()).await;
        let created = created.map_err(|_| format!("{wrong:?} hangs"))?;
        let error = created
            .err()
            .ok_or_else(|| format!("{wrong:?} is accepted"))?;
        check_refusal(&error, named, SECRET)?;
    }
    let dialled = timeout(SECOND / 5, watched.accept()).await;
    ensure!(
        dialled.is_err(),
        "an address was dialled before its settings were checked"
    );
    arena.say(format_args!("{} wrong settings refused", cases.len()));
    Ok(Verdict::default())
}

fn check_refusal(error: &StartError, named: &str, secret: &str) -> Result<(), Problem> {
    let said = error.to_string();
    let right = matches!(error, StartError::Settings(_)) && said.contains(named);
    ensure!(right, "{error:?} does not name {named}");
    let shown = said.contains(secret) || format!("{error:?}").contains(secret);
    ensure!(!shown, "{error:?} shows the value");
    Ok(())
}
