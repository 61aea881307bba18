//! Numbers and UUIDs in the formats of Java's serializers.

use super::{BoxError, Deserializer, Serializer, Source, Target};
use std::str::FromStr;

macro_rules! big_endian {
    ($($(#[$doc:meta])* $name:ident($number:ty) <- $(#[$back:meta])* $reader:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl Serializer<$number> for $name {
            fn serialize(
                &self,
                _: &Target<'_>,
                value: &$number,
                out: &mut Vec<u8>,
            ) -> Result<(), BoxError> {
                out.extend_from_slice(&value.to_be_bytes());
                Ok(())
            }
        }

        $(#[$back])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $reader;

        impl Deserializer<$number> for $reader {
            fn deserialize(
                &self,
                source: &Source<'_>,
                bytes: Option<&[u8]>,
            ) -> Result<$number, BoxError> {
                let bytes = source.present(bytes)?;
                match bytes.try_into() {
                    Ok(bytes) => Ok(<$number>::from_be_bytes(bytes)),
                    Err(_) => Err(wrong_length(stringify!($number), size_of::<$number>(), bytes)),
                }
            }
        }
    )*};
}

big_endian! {
    /// `i32` as four bytes, big-endian, as Java's `IntegerSerializer` writes it.
    #[doc(alias = "IntegerSerializer")]
    IntSerializer(i32) <-
    /// `i32` from four bytes, big-endian, as Java's `IntegerDeserializer` reads it.
    #[doc(alias = "IntegerDeserializer")]
    IntDeserializer;
    /// `i64` as eight bytes, big-endian, as Java's `LongSerializer` writes it.
    LongSerializer(i64) <-
    /// `i64` from eight bytes, big-endian, as Java's `LongDeserializer` reads it.
    LongDeserializer;
    /// `i16` as two bytes, big-endian, as Java's `ShortSerializer` writes it.
    ShortSerializer(i16) <-
    /// `i16` from two bytes, big-endian, as Java's `ShortDeserializer` reads it.
    ShortDeserializer;
    /// `f32` as its four bytes, big-endian, as Java's `FloatSerializer` writes it.
    FloatSerializer(f32) <-
    /// `f32` from four bytes, big-endian, as Java's `FloatDeserializer` reads it.
    FloatDeserializer;
    /// `f64` as its eight bytes, big-endian, as Java's `DoubleSerializer` writes it.
    DoubleSerializer(f64) <-
    /// `f64` from eight bytes, big-endian, as Java's `DoubleDeserializer` reads it.
    DoubleDeserializer;
}

/// A UUID as 36 characters of lower-case text, as Java's `UUIDSerializer` writes it.
///
/// It takes whatever gives the 16 bytes of one: `uuid::Uuid`, or `[u8; 16]`. Other lengths are an
/// error.
///
/// ```
/// use guanaco::{ProducerSettings, serialization::{StringSerializer, UuidSerializer}};
///
/// let settings: ProducerSettings<uuid::Uuid, String> =
///     ProducerSettings::new(UuidSerializer, StringSerializer);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct UuidSerializer;

impl<T: AsRef<[u8]> + ?Sized> Serializer<T> for UuidSerializer {
    fn serialize(&self, _: &Target<'_>, value: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let bytes = value.as_ref();
        if bytes.len() != 16 {
            return Err(format!("a UUID has 16 bytes, not {}", bytes.len()).into());
        }
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                out.push(b'-');
            }
            let digits = [byte >> 4, byte & 15];
            out.extend(digits.map(|digit| b"0123456789abcdef"[usize::from(digit)]));
        }
        Ok(())
    }
}

/// A UUID from its 36 characters of text, of either case, as whatever parses them: `uuid::Uuid`, or
/// `String`.
#[derive(Clone, Copy, Debug, Default)]
pub struct UuidDeserializer;

impl<T: FromStr<Err: Into<BoxError>>> Deserializer<T> for UuidDeserializer {
    fn deserialize(&self, source: &Source<'_>, bytes: Option<&[u8]>) -> Result<T, BoxError> {
        let bytes = source.present(bytes)?;
        if bytes.len() != 36 {
            return Err(wrong_length("UUID as text", 36, bytes));
        }
        let right = |(index, byte): (usize, &u8)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        };
        if !bytes.iter().enumerate().all(right) {
            return Err("these 36 bytes are not the text of a UUID".into());
        }
        std::str::from_utf8(bytes)?.parse().map_err(Into::into)
    }
}

