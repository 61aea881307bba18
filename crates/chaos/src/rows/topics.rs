//! Topics that change under their writers, and what records may hold.

use super::{Played, SECOND};
use crate::{arena::Arena, ensure, workload::settings};
use bytes::Bytes;
use guanaco::{Header, ProducerRecord, SendProducer};
use std::time::Instant;
use tokio::time::sleep;

/// F16: partitions are added; the new ones get their share.
pub(super) async fn partitions_added(arena: &Arena) -> Played {
    let run = arena
        .run("f16")
        .partitions(3)
        // What is noticed at all is noticed at this pace.
        .property("metadata.max.age.ms", 1000)
        .start()
        .await?;
    for count in [4, 8] {
        arena.fault(format_args!("{count} partitions"));
        arena.cluster.add_partitions(&run.topic, count).await?;
        let deadline = Instant::now() + arena.bound(15 * SECOND);
        loop {
            let ends = arena.cluster.end_offsets(&run.topic).await;
            if ends
                .as_ref()
                .is_ok_and(|ends| ends.iter().all(|end| *end > 0))
            {
                break;
            }
            ensure!(
                Instant::now() < deadline,
                "a new partition stays empty: {ends:?}"
            );
            sleep(SECOND / 10).await;
        }
    }
    run.flowing(5 * SECOND).await?;
    run.finish(arena.rules().stall(arena.bound(5 * SECOND)))
        .await
}

/// F28: null and empty keys, values and headers are told apart; timestamps are kept.
pub(super) async fn contents(arena: &Arena) -> Played {
    let run = arena.run("f28").partitions(1).driven(0).start().await?;
    let sender = SendProducer::new(settings(&arena.properties()));
    let bytes = [None, Some(Vec::new()), Some(vec![0]), Some(vec![0xff; 300])];
    let headers = [
        vec![],
        vec![
            Header::null("a"),
            Header::new("a", ""),
            Header::new("", "x"),
        ],
        vec![Header::new("\u{1f999}", Bytes::from_static(&[0, 255]))],
    ];
    let mut sent = Vec::new();
    for key in &bytes {
        for value in &bytes {
            for headers in &headers {
                let mut record = ProducerRecord::new(run.topic.clone(), Vec::new())
                    .with_key(key.clone())
                    .with_headers(headers.iter().cloned())
                    .with_timestamp(1_700_000_000_000 + sent.len() as i64);
                record.value.clone_from(value);
                let metadata = sender.send(record).await?;
                sent.push((key, value, headers));
                ensure!(
                    metadata.offset == Some(sent.len() as i64 - 1),
                    "it went to {metadata:?}"
                );
            }
        }
    }
    sender.close().await?;
    let log = arena.cluster.read_all(&run.topic).await?;
    ensure!(
        log[0].len() == sent.len(),
        "{} of {} records",
        log[0].len(),
        sent.len()
    );
    for (at, (read, (key, value, headers))) in log[0].iter().zip(&sent).enumerate() {
        let same = read.key.as_deref() == key.as_deref()
            && read.value.as_deref() == value.as_deref()
            && read.timestamp == 1_700_000_000_000 + at as i64
            && read.headers.len() == headers.len()
            && read
                .headers
                .iter()
                .zip(*headers)
                .all(|((key, value), header)| *key == header.key && *value == header.value);
        ensure!(same, "{read:?} is not {key:?}, {value:?}, {headers:?}");
    }
    arena.cluster.delete_topic(&run.topic).await?;
    Ok(crate::checker::Verdict::default())
}
