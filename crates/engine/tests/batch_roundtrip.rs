//! Record batches against an independent encoder (the `kafka-protocol` crate's).
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
use guanaco_engine::{
    Compression,
    batch::{
        BatchError, BatchHeader, HEADER_LEN,
        compress::{CompressError, compress, decompress},
        decode::batches,
    },
};

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip(-1),
    Compression::Snappy,
    Compression::Lz4(9),
    Compression::Zstd(3),
];

#[test]
fn reads_what_another_encoder_wrote() {
    let written = common::foreign(&sample());
    let mut read = batches(written);
    let batch = read.next().unwrap().unwrap();
    assert!(read.next().is_none());
    assert_eq!(batch.header.record_count, sample().len() as i32);
    assert_eq!(batch.header.producer_id, 77);
    assert_eq!(batch.header.producer_epoch, 3);
    assert_eq!(batch.header.base_sequence, 40);
    assert_eq!(common::plain(&batch.records().unwrap()), sample());
}

#[test]
fn stamps_the_header_that_another_encoder_writes() {
    let written = common::foreign(&sample());
    let batch = batches(written.clone()).next().unwrap().unwrap();
    assert_eq!(batch.header.encode(&batch.body), written[..HEADER_LEN]);
}

#[test]
fn a_known_body_checksum_gives_the_same_header() {
    for length in [0_usize, 1, 7, 61, 4096, 70_001] {
        let body: Vec<u8> = (0..length).map(|i| (i * 31) as u8).collect();
        let header = BatchHeader {
            base_sequence: 9,
            record_count: 5,
            ..BatchHeader::default()
        };
        assert_eq!(
            header.encode(&body),
            header.encode_with_body_crc(body.len(), crc32c::crc32c(&body))
        );
    }
}

#[test]
fn every_field_survives_encoding() {
    let body = b"body";
    let header = BatchHeader {
        base_offset: 0x0102_0304_0506_0708,
        batch_length: 53,
        partition_leader_epoch: 0x1112_1314,
        attributes: 0b11_0011,
        last_offset_delta: 0x2122_2324,
        base_timestamp: -5,
        max_timestamp: 0x3132_3334_3536_3738,
        producer_id: 0x4142_4344_4546_4748,
        producer_epoch: 0x5152,
        base_sequence: 0x6162_6364,
        record_count: 0x7172_7374,
    };
    let mut bytes = header.encode(body).to_vec();
    bytes.extend_from_slice(body);
    assert_eq!(BatchHeader::decode(&bytes), Ok((header, 65)));
}

#[test]
fn attribute_helpers_touch_only_their_own_bits() {
    let header = BatchHeader::default()
        .with_codec(4)
        .with_log_append_time(true)
        .with_transactional(true)
        .with_control(true);
    assert_eq!(header.attributes, 0b11_1100);
    assert_eq!(header.codec(), 4);
    assert!(header.is_log_append_time() && header.is_transactional() && header.is_control());
    let header = header.with_transactional(false).with_codec(1);
    assert_eq!(header.attributes, 0b10_1001);
    assert!(!header.is_transactional());
}

#[test]
fn log_append_time_replaces_every_timestamp() {
    let plain = batch(&sample(), Compression::None);
    let read = batches(plain).next().unwrap().unwrap();
    let header = BatchHeader {
        max_timestamp: 1234,
        ..read.header.with_log_append_time(true)
    };
    let read = batches(seal(header, &read.body)).next().unwrap().unwrap();
    assert!(
        read.records()
            .unwrap()
            .iter()
            .all(|record| record.timestamp == 1234)
    );
}

