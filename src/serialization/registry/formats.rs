//! The formats that a registry knows.

#[cfg(feature = "avro")]
mod avro;
#[cfg(feature = "protobuf")]
mod descriptor;
#[cfg(feature = "protobuf")]
mod indexes;
mod json;
#[cfg(feature = "protobuf")]
mod proto_text;
#[cfg(feature = "protobuf")]
mod protobuf;

#[cfg(feature = "avro")]
pub use avro::{Avro, AvroValues};
pub use json::{Json, JsonSchema};
#[cfg(feature = "protobuf")]
pub use protobuf::{Protobuf, ProtobufSchema};
