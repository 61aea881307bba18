//! Protobuf in a registry's framing.

use super::{
    descriptor,
    indexes::{encode_indexes, read_indexes},
    proto_text::Messages,
};
use crate::serialization::{
    BoxError, SchemaError,
    registry::{
        FrameError, RegistryDeserializer, RegistrySerializer, Schema, SchemaKind, SchemaReference,
        SchemaRegistry,
        format::{Read, ReadFormat, Write, WriteFormat},
    },
};
use prost::Message;
use std::sync::Arc;

/// A message of a `.proto` file. A registry has the file's text, and a value says which of its
/// messages it is.
#[derive(Clone, Debug)]
pub struct ProtobufSchema {
    schema: Schema,
    message: Arc<str>,
}

impl ProtobufSchema {
    /// A message by its full name, package and outer messages included, and the text of the file.
    ///
    /// # Errors
    /// If the file does not have the message.
    ///
    /// ```
    /// use guanaco::serialization::registry::ProtobufSchema;
    ///
    /// let file = r#"syntax = "proto3"; package shop; message Order { int64 id = 1; }"#;
    /// assert!(ProtobufSchema::parse(file, "shop.Order").is_ok());
    /// assert!(ProtobufSchema::parse(file, "Order").is_err());
    /// ```
    pub fn parse(text: &str, message: &str) -> Result<Self, SchemaError> {
        let schema = Schema::new(SchemaKind::Protobuf, text);
        find(&schema, message)?;
        Ok(Self {
            schema,
            message: message.into(),
        })
    }

    /// The schema with the files that it imports, each with the path of the import as its name.
    /// Those of `google/protobuf/` are in every registry.
    #[must_use]
    pub fn with_references(self, references: impl IntoIterator<Item = SchemaReference>) -> Self {
        let schema = self.schema.with_references(references);
        Self { schema, ..self }
    }

    /// The schema for a registry.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

/// Protobuf from and into `prost` messages: see [`RegistrySerializer::protobuf`].
#[derive(Debug)]
pub struct Protobuf<S = ProtobufSchema>(S);

impl RegistrySerializer<Protobuf> {
    /// `prost` messages of this schema.
    ///
    /// Nothing can check that the Rust type is the message which the schema names: both come from
    /// the same `.proto` file.
    #[must_use]
    pub fn protobuf(registry: &SchemaRegistry, schema: ProtobufSchema) -> Self {
        Self::new(registry, Protobuf(schema))
    }
}

impl RegistryDeserializer<Protobuf<Arc<str>>> {
    /// `prost` messages of this full name, package and outer messages included. Another message
    /// is an error.
    #[must_use]
    pub fn protobuf(registry: &SchemaRegistry, message: impl Into<Arc<str>>) -> Self {
        Self::new(registry, Protobuf(message.into()))
    }
}

impl WriteFormat for Protobuf {
    /// The message indexes as they are written.
    type Plan = Vec<u8>;

    fn schema(&self) -> &Schema {
        &self.0.schema
    }

    fn record_name(&self) -> Option<&str> {
        Some(&self.0.message)
    }

    fn plan(&self, schema: &Schema, _: &[Schema]) -> Result<Vec<u8>, SchemaError> {
        Ok(encode_indexes(&find(schema, &self.0.message)?))
    }
}

impl<M: Message> Write<M> for Protobuf {
    fn write(&self, plan: &Vec<u8>, value: &M, out: &mut Vec<u8>) -> Result<(), BoxError> {
        out.extend_from_slice(plan);
        Ok(value.encode(out)?)
    }
}

impl ReadFormat for Protobuf<Arc<str>> {
    type Plan = MessageNames;

    const KIND: SchemaKind = SchemaKind::Protobuf;

    fn plan(&self, schema: &Schema, _: &[Schema]) -> Result<MessageNames, SchemaError> {
        let messages = messages(schema)?;
        let expected = messages.indexes(&self.0);
        Ok(MessageNames {
            expected: expected.map(|indexes| encode_indexes(&indexes)),
            messages,
        })
    }
}

/// The messages of a schema. Opaque.
#[derive(Debug)]
pub struct MessageNames {
    messages: Messages,
    /// The indexes of the message that is read, as they are written.
    expected: Option<Vec<u8>>,
}

impl<M: Message + Default> Read<M> for Protobuf<Arc<str>> {
    fn read(&self, plan: &MessageNames, bytes: &[u8]) -> Result<M, BoxError> {
        // One list of indexes is never the beginning of another.
        if let Some(rest) = plan
            .expected
            .as_ref()
            .and_then(|it| bytes.strip_prefix(&**it))
        {
            return Ok(M::decode(rest)?);
        }
        let (indexes, rest) = read_indexes(bytes)?;
        match plan.messages.name(&indexes) {
            Some(name) if *name == *self.0 => Ok(M::decode(rest)?),
            Some(name) => Err(Box::new(FrameError::OtherMessage {
                expected: Arc::clone(&self.0),
                found: name.into(),
            })),
            None => Err(Box::new(FrameError::MessageIndexes {
                problem: "the schema has no such message",
            })),
        }
    }
}

fn messages(schema: &Schema) -> Result<Messages, SchemaError> {
    let unusable = |problem| SchemaError::new(SchemaKind::Protobuf.title(), problem);
    match descriptor::decode(schema.text()) {
        Some(file) => descriptor::messages(&file),
        None => Messages::parse(schema.text()),
    }
    .map_err(unusable)
}

fn find(schema: &Schema, message: &str) -> Result<Vec<u32>, SchemaError> {
    messages(schema)?.indexes(message).ok_or_else(|| {
        let problem = format!("it has no message of the full name {message}");
        SchemaError::new(SchemaKind::Protobuf.title(), problem)
    })
}
