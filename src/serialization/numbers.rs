//! Numbers and UUIDs in the formats of Java's serializers.

use super::{BoxError, Serializer, Target};

macro_rules! big_endian {
    ($($(#[$doc:meta])* $name:ident($number:ty);)*) => {$(
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
    )*};
}

big_endian! {
    /// `i32` as four bytes, big-endian, as Java's `IntegerSerializer` writes it.
    #[doc(alias = "IntegerSerializer")]
    IntSerializer(i32);
    /// `i64` as eight bytes, big-endian, as Java's `LongSerializer` writes it.
    LongSerializer(i64);
    /// `i16` as two bytes, big-endian, as Java's `ShortSerializer` writes it.
    ShortSerializer(i16);
    /// `f32` as its four bytes, big-endian, as Java's `FloatSerializer` writes it.
    FloatSerializer(f32);
    /// `f64` as its eight bytes, big-endian, as Java's `DoubleSerializer` writes it.
    DoubleSerializer(f64);
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

#[cfg(test)]
mod tests {
    use super::*;
    use guanaco_engine::Topic;

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
