//! Whatever bytes come, decoding ends in records or an error: it never panics, and never takes
//! more memory than it was allowed. Seeds are fixed; a failure prints its own.
#![cfg(all(
    feature = "gzip",
    feature = "snappy",
    feature = "lz4",
    feature = "zstd"
))]

#[path = "batch_common/mod.rs"]
mod common;

use bytes::Bytes;
use common::{Plain, batch, sample, seal};
use fastrand::Rng;
use guanaco_engine::{
    Compression,
    batch::{BatchHeader, HEADER_LEN, compress::decompress, decode::batches},
};

const LIMIT: usize = 1 << 20;
const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip(-1),
    Compression::Snappy,
    Compression::Lz4(9),
    Compression::Zstd(3),
];

/// Reads all that can be read and returns how many records there were.
fn read(bytes: Bytes) -> usize {
    let mut count = 0;
    for batch in batches(bytes).map_while(Result::ok) {
        if let Ok(records) = batch.records_within(LIMIT) {
            let size = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
            let bytes: usize = records.iter().map(|r| size(&r.key) + size(&r.value)).sum();
            assert!(bytes <= LIMIT.max(batch.body.len()));
            count += records.len();
        }
    }
    count
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..rng.usize(1..=4) {
        if bytes.is_empty() {
            bytes.push(rng.u8(..));
        }
        let at = rng.usize(..bytes.len());
        match rng.u8(..8) {
            0 => bytes[at] ^= 1 << rng.u8(..8),
            1 => bytes[at] = rng.u8(..),
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.usize(..5)],
            3 => bytes.truncate(at),
            4 => bytes.insert(at, rng.u8(..)),
            5 => {
                bytes.remove(at);
            }
            6 => {
                let end = (at + rng.usize(..16)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let end = (at + 4).min(bytes.len());
                let number = [i32::MAX, i32::MIN, -1, 1 << 24][rng.usize(..4)].to_be_bytes();
                bytes[at..end].copy_from_slice(&number[..end - at]);
            }
        }
    }
}

fn some_batch(rng: &mut Rng) -> Bytes {
    let codec = CODECS[rng.usize(..CODECS.len())];
    let mut records = sample();
    records.truncate(rng.usize(0..=records.len()));
    batch(&records, codec)
}

#[test]
fn mutated_batches_are_read_or_refused() {
    for seed in 0..20_000 {
        let mut rng = Rng::with_seed(seed);
        let mut bytes = some_batch(&mut rng).to_vec();
        bytes.extend_from_slice(&some_batch(&mut rng));
        mutate(&mut bytes, &mut rng);
        read(bytes.into());
    }
}

#[test]
fn bodies_mutated_under_a_right_checksum_are_read_or_refused() {
    let mut whole = 0;
    for seed in 0..20_000 {
        let mut rng = Rng::with_seed(seed);
        let bytes = some_batch(&mut rng);
        let batch = batches(bytes).next().unwrap().unwrap();
        let mut header = batch.header;
        let mut body = batch.body.to_vec();
        if rng.u8(..4) > 0 {
            mutate(&mut body, &mut rng);
        }
        if rng.u8(..4) == 0 {
            header.record_count = [-1, 0, i32::MAX, rng.i32(..)][rng.usize(..4)];
        }
        if rng.u8(..4) == 0 {
            header.attributes = rng.i16(..);
        }
        if rng.u8(..4) == 0 {
            header.base_timestamp = [i64::MIN, i64::MAX][rng.usize(..2)];
        }
        whole += usize::from(read(seal(header, &body)) > 0);
    }
    // Proof that the mutations reach past the checks in front: some batches still read.
    assert!(
        (2_000..18_000).contains(&whole),
        "{whole} of 20,000 were still readable"
    );
}

#[test]
fn noise_is_refused() {
    for seed in 0..5_000 {
        let mut rng = Rng::with_seed(seed);
        let mut noise = vec![0; rng.usize(..300)];
        rng.fill(&mut noise);
        read(noise.clone().into());
        for codec in -1..=8 {
            let mut out = Vec::new();
            let _ = decompress(codec, &noise, LIMIT, &mut out);
            assert!(out.len() <= LIMIT + 1);
        }
        let header = BatchHeader {
            record_count: rng.i32(..),
            ..BatchHeader::default()
        };
        read(seal(header.with_codec(rng.i16(..8)), &noise));
    }
}

#[test]
fn random_records_survive_every_codec() {
    for seed in 0..1_000 {
        let mut rng = Rng::with_seed(seed);
        let codec = CODECS[rng.usize(..CODECS.len())];
        let count = rng.i32(0..50);
        let records: Vec<Plain> = (0..count)
            .map(|delta| random_record(delta, &mut rng))
            .collect();
        let bytes = batch(&records, codec);
        assert!(bytes.len() >= HEADER_LEN);
        let read = batches(bytes).next().unwrap().unwrap();
        assert_eq!(
            common::plain(&read.records().unwrap()),
            records,
            "seed {seed}, {codec:?}"
        );
    }
}

fn random_record(offset_delta: i32, rng: &mut Rng) -> Plain {
    let headers = (0..rng.usize(..4))
        .map(|i| (format!("h{i}"), random_bytes(rng)))
        .collect();
    let (key, value) = (random_bytes(rng), random_bytes(rng));
    Plain {
        offset_delta,
        timestamp: rng.i64(..),
        key,
        value,
        headers,
    }
}

fn random_bytes(rng: &mut Rng) -> Option<Vec<u8>> {
    let length = match rng.u8(..8) {
        0 => return None,
        1 => 0,
        2 => rng.usize(..5_000),
        _ => rng.usize(..80),
    };
    let alphabet = rng.u8(1..);
    Some((0..length).map(|_| rng.u8(..alphabet)).collect())
}
