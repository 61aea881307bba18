//! The choice of partition for a key, against the Java client's own.

use guanaco_engine::core::{murmur2, partition_of};

/// `hex of the key <TAB> murmur2 as a signed int`, printed by the Java client 4.3.1.
const JAVA: &str = include_str!("data/murmur2-vectors.txt");

fn vectors() -> impl Iterator<Item = (Vec<u8>, i32)> {
    JAVA.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (hex, hash) = line.split_once('\t').unwrap();
            let key = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            (key.collect(), hash.parse().unwrap())
        })
}

#[test]
fn hashes_every_key_as_the_java_client_does() {
    assert!(vectors().count() > 100);
    for (key, hash) in vectors() {
        assert_eq!(murmur2(&key), hash, "{key:?}");
    }
}

#[test]
fn a_negative_hash_chooses_a_partition_that_exists() {
    let negative: Vec<_> = vectors().filter(|(_, hash)| *hash < 0).collect();
    assert!(negative.len() > 10);
    for (key, hash) in negative {
        for count in [1, 3, 64, 1000] {
            // Java's `Utils.toPositive(hash) % count`.
            assert_eq!(partition_of(&key, count), (hash & 0x7fff_ffff) % count);
        }
    }
}
