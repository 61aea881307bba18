//! A producer without Kafka, for unit tests of code that produces: no broker, no socket, and a clock
//! that a test may stop.
//!
//! [`MockProducer`] stands where a shared [`KafkaProducer`] does, so flows, sinks and `SendProducer`
//! run on it as they are. Order, room and time-outs are the real producer's own; only the cluster is
//! played: it tells the topics' partitions at once, and acknowledges each record by itself, at once
//! or when the test says so.
//!
//! ```
//! use guanaco::{Written, prelude::*};
//! use guanaco_testkit::{mock::MockProducer, model::code};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mock = MockProducer::builder().manual().build()?;
//! let settings = ProducerSettings::keyless(StringSerializer);
//! let orders = SendProducer::new(settings.with_producer(mock.producer()));
//!
//! let (llama, alpaca) = (
//!     orders.send(ProducerRecord::new("orders", "llama".to_owned())),
//!     orders.send(ProducerRecord::new("orders", "alpaca".to_owned())),
//! );
//! assert_eq!(mock.history()[1].value.as_deref(), Some(&b"alpaca"[..]));
//!
//! mock.complete_next();
//! mock.error_next(code::NOT_ENOUGH_REPLICAS, Written::No);
//! assert_eq!(llama.await?.offset, Some(0));
//! assert!(alpaca.await.unwrap_err().is_retriable());
//! # Ok(()) }
//! ```

mod book;
mod builder;

pub use book::MockRecord;
pub use builder::MockProducerBuilder;

use book::Book;
use guanaco::{Cause, KafkaError, KafkaProducer, Topic, Written};
use guanaco_engine::{
    Detached, ProducerConfig,
    core::{Core, stand_in::Verdict},
};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::{sync::watch, time::sleep_until};

/// See the [module](self). Its methods take effect at once, from any thread.
///
/// # Drop
/// Nothing changes for those who still have its producer.
pub struct MockProducer {
    producer: KafkaProducer,
    cluster: Arc<Cluster>,
}

/// The far side of the producer.
struct Cluster {
    far: Detached,
    book: Mutex<Book>,
    /// How many records the history has.
    recorded: watch::Sender<usize>,
}

impl MockProducer {
    /// One that knows every topic, with one partition each, and acknowledges everything at once.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new() -> Self {
        let config = builder::playable(ProducerConfig::default());
        Self::start(MockProducerBuilder::default(), config)
    }

    /// For one that is told more.
    pub fn builder() -> MockProducerBuilder {
        MockProducerBuilder::default()
    }

    /// The producer to hand to the code under test, by
    /// [`with_producer`](guanaco::ProducerSettings::with_producer) or as it is.
    #[must_use]
    pub fn producer(&self) -> &KafkaProducer {
        &self.producer
    }

    /// Every record that was sent, in the order of the calls, whatever became of it. Records that
    /// wait for room are not sent yet, nor are those for a topic that is unknown.
    #[must_use]
    pub fn history(&self) -> Vec<MockRecord> {
        self.cluster.look();
        self.cluster.book().history.clone()
    }

    /// Forgets the history; offsets go on.
    pub fn clear(&self) {
        self.cluster.look();
        self.cluster.book().history.clear();
        self.cluster.recorded.send_replace(0);
    }

    /// Waits until the history has `count` records: for code that sends in a task of its own. Cancel
    /// safe.
    pub async fn wait_for_records(&self, count: usize) {
        let mut recorded = self.cluster.recorded.subscribe();
        self.cluster.look();
        // It fails only without its sender, which is in `self`.
        let _ = recorded.wait_for(|recorded| *recorded >= count).await;
    }

    /// Acknowledges the oldest record that has no outcome; `false` if there is none.
    pub fn complete_next(&self) -> bool {
        self.settle_next(None)
    }

    /// Fails the oldest record that has no outcome, with a [code](crate::model::code) of Kafka's, as
    /// written or maybe written; `false` if there is none. The failure is final: retries are done
    /// by the real producer and not played here.
    pub fn error_next(&self, code: i16, written: Written) -> bool {
        self.settle_next(KafkaError::from_code(code, None).map(|error| (error, written)))
    }

    /// Gives a topic its number of partitions, which can only grow.
    pub fn set_partitions(&self, topic: impl Into<Topic>, count: i32) {
        let topic = topic.into();
        self.cluster.act(|core, book, now| {
            book.set_partitions(topic.clone(), count);
            core.apply(book.view([topic]), now);
        });
        self.cluster.look();
    }

    /// The producer fails for good, as with a code that Kafka has for that: what has no outcome is
    /// not written, and nothing more is taken.
    pub fn fail(&self, code: i16) {
        if let Some(error) = KafkaError::from_code(code, None) {
            self.cluster.look();
            self.cluster
                .act(|core, _, now| core.end(Cause::Fatal(error), now));
        }
    }

    /// Whether everything that was sent has its outcome.
    #[must_use]
    pub fn flushed(&self) -> bool {
        self.cluster.look();
        self.cluster.act(|core, _, _| {
            let flush = core.flush();
            core.is_settled(flush)
        })
    }

    /// Whether the code under test closed the producer, or it failed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.producer.is_closed()
    }

    fn settle_next(&self, error: Option<(KafkaError, Written)>) -> bool {
        self.cluster.look();
        let settled = self
            .cluster
            .act(|core, book, now| book.settle_next(core, error, now));
        // It made room for those who wait.
        self.cluster.look();
        settled
    }
}

impl Cluster {
    /// Answers what the producer has to ask, and writes down what it has sent. Says when to look
    /// again, `None` if the producer is dead.
    fn look(&self) -> Option<Option<Instant>> {
        let (next, recorded) = self.act(|core, book, now| {
            let next = core.expire(now);
            let wanted = core.unknown_topics();
            let wanted: Vec<Topic> = wanted.into_iter().filter(|it| book.knows(it)).collect();
            if !wanted.is_empty() {
                core.apply(book.view(wanted), now);
            }
            book.record_all(core, now);
            ((!core.is_dead()).then_some(next), book.history.len())
        });
        self.recorded
            .send_if_modified(|known| std::mem::replace(known, recorded) != recorded);
        next
    }

    /// Does something with the producer's core and the book; wakers and partitioners run after it.
    fn act<R>(&self, act: impl FnOnce(&mut Core, &mut Book, Instant) -> R) -> R {
        // Tokio's clock, as for the producer: a test may have stopped it.
        let now = tokio::time::Instant::now().into_std();
        self.far.with(|core| act(core, &mut self.book(), now))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A test that panicked under it has failed already.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plays the cluster until the producer is dead.
    async fn play(self: Arc<Self>) {
        while let Some(next) = self.look() {
            match next {
                None => self.far.changed().await,
                Some(at) => tokio::select! {
                    () = self.far.changed() => {}
                    () = sleep_until(at.into()) => {}
                },
            }
        }
    }
}

impl Default for MockProducer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MockProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockProducer")
            .field("book", &*self.cluster.book())
            .finish_non_exhaustive()
    }
}
