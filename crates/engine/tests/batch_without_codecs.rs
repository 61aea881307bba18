//! Codecs that were compiled out say which cargo feature brings them back.
#![cfg(not(any(
    feature = "gzip",
    feature = "snappy",
    feature = "lz4",
    feature = "zstd"
)))]

use guanaco_engine::{
    Compression, ConfigError, ProducerConfig,
    batch::compress::{CompressError, compress, decompress},
};

#[test]
fn a_codec_that_was_compiled_out_names_its_feature() {
    for (codec, feature) in [
        (Compression::Gzip(-1), "gzip"),
        (Compression::Snappy, "snappy"),
        (Compression::Lz4(9), "lz4"),
        (Compression::Zstd(3), "zstd"),
    ] {
        let refused = Err(CompressError::Disabled { feature });
        assert_eq!(compress(codec, b"x", &mut Vec::new()), refused);
        assert_eq!(decompress(codec.id(), b"x", 9, &mut Vec::new()), refused);
        let mut config = ProducerConfig::default();
        config.bootstrap_servers = vec!["localhost:9092".into()];
        config.compression = codec;
        let disabled = ConfigError::Disabled {
            key: "compression.type",
            feature,
        };
        assert_eq!(config.validate(), Err(disabled));
    }
}

#[test]
fn no_compression_needs_no_feature() {
    let mut out = Vec::new();
    compress(Compression::None, b"plain", &mut out).unwrap();
    decompress(0, b" bytes", 6, &mut out).unwrap();
    assert_eq!(out, b"plain bytes");
}
