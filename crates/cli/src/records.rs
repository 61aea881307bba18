//! The input as a stream of envelopes.

use crate::input::{BadLine, Broken, Chunk, Item, Line};
use bytes::Bytes;
use futures_core::Stream;
use guanaco::{Envelope, ProducerRecord};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
    vec,
};
use tokio::sync::mpsc;

/// How many records share one look at the clock.
const CLOCK_EVERY: u64 = 64;

/// What travels with an envelope and comes back with its outcome, in input order. What is no record
/// travels as a mere pass-through, so that it keeps its place among the records.
#[derive(Debug)]
pub(crate) enum Ticket {
    Line {
        number: u64,
        /// When it was handed over, on the gauge's clock.
        at: u64,
    },
    Bad(Box<BadLine>),
    Blank,
    Broken(Box<Broken>),
}

/// What the two ends of the flow share. Both run in one task: plain loads and stores are enough,
/// and cost nothing.
#[derive(Debug)]
pub(crate) struct Gauge {
    started: Instant,
    micros: AtomicU64,
    read: AtomicU64,
    handed_over: AtomicU64,
    is_stopped: AtomicBool,
}

impl Gauge {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            micros: AtomicU64::new(0),
            read: AtomicU64::new(0),
            handed_over: AtomicU64::new(0),
            is_stopped: AtomicBool::new(false),
        }
    }

    /// Looks at the clock.
    pub(crate) fn tick(&self) {
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.micros.store(micros, Relaxed);
    }

    /// The time of the last look, in microseconds since the start.
    pub(crate) fn micros(&self) -> u64 {
        self.micros.load(Relaxed)
    }

    pub(crate) fn took(&self) -> Duration {
        self.started.elapsed()
    }

    /// Bytes of the input that were taken.
    pub(crate) fn read(&self) -> u64 {
        self.read.load(Relaxed)
    }

    /// Records that were given to the flow.
    pub(crate) fn handed_over(&self) -> u64 {
        self.handed_over.load(Relaxed)
    }

    /// Ends the stream before its next record.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Relaxed);
    }
}

/// The stream of envelopes.
#[derive(Debug)]
pub(crate) struct Records {
    chunks: mpsc::Receiver<Chunk>,
    items: vec::IntoIter<Item>,
    template: ProducerRecord<Bytes, Bytes>,
    gauge: Arc<Gauge>,
}

impl Records {
    /// Every record is `template` with a line's key and value.
    pub(crate) fn new(
        chunks: mpsc::Receiver<Chunk>,
        template: ProducerRecord<Bytes, Bytes>,
        gauge: Arc<Gauge>,
    ) -> Self {
        Self {
            chunks,
            items: Vec::new().into_iter(),
            template,
            gauge,
        }
    }

    fn envelope(&self, item: Item) -> Envelope<Bytes, Bytes, Ticket> {
        match item {
            Item::Line(Line { number, key, value }) => {
                let count = self.gauge.handed_over();
                if count.is_multiple_of(CLOCK_EVERY) {
                    self.gauge.tick();
                }
                self.gauge.handed_over.store(count + 1, Relaxed);
                let mut record = self.template.clone();
                record.key = key;
                record.value = value;
                Envelope::single(
                    record,
                    Ticket::Line {
                        number,
                        at: self.gauge.micros(),
                    },
                )
            }
            Item::Bad(bad) => Envelope::pass_through(Ticket::Bad(bad)),
            Item::Blank => Envelope::pass_through(Ticket::Blank),
            Item::Broken(broken) => Envelope::pass_through(Ticket::Broken(broken)),
        }
    }
}

impl Stream for Records {
    type Item = Envelope<Bytes, Bytes, Ticket>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.gauge.is_stopped.load(Relaxed) {
                return Poll::Ready(None);
            }
            if let Some(item) = self.items.next() {
                return Poll::Ready(Some(self.envelope(item)));
            }
            let Some(chunk) = ready!(self.chunks.poll_recv(cx)) else {
                return Poll::Ready(None);
            };
            self.gauge
                .read
                .store(self.gauge.read() + chunk.bytes, Relaxed);
            self.items = chunk.items.into_iter();
        }
    }
}
