//! Kafka's error codes, as far as the model answers with them.

/// No error.
pub const NONE: i16 = 0;
/// The fetch offset is outside of the log.
pub const OFFSET_OUT_OF_RANGE: i16 = 1;
/// The checksum does not match, or the bytes are no batch.
pub const CORRUPT_MESSAGE: i16 = 2;
/// This broker does not know the topic or partition.
pub const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
/// The partition has no leader now.
pub const LEADER_NOT_AVAILABLE: i16 = 5;
/// This broker does not lead the partition.
pub const NOT_LEADER_OR_FOLLOWER: i16 = 6;
/// The broker gave up; the request may have been applied.
pub const REQUEST_TIMED_OUT: i16 = 7;
/// The batch is larger than `max.message.bytes`.
pub const MESSAGE_TOO_LARGE: i16 = 10;
/// No answer: the model's word for a request to a dead broker. It is never on a wire.
pub const NETWORK_EXCEPTION: i16 = 13;
/// The topic's name is invalid, or it is internal.
pub const INVALID_TOPIC_EXCEPTION: i16 = 17;
/// Fewer in-sync replicas than `min.insync.replicas`: nothing was appended.
pub const NOT_ENOUGH_REPLICAS: i16 = 19;
/// The in-sync replicas became too few after the append.
pub const NOT_ENOUGH_REPLICAS_AFTER_APPEND: i16 = 20;
/// `acks` is none of -1, 0, 1.
pub const INVALID_REQUIRED_ACKS: i16 = 21;
/// A record's timestamp is out of range, or the batch claims the broker's append time.
pub const INVALID_TIMESTAMP: i16 = 32;
/// The broker does not speak this version of the request.
pub const UNSUPPORTED_VERSION: i16 = 35;
/// The topic exists.
pub const TOPIC_ALREADY_EXISTS: i16 = 36;
/// A partition count that is not more than there are, or less than one.
pub const INVALID_PARTITIONS: i16 = 37;
/// More replicas than brokers, or none.
pub const INVALID_REPLICATION_FACTOR: i16 = 38;
/// An assignment of partitions to brokers, which the model does not take.
pub const INVALID_REPLICA_ASSIGNMENT: i16 = 39;
/// A topic setting that the model does not know, or not with that value.
pub const INVALID_CONFIG: i16 = 40;
/// The request makes no sense, or the model does not do this part of the protocol.
pub const INVALID_REQUEST: i16 = 42;
/// The sequence does not follow the last one of its producer.
pub const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
/// A newer epoch of this producer is known.
pub const INVALID_PRODUCER_EPOCH: i16 = 47;
/// A transactional batch in a request without a transactional id.
pub const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i16 = 53;
/// The fetch session is unknown; the model keeps none.
pub const FETCH_SESSION_ID_NOT_FOUND: i16 = 70;
/// The client's leader epoch is older than the broker's.
pub const FENCED_LEADER_EPOCH: i16 = 74;
/// The client's leader epoch is newer than the broker's.
pub const UNKNOWN_LEADER_EPOCH: i16 = 75;
/// The batch breaks a rule of the format.
pub const INVALID_RECORD: i16 = 87;
/// No topic has this id.
pub const UNKNOWN_TOPIC_ID: i16 = 100;
