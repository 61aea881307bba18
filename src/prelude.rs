//! What most programs need: `use guanaco::prelude::*;`.

pub use crate::{
    Delivered, Delivery, Envelope, Error, Failed, KafkaProducer, KafkaStreamExt, PartOutcome,
    ProduceError, ProducerRecord, ProducerSettings, RecordMetadata, SendProducer, Topic, producer,
    serialization::{BytesSerializer, StringSerializer, UnitSerializer},
};

#[cfg(feature = "json")]
pub use crate::serialization::JsonSerializer;
