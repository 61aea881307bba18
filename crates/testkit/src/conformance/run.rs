//! Runs the table against a broker.

use super::CASES;
use super::raw::{RawConnection, RawError};
use super::step::{Act, Answer, Case, Flaw, Send, Time, TopicKind};
use bytes::Bytes;
use guanaco_engine::batch::{BatchHeader, encode::Encode};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, DeleteTopicsRequest, InitProducerIdRequest,
    ListOffsetsRequest, MetadataRequest, MetadataResponse, ProduceRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many answers were compared.
    pub answers: usize,
    /// Acts that need what this broker does not have: a second broker, or topics by id.
    pub skipped: usize,
    /// The versions of Produce that the table was run in.
    pub versions: Vec<i16>,
    /// Where the broker answers otherwise than the table.
    pub disagreements: Vec<Disagreement>,
}

/// An answer that is not the table's.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// The case's name.
    pub case: &'static str,
    /// The version of Produce.
    pub version: i16,
    /// Which act, from 0; the number of acts for the end of the log.
    pub act: usize,
    /// What the table says.
    pub expected: String,
    /// What the broker says.
    pub found: String,
}

impl Report {
    /// Whether the broker answered as the table says, everywhere.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.disagreements.is_empty() && self.answers > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            answers,
            skipped,
            versions,
            disagreements,
        } = self;
        let wrong = disagreements.len();
        writeln!(
            f,
            "{answers} answers of Produce {versions:?}, {wrong} wrong, {skipped} skipped"
        )?;
        for Disagreement {
            case,
            version,
            act,
            expected,
            found,
        } in disagreements
        {
            writeln!(
                f,
                "{case} (Produce {version}, act {act}): {expected}, not {found}"
            )?;
        }
        Ok(())
    }
}

/// Runs [`CASES`] in the oldest flexible version of Produce and in the newest one by name and by id,
/// as far as the broker has them. Each case makes a topic of its own, whose name begins with
/// `topic_prefix`; the prefix must be new to the cluster.
///
/// # Errors
/// If the cluster cannot be reached, or closes a connection over a request.
pub async fn run(bootstrap: &str, topic_prefix: &str) -> Result<Report, RawError> {
    let mut runner = Runner::connect(bootstrap, topic_prefix).await?;
    let newest = runner.newest_produce().await?;
    let mut versions = vec![9, newest.min(12), newest.min(13)];
    versions.dedup();
    let mut report = Report {
        answers: 0,
        skipped: 0,
        versions,
        disagreements: Vec::new(),
    };
    for version in report.versions.clone() {
        for (number, case) in CASES.iter().enumerate() {
            runner.case(number, case, version, &mut report).await?;
        }
    }
    Ok(report)
}

/// The version of requests other than Produce; every release since 2.8 has them.
const METADATA: i16 = 10;
const CREATE_TOPICS: i16 = 5;
const DELETE_TOPICS: i16 = 4;
const INIT_PRODUCER_ID: i16 = 3;
const LIST_OFFSETS: i16 = 6;
/// How long a topic may take to be led, or gone.
const PATIENCE: Duration = Duration::from_secs(30);

struct Runner {
    bootstrap: String,
    prefix: String,
    control: RawConnection,
    brokers: HashMap<i32, RawConnection>,
    /// When it began, by the local clock.
    began: i64,
}

/// A topic, as far as produce requests go.
struct Topic {
    name: TopicName,
    id: Uuid,
    old_id: Uuid,
    leader: i32,
    other: Option<i32>,
}

impl Runner {
    async fn connect(bootstrap: &str, prefix: &str) -> Result<Self, RawError> {
        let first = bootstrap.split(',').next().unwrap_or(bootstrap).to_owned();
        let control = RawConnection::connect(&first).await?;
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(Self {
            bootstrap: first,
            prefix: prefix.to_owned(),
            control,
            brokers: HashMap::new(),
            began: since.as_millis() as i64,
        })
    }

    async fn newest_produce(&mut self) -> Result<i16, RawError> {
        let response = self.control.call(&ApiVersionsRequest::default(), 2).await?;
        let produce = response.api_keys.iter().find(|api| api.api_key == 0);
        Ok(produce.map_or(9, |api| api.max_version))
    }

