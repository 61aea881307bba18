//! The table.

use super::step::{Act, Case, Expect, Flaw, Time, TopicKind};
use crate::model::code;

const OUT_OF_ORDER: i16 = code::OUT_OF_ORDER_SEQUENCE_NUMBER;
const MAX: i32 = i32::MAX;

/// Questions and answers, each for itself.
pub const CASES: &[Case] = &[
    Case {
        name: "an unknown producer may begin with any sequence",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(0, 5, 2, 0),
            Act::appended(0, 7, 1, 2),
            Act::refused(0, 0, 1, OUT_OF_ORDER),
        ],
        end: 3,
    },
    Case {
        name: "an unknown producer may begin with any epoch",
        topic: TopicKind::Plain,
        acts: &[Act::appended(7, 9, 1, 0), Act::appended(7, 10, 1, 1)],
        end: 2,
    },
    Case {
        name: "the last five batches are known again by their own offsets",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(0, 0, 1, 0),
            Act::appended(0, 1, 2, 1),
            Act::appended(0, 3, 3, 3),
            Act::appended(0, 6, 4, 6),
            Act::appended(0, 10, 5, 10),
            Act::duplicate(0, 10, 5, 10),
            Act::duplicate(0, 0, 1, 0),
            Act::duplicate(0, 3, 3, 3),
            Act::duplicate(0, 1, 2, 1),
            Act::duplicate(0, 6, 4, 6),
            Act::appended(0, 15, 1, 15),
        ],
        end: 16,
    },
    Case {
        name: "a batch older than the last five is out of order",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(0, 0, 1, 0),
            Act::appended(0, 1, 1, 1),
            Act::appended(0, 2, 1, 2),
            Act::appended(0, 3, 1, 3),
            Act::appended(0, 4, 1, 4),
            Act::appended(0, 5, 1, 5),
            Act::refused(0, 0, 1, OUT_OF_ORDER),
            Act::duplicate(0, 1, 1, 1),
        ],
        end: 6,
    },
    Case {
        name: "half of a known batch, or more than it, is out of order",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(0, 0, 10, 0),
            Act::refused(0, 0, 5, OUT_OF_ORDER),
            Act::refused(0, 5, 5, OUT_OF_ORDER),
            Act::refused(0, 5, 10, OUT_OF_ORDER),
            Act::refused(0, 0, 20, OUT_OF_ORDER),
            Act::appended(0, 10, 10, 10),
            Act::refused(0, 0, 20, OUT_OF_ORDER),
        ],
        end: 20,
    },
    Case {
        name: "a gap is out of order and leaves nothing behind",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(0, 0, 2, 0),
            Act::refused(0, 3, 1, OUT_OF_ORDER),
            Act::refused(0, 3, 1, OUT_OF_ORDER),
            Act::appended(0, 2, 1, 2),
            Act::appended(0, 3, 1, 3),
        ],
        end: 4,
    },
    Case {
        name: "a new epoch begins with sequence 0 and nothing else",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(0, 0, 3, 0),
            Act::refused(1, 3, 1, OUT_OF_ORDER),
            Act::appended(1, 0, 1, 3),
            Act::appended(1, 1, 1, 4),
            Act::refused(9, 2, 1, OUT_OF_ORDER),
            Act::appended(9, 0, 1, 5),
        ],
        end: 6,
    },
    Case {
        name: "a refused batch of a new epoch does not shut the old one out",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(0, 0, 3, 0),
            Act::refused(1, 3, 1, OUT_OF_ORDER),
            Act::appended(0, 3, 1, 3),
            Act::duplicate(0, 0, 3, 0),
        ],
        end: 4,
    },
    Case {
        name: "the same sequences in a new epoch are new records",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(0, 0, 3, 0),
            Act::appended(1, 0, 3, 3),
            Act::duplicate(1, 0, 3, 3),
        ],
        end: 6,
    },
    Case {
        name: "an older epoch is refused, its duplicates too",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(1, 0, 2, 0),
            Act::refused(0, 2, 1, code::INVALID_PRODUCER_EPOCH),
            Act::appended(2, 0, 2, 2),
            Act::refused(1, 0, 2, code::INVALID_PRODUCER_EPOCH),
            Act::refused(1, 2, 1, code::INVALID_PRODUCER_EPOCH),
        ],
        end: 4,
    },
    Case {
        name: "sequences wrap to 0 between batches",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(0, MAX - 4, 5, 0),
            Act::appended(0, 0, 2, 5),
            Act::duplicate(0, MAX - 4, 5, 0),
            Act::duplicate(0, 0, 2, 5),
        ],
        end: 7,
    },
    Case {
        name: "sequences wrap to 0 inside a batch",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(0, MAX - 1, 4, 0),
            Act::duplicate(0, MAX - 1, 4, 0),
            Act::refused(0, 1, 1, OUT_OF_ORDER),
            Act::appended(0, 2, 1, 4),
        ],
        end: 5,
    },
    Case {
        name: "producers do not know of each other",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(0, 0, 1, 0),
            Act::appended(0, 0, 1, 1).by(Some(1)),
            Act::appended(0, 1, 1, 2),
            Act::duplicate(0, 0, 1, 1).by(Some(1)),
        ],
        end: 3,
    },
    Case {
        name: "without a producer id everything is appended",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(-1, -1, 2, 0).by(None),
            Act::appended(-1, -1, 2, 2).by(None),
            Act::appended(-1, -1, 2, 4).by(None).acks(1),
        ],
        end: 6,
    },
    Case {
        name: "a duplicate is found whatever the acks",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(0, 0, 2, 0).acks(1),
            Act::duplicate(0, 0, 2, 0),
        ],
        end: 2,
    },
    Case {
        name: "the append time is the broker's and a duplicate has the first one's",
        topic: TopicKind::LogAppendTime,
        acts: &[
            Act::appended(0, 0, 2, 0).expect(Expect::Offset {
                base: 0,
                time: Time::OfBroker,
            }),
            Act::duplicate(0, 0, 2, 0).expect(Expect::Offset {
                base: 0,
                time: Time::OfBroker,
            }),
        ],
        end: 2,
    },
    Case {
        name: "a topic that was created again knows no producer of the old one",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(0, 0, 2, 0),
            Act::Recreate,
            Act::refused(0, 2, 1, code::UNKNOWN_TOPIC_ID).flaw(Flaw::OldTopicId),
            Act::appended(0, 2, 1, 0),
            Act::duplicate(0, 2, 1, 0),
        ],
        end: 1,
    },
    Case {
        name: "a damaged batch is refused and its sequence stays free",
        topic: TopicKind::Plain,
        acts: &[
            Act::refused(0, 0, 2, code::CORRUPT_MESSAGE).flaw(Flaw::Checksum),
            Act::appended(0, 0, 2, 0),
            Act::refused(0, 0, 2, code::CORRUPT_MESSAGE).flaw(Flaw::Checksum),
        ],
        end: 2,
    },
    Case {
        name: "a too large batch is refused and its sequence stays free",
        topic: TopicKind::Small,
        acts: &[
            Act::refused(0, 0, 2, code::MESSAGE_TOO_LARGE).flaw(Flaw::Large),
            Act::appended(0, 0, 1, 0),
            Act::appended(0, 1, 1, 1),
        ],
        end: 2,
    },
    Case {
        name: "a partition gets exactly one batch per request",
        topic: TopicKind::Plain,
        acts: &[
            Act::refused(0, 0, 1, code::INVALID_RECORD).flaw(Flaw::NoBatch),
            Act::refused(0, 0, 1, code::INVALID_RECORD).flaw(Flaw::TwoBatches),
            Act::refused(0, 0, 1, code::INVALID_RECORD).flaw(Flaw::Cut),
        ],
        end: 0,
    },
    Case {
        name: "headers that contradict themselves are refused",
        topic: TopicKind::Plain,
        acts: &[
            Act::refused(0, 0, 1, code::INVALID_RECORD).flaw(Flaw::BaseOffset),
            Act::refused(0, 0, 1, code::INVALID_RECORD).flaw(Flaw::Count),
            Act::refused(0, 0, 0, code::INVALID_RECORD),
            Act::refused(0, -1, 1, code::INVALID_RECORD),
        ],
        end: 0,
    },
    Case {
        name: "records that are not there are missed",
        topic: TopicKind::Plain,
        acts: &[Act::refused(0, 0, 2, code::INVALID_RECORD).flaw(Flaw::MissingRecord)],
        end: 0,
    },
    Case {
        name: "clients write no control batches",
        topic: TopicKind::Plain,
        acts: &[Act::refused(0, 0, 1, code::INVALID_RECORD).flaw(Flaw::Control)],
        end: 0,
    },
    Case {
        name: "a client's claim of an append time is refused where there is one",
        topic: TopicKind::LogAppendTime,
        acts: &[Act::refused(0, 0, 1, code::INVALID_TIMESTAMP).flaw(Flaw::ClaimsAppendTime)],
        end: 0,
    },
    Case {
        name: "a client's claim of an append time is struck out where there is none",
        topic: TopicKind::Plain,
        acts: &[
            Act::appended(0, 0, 1, 0).flaw(Flaw::ClaimsAppendTime),
            Act::duplicate(0, 0, 1, 0),
        ],
        end: 1,
    },
    Case {
        name: "a transactional batch needs a transactional id",
        topic: TopicKind::Plain,
        acts: &[
            Act::refused(0, 0, 1, code::TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
                .flaw(Flaw::Transactional),
        ],
        end: 0,
    },
    Case {
        name: "timestamps too far ahead are refused",
        topic: TopicKind::NotFromTheFuture,
        acts: &[
            Act::refused(0, 0, 1, code::INVALID_TIMESTAMP).flaw(Flaw::Future),
            Act::appended(0, 0, 1, 0),
        ],
        end: 1,
    },
    Case {
        name: "a compacted topic takes no record without a key",
        topic: TopicKind::Compacted,
        acts: &[Act::refused(0, 0, 1, code::INVALID_RECORD)],
        end: 0,
    },
    Case {
        name: "acks are -1, 0 or 1",
        topic: TopicKind::Plain,
        acts: &[
            Act::refused(0, 0, 1, code::INVALID_REQUIRED_ACKS).acks(2),
            Act::refused(0, 0, 1, code::INVALID_REQUIRED_ACKS).acks(-2),
        ],
        end: 0,
    },
    Case {
        name: "what does not exist is named",
        topic: TopicKind::Plain,
        acts: &[
            Act::refused(0, 0, 1, code::UNKNOWN_TOPIC_OR_PARTITION).flaw(Flaw::UnknownPartition),
            Act::refused(0, 0, 1, 0)
                .flaw(Flaw::UnknownTopic)
                .expect(Expect::CodeByVersion {
                    name: code::UNKNOWN_TOPIC_OR_PARTITION,
                    id: code::UNKNOWN_TOPIC_ID,
                }),
        ],
        end: 0,
    },
    Case {
        name: "a broker that does not lead appends nothing and names the leader",
        topic: TopicKind::Plain,
        acts: &[
            Act::refused(0, 0, 1, code::NOT_LEADER_OR_FOLLOWER).flaw(Flaw::NotLeader),
            Act::appended(0, 0, 1, 0),
        ],
        end: 1,
    },
];
