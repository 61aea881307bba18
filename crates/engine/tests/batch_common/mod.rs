//! Batches for the tests, built by hand and by another encoder.
#![allow(dead_code, reason = "each test binary uses its part")]

use bytes::{Bytes, BytesMut};
use guanaco_engine::{
    Compression,
    batch::{BatchHeader, DecodedRecord, compress::compress},
};
use kafka_protocol::{
    indexmap::IndexMap,
    protocol::StrBytes,
    records::{Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType},
};

/// A record as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plain {
    pub offset_delta: i32,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Null, empty and full keys, values and headers.
pub(crate) fn sample() -> Vec<Plain> {
    let start = 1_700_000_000_000;
    let full = |bytes: &[u8]| Some(bytes.to_vec());
    vec![
        Plain {
            timestamp: start,
            ..Plain::default()
        },
        Plain {
            key: full(b"k"),
            value: full(&[7; 300]),
            timestamp: start + 1,
            ..Plain::default()
        },
        Plain {
            key: full(b""),
            value: full(b""),
            timestamp: start - 500,
            ..Plain::default()
        },
        Plain {
            key: None,
            value: full("wörd".as_bytes()),
            timestamp: start + 70_000,
            headers: vec![
                ("a".into(), full(b"1")),
                ("b".into(), None),
                ("c".into(), full(b"")),
                ("".into(), full(b"2")),
            ],
            ..Plain::default()
        },
    ]
    .into_iter()
    .zip(0..)
    .map(|(record, offset_delta)| Plain {
        offset_delta,
        ..record
    })
    .collect()
}

pub(crate) fn plain(records: &[DecodedRecord]) -> Vec<Plain> {
    let vec = |bytes: &Option<Bytes>| bytes.as_ref().map(|bytes| bytes.to_vec());
    records
        .iter()
        .map(|record| Plain {
            offset_delta: record.offset_delta,
            timestamp: record.timestamp,
            key: vec(&record.key),
            value: vec(&record.value),
            headers: record
                .headers
                .iter()
                .map(|(k, v)| (k.clone(), vec(v)))
                .collect(),
        })
        .collect()
}

/// The batch that `kafka-protocol` makes of the records.
pub(crate) fn foreign(records: &[Plain]) -> Bytes {
    let bytes = |bytes: &Option<Vec<u8>>| bytes.clone().map(Bytes::from);
    let records: Vec<_> = records
        .iter()
        .map(|record| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: 77,
            producer_epoch: 3,
            timestamp_type: TimestampType::Creation,
            offset: i64::from(record.offset_delta),
            sequence: 40 + record.offset_delta,
            timestamp: record.timestamp,
            key: bytes(&record.key),
            value: bytes(&record.value),
            headers: record
                .headers
                .iter()
                .map(|(name, value)| (StrBytes::from_string(name.clone()), bytes(value)))
                .collect::<IndexMap<_, _>>(),
        })
        .collect();
    let options = RecordEncodeOptions {
        version: 2,
        compression: kafka_protocol::records::Compression::None,
    };
    let mut out = BytesMut::new();
    RecordBatchEncoder::encode(&mut out, &records, &options).unwrap();
    out.freeze()
}

/// A batch built here, field by field.
pub(crate) fn batch(records: &[Plain], codec: Compression) -> Bytes {
    let base_timestamp = records.first().map_or(0, |record| record.timestamp);
    let mut plain = Vec::new();
    for record in records {
        let mut bytes = vec![0];
        varint(&mut bytes, record.timestamp.wrapping_sub(base_timestamp));
        varint(&mut bytes, i64::from(record.offset_delta));
        nullable(&mut bytes, record.key.as_deref());
        nullable(&mut bytes, record.value.as_deref());
        varint(&mut bytes, record.headers.len() as i64);
        for (name, value) in &record.headers {
            nullable(&mut bytes, Some(name.as_bytes()));
            nullable(&mut bytes, value.as_deref());
        }
        varint(&mut plain, bytes.len() as i64);
        plain.extend_from_slice(&bytes);
    }
    let mut body = Vec::new();
    compress(codec, &plain, &mut body).unwrap();
    let header = BatchHeader {
        last_offset_delta: records.len() as i32 - 1,
        base_timestamp,
        max_timestamp: records
            .iter()
            .map(|record| record.timestamp)
            .max()
            .unwrap_or(0),
        record_count: records.len() as i32,
        ..BatchHeader::default()
    };
    seal(header.with_codec(codec.id()), &body)
}

pub(crate) fn seal(header: BatchHeader, body: &[u8]) -> Bytes {
    [&header.encode(body)[..], body].concat().into()
}

fn nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => varint(out, -1),
        Some(bytes) => {
            varint(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
    }
}

fn varint(out: &mut Vec<u8>, value: i64) {
    let mut rest = (value << 1 ^ value >> 63) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
