//! Keys and values into bytes, and back.

#[cfg(feature = "avro")]
mod avro;
mod deserializer;
mod numbers;
#[cfg(feature = "protobuf")]
mod protobuf;
#[cfg(feature = "schema-registry")]
pub mod registry;
#[cfg(any(feature = "avro", feature = "schema-registry"))]
mod schema_error;

#[cfg(feature = "avro")]
pub use avro::{
    AvroDeserializer, AvroSchema, AvroSerializer, AvroValue, AvroValueDeserializer,
    AvroValueSerializer,
};
#[cfg(feature = "json")]
pub use deserializer::JsonDeserializer;
pub use deserializer::{
    BytesDeserializer, DeserializeWith, Deserializer, Nullable, Source, StringDeserializer,
    UnexpectedNull, UnitDeserializer, deserialize_with, nullable,
};
pub use numbers::{
    DoubleDeserializer, DoubleSerializer, FloatDeserializer, FloatSerializer, IntDeserializer,
    IntSerializer, LongDeserializer, LongSerializer, ShortDeserializer, ShortSerializer,
    UuidDeserializer, UuidSerializer,
};
#[cfg(feature = "protobuf")]
pub use protobuf::{ProtobufDeserializer, ProtobufSerializer};
#[cfg(any(feature = "avro", feature = "schema-registry"))]
pub use schema_error::SchemaError;

use guanaco_engine::Topic;
use std::{error::Error as StdError, fmt};

/// Any error of the user's own.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Writes the bytes of keys or values of type `T`.
///
/// Serializers run on the task that drives the stage, before the producer's lock is taken. An
/// error, or a panic, fails the envelope of the record and nothing else: see
/// [`with_outcomes`](crate::producer::FlexiFlow::with_outcomes).
///
/// ```
/// use guanaco::serialization::{BoxError, Serializer, Target};
///
/// struct Celsius;
///
/// impl Serializer<f32> for Celsius {
///     fn serialize(&self, _: &Target<'_>, value: &f32, out: &mut Vec<u8>) -> Result<(), BoxError> {
///         if *value < -273.15 {
///             return Err(format!("{value} is below absolute zero").into());
///         }
///         out.extend_from_slice(format!("{value:.1}").as_bytes());
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not serialize `{T}`",
    label = "this serializer is used for values of type `{T}`",
    note = "give the settings a serializer for `{T}`, or map the records to the type that `{Self}` takes; wrap a closure in `serialize_with(..)`"
)]
pub trait Serializer<T: ?Sized>: Send + Sync {
    /// Writes the bytes of `value` to `out`, which is empty.
    ///
    /// # Errors
    /// Whatever keeps the value from being written; what is in `out` does not matter then.
    fn serialize(&self, target: &Target<'_>, value: &T, out: &mut Vec<u8>) -> Result<(), BoxError>;

    /// The bytes of `value` where it has them already: they are copied once, into the batch, and
    /// [`serialize`](Self::serialize) is not called.
    ///
    /// Called more than once for a value: it must give the same answer each time.
    #[inline]
    fn as_bytes<'a>(&self, value: &'a T) -> Option<&'a [u8]> {
        let _ = value;
        None
    }
}

/// What a value is serialized for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Target<'a> {
    /// The record's topic.
    pub topic: &'a Topic,
    /// Which part of the record it is.
    pub part: RecordPart,
}

impl<'a> Target<'a> {
    /// For the key of a record to `topic`.
    #[must_use]
    pub fn key(topic: &'a Topic) -> Self {
        let part = RecordPart::Key;
        Self { topic, part }
    }

    /// For the value of a record to `topic`.
    #[must_use]
    pub fn value(topic: &'a Topic) -> Self {
        let part = RecordPart::Value;
        Self { topic, part }
    }
}

/// A part of a record that a serializer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordPart {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl fmt::Display for RecordPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Value => "value",
        })
    }
}

/// Text as UTF-8. It takes `String` and nothing else, so that the types of a stream can be inferred
/// from it; for `&str` and the like there is [`BytesSerializer`].
#[derive(Clone, Copy, Debug, Default)]
pub struct StringSerializer;

impl Serializer<String> for StringSerializer {
    fn serialize(&self, _: &Target<'_>, value: &String, out: &mut Vec<u8>) -> Result<(), BoxError> {
        out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    #[inline]
    fn as_bytes<'a>(&self, value: &'a String) -> Option<&'a [u8]> {
        Some(value.as_bytes())
    }
}

