//! Bytes into keys and values.

use super::{BoxError, RecordPart};
use guanaco_engine::{Header, Topic};
use std::fmt;

/// Reads keys or values of type `T` from their bytes.
///
/// Null is not the same as no bytes: a key may be absent, and a null value deletes its key from a
/// compacted topic. A deserializer is therefore told of nulls. Those here refuse them with
/// [`UnexpectedNull`], so that a stream of `T` holds values only; wrapped in [`nullable`] they read
/// `Option<T>`. Only [`UnitDeserializer`] takes no notice.
///
/// The bytes are whatever somebody wrote to the topic: an implementation answers all of them with a
/// value or an error, and does not panic.
///
/// ```
/// use guanaco::serialization::{BoxError, Deserializer, Source};
///
/// struct Celsius;
///
/// impl Deserializer<f32> for Celsius {
///     fn deserialize(&self, source: &Source<'_>, bytes: Option<&[u8]>) -> Result<f32, BoxError> {
///         let text = std::str::from_utf8(source.present(bytes)?)?;
///         Ok(text.parse()?)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not deserialize `{T}`",
    label = "this deserializer is used for values of type `{T}`",
    note = "wrap a closure in `deserialize_with(..)`, and a deserializer of `T` in `nullable(..)` to get `Option<T>`"
)]
pub trait Deserializer<T>: Send + Sync {
    /// Reads a value from `bytes`; `None` is Kafka's null.
    ///
    /// # Errors
    /// Whatever keeps the bytes from being a `T`.
    fn deserialize(&self, source: &Source<'_>, bytes: Option<&[u8]>) -> Result<T, BoxError>;
}

/// Where bytes come from.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Source<'a> {
    /// The record's topic.
    pub topic: &'a Topic,
    /// Which part of the record it is.
    pub part: RecordPart,
    /// The record's headers.
    pub headers: &'a [Header],
}

impl<'a> Source<'a> {
    /// The key of a record of `topic`, without headers.
    #[must_use]
    pub fn key(topic: &'a Topic) -> Self {
        Self {
            topic,
            part: RecordPart::Key,
            headers: &[],
        }
    }

    /// The value of a record of `topic`, without headers.
    #[must_use]
    pub fn value(topic: &'a Topic) -> Self {
        Self {
            part: RecordPart::Value,
            ..Self::key(topic)
        }
    }

    /// The same with the record's headers.
    #[must_use]
    pub fn with_headers(self, headers: &'a [Header]) -> Self {
        Self { headers, ..self }
    }

    /// The bytes, where null is an error.
    ///
    /// # Errors
    /// If there are none.
    #[inline]
    pub fn present<'b>(&self, bytes: Option<&'b [u8]>) -> Result<&'b [u8], UnexpectedNull> {
        bytes.ok_or_else(|| UnexpectedNull {
            topic: self.topic.clone(),
            part: self.part,
        })
    }
}

/// A key or value is null where a value was expected. See [`nullable`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {part} of a record of {topic} is null: read it with `nullable(..)` where that may be")]
#[non_exhaustive]
pub struct UnexpectedNull {
    /// The record's topic.
    pub topic: Topic,
    /// Which part of the record.
    pub part: RecordPart,
}

/// Text from UTF-8; anything else is an error.
#[derive(Clone, Copy, Debug, Default)]
pub struct StringDeserializer;

impl Deserializer<String> for StringDeserializer {
    fn deserialize(&self, source: &Source<'_>, bytes: Option<&[u8]>) -> Result<String, BoxError> {
        Ok(std::str::from_utf8(source.present(bytes)?)?.to_owned())
    }
}

/// Bytes as they are: `Vec<u8>` or `bytes::Bytes`.
#[doc(alias = "ByteArrayDeserializer")]
#[derive(Clone, Copy, Debug, Default)]
pub struct BytesDeserializer;

impl Deserializer<Vec<u8>> for BytesDeserializer {
    fn deserialize(&self, source: &Source<'_>, bytes: Option<&[u8]>) -> Result<Vec<u8>, BoxError> {
        Ok(source.present(bytes)?.to_vec())
    }
}

impl Deserializer<bytes::Bytes> for BytesDeserializer {
    fn deserialize(
        &self,
        source: &Source<'_>,
        bytes: Option<&[u8]>,
    ) -> Result<bytes::Bytes, BoxError> {
        Ok(bytes::Bytes::copy_from_slice(source.present(bytes)?))
    }
}

/// `()` from whatever is there, null too: for keys or values that nobody reads.
#[doc(alias = "VoidDeserializer")]
#[derive(Clone, Copy, Debug, Default)]
pub struct UnitDeserializer;

