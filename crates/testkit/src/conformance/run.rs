//! Runs the table against a broker.

use super::CASES;
use super::peer::{Peer, Topic};
use super::raw::RawError;
use super::step::{Act, Answer, Case, Flaw, Send, Time};
use bytes::Bytes;
use guanaco_engine::batch::{BatchHeader, encode::Encode};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use std::collections::HashMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};
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
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut runner = Runner {
        peer: Peer::connect(bootstrap).await?,
        prefix: topic_prefix,
        began: since.as_millis() as i64,
    };
    let newest = runner.peer.newest_produce().await?;
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

struct Runner<'a> {
    peer: Peer,
    prefix: &'a str,
    /// When it began, by the local clock.
    began: i64,
}

impl Runner<'_> {
    async fn case(
        &mut self,
        number: usize,
        case: &Case,
        version: i16,
        report: &mut Report,
    ) -> Result<(), RawError> {
        let name = format!("{}-{version}-{number}", self.prefix);
        let name = TopicName(StrBytes::from_string(name));
        let mut topic = self.peer.create(&name, case.topic, Uuid::nil()).await?;
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
                    self.peer.delete(&name).await?;
                    topic = self.peer.create(&name, case.topic, topic.id).await?;
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
                        let id = self.peer.init_producer_id().await?;
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
        let end = self.peer.end(&topic).await?;
        report.answers += 1;
        if end != case.end {
            wrong(
                case.acts.len(),
                format!("the log ends at {}", case.end),
                format!("at {end}"),
            );
        }
        self.peer.delete(&name).await
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
        let response = self
            .peer
            .broker(broker)
            .await?
            .call(&request, version)
            .await?;
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
}

/// The batch of a request, as wrong as it should be.
fn bytes(send: &Send, producer: i64, time: i64) -> Bytes {
    let value = vec![b'x'; if send.flaw == Flaw::Large { 1_000 } else { 10 }];
    let missing = i32::from(send.flaw == Flaw::MissingRecord);
    let mut body = Vec::new();
    for offset_delta in 0..send.count - missing {
        Encode::new(offset_delta, 0, None, Some(&value), &[]).append_to(&mut body);
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