fn wrong_length(what: &str, length: usize, bytes: &[u8]) -> BoxError {
    format!("{what} has {length} bytes, not {}", bytes.len()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use guanaco_engine::Topic;
    use std::fmt::Debug;

    fn back<T>(deserializer: &dyn Deserializer<T>, bytes: &[u8]) -> Result<T, String> {
        let topic = Topic::from("t");
        let read = deserializer.deserialize(&Source::key(&topic), Some(bytes));
        read.map_err(|error| error.to_string())
    }

    fn there_and_back<T: Debug + PartialEq + Copy>(
        serializer: &dyn Serializer<T>,
        deserializer: &dyn Deserializer<T>,
        values: &[T],
    ) {
        for value in values {
            let bytes = bytes_of(serializer, *value);
            assert_eq!(back(deserializer, &bytes), Ok(*value));
            assert!(back(deserializer, &bytes[1..]).is_err());
        }
    }

    #[test]
    fn numbers_are_read_back_and_other_lengths_refused() {
        there_and_back(&IntSerializer, &IntDeserializer, &[0, -2, i32::MAX]);
        there_and_back(&LongSerializer, &LongDeserializer, &[0, 258, i64::MIN]);
        there_and_back(&ShortSerializer, &ShortDeserializer, &[0, -1, i16::MAX]);
        there_and_back(&FloatSerializer, &FloatDeserializer, &[0.0, -1.5, f32::MAX]);
        there_and_back(&DoubleSerializer, &DoubleDeserializer, &[0.0, -1.5]);
        assert_eq!(
            back(&IntDeserializer, b"abc"),
            Err("i32 has 4 bytes, not 3".to_owned())
        );
    }

    #[test]
    fn a_uuid_is_read_back_and_other_text_refused() {
        let id: uuid::Uuid = uuid::Uuid::from_u128(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210);
        assert_eq!(
            back(&UuidDeserializer, &bytes_of(&UuidSerializer, id)),
            Ok(id)
        );
        let upper = b"01234567-89AB-CDEF-FEDC-BA9876543210";
        assert_eq!(back(&UuidDeserializer, upper), Ok(id));
        for text in [
            "",
            "0123456789abcdeffedcba9876543210",
            "01234567-89ab-cdef-fedc_ba9876543210",
            "0123456-789ab-cdef-fedc-ba9876543210",
            "g1234567-89ab-cdef-fedc-ba9876543210",
        ] {
            let read: Result<uuid::Uuid, _> = back(&UuidDeserializer, text.as_bytes());
            assert!(read.is_err(), "{text}");
        }
    }

    fn bytes_of<T>(serializer: &dyn Serializer<T>, value: T) -> Vec<u8> {
        let mut out = Vec::new();
        let topic = Topic::from("t");
        serializer
            .serialize(&Target::key(&topic), &value, &mut out)
            .unwrap();
        out
    }

    #[test]
    fn numbers_are_big_endian() {
        assert_eq!(bytes_of(&IntSerializer, -2), [255, 255, 255, 254]);
        assert_eq!(bytes_of(&LongSerializer, 258), [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(bytes_of(&ShortSerializer, 258), [1, 2]);
        assert_eq!(bytes_of(&FloatSerializer, 1.0), [0x3f, 0x80, 0, 0]);
        assert_eq!(
            bytes_of(&DoubleSerializer, -0.0),
            [0x80, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn a_uuid_is_its_hyphenated_text() {
        for text in [
            "00000000-0000-0000-0000-000000000000",
            "01234567-89ab-cdef-fedc-ba9876543210",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
        ] {
            let id = uuid::Uuid::parse_str(text).unwrap();
            assert_eq!(bytes_of(&UuidSerializer, id), text.as_bytes());
        }
    }

    #[test]
    fn a_uuid_of_another_length_is_an_error() {
        let mut out = Vec::new();
        let topic = Topic::from("t");
        let error = UuidSerializer.serialize(&Target::key(&topic), b"abc", &mut out);
        assert_eq!(error.unwrap_err().to_string(), "a UUID has 16 bytes, not 3");
    }
}