#[test]
fn every_codec_round_trips_at_every_size() {
    for codec in CODECS {
        for length in [0_usize, 1, 100, 32_768, 65_536, 65_537, 300_000] {
            let input: Vec<u8> = (0..length)
                .map(|i| (i % 251) as u8 ^ (i / 9_000) as u8)
                .collect();
            let mut packed = b"kept".to_vec();
            compress(codec, &input, &mut packed).unwrap();
            assert_eq!(&packed[..4], b"kept", "{codec:?} appends");
            let id = codec.id();
            let mut out = b"kept".to_vec();
            decompress(id, &packed[4..], length, &mut out).unwrap();
            assert_eq!(out[4..], input, "{codec:?} {length}");
            if length > 0 {
                let mut out = Vec::new();
                let limit = length - 1;
                let refused = decompress(id, &packed[4..], limit, &mut out);
                assert_eq!(
                    refused,
                    Err(CompressError::TooLarge { limit }),
                    "{codec:?} {length}"
                );
                assert!(out.len() <= length);
            }
        }
    }
}

#[test]
fn compressed_batches_read_like_plain_ones() {
    for codec in CODECS {
        let bytes = batch(&sample(), codec);
        let read = batches(bytes).next().unwrap().unwrap();
        assert_eq!(read.header.codec(), codec.id());
        assert_eq!(
            common::plain(&read.records().unwrap()),
            sample(),
            "{codec:?}"
        );
    }
}

#[test]
fn raw_snappy_without_the_java_framing_is_read() {
    let input = b"raw raw raw raw raw raw".repeat(50);
    let raw = snap::raw::Encoder::new().compress_vec(&input).unwrap();
    let mut out = Vec::new();
    decompress(2, &raw, input.len(), &mut out).unwrap();
    assert_eq!(out, input);
}

#[test]
fn several_batches_are_read_in_order_without_copying() {
    let mut bytes = batch(&sample(), Compression::None).to_vec();
    let first = bytes.len();
    bytes.extend_from_slice(&batch(&sample()[..1], Compression::Lz4(9)));
    let bytes = Bytes::from(bytes);
    let read: Vec<_> = batches(bytes.clone()).map(Result::unwrap).collect();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].body.as_ptr(), bytes[HEADER_LEN..].as_ptr());
    assert_eq!(read[1].body.as_ptr(), bytes[first + HEADER_LEN..].as_ptr());
    let value = read[0].records().unwrap()[1].value.clone().unwrap();
    assert!(
        bytes.as_ptr_range().contains(&value.as_ptr()),
        "values share the batch's memory"
    );
}

#[test]
fn a_cut_batch_is_truncated_wherever_it_is_cut() {
    let bytes = batch(&sample(), Compression::None);
    for length in 1..bytes.len() {
        let mut read = batches(bytes.slice(..length));
        assert_eq!(
            read.next(),
            Some(Err(BatchError::Truncated)),
            "cut to {length}"
        );
        assert_eq!(read.next(), None, "ends after the first error");
    }
}

#[test]
fn a_flipped_bit_behind_the_checksum_is_damage() {
    let bytes = batch(&sample(), Compression::None);
    for at in 17..bytes.len() {
        let mut bad = bytes.to_vec();
        bad[at] ^= 4;
        let error = batches(bad.into()).next().unwrap().unwrap_err();
        assert!(
            matches!(error, BatchError::Crc { .. }),
            "byte {at}: {error}"
        );
    }
}

#[test]
fn older_formats_and_impossible_lengths_are_told_apart() {
    let bytes = batch(&sample(), Compression::None);
    let mut old = bytes.to_vec();
    old[16] = 1;
    old.truncate(30);
    assert_eq!(batches(old.into()).next(), Some(Err(BatchError::Magic(1))));
    for length in [-1_i32, 0, 48, i32::MIN] {
        let mut bad = bytes.to_vec();
        bad[8..12].copy_from_slice(&length.to_be_bytes());
        assert_eq!(
            batches(bad.into()).next(),
            Some(Err(BatchError::Length(length)))
        );
    }
}

#[test]
fn records_that_the_header_miscounts_are_refused() {
    let read = batches(batch(&sample(), Compression::None))
        .next()
        .unwrap()
        .unwrap();
    let true_count = read.header.record_count;
    for count in [-1, 0, true_count - 1, true_count + 1, i32::MAX] {
        let header = BatchHeader {
            record_count: count,
            ..read.header
        };
        let bad = batches(seal(header, &read.body)).next().unwrap().unwrap();
        assert!(
            matches!(bad.records(), Err(BatchError::Record { .. })),
            "count {count}"
        );
    }
}

