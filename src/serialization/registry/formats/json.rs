//! JSON in a registry's framing, with a JSON Schema.

use crate::serialization::{
    BoxError, SchemaError,
    registry::{
        RegistryDeserializer, RegistrySerializer, Schema, SchemaKind, SchemaReference,
        SchemaRegistry,
        format::{Read, ReadFormat, Write, WriteFormat},
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A JSON Schema. Values are not checked against it.
#[derive(Clone, Debug)]
pub struct JsonSchema {
    schema: Schema,
    title: Option<String>,
}

impl JsonSchema {
    /// A schema from its text. Its title, if it has one, is the name that subjects can be named by.
    ///
    /// # Errors
    /// If it is not a JSON object, or `true` or `false`.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let unusable = |problem: String| SchemaError::new(SchemaKind::Json.title(), problem);
        let parsed: Value = serde_json::from_str(text).map_err(|e| unusable(e.to_string()))?;
        if !parsed.is_object() && !parsed.is_boolean() {
            return Err(unusable("it must be an object, true or false".to_owned()));
        }
        Ok(Self {
            schema: Schema::new(SchemaKind::Json, text),
            title: parsed["title"].as_str().map(str::to_owned),
        })
    }

    /// The schema with what its `$ref`s refer to.
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

/// JSON from and into serde values: see [`RegistrySerializer::json`].
#[derive(Debug)]
pub struct Json<S = JsonSchema>(S);

impl RegistrySerializer<Json> {
    /// Any `serde::Serialize` value as JSON with this schema, which it is not checked against.
    #[must_use]
    pub fn json(registry: &SchemaRegistry, schema: JsonSchema) -> Self {
        Self::new(registry, Json(schema))
    }
}

impl RegistryDeserializer<Json<()>> {
    /// Any serde value that owns its data, from JSON with whatever JSON Schema.
    #[must_use]
    pub fn json(registry: &SchemaRegistry) -> Self {
        Self::new(registry, Json(()))
    }
}

impl WriteFormat for Json {
    type Plan = ();

    fn schema(&self) -> &Schema {
        self.0.schema()
    }

    fn record_name(&self) -> Option<&str> {
        self.0.title.as_deref()
    }

    fn plan(&self, _: &Schema, _: &[Schema]) -> Result<(), SchemaError> {
        Ok(())
    }
}

impl<T: Serialize + ?Sized> Write<T> for Json {
    fn write(&self, (): &(), value: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(serde_json::to_writer(out, value)?)
    }
}

impl ReadFormat for Json<()> {
    type Plan = ();

    const KIND: SchemaKind = SchemaKind::Json;

    fn plan(&self, _: &Schema, _: &[Schema]) -> Result<(), SchemaError> {
        Ok(())
    }
}

impl<T: DeserializeOwned> Read<T> for Json<()> {
    fn read(&self, (): &(), bytes: &[u8]) -> Result<T, BoxError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_is_the_name() {
        let schema = JsonSchema::parse(r#"{"title": "Order", "type": "object"}"#).unwrap();
        assert_eq!(schema.title.as_deref(), Some("Order"));
        assert_eq!(JsonSchema::parse("true").unwrap().title, None);
        for text in ["", "[1]", "\"text\"", "{"] {
            assert!(JsonSchema::parse(text).is_err(), "{text}");
        }
    }
}
