//! Avro, without a container: one value, as the schema says.

mod check;

use super::{BoxError, Deserializer, Serializer, Source, Target, schema_error::SchemaError};
use apache_avro::{
    Schema as Parsed,
    reader::datum::GenericDatumReader,
    schema::ResolvedSchema,
    types::Value,
    writer::datum::{GenericDatumWriter, write_avro_datum_ref},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, sync::Arc};

#[cfg(feature = "schema-registry")]
use super::registry::{Schema, SchemaKind, SchemaReference};

pub use apache_avro::types::Value as AvroValue;

/// An Avro schema. Clones share it.
#[derive(Clone)]
pub struct AvroSchema(Arc<Inner>);

struct Inner {
    parsed: Parsed,
    /// Whether it uses a name where that is not defined: names must be looked up then.
    uses_names: bool,
    /// As it was written, and what it refers to.
    #[cfg(feature = "schema-registry")]
    registered: Schema,
    name: Option<String>,
}

impl AvroSchema {
    /// A schema from its JSON text.
    ///
    /// # Errors
    /// If it is not a schema, or uses names that it does not define.
    ///
    /// ```
    /// use guanaco::serialization::AvroSchema;
    ///
    /// let order = AvroSchema::parse(r#"{
    ///     "type": "record", "name": "Order", "namespace": "shop",
    ///     "fields": [{"name": "id", "type": "long"}, {"name": "item", "type": "string"}]
    /// }"#)?;
    /// assert_eq!(order.name(), Some("shop.Order"));
    /// assert!(AvroSchema::parse(r#"{"type": "no such type"}"#).is_err());
    /// # Ok::<(), guanaco::serialization::SchemaError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let parsed = Parsed::parse_str(text).map_err(unusable)?;
        Self::new(
            parsed,
            #[cfg(feature = "schema-registry")]
            Schema::new(SchemaKind::Avro, text),
        )
    }

    /// A schema that uses names which schemas of other subjects define; each reference comes with
    /// the text of its schema.
    ///
    /// # Errors
    /// If one of them is not a schema, or a name is defined by none of them.
    #[cfg(feature = "schema-registry")]
    pub fn parse_with_references<'a>(
        text: &str,
        references: impl IntoIterator<Item = (SchemaReference, &'a str)>,
    ) -> Result<Self, SchemaError> {
        let (references, texts): (Vec<_>, Vec<_>) = references.into_iter().unzip();
        let schema = Schema::new(SchemaKind::Avro, text).with_references(references);
        Self::linked(schema, &texts)
    }

    /// A schema as a registry has it, with the texts of all that it refers to.
    #[cfg(feature = "schema-registry")]
    pub(super) fn linked(schema: Schema, others: &[&str]) -> Result<Self, SchemaError> {
        let parsed = Parsed::parse_str_with_list(schema.text(), others);
        let (mut parsed, others) = parsed.map_err(unusable)?;
        parsed.denormalize(&others).map_err(unusable)?;
        Self::new(parsed, schema)
    }

    fn new(
        parsed: Parsed,
        #[cfg(feature = "schema-registry")] registered: Schema,
    ) -> Result<Self, SchemaError> {
        ResolvedSchema::new(&parsed).map_err(unusable)?;
        let name = parsed.name().map(|name| name.fullname(None));
        Ok(Self(Arc::new(Inner {
            uses_names: uses_names(&parsed),
            parsed,
            #[cfg(feature = "schema-registry")]
            registered,
            name,
        })))
    }

    /// The full name of a record, enum or fixed; other schemas have none.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The schema for a registry.
    #[cfg(feature = "schema-registry")]
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.0.registered
    }

    pub(super) fn write<T: Serialize + ?Sized>(
        &self,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), BoxError> {
        let names = self.names()?;
        write_avro_datum_ref(&self.0.parsed, names.get_names(), &value, out)?;
        Ok(())
    }

    pub(super) fn write_value(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let writer = GenericDatumWriter::builder(&self.0.parsed).resolved_schemata(self.names()?);
        writer.build()?.write_value_ref(out, value)?;
        Ok(())
    }

    /// Reads a value that was written with this schema, as `reader` sees it if there is one.
    ///
    /// By way of a generic value: the direct way wants the type to have the record's name.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        reader: Option<&Self>,
        bytes: &[u8],
    ) -> Result<T, BoxError> {
        Ok(apache_avro::from_value(&self.read_value(reader, bytes)?)?)
    }

    pub(super) fn read_value(
        &self,
        reader: Option<&Self>,
        mut bytes: &[u8],
    ) -> Result<Value, BoxError> {
        let names = self.names()?;
        let mut behind = bytes;
        check::check(&self.0.parsed, names.get_names(), &mut behind).map_err(|problem| {
            format!("this is not the Avro value that was expected: {problem}")
        })?;
        // What is left over shows that it was written with another schema.
        if !behind.is_empty() {
            let left = behind.len();
            return Err(format!("{left} bytes are left over behind the Avro value").into());
        }
        let schema = GenericDatumReader::builder(&self.0.parsed)
            .resolved_writer_schemata(names)
            .maybe_reader_schema(reader.map(|reader| &reader.0.parsed))
            .maybe_resolved_reader_schemata(reader.map(Self::names).transpose()?);
        Ok(schema.build()?.read_value(&mut bytes)?)
    }

    /// The names that the schema uses. Without any there is nothing to collect for each value.
    fn names(&self) -> Result<ResolvedSchema<'_>, apache_avro::Error> {
        ResolvedSchema::new_with_schemata(match self.0.uses_names {
            true => vec![&self.0.parsed],
            false => vec![],
        })
    }
}

