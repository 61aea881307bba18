//! Reading a topic's log back, batch by batch, with every checksum checked.

use super::{
    ClusterError, Connection, KafkaCluster,
    offsets::End,
    poll::{CALL, Look, until},
    topic::topic_name,
};
use bytes::Bytes;
use guanaco_engine::batch::{BatchError, BatchHeader, decode};
use kafka_protocol::messages::{
    BrokerId, FetchRequest,
    fetch_request::{FetchPartition, FetchTopic},
};
use std::ops::Range;

/// A record as it is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Its offset.
    pub offset: i64,
    /// The key; `None` is null.
    pub key: Option<Bytes>,
    /// The value; `None` is null.
    pub value: Option<Bytes>,
    /// The headers in order.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// In milliseconds since the Unix epoch; `batch` tells whose clock it was.
    pub timestamp: i64,
    /// The header of the batch that it is in: producer id and epoch, sequence, codec, flags.
    pub batch: BatchHeader,
}

impl KafkaCluster {
    /// Everything that a topic holds now, uncommitted records included and control records not: the
    /// records of each partition, by partition number.
    ///
    /// # Errors
    /// If there is no such topic, a partition has no leader, or a batch is damaged.
    pub async fn read_all(&self, topic: &str) -> Result<Vec<Vec<LogRecord>>, ClusterError> {
        let begins = self.offsets(topic, End::First).await?;
        let ends = self.offsets(topic, End::Last).await?;
        let mut partitions = Vec::with_capacity(ends.len());
        for (partition, (begin, end)) in (0..).zip(begins.into_iter().zip(ends)) {
            partitions.push(self.read_partition(topic, partition, begin..end).await?);
        }
        Ok(partitions)
    }

    async fn read_partition(
        &self,
        topic: &str,
        partition: i32,
        Range { start, end }: Range<i64>,
    ) -> Result<Vec<LogRecord>, ClusterError> {
        let mut position = start;
        let mut records = Vec::new();
        while position < end {
            let action = format!("fetching {topic}/{partition} from {position}");
            let bytes = until(action.clone(), || async {
                let mut connection = self.connect_to_leader(topic, partition).await?;
                let response = connection
                    .call(&fetch(topic, partition, position), 12)
                    .await?;
                ClusterError::check(&action, response.error_code, None)?;
                let answer = response
                    .responses
                    .into_iter()
                    .flat_map(|topic| topic.partitions)
                    .next();
                let answer = answer.ok_or_else(|| missing(&action))?;
                ClusterError::check(&action, answer.error_code, None)?;
                Ok(match answer.records {
                    Some(records) if !records.is_empty() => Look::Done(records),
                    _ => Look::NotYet("no records".into()),
                })
            })
            .await?;
            let next = append(bytes, position, end, &mut records).map_err(|error| {
                ClusterError::Unreadable {
                    action: action.clone(),
                    reason: error.to_string(),
                }
            })?;
            if next <= position {
                return Err(ClusterError::Unreadable {
                    action,
                    reason: "no whole batch came".into(),
                });
            }
            position = next;
        }
        Ok(records)
    }

    async fn connect_to_leader(
        &self,
        topic: &str,
        partition: i32,
    ) -> Result<Connection, ClusterError> {
        let leader = self.agreed_leader(topic, partition, None).await?;
        Connection::open(self.node(leader)?.listeners.plaintext, CALL).await
    }
}

const FETCH_BYTES: i32 = 32 << 20;

fn fetch(topic: &str, partition: i32, position: i64) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(partition)
        .with_current_leader_epoch(-1)
        .with_fetch_offset(position)
        .with_partition_max_bytes(FETCH_BYTES);
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(500)
        .with_min_bytes(1)
        .with_max_bytes(FETCH_BYTES)
        // Not a session: each request says all.
        .with_session_epoch(-1)
        .with_topics(vec![
            FetchTopic::default()
                .with_topic(topic_name(topic))
                .with_partitions(vec![partition]),
        ])
}

/// Appends the records of whole batches from `position` to `end`; returns where to go on.
fn append(
    bytes: Bytes,
    position: i64,
    end: i64,
    records: &mut Vec<LogRecord>,
) -> Result<i64, BatchError> {
    let mut next = position;
    for batch in decode::batches(bytes) {
        let batch = match batch {
            // A fetch answer ends where its size limit says, and that may be inside a batch.
            Err(BatchError::Truncated) => break,
            batch => batch?,
        };
        let base = batch.header.base_offset;
        next = next.max(base + i64::from(batch.header.last_offset_delta) + 1);
        if batch.header.is_control() {
            continue;
        }
        let wanted = position..end;
        records.extend(
            batch
                .records()?
                .into_iter()
                .filter(|record| wanted.contains(&(base + i64::from(record.offset_delta))))
                .map(|record| LogRecord {
                    offset: base + i64::from(record.offset_delta),
                    key: record.key,
                    value: record.value,
                    headers: record.headers,
                    timestamp: record.timestamp,
                    batch: batch.header,
                }),
        );
    }
    Ok(next)
}

fn missing(action: &str) -> ClusterError {
    ClusterError::Unreadable {
        action: action.to_owned(),
        reason: "the partition is not in the answer".into(),
    }
}