    async fn case(
        &mut self,
        number: usize,
        case: &Case,
        version: i16,
        report: &mut Report,
    ) -> Result<(), RawError> {
        let name = format!("{}-{version}-{number}", self.prefix);
        let name = TopicName(StrBytes::from_string(name));
        let mut topic = self.create(&name, case.topic, Uuid::nil()).await?;
        let mut producers = HashMap::new();
        let mut wrong = |act, expected: String, found: String| {
            let case = case.name;
            report.disagreements.push(Disagreement {
                case,
                version,
                act,
                expected,
                found,
            });
        };
        for (at, act) in case.acts.iter().enumerate() {
            let send = match act {
                Act::Recreate => {
                    self.delete(&name).await?;
                    topic = self.create(&name, case.topic, topic.id).await?;
                    continue;
                }
                Act::Send(send) => send,
            };
            let skip = match send.flaw {
                Flaw::NotLeader => topic.other.is_none(),
                Flaw::OldTopicId => version < 13,
                _ => false,
            };
            if skip {
                report.skipped += 1;
                continue;
            }
            let producer = match send.producer {
                Some(index) => match producers.get(&index) {
                    Some(id) => *id,
                    None => {
                        let id = self.init_producer_id().await?;
                        producers.insert(index, id);
                        id
                    }
                },
                None => -1,
            };
            let answer = self.produce(&topic, send, producer, version).await?;
            report.answers += 1;
            if !send.expect.is_met(answer, version) {
                wrong(at, format!("{:?}", send.expect), format!("{answer:?}"));
            }
        }
        let end = self.end(&topic).await?;
        report.answers += 1;
        if end != case.end {
            wrong(
                case.acts.len(),
                format!("the log ends at {}", case.end),
                format!("at {end}"),
            );
        }
        self.delete(&name).await
    }

    async fn produce(
        &mut self,
        topic: &Topic,
        send: &Send,
        producer: i64,
        version: i16,
    ) -> Result<Answer, RawError> {
        let time = timestamp(self.began, send);
        let records = PartitionProduceData::default()
            .with_index(i32::from(send.flaw == Flaw::UnknownPartition))
            .with_records(Some(bytes(send, producer, time)));
        let data = TopicProduceData::default().with_partition_data(vec![records]);
        let data = match (version, send.flaw) {
            (13.., Flaw::UnknownTopic) => data.with_topic_id(Uuid::from_u128(1)),
            (13.., Flaw::OldTopicId) => data.with_topic_id(topic.old_id),
            (13.., _) => data.with_topic_id(topic.id),
            (_, Flaw::UnknownTopic) => data.with_name(StrBytes::from_static_str("no-such").into()),
            _ => data.with_name(topic.name.clone()),
        };
        let request = ProduceRequest::default()
            .with_acks(send.acks)
            .with_timeout_ms(10_000)
            .with_topic_data(vec![data]);
        let broker = match (send.flaw, topic.other) {
            (Flaw::NotLeader, Some(other)) => other,
            _ => topic.leader,
        };
        let response = self.broker(broker).await?.call(&request, version).await?;
        let partition = response
            .responses
            .first()
            .and_then(|topic| topic.partition_responses.first());
        let partition = partition.ok_or_else(|| RawError::Codec("nothing is answered".into()))?;
        Ok(Answer {
            code: partition.error_code,
            base_offset: partition.base_offset,
            time: match partition.log_append_time_ms {
                -1 => Time::Unset,
                set if set == time => Time::OfBatch,
                _ => Time::OfBroker,
            },
            names_leader: partition.current_leader.leader_id.0 == topic.leader,
        })
    }

