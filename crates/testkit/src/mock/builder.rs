//! What a mock is told before it starts.

use super::{Book, Cluster, MockProducer};
use guanaco::{ConfigError, KafkaProducer, Partitioner, ProducerSettings, Topic};
use guanaco_engine::{Compression, Detached, ProducerConfig, StartError};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::watch;

/// Builds a [`MockProducer`].
#[derive(Default)]
#[must_use]
pub struct MockProducerBuilder {
    topics: HashMap<Topic, i32>,
    only_listed: bool,
    manual: bool,
    properties: Vec<(String, String)>,
    close_timeout: Option<Duration>,
    partitioner: Option<Arc<dyn Partitioner>>,
    unreachable: Option<Arc<str>>,
}

impl MockProducerBuilder {
    /// A topic with more partitions than one.
    pub fn topic(mut self, name: impl Into<Topic>, partitions: i32) -> Self {
        self.topics.insert(name.into(), partitions.max(1));
        self
    }

    /// Topics that were not named are unknown: records for them fail after `max.block.ms`.
    pub fn no_auto_create_topics(mut self) -> Self {
        self.only_listed = true;
        self
    }

    /// Records stay without an outcome until [`complete_next`](MockProducer::complete_next) or
    /// [`error_next`](MockProducer::error_next), or until `delivery.timeout.ms` is over.
    pub fn manual(mut self) -> Self {
        self.manual = true;
        self
    }

    /// A property of Kafka's, such as `max.request.size`, `buffer.memory` (each record takes at
    /// least 1 KiB of it), `max.block.ms`, `delivery.timeout.ms`. Those of batching, retries and
    /// compression do nothing.
    pub fn property(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.push((key.into(), value.into()));
        self
    }

    /// The properties, the close time-out and the partitioner of settings. Without this the mock
    /// serves settings with any properties and looks at none of them; a partitioner is refused.
    pub fn settings<K, V>(mut self, settings: &ProducerSettings<K, V>) -> Self {
        let properties = settings.properties();
        let owned = properties.map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.properties.extend(owned);
        self.close_timeout = Some(settings.close_timeout());
        self.partitioner = settings.partitioner().cloned();
        self
    }

    /// The producer cannot be created: whoever needs it fails with
    /// [`StartError::Unreachable`](guanaco::StartError::Unreachable), for this reason.
    pub fn unreachable(mut self, reason: impl Into<Arc<str>>) -> Self {
        self.unreachable = Some(reason.into());
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// If the properties are wrong, as for a real producer.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn build(self) -> Result<MockProducer, ConfigError> {
        let properties = self.properties.iter().map(|(key, value)| (key, value));
        let (config, _) = ProducerConfig::from_properties(properties)?;
        let mut config = playable(config);
        if config.bootstrap_servers.is_empty() {
            config.bootstrap_servers = vec!["mock:1".to_owned()];
        }
        config.validate()?;
        Ok(MockProducer::start(self, config))
    }
}

impl MockProducer {
    pub(super) fn start(told: MockProducerBuilder, mut config: ProducerConfig) -> Self {
        config.close_timeout = told.close_timeout.unwrap_or(config.close_timeout);
        let (engine, far) = Detached::new(config, told.partitioner.clone());
        let cluster = Arc::new(Cluster {
            far,
            book: Mutex::new(Book::new(told.topics, !told.only_listed, told.manual)),
            recorded: watch::Sender::new(0),
        });
        match told.unreachable {
            None => cluster.act(|core, book, now| core.apply(book.view([]), now)),
            Some(failures) => cluster.far.fail_start(StartError::Unreachable {
                failures,
                waited: Duration::ZERO,
            }),
        }
        tokio::spawn(Arc::clone(&cluster).play());
        Self {
            producer: KafkaProducer::stand_in(engine, told.partitioner),
            cluster,
        }
    }
}

/// Each record is a batch of its own, so that it can have an outcome of its own.
pub(super) fn playable(mut config: ProducerConfig) -> ProducerConfig {
    config.batch_adaptive = false;
    config.batch_size = 1;
    config.compression = Compression::None;
    config.enable_idempotence = false;
    config
}

impl fmt::Debug for MockProducerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockProducerBuilder")
            .field("topics", &self.topics)
            .field("manual", &self.manual)
            .finish_non_exhaustive()
    }
}
