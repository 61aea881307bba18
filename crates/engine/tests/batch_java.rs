//! Batches that the Java client 4.3.1 wrote, one for each codec (`data/java-batch-*.bin`).
#![cfg(all(
    feature = "gzip",
    feature = "snappy",
    feature = "lz4",
    feature = "zstd"
))]

#[path = "batch_common/mod.rs"]
mod common;

use common::Plain;
use guanaco_engine::batch::decode::batches;

fn written() -> Vec<Plain> {
    let start = 1_700_000_000_000;
    let full = |bytes: &[u8]| Some(bytes.to_vec());
    let big = (0..100_000)
        .map(|i| b"0123456789abcdef"[(i * 7 + i / 1_000) % 16])
        .collect();
    let record = |offset_delta, timestamp, key, value| Plain {
        offset_delta,
        timestamp,
        key,
        value,
        headers: Vec::new(),
    };
    let mut records = vec![
        record(0, start, None, None),
        record(1, start + 1, full(b"k"), full(&[b'v'; 300])),
        record(2, start - 500, full(b""), full(b"")),
        record(3, start + 70_000, None, full("w\u{f6}rd".as_bytes())),
        record(4, start + 2, full(b"big"), Some(big)),
    ];
    records[3].headers = vec![
        ("a".into(), full(b"1")),
        ("b".into(), None),
        ("c".into(), full(b"")),
        ("a".into(), full(b"2")),
    ];
    records
}

#[test]
fn reads_every_codec_that_java_writes() {
    let files: [(i16, &'static [u8]); 4] = [
        (1, include_bytes!("data/java-batch-gzip.bin")),
        (2, include_bytes!("data/java-batch-snappy.bin")),
        (3, include_bytes!("data/java-batch-lz4.bin")),
        (4, include_bytes!("data/java-batch-zstd.bin")),
    ];
    for (codec, bytes) in files {
        let batch = batches(bytes.into()).next().unwrap().unwrap();
        assert_eq!(batch.header.codec(), codec);
        assert_eq!(batch.header.producer_id, 4242);
        assert_eq!(batch.header.producer_epoch, 7);
        assert_eq!(batch.header.base_sequence, 100);
        assert_eq!(batch.header.max_timestamp, 1_700_000_070_000);
        assert_eq!(
            common::plain(&batch.records().unwrap()),
            written(),
            "codec {codec}"
        );
    }
}

#[test]
fn stamps_the_header_that_java_stamps() {
    let bytes: &'static [u8] = include_bytes!("data/java-batch-zstd.bin");
    let batch = batches(bytes.into()).next().unwrap().unwrap();
    assert_eq!(batch.header.encode(&batch.body), bytes[..61]);
}
