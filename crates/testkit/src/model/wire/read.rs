//! Fetch and ListOffsets.

use super::{Call, Malformed, Reply, Request};
use crate::model::{OffsetAt, ReadFrom, Refused, TopicRef, code};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::{
    FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse,
};

/// From here on topics go by id.
const FETCH_BY_ID: i16 = 13;

impl Call<'_> {
    /// Every fetch stands for itself: the model keeps no fetch sessions, which a client sees by the
    /// session id 0.
    pub(super) fn fetch(&self, request: &Request) -> Result<Reply, Malformed> {
        let fetch: FetchRequest = request.decode()?;
        let mut response = FetchResponse::default().with_throttle_time_ms(self.twist.throttle_ms);
        if fetch.session_id != 0 {
            response.error_code = code::FETCH_SESSION_ID_NOT_FOUND;
            return request.encode(&response).map(Reply::Answer);
        }
        let mut room = usize::try_from(fetch.max_bytes).unwrap_or(0);
        let mut found = 0;
        let mut failed = false;
        for topic in fetch.topics {
            let name = topic.topic.0;
            let from = match self.version {
                FETCH_BY_ID.. => TopicRef::Id(topic.topic_id),
                _ => TopicRef::Name(name.as_str()),
            };
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let data = self.fetch_partition(from, partition, room, found == 0);
                let size = data.records.as_ref().map_or(0, Bytes::len);
                (found, room) = (found + size, room.saturating_sub(size));
                failed |= data.error_code != code::NONE;
                partitions.push(data);
            }
            let answered = FetchableTopicResponse::default()
                .with_topic_id(topic.topic_id)
                .with_topic(name.into())
                .with_partitions(partitions);
            response.responses.push(answered);
        }
        let so_far = request.encode(&response)?;
        let enough = failed || found >= usize::try_from(fetch.min_bytes).unwrap_or(0);
        Ok(match u32::try_from(fetch.max_wait_ms) {
            Ok(ms) if ms > 0 && !enough => Reply::Wait { ms, so_far },
            _ => Reply::Answer(so_far),
        })
    }

    fn fetch_partition(
        &self,
        topic: TopicRef<'_>,
        partition: &FetchPartition,
        room: usize,
        first: bool,
    ) -> PartitionData {
        let response = PartitionData::default()
            .with_partition_index(partition.partition)
            .with_aborted_transactions(None);
        let from = ReadFrom {
            broker: self.broker,
            topic,
            partition: partition.partition,
            leader_epoch: partition.current_leader_epoch,
        };
        let limit = usize::try_from(partition.partition_max_bytes)
            .unwrap_or(0)
            .min(room);
        let fetched = match self.twist.error {
            Some(code) => Err(code.into()),
            None => self
                .cluster
                .fetch(from, partition.fetch_offset, limit, self.now),
        };
        match fetched {
            Ok(fetched) => {
                // Only the first batch of a whole response may be larger than its limits.
                let whole = fetched
                    .batches
                    .first()
                    .is_some_and(|batch| batch.size() > limit);
                let batches = if whole && !first {
                    &[]
                } else {
                    fetched.batches
                };
                let size = batches.iter().map(|batch| batch.size()).sum();
                let mut records = BytesMut::with_capacity(size);
                for batch in batches {
                    records.extend_from_slice(&batch.header.encode(&batch.body));
                    records.extend_from_slice(&batch.body);
                }
                response
                    .with_records(Some(records.freeze()))
                    .with_high_watermark(fetched.high_watermark)
                    .with_last_stable_offset(fetched.high_watermark)
                    .with_log_start_offset(fetched.log_start_offset)
            }
            Err(Refused { code, leader }) => {
                let response = response
                    .with_error_code(code)
                    .with_records(Some(Bytes::new()))
                    .with_high_watermark(-1)
                    .with_last_stable_offset(-1)
                    .with_log_start_offset(-1);
                match leader {
                    Some(leader) if self.version >= 12 => response.with_current_leader(
                        LeaderIdAndEpoch::default()
                            .with_leader_id(leader.id.into())
                            .with_leader_epoch(leader.epoch),
                    ),
                    _ => response,
                }
            }
        }
    }

    pub(super) fn list_offsets(&self, request: ListOffsetsRequest) -> ListOffsetsResponse {
        let topics = request.topics.into_iter().map(|topic| {
            let partitions = topic
                .partitions
                .iter()
                .map(|partition| self.offset(topic.name.as_str().into(), partition))
                .collect();
            ListOffsetsTopicResponse::default()
                .with_partitions(partitions)
                .with_name(topic.name)
        });
        ListOffsetsResponse::default()
            .with_topics(topics.collect())
            .with_throttle_time_ms(self.twist.throttle_ms)
    }

    fn offset(
        &self,
        topic: TopicRef<'_>,
        partition: &ListOffsetsPartition,
    ) -> ListOffsetsPartitionResponse {
        let response = ListOffsetsPartitionResponse::default()
            .with_partition_index(partition.partition_index)
            .with_offset(-1)
            .with_timestamp(-1);
        let from = ReadFrom {
            broker: self.broker,
            topic,
            partition: partition.partition_index,
            leader_epoch: partition.current_leader_epoch,
        };
        let at = match partition.timestamp {
            -1 => Ok(OffsetAt::Latest),
            -2 => Ok(OffsetAt::Earliest),
            time @ 0.. => Ok(OffsetAt::Timestamp(time)),
            _ => Err(code::INVALID_REQUEST),
        };
        let result = self.twist.error.map_or(at, Err).map_err(Refused::from);
        match result.and_then(|at| self.cluster.offset_at(from, at, self.now)) {
            Ok(Some((offset, time))) => response.with_offset(offset).with_timestamp(time),
            Ok(None) => response,
            Err(refused) => response.with_error_code(refused.code),
        }
    }
}
