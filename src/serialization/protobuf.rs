//! Protocol Buffers messages, as `prost` generates them.

use super::{BoxError, Deserializer, Serializer, Source, Target};
use prost::Message;

/// A `prost` message as its bytes.
///
/// ```
/// use guanaco::{ProducerSettings, serialization::{ProtobufSerializer, StringSerializer}};
///
/// # // What prost-build makes of `message Order { int64 id = 1; }`, by hand.
/// # mod shop { pub type Order = i64; }
/// let settings: ProducerSettings<String, shop::Order> =
///     ProducerSettings::new(StringSerializer, ProtobufSerializer);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ProtobufSerializer;

impl<M: Message> Serializer<M> for ProtobufSerializer {
    fn serialize(&self, _: &Target<'_>, value: &M, out: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(value.encode(out)?)
    }
}

/// A `prost` message from its bytes. Fields that the message does not have are left out, as
/// Protobuf wants it; so bytes of another message may be read without an error.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProtobufDeserializer;

impl<M: Message + Default> Deserializer<M> for ProtobufDeserializer {
    fn deserialize(&self, source: &Source<'_>, bytes: Option<&[u8]>) -> Result<M, BoxError> {
        Ok(M::decode(source.present(bytes)?)?)
    }
}
