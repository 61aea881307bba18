//! Names for the ways in which elements fail.

use crate::history::{Class, Outcome};
use guanaco::{Cause, DeliveryError, ProduceError, Written};

/// A dropped future or stream: nobody is told what became of the element.
pub const DROPPED: Class = "Dropped";
/// A future that was dropped before its record was admitted.
pub const WITHDRAWN: Class = "Withdrawn";

/// The outcome of a record that was not acknowledged.
#[must_use]
pub fn of_delivery(error: &DeliveryError) -> Outcome {
    outcome(error.written(), of_cause(error.cause()))
}

/// The outcome of an element that a stage handed back.
#[must_use]
pub fn of_produce(error: &ProduceError) -> Outcome {
    outcome(error.written(), class(error))
}

/// An error's class.
#[must_use]
pub fn class(error: &ProduceError) -> Class {
    if let Some(error) = error.delivery() {
        return of_cause(error.cause());
    }
    match error {
        ProduceError::Serialization { .. } => "Serialization",
        ProduceError::UserPanic { .. } => "UserPanic",
        ProduceError::Upstream(_) => "Upstream",
        ProduceError::Start(_) => "Start",
        ProduceError::Closed => "Closed",
        ProduceError::Full => "Full",
        _ => "Other",
    }
}

fn of_cause(cause: &Cause) -> Class {
    match cause {
        Cause::Broker(error) | Cause::Fatal(error) => error.name(),
        Cause::Expired { .. } => "Expired",
        Cause::Disconnected { .. } => "Disconnected",
        Cause::TooLarge { .. } => "TooLarge",
        Cause::UnknownTopic { .. } => "UnknownTopic",
        Cause::InvalidTopic { .. } => "InvalidTopic",
        Cause::UnknownPartition { .. } => "UnknownPartition",
        Cause::Partitioner(_) => "Partitioner",
        Cause::TopicRecreated => "TopicRecreated",
        Cause::StreamFailed => "StreamFailed",
        Cause::Closed => "Closed",
        Cause::BufferFull { .. } => "BufferFull",
        Cause::Unreachable { .. } => "Unreachable",
        Cause::DriverGone => "DriverGone",
        _ => "Other",
    }
}

fn outcome(written: Written, class: Class) -> Outcome {
    match written {
        Written::No => Outcome::NotWritten(class),
        Written::Maybe => Outcome::MaybeWritten(class),
    }
}
