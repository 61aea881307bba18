//! A stage's hold on its producer.

use super::KafkaProducer;
use crate::{
    CloseReport, PartOutcome, ProduceError, StartError,
    settings::{Creation, Parts, Rights},
};
use guanaco_engine::Cause;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A stage's producer, and what the stage may do with it. Dropping it closes a producer that is the
/// stage's own in the background.
#[derive(Debug)]
pub(super) struct Held {
    producer: KafkaProducer,
    rights: Rights,
}

impl Held {
    pub(super) fn producer(&self) -> &KafkaProducer {
        &self.producer
    }

    /// The stream ends at its first failure: a producer that is its own ends there, too, so that
    /// nothing of it overtakes the lost record.
    pub(super) fn fail_fast(&self) {
        if self.rights.abandon {
            self.producer.engine().abandon_on_failure();
        }
    }

    /// The stream failed with this: what is not on the wire is given up. The error to tell is the
    /// failure that began it, where this is a record that was held back for that.
    pub(super) fn abandon(&self, error: ProduceError) -> ProduceError {
        if !self.rights.abandon {
            return error;
        }
        let engine = self.producer.engine();
        engine.abandon();
        if is_held_back(&error) {
            engine.failure().map_or(error, ProduceError::Delivery)
        } else {
            error
        }
    }

    /// The stage has ended and everything of it is settled.
    pub(super) fn close(mut self) -> Option<Closing> {
        std::mem::take(&mut self.rights.close).then(|| {
            let producer = self.producer.clone();
            Closing(Box::pin(async move { producer.close().await }))
        })
    }
}

/// Whether nothing is wrong with it but another's failure.
fn is_held_back(error: &ProduceError) -> bool {
    match error {
        ProduceError::Delivery(error) => *error.cause() == Cause::StreamFailed,
        ProduceError::Multi(parts) => {
            let mut failed = parts.iter().filter_map(PartOutcome::error);
            failed.all(is_held_back)
        }
        _ => false,
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.rights.close {
            self.producer.close_in_background();
        }
    }
}

/// A producer that closes.
pub(super) struct Closing(Pin<Box<dyn Future<Output = CloseReport> + Send>>);

impl Closing {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx).map(drop)
    }
}

/// A stage's producer on its way.
pub(super) struct Opening {
    creation: Creation,
    rights: Rights,
}

impl Opening {
    pub(super) fn new<K, V>(parts: &Parts<K, V>) -> Self {
        Self {
            creation: parts.creation(),
            rights: parts.rights(),
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Held, StartError>> {
        let producer = ready!(self.creation.as_mut().poll(cx))?;
        Poll::Ready(Ok(Held {
            producer,
            rights: self.rights,
        }))
    }
}
