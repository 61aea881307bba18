//! The usual mistakes, and what the compiler says to them. The messages are those of the toolchain
//! in `rust-version`; after a change run with `TRYBUILD=overwrite` and read the difference.

#[test]
#[cfg_attr(
    not(all(feature = "avro", feature = "protobuf", feature = "schema-registry")),
    ignore = "messages list the serializers of every feature"
)]
fn mistakes_are_answered_with_advice() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