#[test]
fn an_empty_batch_left_by_compaction_has_no_records() {
    let bytes = seal(
        BatchHeader {
            last_offset_delta: 9,
            ..BatchHeader::default()
        },
        b"",
    );
    let read = batches(bytes).next().unwrap().unwrap();
    assert_eq!(read.records(), Ok(Vec::new()));
}

#[test]
fn unknown_codecs_are_refused_by_number() {
    let bytes = seal(BatchHeader::default().with_codec(6), b"x");
    let read = batches(bytes).next().unwrap().unwrap();
    let error = read.records().unwrap_err();
    assert_eq!(
        error,
        BatchError::Compression(CompressError::UnknownCodec(6))
    );
    assert_eq!(error.to_string(), "there is no compression codec 6");
}

#[test]
fn a_decompression_bomb_is_stopped_at_the_limit() {
    let zeros = vec![0; 32 << 20];
    for codec in CODECS {
        let mut packed = Vec::new();
        compress(codec, &zeros, &mut packed).unwrap();
        let header = BatchHeader {
            record_count: 1,
            ..BatchHeader::default()
        };
        let bytes = seal(header.with_codec(codec.id()), &packed);
        let read = batches(bytes).next().unwrap().unwrap();
        if codec != Compression::None {
            let limit = 1 << 20;
            let error = read.records_within(limit).unwrap_err();
            assert_eq!(
                error,
                BatchError::Compression(CompressError::TooLarge { limit })
            );
            let mut out = Vec::new();
            assert!(decompress(codec.id(), &packed, limit, &mut out).is_err());
            assert!(
                out.len() <= limit + 1,
                "{codec:?} unpacked {} bytes",
                out.len()
            );
        }
    }
}

#[test]
fn extreme_numbers_survive() {
    let records = vec![
        Plain {
            timestamp: i64::MIN,
            offset_delta: 0,
            ..Plain::default()
        },
        Plain {
            timestamp: i64::MAX,
            offset_delta: i32::MAX,
            ..Plain::default()
        },
        Plain {
            timestamp: -1,
            offset_delta: i32::MIN,
            ..Plain::default()
        },
    ];
    let read = batches(batch(&records, Compression::None))
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(common::plain(&read.records().unwrap()), records);
}

#[test]
fn a_number_of_too_many_bytes_is_refused() {
    // After length and attributes come a timestamp delta of at most ten bytes and an offset delta
    // of at most five; then null key, null value and no headers.
    let record = |timestamp: &[u8], offset: &[u8]| {
        let fields = [&[0], timestamp, offset, &[1, 1, 0]].concat();
        let header = BatchHeader {
            record_count: 1,
            ..BatchHeader::default()
        };
        let body = [&[fields.len() as u8 * 2], &fields[..]].concat();
        batches(seal(header, &body))
            .next()
            .unwrap()
            .unwrap()
            .records()
    };
    let long = |more: usize| [&vec![0x80; more][..], &[0]].concat();
    assert_eq!(
        record(&long(9), &long(4)).map(|records| records.len()),
        Ok(1)
    );
    let refused = Err(BatchError::Record {
        index: 0,
        rule: "a varint is too long",
    });
    assert_eq!(record(&long(10), &long(4)).map(|_| ()), refused);
    assert_eq!(record(&long(9), &long(5)).map(|_| ()), refused);
}

#[test]
fn framings_are_those_that_the_java_client_accepts() {
    let packed = |codec| {
        let mut out = Vec::new();
        compress(codec, &[7; 200_000], &mut out).unwrap();
        out
    };
    let snappy = packed(Compression::Snappy);
    assert_eq!(snappy[..16], *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
    let lz4 = packed(Compression::Lz4(9));
    assert_eq!(lz4[..4], [0x04, 0x22, 0x4d, 0x18]);
    assert_eq!(lz4[4] >> 5, 0b011, "version 1, blocks that stand alone");
    assert_eq!(lz4[5] >> 4, 4, "blocks of 64 KiB");
}
