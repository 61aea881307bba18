//! Reading a topic's log back, batch by batch, with every checksum checked.

use super::{
    ClusterError, Connection, KafkaCluster,
    poll::{CALL, Look, until},
    topic::topic_name,
};
use bytes::Bytes;
use guanaco_engine::batch::{BatchError, BatchHeader, decode};
use kafka_protocol::messages::{
    BrokerId, FetchRequest, ListOffsetsRequest,
    fetch_request::{FetchPartition, FetchTopic},
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
};

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
        let ends = self.end_offsets(topic).await?;
        let mut partitions = Vec::with_capacity(ends.len());
        for (partition, end) in (0..).zip(ends) {
            partitions.push(self.read_partition(topic, partition, end).await?);
        }
        Ok(partitions)
    }

    /// The offset behind the last replicated record of each partition.
    ///
    /// # Errors
    /// If there is no such topic or a partition has no leader.
    pub async fn end_offsets(&self, topic: &str) -> Result<Vec<i64>, ClusterError> {
        self.offsets(topic, LATEST).await
    }

    async fn offsets(&self, topic: &str, timestamp: i64) -> Result<Vec<i64>, ClusterError> {
        let count = self.topic(topic).await?.partitions.len();
        let mut offsets = Vec::with_capacity(count);
        for partition in (0..).take(count) {
            offsets.push(self.offset(topic, partition, timestamp).await?);
        }
        Ok(offsets)
    }

    async fn offset(
        &self,
        topic: &str,
        partition: i32,
        timestamp: i64,
    ) -> Result<i64, ClusterError> {
        let action = format!("asking for an offset of {topic}/{partition}");
        let asked = ListOffsetsPartition::default()
            .with_partition_index(partition)
            .with_current_leader_epoch(-1)
            .with_timestamp(timestamp);
        let asked = ListOffsetsTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![asked]);
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_topics(vec![asked]);
        until(action.clone(), || async {
            let mut connection = self.connect_to_leader(topic, partition).await?;
            let response = connection.call(&request, 7).await?;
            let answer = response
                .topics
                .iter()
                .flat_map(|topic| &topic.partitions)
                .next();
            let answer = answer.ok_or_else(|| missing(&action))?;
            ClusterError::check(&action, answer.error_code, None)?;
            Ok(Look::Done(answer.offset))
        })
        .await
    }

    async fn read_partition(
        &self,
        topic: &str,
        partition: i32,
        end: i64,
    ) -> Result<Vec<LogRecord>, ClusterError> {
        let mut position = self.offset(topic, partition, EARLIEST).await?;
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
        let leader = self.leader(topic, partition).await?;
        Connection::open(self.node(leader)?.listeners.plaintext, CALL).await
    }
}

/// Stand for offsets in a ListOffsets request.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

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
