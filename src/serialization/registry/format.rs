//! What a format does beside its framing. Closed: what is here is all there is.

use super::{Schema, SchemaKind};
use crate::serialization::{BoxError, SchemaError};

/// A format that values are written in.
pub trait WriteFormat: Send + Sync {
    /// What is worked out once for a schema.
    type Plan: Send + Sync;

    /// The schema of the values.
    fn schema(&self) -> &Schema;

    /// The name of the record or message that the schema describes.
    fn record_name(&self) -> Option<&str>;

    /// Makes ready for writing under a schema: this format's own, or one that the registry has
    /// instead, with all that it refers to.
    fn plan(&self, schema: &Schema, others: &[Schema]) -> Result<Self::Plan, SchemaError>;
}

/// A format that writes `T`.
pub trait Write<T: ?Sized>: WriteFormat {
    /// Writes what is behind the id.
    fn write(&self, plan: &Self::Plan, value: &T, out: &mut Vec<u8>) -> Result<(), BoxError>;
}

/// A format that values are read from.
pub trait ReadFormat: Send + Sync {
    /// What is worked out once for a schema.
    type Plan: Send + Sync;

    /// The language of its schemas.
    const KIND: SchemaKind;

    /// Makes ready for reading what was written with a schema, with all that it refers to.
    fn plan(&self, schema: &Schema, others: &[Schema]) -> Result<Self::Plan, SchemaError>;
}

/// A format that reads `T`.
pub trait Read<T>: ReadFormat {
    /// Reads what is behind the id.
    fn read(&self, plan: &Self::Plan, bytes: &[u8]) -> Result<T, BoxError>;
}