/// Bytes as they are, from anything that has them: `Vec<u8>`, `bytes::Bytes`, `&str`, `[u8; 16]`.
#[doc(alias = "ByteArraySerializer")]
#[derive(Clone, Copy, Debug, Default)]
pub struct BytesSerializer;

impl<T: AsRef<[u8]> + ?Sized> Serializer<T> for BytesSerializer {
    fn serialize(&self, _: &Target<'_>, value: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        out.extend_from_slice(value.as_ref());
        Ok(())
    }

    #[inline]
    fn as_bytes<'a>(&self, value: &'a T) -> Option<&'a [u8]> {
        Some(value.as_ref())
    }
}

/// `()` as an empty, not a null, key or value.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnitSerializer;

impl Serializer<()> for UnitSerializer {
    fn serialize(&self, _: &Target<'_>, (): &(), _: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(())
    }

    #[inline]
    fn as_bytes<'a>(&self, (): &'a ()) -> Option<&'a [u8]> {
        Some(&[])
    }
}

/// Any `serde::Serialize` value as JSON.
#[cfg(feature = "json")]
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonSerializer;

#[cfg(feature = "json")]
impl<T: serde::Serialize + ?Sized> Serializer<T> for JsonSerializer {
    fn serialize(&self, _: &Target<'_>, value: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(serde_json::to_writer(out, value)?)
    }
}

/// A serializer from a closure.
///
/// ```
/// use guanaco::{ProducerSettings, serialization::StringSerializer, serialize_with};
///
/// struct Order {
///     total: u32,
/// }
/// let total = serialize_with(|order: &Order, out| {
///     out.extend_from_slice(&order.total.to_be_bytes());
///     Ok(())
/// });
/// let settings: ProducerSettings<String, Order> = ProducerSettings::new(StringSerializer, total);
/// ```
pub fn serialize_with<T, F>(serialize: F) -> SerializeWith<F>
where
    T: ?Sized,
    F: Fn(&T, &mut Vec<u8>) -> Result<(), BoxError> + Send + Sync,
{
    SerializeWith(serialize)
}

/// See [`serialize_with`].
#[derive(Clone, Copy)]
pub struct SerializeWith<F>(F);

impl<T, F> Serializer<T> for SerializeWith<F>
where
    T: ?Sized,
    F: Fn(&T, &mut Vec<u8>) -> Result<(), BoxError> + Send + Sync,
{
    fn serialize(&self, _: &Target<'_>, value: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        (self.0)(value, out)
    }
}

impl<F> fmt::Debug for SerializeWith<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SerializeWith(..)")
    }
}

/// The key type of [settings without keys](crate::ProducerSettings::keyless). It has no value, so a
/// record of such a stream cannot get a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoKey {}

#[derive(Clone, Copy, Debug)]
pub(crate) struct NoKeySerializer;

impl Serializer<NoKey> for NoKeySerializer {
    fn serialize(&self, _: &Target<'_>, key: &NoKey, _: &mut Vec<u8>) -> Result<(), BoxError> {
        match *key {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of<T: ?Sized>(serializer: &dyn Serializer<T>, value: &T) -> Vec<u8> {
        let mut out = Vec::new();
        let topic = Topic::from("t");
        serializer
            .serialize(&Target::value(&topic), value, &mut out)
            .unwrap();
        if let Some(bytes) = serializer.as_bytes(value) {
            assert_eq!(bytes, out, "both ways give the same bytes");
        }
        out
    }

    #[test]
    fn both_ways_of_a_serializer_give_the_same_bytes() {
        assert_eq!(
            bytes_of(&StringSerializer, &"läma".to_owned()),
            "läma".as_bytes()
        );
        assert_eq!(bytes_of(&BytesSerializer, "x"), b"x");
        assert_eq!(bytes_of(&BytesSerializer, &vec![1, 2]), [1, 2]);
        assert_eq!(
            bytes_of(&BytesSerializer, &bytes::Bytes::from_static(b"z")),
            b"z"
        );
        assert_eq!(bytes_of(&UnitSerializer, &()), b"");
    }

    #[test]
    fn a_closure_serializes() {
        let reversed = serialize_with(|text: &str, out| {
            out.extend(text.bytes().rev());
            Ok(())
        });
        assert_eq!(bytes_of(&reversed, "abc"), b"cba");
    }

    #[cfg(feature = "json")]
    #[test]
    fn json_is_what_serde_json_writes() {
        assert_eq!(bytes_of(&JsonSerializer, &Some([1, 2])), b"[1,2]");
    }
}
