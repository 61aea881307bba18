//! The vocabulary of the table.

/// A question and its answer: what happens on one fresh topic of one partition.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The rule, as a sentence.
    pub name: &'static str,
    /// The topic that it needs.
    pub topic: TopicKind,
    /// In order, each on the state that the ones before left.
    pub acts: &'static [Act],
    /// The offset after the last record at the end.
    pub end: i64,
}

/// The settings of a case's topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicKind {
    /// All defaults.
    Plain,
    /// `message.timestamp.type=LogAppendTime`.
    LogAppendTime,
    /// `max.message.bytes=1000`.
    Small,
    /// `cleanup.policy=compact`.
    Compacted,
    /// `message.timestamp.after.max.ms=3600000`, the default since Kafka 4.0.
    NotFromTheFuture,
}

/// One act of a case.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// A produce request and its answer.
    Send(Send),
    /// Deletes the topic and creates it again under its name, with another id.
    Recreate,
}

/// A produce request of one batch, and what is expected of it.
#[derive(Clone, Copy, Debug)]
pub struct Send {
    /// Which of the case's producer ids; `None` for a batch without one.
    pub producer: Option<u8>,
    /// The epoch. Clients may choose it: the broker learns of epochs by batches alone.
    pub epoch: i16,
    /// The first record's sequence.
    pub sequence: i32,
    /// How many records.
    pub count: i32,
    /// What is wrong with the request, apart from its sequence.
    pub flaw: Flaw,
    /// -1, 1 or (wrongly) something else.
    pub acks: i16,
    /// The right answer.
    pub expect: Expect,
}

/// What may be wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// A bit of the body is flipped after the checksum was taken.
    Checksum,
    /// Each record's value has a thousand bytes.
    Large,
    /// No batch at all.
    NoBatch,
    /// The batch ends early.
    Cut,
    /// The batch comes twice.
    TwoBatches,
    /// The base offset is 1.
    BaseOffset,
    /// The header counts one record more than its offsets span.
    Count,
    /// The header counts, and its offsets span, one record more than there are.
    MissingRecord,
    /// It says that it is a control batch.
    Control,
    /// It says that it is transactional, in a request without a transactional id.
    Transactional,
    /// It says that its timestamps are the broker's.
    ClaimsAppendTime,
    /// Its timestamps are two hours ahead.
    Future,
    /// It goes to partition 1, which does not exist.
    UnknownPartition,
    /// It goes to a topic that does not exist.
    UnknownTopic,
    /// It names the topic's id of before [`Act::Recreate`]. Only sent where topics go by id.
    OldTopicId,
    /// It goes to a broker that does not lead. Only sent where there is one.
    NotLeader,
}

/// The right answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Success.
    Offset {
        /// That of the first record.
        base: i64,
        /// What `log_append_time_ms` says.
        time: Time,
    },
    /// An error code, and no offset.
    Code(i16),
    /// One code where topics go by name, another where they go by id.
    CodeByVersion {
        /// Up to Produce 12.
        name: i16,
        /// From Produce 13 on.
        id: i16,
    },
}

/// `log_append_time_ms` of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// -1: the records keep their own.
    Unset,
    /// The timestamp of the batch, as its producer set it.
    OfBatch,
    /// A time of the broker's.
    OfBroker,
}

/// What a broker answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The partition's error code.
    pub code: i16,
    /// The base offset; -1 with an error.
    pub base_offset: i64,
    /// What its `log_append_time_ms` was.
    pub time: Time,
    /// Whether it named a leader that is not the broker asked.
    pub names_leader: bool,
}

impl Send {
    /// From the case's only producer id, with nothing wrong.
    const fn batch(epoch: i16, sequence: i32, count: i32, expect: Expect) -> Self {
        Self {
            producer: Some(0),
            epoch,
            sequence,
            count,
            flaw: Flaw::None,
            acks: -1,
            expect,
        }
    }
}

impl Act {
    /// A batch that is appended.
    pub(super) const fn appended(epoch: i16, sequence: i32, count: i32, base: i64) -> Self {
        let expect = Expect::Offset {
            base,
            time: Time::Unset,
        };
        Self::Send(Send::batch(epoch, sequence, count, expect))
    }

    /// A batch that is found to be there already.
    pub(super) const fn duplicate(epoch: i16, sequence: i32, count: i32, base: i64) -> Self {
        let expect = Expect::Offset {
            base,
            time: Time::OfBatch,
        };
        Self::Send(Send::batch(epoch, sequence, count, expect))
    }

    /// A batch that is refused.
    pub(super) const fn refused(epoch: i16, sequence: i32, count: i32, code: i16) -> Self {
        Self::Send(Send::batch(epoch, sequence, count, Expect::Code(code)))
    }

    pub(super) const fn flaw(self, flaw: Flaw) -> Self {
        match self {
            Self::Send(send) => Self::Send(Send { flaw, ..send }),
            Self::Recreate => self,
        }
    }

    pub(super) const fn acks(self, acks: i16) -> Self {
        match self {
            Self::Send(send) => Self::Send(Send { acks, ..send }),
            Self::Recreate => self,
        }
    }

    pub(super) const fn by(self, producer: Option<u8>) -> Self {
        match self {
            Self::Send(send) => Self::Send(Send { producer, ..send }),
            Self::Recreate => self,
        }
    }

    pub(super) const fn expect(self, expect: Expect) -> Self {
        match self {
            Self::Send(send) => Self::Send(Send { expect, ..send }),
            Self::Recreate => self,
        }
    }
}

impl Expect {
    /// Whether an answer in that version of Produce is the right one.
    pub(super) fn is_met(self, answer: Answer, version: i16) -> bool {
        let code = match self {
            Self::Offset { base, time } => {
                return answer.code == 0 && answer.base_offset == base && answer.time == time;
            }
            Self::Code(code) => code,
            Self::CodeByVersion { name, .. } if version < 13 => name,
            Self::CodeByVersion { id, .. } => id,
        };
        let hints = code == crate::model::code::NOT_LEADER_OR_FOLLOWER && version >= 10;
        answer.code == code && answer.base_offset == -1 && answer.names_leader == hints
    }
}
