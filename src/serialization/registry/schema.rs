//! Schemas as a registry knows them.

use std::{fmt, sync::Arc};

/// A schema as it is registered: its language, its text and what it refers to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Schema {
    pub(crate) kind: SchemaKind,
    pub(crate) text: Arc<str>,
    pub(crate) references: Arc<[SchemaReference]>,
}

impl Schema {
    /// A schema without references. The text is not looked at.
    #[must_use]
    pub fn new(kind: SchemaKind, text: impl Into<Arc<str>>) -> Self {
        Self {
            kind,
            text: text.into(),
            references: Arc::default(),
        }
    }

    /// The schema with these references instead of those it had.
    #[must_use]
    pub fn with_references(self, references: impl IntoIterator<Item = SchemaReference>) -> Self {
        let references = references.into_iter().collect();
        Self { references, ..self }
    }

    /// The language.
    #[must_use]
    pub fn kind(&self) -> SchemaKind {
        self.kind
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it refers to.
    #[must_use]
    pub fn references(&self) -> &[SchemaReference] {
        &self.references
    }
}

/// Shows the size of the text, which may be long.
impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema")
            .field("kind", &self.kind)
            .field("bytes", &self.text.len())
            .field("references", &self.references)
            .finish()
    }
}

/// The language of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SchemaKind {
    /// Apache Avro.
    Avro,
    /// JSON Schema.
    Json,
    /// Protocol Buffers.
    Protobuf,
}

impl SchemaKind {
    /// The registry's name of it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Json => "JSON",
            Self::Protobuf => "PROTOBUF",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Avro => "Avro",
            Self::Json => "JSON Schema",
            Self::Protobuf => "Protobuf",
        }
    }

    /// Registries leave out the type of Avro schemas.
    pub(crate) fn from_name(name: Option<&str>) -> Option<Self> {
        match name {
            None => Some(Self::Avro),
            Some(name) => [Self::Avro, Self::Json, Self::Protobuf]
                .into_iter()
                .find(|kind| kind.name() == name),
        }
    }
}

impl fmt::Display for SchemaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// A name that a schema uses, and the version of a subject that says what it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct SchemaReference {
    /// The name: an Avro full name, an imported file, a URL.
    pub name: Arc<str>,
    /// The subject.
    pub subject: Arc<str>,
    /// The version of the subject, from 1.
    pub version: i32,
}

impl SchemaReference {
    /// A reference.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, subject: impl Into<Arc<str>>, version: i32) -> Self {
        Self {
            name: name.into(),
            subject: subject.into(),
            version,
        }
    }
}

/// A schema that a registry has under a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubjectVersion {
    /// The schema's id, which is written before every value.
    pub id: i32,
    /// The version of the subject, from 1.
    pub version: i32,
    /// The schema.
    pub schema: Schema,
}