impl Deserializer<()> for UnitDeserializer {
    fn deserialize(&self, _: &Source<'_>, _: Option<&[u8]>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Any `serde` value that owns its data, from JSON.
#[cfg(feature = "json")]
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonDeserializer;

#[cfg(feature = "json")]
impl<T: serde::de::DeserializeOwned> Deserializer<T> for JsonDeserializer {
    fn deserialize(&self, source: &Source<'_>, bytes: Option<&[u8]>) -> Result<T, BoxError> {
        Ok(serde_json::from_slice(source.present(bytes)?)?)
    }
}

/// Reads `Option<T>` with a deserializer of `T`: null is `None`, and never reaches it.
///
/// ```
/// # use guanaco::{Topic, serialization::{BoxError, Deserializer, Source, StringDeserializer, nullable}};
/// # fn main() -> Result<(), BoxError> {
/// # let topic = Topic::from("users");
/// let names = nullable(StringDeserializer);
/// assert_eq!(names.deserialize(&Source::value(&topic), None)?, None);
/// assert_eq!(names.deserialize(&Source::value(&topic), Some(b"Ada"))?, Some("Ada".to_owned()));
/// # Ok(()) }
/// ```
pub fn nullable<D>(deserializer: D) -> Nullable<D> {
    Nullable(deserializer)
}

/// See [`nullable`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Nullable<D>(D);

impl<T, D: Deserializer<T>> Deserializer<Option<T>> for Nullable<D> {
    fn deserialize(
        &self,
        source: &Source<'_>,
        bytes: Option<&[u8]>,
    ) -> Result<Option<T>, BoxError> {
        let bytes = bytes.map(|bytes| self.0.deserialize(source, Some(bytes)));
        bytes.transpose()
    }
}

/// A deserializer from a closure. It gets bytes; null is an error, or [`nullable`]'s.
///
/// ```
/// use guanaco::{deserialize_with, serialization::{BoxError, Deserializer}};
///
/// let totals = deserialize_with(|bytes: &[u8]| Ok(u32::from_be_bytes(bytes.try_into()?)));
/// fn takes(_: impl Deserializer<u32>) {}
/// takes(totals);
/// ```
pub fn deserialize_with<T, F>(deserialize: F) -> DeserializeWith<F>
where
    F: Fn(&[u8]) -> Result<T, BoxError> + Send + Sync,
{
    DeserializeWith(deserialize)
}

/// See [`deserialize_with`].
#[derive(Clone, Copy)]
pub struct DeserializeWith<F>(F);

impl<T, F> Deserializer<T> for DeserializeWith<F>
where
    F: Fn(&[u8]) -> Result<T, BoxError> + Send + Sync,
{
    fn deserialize(&self, source: &Source<'_>, bytes: Option<&[u8]>) -> Result<T, BoxError> {
        (self.0)(source.present(bytes)?)
    }
}

impl<F> fmt::Debug for DeserializeWith<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeserializeWith(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(
        deserializer: &dyn Deserializer<T>,
        bytes: impl Into<Option<&'static [u8]>>,
    ) -> Result<T, String> {
        let topic = Topic::from("t");
        let read = deserializer.deserialize(&Source::value(&topic), bytes.into());
        read.map_err(|error| error.to_string())
    }

    const NULL: Option<&[u8]> = None;

    #[test]
    fn text_and_bytes_are_read_as_they_are() {
        let text = "läma".as_bytes();
        assert_eq!(read(&StringDeserializer, text), Ok("läma".to_owned()));
        assert_eq!(
            read::<Vec<u8>>(&BytesDeserializer, &[1, 2][..]),
            Ok(vec![1, 2])
        );
        let shared: bytes::Bytes = read(&BytesDeserializer, &b"z"[..]).unwrap();
        assert_eq!(shared, "z");
        assert!(read(&StringDeserializer, &[0xff][..]).is_err());
    }

    #[test]
    fn null_is_an_error_that_names_topic_and_part() {
        let error = read(&StringDeserializer, NULL).unwrap_err();
        assert!(
            error.starts_with("the value of a record of t is null"),
            "{error}"
        );
        assert!(read::<Vec<u8>>(&BytesDeserializer, NULL).is_err());
        let length = deserialize_with(|bytes: &[u8]| Ok(bytes.len()));
        assert_eq!(read(&length, &b"abc"[..]), Ok(3));
        assert!(read(&length, NULL).is_err());
    }

    #[test]
    fn nullable_tells_null_from_empty() {
        let names = nullable(StringDeserializer);
        assert_eq!(read(&names, NULL), Ok(None));
        assert_eq!(read(&names, &b""[..]), Ok(Some(String::new())));
        assert!(read(&names, &[0xff][..]).is_err());
    }

    #[test]
    fn unit_reads_anything() {
        assert_eq!(read(&UnitDeserializer, NULL), Ok(()));
        assert_eq!(read(&UnitDeserializer, &b"anything"[..]), Ok(()));
    }

    #[cfg(feature = "json")]
    #[test]
    fn json_null_is_a_value_and_kafkas_null_is_none() {
        assert_eq!(
            read(&JsonDeserializer, &b"[1,null]"[..]),
            Ok([Some(1), None])
        );
        assert_eq!(read(&JsonDeserializer, &b"null"[..]), Ok(None::<u8>));
        assert!(read::<Option<u8>>(&JsonDeserializer, NULL).is_err());
        assert_eq!(
            read::<Option<u8>>(&nullable(JsonDeserializer), NULL),
            Ok(None)
        );
        assert!(read::<u8>(&JsonDeserializer, &b"{"[..]).is_err());
    }
}
