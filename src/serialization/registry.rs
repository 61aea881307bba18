//! A Confluent-compatible schema registry: a client, and its framing for Avro, JSON and Protobuf.
//!
//! See [the page on serialization](crate::_documentation::serialization) for how it is used.

mod cache;
mod client;
mod deserializer;
mod error;
mod format;
mod formats;
mod frame;
mod http;
mod schema;
mod serializer;
mod settings;
mod subject;

pub use client::SchemaRegistry;
pub use deserializer::RegistryDeserializer;
pub use error::{FrameError, RegistryError};
#[cfg(feature = "avro")]
pub use formats::{Avro, AvroValues};
pub use formats::{Json, JsonSchema};
#[cfg(feature = "protobuf")]
pub use formats::{Protobuf, ProtobufSchema};
pub use schema::{Schema, SchemaKind, SchemaReference, SubjectVersion};
pub use serializer::{RegistrySerializer, SchemaPolicy};
pub use settings::RegistrySettings;
pub use subject::SubjectStrategy;
