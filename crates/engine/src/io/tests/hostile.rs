//! Whatever a broker sends: an answer or an error, never a panic, never memory by claim alone.

use super::peer::frame;
use crate::io::{
    frame::decode_response,
    shape::{Malformed, Shaped},
};
use bytes::Bytes;
use kafka_protocol::{
    messages::{
        ApiVersionsResponse, InitProducerIdResponse, MetadataResponse, ProduceResponse,
        SaslAuthenticateResponse, SaslHandshakeResponse,
        api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey},
        metadata_response::{
            MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
        },
        produce_response::{
            BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse,
            TopicProduceResponse,
        },
    },
    protocol::{Decodable, Encodable, HeaderVersion, StrBytes},
};
use std::{collections::BTreeMap, fmt::Debug};
use uuid::Uuid;

const CASES: u64 = 4000;

/// A response with something in every field that the version has.
trait Full: Shaped + Encodable + Decodable + HeaderVersion + PartialEq + Debug {
    /// One in so many damaged answers still is one, at the least.
    const ACCEPTED: u64 = 20;

    fn full(version: i16) -> Self;
}

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

/// Tagged fields that the decoder does not know, if the version can have any.
fn tags(flexible: bool) -> BTreeMap<i32, Bytes> {
    let tags = [(100, Bytes::from_static(b"abc")), (20_000, Bytes::new())];
    tags.into_iter().filter(|_| flexible).collect()
}

impl Full for ApiVersionsResponse {
    fn full(version: i16) -> Self {
        let flexible = version >= 3;
        let key = |key| {
            ApiVersion::default()
                .with_api_key(key)
                .with_max_version(9)
                .with_unknown_tagged_fields(tags(flexible))
        };
        let mut response = Self::default()
            .with_api_keys((0..5).map(key).collect())
            .with_throttle_time_ms(i32::from(version >= 1))
            .with_unknown_tagged_fields(tags(flexible));
        if flexible {
            response = response
                .with_supported_features(vec![
                    SupportedFeatureKey::default()
                        .with_name(text("feature"))
                        .with_max_version(3)
                        .with_unknown_tagged_fields(tags(true)),
                ])
                .with_finalized_features_epoch(5)
                .with_finalized_features(vec![
                    FinalizedFeatureKey::default()
                        .with_name(text("other"))
                        .with_max_version_level(3),
                ])
                .with_zk_migration_ready(true);
        }
        response
    }
}

impl Full for MetadataResponse {
    fn full(version: i16) -> Self {
        let partition = |index: i32| {
            MetadataResponsePartition::default()
                .with_partition_index(index)
                .with_leader_epoch(4)
                .with_replica_nodes((0..index).map(Into::into).collect())
                .with_isr_nodes(vec![1.into()])
                .with_offline_replicas(vec![2.into(), 3.into()])
                .with_unknown_tagged_fields(tags(true))
        };
        let topic = |name, id| {
            MetadataResponseTopic::default()
                .with_name(name)
                .with_topic_id(if version >= 10 {
                    Uuid::from_u128(id)
                } else {
                    Uuid::nil()
                })
                .with_partitions((0..4).map(partition).collect())
                .with_unknown_tagged_fields(tags(true))
        };
        let broker = MetadataResponseBroker::default()
            .with_host(text("host"))
            .with_port(9092)
            .with_unknown_tagged_fields(tags(true));
        let nameless = if version >= 12 {
            None
        } else {
            Some(text("two").into())
        };
        let mut response = Self::default()
            .with_throttle_time_ms(1)
            .with_brokers(vec![broker.clone().with_rack(Some(text("rack"))), broker])
            .with_cluster_id(Some(text("cluster")))
            .with_topics(vec![topic(Some(text("one").into()), 1), topic(nameless, 2)])
            .with_unknown_tagged_fields(tags(true));
        if version <= 10 {
            response.cluster_authorized_operations = 7;
        }
        if version >= 13 {
            response.error_code = 8;
        }
        response
    }
}

impl Full for InitProducerIdResponse {
    fn full(_: i16) -> Self {
        Self::default()
            .with_producer_id(4000.into())
            .with_producer_epoch(3)
            .with_unknown_tagged_fields(tags(true))
    }
}

impl Full for SaslHandshakeResponse {
    // It is nearly nothing but lengths.
    const ACCEPTED: u64 = 100;

    fn full(_: i16) -> Self {
        let names = ["PLAIN", "SCRAM-SHA-256", ""];
        Self::default()
            .with_error_code(33)
            .with_mechanisms(names.map(text).to_vec())
    }
}

impl Full for SaslAuthenticateResponse {
    fn full(_: i16) -> Self {
        Self::default()
            .with_error_code(58)
            .with_error_message(Some(text("no")))
            .with_auth_bytes(Bytes::from_static(b"v=abc"))
            .with_session_lifetime_ms(3_600_000)
            .with_unknown_tagged_fields(tags(true))
    }
}

