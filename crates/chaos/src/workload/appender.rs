//! A writer that uses the engine itself.

use super::{Job, Pace};
use crate::{class, history::Outcome, problem::Problem};
use futures_core::Stream;
use guanaco_engine::{Appender, Placement, Placements, Producer, ProducerConfig, RecordRef, Topic};
use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::SystemTime,
};

/// Writes until it is stopped.
pub(super) async fn write(job: Job) -> Result<(), Problem> {
    let (config, _) = ProducerConfig::from_properties(job.properties())?;
    let close_timeout = config.close_timeout;
    let producer = Producer::start(config)?;
    let mut writing = Writing {
        appender: producer.appender(),
        topic: job.topic.clone().into(),
        due: Some(job.pace()),
        next: None,
        open: VecDeque::new(),
        placed: Vec::new(),
        job,
    };
    poll_fn(|cx| writing.poll(cx)).await;
    drop(writing);
    producer.close(close_timeout).await;
    Ok(())
}

struct Writing {
    job: Job,
    appender: Appender,
    topic: Topic,
    /// `None` once it was stopped.
    due: Option<Pace>,
    /// Accepted, and no room for it yet.
    next: Option<Next>,
    open: VecDeque<(u32, Placement)>,
    placed: Vec<Placements>,
}

struct Next {
    seq: u32,
    key: Option<Vec<u8>>,
    value: Vec<u8>,
}

impl Writing {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.take();
            if self.append(cx) {
                continue;
            }
            if self.due.is_none() && self.next.is_none() {
                if self.open.is_empty() {
                    return Poll::Ready(());
                }
                self.appender.hurry();
            }
            self.appender.register(cx);
            // What ended before the waker was in place is seen here; later, it wakes.
            if !self.take() {
                return Poll::Pending;
            }
        }
    }

    /// Takes the outcomes that there are, in order; whether there was one.
    fn take(&mut self) -> bool {
        let mut any = false;
        while let Some((seq, placement)) = self.open.front() {
            let outcome = match self.appender.take(*placement) {
                None => break,
                Some(Ok(ack)) => Outcome::Acknowledged {
                    partition: ack.partition,
                    offset: ack.offset,
                },
                Some(Err(error)) => class::of_delivery(&error),
            };
            self.job.journal.end(self.job.writer, *seq, outcome);
            self.open.pop_front();
            any = true;
        }
        any
    }

    /// Appends the next record; whether it did.
    fn append(&mut self, cx: &mut Context<'_>) -> bool {
        if self.next.is_none() && self.open.len() < self.job.plan.parallelism {
            let due = self.due.as_mut().map(|due| Pin::new(due).poll_next(cx));
            match due {
                Some(Poll::Ready(Some(()))) => {
                    let seq = self.job.journal.accept(self.job.writer);
                    self.next = Some(Next {
                        seq,
                        key: self.job.key(seq),
                        value: self.job.value(seq),
                    });
                }
                Some(Poll::Ready(None)) => self.due = None,
                Some(Poll::Pending) | None => {}
            }
        }
        let Some(next) = &self.next else { return false };
        let record = RecordRef {
            topic: &self.topic,
            partition: None,
            timestamp: wall_clock(),
            key: next.key.as_deref(),
            value: Some(&next.value),
            headers: &[],
        };
        match self.appender.poll_append(cx, &[record], &mut self.placed) {
            Poll::Ready(_) => {
                let seq = next.seq;
                let placed = self.placed.drain(..).flat_map(Placements::each);
                self.open.extend(placed.map(|placed| (seq, placed)));
                self.next = None;
                true
            }
            Poll::Pending => false,
        }
    }
}

fn wall_clock() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
