//! Room for a record, had before there is one.

use crate::{Producer, RecordRef, Sending, core::FlowLink, io::shared::now};
use std::task::{Context, Poll};

/// A place in the line for `buffer.memory`, and the room that it came to, kept until a record is
/// sent into it.
///
/// # Drop
/// Gives the room back, or leaves the line.
#[derive(Debug)]
pub struct Room {
    producer: Producer,
    flow: FlowLink,
}

impl Room {
    pub(crate) fn new(producer: Producer) -> Self {
        let flow = producer.shared().with(|core| core.new_flow());
        Self { producer, flow }
    }

    /// Waits for room for a record of up to `batch.size`, first come first served, and keeps it. The
    /// waker is kept. A producer that takes nothing more is ready: sending says why.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Registered before the look: a grant between the two is not missed.
        self.flow.cell().waker.register(cx.waker());
        let flow = &self.flow;
        match self
            .producer
            .shared()
            .with(|core| core.reserve(flow, now()))
        {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// As [`Producer::send`], into the room that was kept, if any. A record that needs more waits
    /// for the rest.
    pub fn send(&mut self, record: RecordRef<'_>) -> Sending {
        let flow = &self.flow;
        self.producer.send_with(record, |core, record| {
            core.send_reserved(flow, record, now())
        })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let flow = &self.flow;
        self.producer
            .shared()
            .with(|core| core.drop_flow(flow, now()));
    }
}