fn uses_names(schema: &Parsed) -> bool {
    match schema {
        Parsed::Ref { .. } => true,
        Parsed::Record(record) => record.fields.iter().any(|field| uses_names(&field.schema)),
        Parsed::Array(array) => uses_names(&array.items),
        Parsed::Map(map) => uses_names(&map.types),
        Parsed::Union(union) => union.variants().iter().any(uses_names),
        _ => false,
    }
}

/// Shows its name.
impl fmt::Debug for AvroSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AvroSchema")
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}

fn unusable(error: apache_avro::Error) -> SchemaError {
    SchemaError::new("Avro", error.to_string())
}

/// Any `serde::Serialize` value as Avro, by a schema that the reader must know: nothing before or
/// behind the value says which. Fields are found by name.
///
/// ```
/// use guanaco::{ProducerSettings, serialization::{AvroSchema, AvroSerializer, StringSerializer}};
///
/// #[derive(serde::Serialize)]
/// struct Order { id: i64, item: String }
///
/// let schema = AvroSchema::parse(r#"{"type": "record", "name": "Order", "fields": [
///     {"name": "id", "type": "long"}, {"name": "item", "type": "string"}
/// ]}"#)?;
/// let settings: ProducerSettings<String, Order> =
///     ProducerSettings::new(StringSerializer, AvroSerializer::new(schema));
/// # Ok::<(), guanaco::serialization::SchemaError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AvroSerializer(AvroSchema);

impl AvroSerializer {
    /// A serializer for values of this schema.
    #[must_use]
    pub fn new(schema: AvroSchema) -> Self {
        Self(schema)
    }
}

impl<T: Serialize + ?Sized> Serializer<T> for AvroSerializer {
    fn serialize(&self, _: &Target<'_>, value: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        self.0.write(value, out)
    }
}

/// Any `serde` value that owns its data, from Avro that was written with a known schema.
#[derive(Clone, Debug)]
pub struct AvroDeserializer {
    writer: AvroSchema,
    reader: Option<AvroSchema>,
}

impl AvroDeserializer {
    /// A deserializer for what was written with this schema.
    #[must_use]
    pub fn new(writer: AvroSchema) -> Self {
        let reader = None;
        Self { writer, reader }
    }

    /// What was written is seen through another schema: fields that it does not have are left out,
    /// and those that it has in addition get their defaults.
    #[must_use]
    pub fn with_reader_schema(self, reader: AvroSchema) -> Self {
        let reader = Some(reader);
        Self { reader, ..self }
    }
}

impl<T: DeserializeOwned> Deserializer<T> for AvroDeserializer {
    fn deserialize(&self, source: &Source<'_>, bytes: Option<&[u8]>) -> Result<T, BoxError> {
        let bytes = source.present(bytes)?;
        self.writer.read(self.reader.as_ref(), bytes)
    }
}

/// Generic Avro values, [`AvroValue`], by a schema that the reader must know.
#[derive(Clone, Debug)]
pub struct AvroValueSerializer(AvroSchema);

impl AvroValueSerializer {
    /// A serializer for values of this schema.
    #[must_use]
    pub fn new(schema: AvroSchema) -> Self {
        Self(schema)
    }
}

impl Serializer<Value> for AvroValueSerializer {
    fn serialize(&self, _: &Target<'_>, value: &Value, out: &mut Vec<u8>) -> Result<(), BoxError> {
        self.0.write_value(value, out)
    }
}

/// Generic Avro values, [`AvroValue`], that were written with a known schema.
#[derive(Clone, Debug)]
pub struct AvroValueDeserializer(AvroSchema);

impl AvroValueDeserializer {
    /// A deserializer for what was written with this schema.
    #[must_use]
    pub fn new(writer: AvroSchema) -> Self {
        Self(writer)
    }
}

impl Deserializer<Value> for AvroValueDeserializer {
    fn deserialize(&self, source: &Source<'_>, bytes: Option<&[u8]>) -> Result<Value, BoxError> {
        self.0.read_value(None, source.present(bytes)?)
    }
}