impl Full for ProduceResponse {
    fn full(version: i16) -> Self {
        let partition = |index| {
            let mut partition = PartitionProduceResponse::default()
                .with_index(index)
                .with_base_offset(1 << 40)
                .with_log_start_offset(5)
                .with_record_errors(vec![
                    BatchIndexAndErrorMessage::default()
                        .with_batch_index(7)
                        .with_batch_index_error_message(Some(text("bad record")))
                        .with_unknown_tagged_fields(tags(true)),
                    BatchIndexAndErrorMessage::default(),
                ])
                .with_error_message(Some(text("refused")))
                .with_unknown_tagged_fields(tags(true));
            if version >= 10 {
                partition.current_leader = LeaderIdAndEpoch::default()
                    .with_leader_id(4.into())
                    .with_leader_epoch(9);
            }
            partition
        };
        let mut topic = TopicProduceResponse::default()
            .with_partition_responses((0..3).map(partition).collect())
            .with_unknown_tagged_fields(tags(true));
        if version >= 13 {
            topic.topic_id = Uuid::from_u128(6);
        } else {
            topic.name = text("orders").into();
        }
        let mut response = Self::default()
            .with_responses(vec![topic])
            .with_throttle_time_ms(3)
            .with_unknown_tagged_fields(tags(true));
        if version >= 10 {
            response.node_endpoints = vec![
                NodeEndpoint::default()
                    .with_node_id(4.into())
                    .with_host(text("host"))
                    .with_rack(Some(text("rack"))),
            ];
        }
        response
    }
}

/// The full response, a prefix of it, random changes of it, and random bytes.
fn torture<T: Full>(versions: std::ops::RangeInclusive<i16>) {
    for version in versions {
        let whole = frame(1, &T::full(version), version)[4..].to_vec();
        let decoded: T = decode_response(whole.clone().into(), version).expect("a valid response");
        assert_eq!(decoded, T::full(version), "version {version}");

        for end in 0..whole.len() {
            let cut = Bytes::copy_from_slice(&whole[..end]);
            decode_response::<T>(cut, version).expect_err("it is cut short");
        }
        let mut rng = fastrand::Rng::with_seed(version as u64);
        let (mut refused, mut accepted) = (0, 0);
        for case in 0..CASES {
            let bytes = if case % 4 == 0 {
                noise(&mut rng)
            } else {
                damage(&whole, &mut rng)
            };
            match decode_response::<T>(bytes.into(), version) {
                Ok(_) => accepted += 1,
                Err(_) => refused += 1,
            }
        }
        // Both ends of the decoder were reached.
        assert!(refused > CASES / 20, "version {version}: {refused} refused");
        assert!(
            accepted > CASES / T::ACCEPTED,
            "version {version}: {accepted} accepted"
        );
    }
}

fn noise(rng: &mut fastrand::Rng) -> Vec<u8> {
    let length = rng.usize(..200);
    // Small values make it past the first length fields more often.
    let narrow = rng.bool();
    (0..length)
        .map(|_| if narrow { rng.u8(..4) } else { rng.u8(..) })
        .collect()
}

fn damage(whole: &[u8], rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(4..bytes.len());
        match rng.u8(..4) {
            0 => bytes[at] = rng.u8(..),
            1 => bytes[at] = 0xff,
            2 => bytes.insert(at, rng.u8(..)),
            // The largest varint there is.
            _ => drop(bytes.splice(at..=at, [0xff, 0xff, 0xff, 0xff, 0x0f])),
        }
    }
    bytes
}

#[test]
fn survives_any_api_versions_answer() {
    torture::<ApiVersionsResponse>(0..=4);
}

#[test]
fn survives_any_metadata_answer() {
    torture::<MetadataResponse>(9..=13);
}

#[test]
fn survives_any_producer_id_answer() {
    torture::<InitProducerIdResponse>(3..=5);
}

#[test]
fn survives_any_answer_in_a_sasl_exchange() {
    torture::<SaslHandshakeResponse>(1..=1);
    torture::<SaslAuthenticateResponse>(2..=2);
}

#[test]
fn survives_any_produce_answer() {
    torture::<ProduceResponse>(9..=13);
}

#[test]
fn reserves_nothing_for_entries_that_cannot_be_there() {
    // Correlation id, no header tags, then an array of 2^32 - 2 topics: without the check, the
    // decoder asks for some 400 GB and the process is aborted.
    let claim = Bytes::from_static(b"\0\0\0\x01\0\xff\xff\xff\xff\x0f");
    let error = decode_response::<ProduceResponse>(claim, 9).unwrap_err();
    assert_eq!(
        error,
        Malformed("an array claims more entries than there are bytes")
    );

    let claim = Bytes::from_static(b"\0\0\0\x01\0\0\x7f\xff\xff\xff\0\0");
    let error = decode_response::<ApiVersionsResponse>(claim, 0).unwrap_err();
    assert_eq!(
        error,
        Malformed("an array claims more entries than there are bytes")
    );
}

#[test]
fn refuses_a_tagged_field_whose_size_is_a_lie() {
    // Tag 1 of ApiVersions has eight bytes; here it says nine, then the next field would be read
    // from another place than where it is.
    let mut body = b"\0\0\0\x01\0\0\x01\0\0\0\0\x01\x01\x09".to_vec();
    body.extend_from_slice(&[0; 9]);
    let error = decode_response::<ApiVersionsResponse>(body.into(), 3).unwrap_err();
    assert_eq!(
        error,
        Malformed("a tagged field of another size than it says")
    );
}
