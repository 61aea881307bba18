//! Every codec reads back equal, and is really used.

use crate::support::{Sample, Target, produce, start};
use guanaco_engine::Header;

async fn every_codec_and_level_reads_back_equal(target: &Target) {
    let mut random = vec![0; 3_000];
    fastrand::Rng::with_seed(1).fill(&mut random);
    let mut samples: Vec<_> = (0..500)
        .map(|n| Sample::new(format!("all work and no play {n} ").repeat(n % 40)).at(n as i64))
        .collect();
    samples.push(Sample::new(random.clone()).key(random));
    samples.push(Sample::null());
    samples.push(
        Sample::new("")
            .key("")
            .headers([Header::null("h"), Header::new("h", "v")]),
    );
    samples.push(Sample::new("x".repeat(900_000)));

    for (codec, level, id) in [
        ("none", None, 0),
        ("gzip", None, 1),
        ("gzip", Some("9"), 1),
        ("snappy", None, 2),
        ("lz4", None, 3),
        ("zstd", None, 4),
        ("zstd", Some("1"), 4),
    ] {
        let topic = target.topic(codec, 1).await;
        let key = format!("compression.{codec}.level");
        let level = level.map(|level| (&*key, level));
        let settings: Vec<_> = [("compression.type", codec)]
            .into_iter()
            .chain(level)
            .collect();
        let producer = start(target, &settings).await;
        for (offset, outcome) in (0..).zip(produce(&producer, &topic, &samples).await) {
            assert_eq!(outcome.expect("the broker takes it").offset, Some(offset));
        }
        let stored = &target.stored(&topic).await[0];
        assert_eq!(stored.len(), samples.len(), "{codec}");
        for (sample, stored) in samples.iter().zip(stored) {
            assert!(sample.is(stored), "{codec} at offset {}", stored.offset);
            assert_eq!(stored.codec, id, "{codec} at offset {}", stored.offset);
        }
    }
}

on_both! { every_codec_and_level_reads_back_equal }