    async fn create(
        &mut self,
        name: &TopicName,
        kind: TopicKind,
        old_id: Uuid,
    ) -> Result<Topic, RawError> {
        let config = |name, value| {
            let config = CreatableTopicConfig::default().with_name(StrBytes::from_static_str(name));
            vec![config.with_value(Some(StrBytes::from_static_str(value)))]
        };
        let configs = match kind {
            TopicKind::Plain => Vec::new(),
            TopicKind::LogAppendTime => config("message.timestamp.type", "LogAppendTime"),
            TopicKind::Small => config("max.message.bytes", "1000"),
            TopicKind::Compacted => config("cleanup.policy", "compact"),
            TopicKind::NotFromTheFuture => config("message.timestamp.after.max.ms", "3600000"),
        };
        let topic = CreatableTopic::default()
            .with_name(name.clone())
            .with_num_partitions(1)
            .with_replication_factor(1)
            .with_configs(configs);
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(10_000);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let response = self.control.call(&request, CREATE_TOPICS).await?;
            match response.topics.first().map(|topic| topic.error_code) {
                Some(0) => break,
                // A deleted topic of this name is not quite gone.
                Some(36) if Instant::now() < deadline => sleep(STEP).await,
                other => return Err(RawError::Codec(format!("topic creation: {other:?}"))),
            }
        }
        loop {
            let (metadata, led) = self.metadata(name).await?;
            if let Some((id, leader)) = led
                && id != old_id
                && self.is_known_everywhere(name, id, &metadata).await?
            {
                let others = metadata.brokers.iter().map(|broker| broker.node_id.0);
                let other = { others }.find(|id| *id != leader);
                let topic = Topic {
                    name: name.clone(),
                    id,
                    old_id,
                    leader,
                    other,
                };
                // A broker knows that it leads before it does.
                if self.end(&topic).await? == 0 {
                    return Ok(topic);
                }
            }
            if Instant::now() > deadline {
                return Err(RawError::Codec(format!("{name:?} gets no leader")));
            }
            sleep(STEP).await;
        }
    }

    /// Brokers learn of a topic one after the other.
    async fn is_known_everywhere(
        &mut self,
        name: &TopicName,
        id: Uuid,
        metadata: &MetadataResponse,
    ) -> Result<bool, RawError> {
        for broker in &metadata.brokers {
            let request = metadata_request(name);
            let response = self
                .broker(broker.node_id.0)
                .await?
                .call(&request, METADATA)
                .await?;
            let topic = response.topics.first();
            if topic.is_none_or(|topic| topic.error_code != 0 || topic.topic_id != id) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn delete(&mut self, name: &TopicName) -> Result<(), RawError> {
        let request = DeleteTopicsRequest::default()
            .with_topic_names(vec![name.clone()])
            .with_timeout_ms(10_000);
        self.control.call(&request, DELETE_TOPICS).await.map(drop)
    }

    async fn init_producer_id(&mut self) -> Result<i64, RawError> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(60_000)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let response = self.control.call(&request, INIT_PRODUCER_ID).await?;
            match response.error_code {
                0 => return Ok(response.producer_id.0),
                // The broker is fetching a block of ids.
                _ if Instant::now() < deadline => sleep(STEP).await,
                code => return Err(RawError::Codec(format!("no producer id: {code}"))),
            }
        }
    }

    async fn end(&mut self, topic: &Topic) -> Result<i64, RawError> {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(0)
            .with_current_leader_epoch(-1)
            .with_timestamp(-1);
        let asked = ListOffsetsTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![asked]);
        let response = self
            .broker(topic.leader)
            .await?
            .call(&request, LIST_OFFSETS)
            .await?;
        let partition = response
            .topics
            .first()
            .and_then(|topic| topic.partitions.first());
        Ok(partition
            .filter(|partition| partition.error_code == 0)
            .map_or(-1, |led| led.offset))
    }

    /// What the first broker says of a topic, and the topic's id and leader if it has one.
    async fn metadata(
        &mut self,
        name: &TopicName,
    ) -> Result<(MetadataResponse, Option<(Uuid, i32)>), RawError> {
        let response = self.control.call(&metadata_request(name), METADATA).await?;
        let led = response.topics.first().and_then(|topic| {
            let leader = topic.partitions.first()?.leader_id.0;
            (topic.error_code == 0 && leader >= 0).then_some((topic.topic_id, leader))
        });
        Ok((response, led))
    }

    async fn broker(&mut self, id: i32) -> Result<&mut RawConnection, RawError> {
        if !self.brokers.contains_key(&id) {
            let response = self
                .control
                .call(&MetadataRequest::default(), METADATA)
                .await?;
            let broker = response
                .brokers
                .iter()
                .find(|broker| broker.node_id.0 == id);
            let address = broker.map_or_else(
                || self.bootstrap.clone(),
                |broker| format!("{}:{}", broker.host.as_str(), broker.port),
            );
            self.brokers
                .insert(id, RawConnection::connect(address).await?);
        }
        self.brokers
            .get_mut(&id)
            .ok_or_else(|| RawError::Codec(format!("no broker {id}")))
    }
}

const STEP: Duration = Duration::from_millis(20);

fn metadata_request(name: &TopicName) -> MetadataRequest {
    let topic = MetadataRequestTopic::default().with_name(Some(name.clone()));
    MetadataRequest::default()
        .with_topics(Some(vec![topic]))
        .with_allow_auto_topic_creation(false)
}

/// The batch of a request, as wrong as it should be.
fn bytes(send: &Send, producer: i64, time: i64) -> Bytes {
    let value = vec![b'x'; if send.flaw == Flaw::Large { 1_000 } else { 10 }];
    let missing = i32::from(send.flaw == Flaw::MissingRecord);
    let mut body = Vec::new();
    for offset_delta in 0..send.count - missing {
        let record = Encode {
            offset_delta,
            timestamp_delta: 0,
            key: None,
            value: Some(&value),
            headers: &[],
        };
        record.write(record.body_len(), &mut body);
    }
    let header = BatchHeader {
        base_offset: i64::from(send.flaw == Flaw::BaseOffset),
        last_offset_delta: send.count - 1,
        base_timestamp: time,
        max_timestamp: time,
        producer_id: producer,
        producer_epoch: send.epoch,
        base_sequence: send.sequence,
        record_count: send.count + i32::from(send.flaw == Flaw::Count),
        ..BatchHeader::default()
    };
    let header = match send.flaw {
        Flaw::Control => header.with_control(true),
        Flaw::Transactional => header.with_transactional(true),
        Flaw::ClaimsAppendTime => header.with_log_append_time(true),
        _ => header,
    };
    let mut bytes = [&header.encode(&body)[..], &body].concat();
    match send.flaw {
        Flaw::Checksum => {
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
        }
        Flaw::NoBatch => bytes.clear(),
        Flaw::Cut => bytes.truncate(bytes.len() - 1),
        Flaw::TwoBatches => bytes = bytes.repeat(2),
        _ => {}
    }
    bytes.into()
}

/// Of all records of a batch: another one for another sequence, and never the broker's own time.
fn timestamp(began: i64, send: &Send) -> i64 {
    let ahead = if send.flaw == Flaw::Future {
        7_200_000
    } else {
        0
    };
    began + ahead - 1 - i64::from(send.sequence & 0xfff)
}
