//! Avro in a registry's framing.

use crate::serialization::{
    AvroSchema, AvroValue, BoxError, SchemaError,
    registry::{
        RegistryDeserializer, RegistrySerializer, Schema, SchemaKind, SchemaRegistry,
        format::{Read, ReadFormat, Write, WriteFormat},
    },
};
use serde::{Serialize, de::DeserializeOwned};

/// Avro from and into serde values: see [`RegistrySerializer::avro`].
#[derive(Debug)]
pub struct Avro<S = AvroSchema>(S);

/// Avro from and into generic values: see [`RegistrySerializer::avro_values`].
#[derive(Debug)]
pub struct AvroValues<S = AvroSchema>(S);

impl RegistrySerializer<Avro> {
    /// Any `serde::Serialize` value as Avro by this schema.
    #[must_use]
    pub fn avro(registry: &SchemaRegistry, schema: AvroSchema) -> Self {
        Self::new(registry, Avro(schema))
    }
}

impl RegistrySerializer<AvroValues> {
    /// Generic Avro values by this schema.
    #[must_use]
    pub fn avro_values(registry: &SchemaRegistry, schema: AvroSchema) -> Self {
        Self::new(registry, AvroValues(schema))
    }
}

impl RegistryDeserializer<Avro<Option<AvroSchema>>> {
    /// Any serde value that owns its data, from Avro of whatever schema it was written with.
    #[must_use]
    pub fn avro(registry: &SchemaRegistry) -> Self {
        Self::new(registry, Avro(None))
    }

    /// As [`avro`](Self::avro), seen through a schema of the reader's: fields that it does not have
    /// are left out, and those that it has in addition get their defaults.
    #[must_use]
    pub fn avro_as(registry: &SchemaRegistry, reader: AvroSchema) -> Self {
        Self::new(registry, Avro(Some(reader)))
    }
}

impl RegistryDeserializer<AvroValues<()>> {
    /// Generic Avro values, of whatever schema they were written with.
    #[must_use]
    pub fn avro_values(registry: &SchemaRegistry) -> Self {
        Self::new(registry, AvroValues(()))
    }
}

macro_rules! formats {
    ($($format:ident),*) => {$(
        impl WriteFormat for $format {
            type Plan = AvroSchema;

            fn schema(&self) -> &Schema {
                self.0.schema()
            }

            fn record_name(&self) -> Option<&str> {
                self.0.name()
            }

            fn plan(&self, schema: &Schema, others: &[Schema]) -> Result<AvroSchema, SchemaError> {
                match schema == self.0.schema() {
                    true => Ok(self.0.clone()),
                    false => linked(schema, others),
                }
            }
        }

        impl<S: Send + Sync> ReadFormat for $format<S> {
            type Plan = AvroSchema;

            const KIND: SchemaKind = SchemaKind::Avro;

            fn plan(&self, schema: &Schema, others: &[Schema]) -> Result<AvroSchema, SchemaError> {
                linked(schema, others)
            }
        }
    )*};
}

formats!(Avro, AvroValues);

fn linked(schema: &Schema, others: &[Schema]) -> Result<AvroSchema, SchemaError> {
    let others: Vec<_> = others.iter().map(Schema::text).collect();
    AvroSchema::linked(schema.clone(), &others)
}

impl<T: Serialize + ?Sized> Write<T> for Avro {
    fn write(&self, plan: &AvroSchema, value: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        plan.write(value, out)
    }
}

impl Write<AvroValue> for AvroValues {
    fn write(
        &self,
        plan: &AvroSchema,
        value: &AvroValue,
        out: &mut Vec<u8>,
    ) -> Result<(), BoxError> {
        plan.write_value(value, out)
    }
}

impl<T: DeserializeOwned> Read<T> for Avro<Option<AvroSchema>> {
    fn read(&self, plan: &AvroSchema, bytes: &[u8]) -> Result<T, BoxError> {
        plan.read(self.0.as_ref(), bytes)
    }
}

impl Read<AvroValue> for AvroValues<()> {
    fn read(&self, plan: &AvroSchema, bytes: &[u8]) -> Result<AvroValue, BoxError> {
        plan.read_value(None, bytes)
    }
}
