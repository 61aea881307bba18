//! [`KafkaProducer`], a producer that outlives its stages.

use crate::{
    CloseReport, Health, Metrics, Partitioner, ProduceError, SettingsError, StartError, Topic,
    settings::{ClientSettings, Creation},
};
use guanaco_engine::Producer;
use std::{fmt, sync::Arc, thread, time::Duration};
use tokio::{runtime, sync::oneshot};

/// A connected producer to share among stages and tasks. Clones are handles on the same one.
///
/// One producer for many streams writes fuller batches than one each. Stages never close it:
/// [`close`](Self::close) it after they have ended.
///
/// # Drop
/// Dropping the last handle stops intake and keeps delivering in the background, for at most the
/// close timeout of the settings and as long as its runtime lives. A warning in the log says how
/// many records were given up. To know, call `close`.
#[derive(Clone)]
pub struct KafkaProducer(Arc<Inner>);

struct Inner {
    engine: Producer,
    /// The client that runs, and how it was asked for: they differ by an enrichment.
    client: ClientSettings,
    asked: ClientSettings,
    runtime: runtime::Handle,
    /// A test double does what settings ask for as it is told.
    stand_in: bool,
    /// Ends the thread of a producer that brought its own, after it has closed.
    thread: Option<oneshot::Sender<()>>,
}

impl KafkaProducer {
    /// Stops intake and delivers what was accepted, for at most the close timeout of the settings;
    /// the rest is given up, and the report counts it. Later calls wait for the first and report
    /// the same.
    ///
    /// # Cancel safety
    /// Dropping the future stops nothing: the close goes on in the background.
    pub async fn close(&self) -> CloseReport {
        self.close_timeout(self.0.engine.config().close_timeout)
            .await
    }

    /// As [`close`](Self::close), with a time of its own. Zero gives up everything that is not
    /// acknowledged yet.
    pub async fn close_timeout(&self, timeout: Duration) -> CloseReport {
        let engine = self.0.engine.clone();
        let closing = self
            .0
            .runtime
            .spawn(async move { engine.close(timeout).await });
        // A runtime that is gone took the driver with it, which resolved everything.
        closing.await.unwrap_or_default()
    }

    /// Resolves when everything that was accepted before the call is settled, delivered or not.
    /// Nothing lingers meanwhile.
    ///
    /// # Cancel safety
    /// Dropping the future stops nothing.
    pub async fn flush(&self) {
        self.0.engine.flush().await;
    }

    /// The counters under Kafka's metric names, and distributions with quantiles; see
    /// [metrics](crate::_documentation::observability#metrics).
    ///
    /// ```no_run
    /// # async fn example(producer: guanaco::KafkaProducer) {
    /// for (name, value) in producer.metrics().values {
    ///     println!("{} {} {:?} = {value}", name.group, name.name, name.tags);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.0.engine.metrics()
    }

    /// How it is: whether the cluster answers, whether anything is stuck. Cheap enough for every
    /// probe: it asks nothing and waits for nothing.
    ///
    /// ```no_run
    /// # fn example(producer: guanaco::KafkaProducer) -> u16 {
    /// let health = producer.health();
    /// if !health.is_healthy() {
    ///     eprintln!("not ready: {health}");
    /// }
    /// if health.is_healthy() { 200 } else { 503 }
    /// # }
    /// ```
    #[must_use]
    pub fn health(&self) -> Health {
        self.0.engine.health()
    }

    /// The partitions of a topic.
    ///
    /// # Errors
    /// If the cluster does not know the topic within `max.block.ms`, or cannot be asked.
    pub async fn partitions_for(&self, topic: impl Into<Topic>) -> Result<Vec<i32>, ProduceError> {
        let (engine, topic) = (self.0.engine.clone(), topic.into());
        let asking = self
            .0
            .runtime
            .spawn(async move { engine.partitions_for(&topic).await });
        match asking.await {
            Ok(partitions) => Ok(partitions?),
            Err(_) => Err(ProduceError::Closed),
        }
    }

    /// The id of the cluster.
    #[must_use]
    pub fn cluster_id(&self) -> Option<Arc<str>> {
        self.0.engine.cluster_id()
    }

    /// Whether it was closed, or failed for good.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.engine.is_closed()
    }

    /// Starts a client; it connects in the background.
    pub(crate) fn start(client: ClientSettings, asked: ClientSettings) -> Result<Self, StartError> {
        let config = client.config()?;
        let options = client.options(&config)?;
        let runtime = runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let engine = Producer::start_with(config, options)?;
        #[cfg(feature = "metrics")]
        if !client.metrics_interval.is_zero() {
            let exported = crate::export::run(engine.observer(), client.metrics_interval);
            drop(runtime.spawn(exported));
        }
        Ok(Self(Arc::new(Inner {
            engine,
            client,
            asked,
            runtime,
            stand_in: false,
            thread: None,
        })))
    }

    /// For `guanaco-testkit`: a handle on a producer that has no cluster, for stages with any
    /// properties.
    #[doc(hidden)]
    #[must_use]
    pub fn stand_in(engine: Producer, partitioner: Option<Arc<dyn Partitioner>>) -> Self {
        let client = ClientSettings {
            partitioner,
            ..ClientSettings::default()
        };
        Self(Arc::new(Inner {
            engine,
            asked: client.clone(),
            client,
            runtime: runtime::Handle::current(),
            stand_in: true,
            thread: None,
        }))
    }

    /// Starts a client and waits for the cluster.
    pub(crate) async fn connect(
        client: ClientSettings,
        asked: ClientSettings,
    ) -> Result<Self, StartError> {
        let producer = Self::start(client, asked)?;
        producer.connected().await?;
        Ok(producer)
    }

    /// Waits for the cluster.
    pub(crate) async fn connected(&self) -> Result<(), StartError> {
        Ok(self.0.engine.connected().await?)
    }

    /// Runs a creation, and then the producer, on a thread made for it.
    pub(crate) fn block_on_own_thread(creation: Creation) -> Result<Self, StartError> {
        if runtime::Handle::try_current().is_ok() {
            return Err(StartError::InsideRuntime);
        }
        let no_thread = |error: std::io::Error| StartError::Thread(error.to_string().into());
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(no_thread)?;
        let (give, take) = std::sync::mpsc::sync_channel(1);
        let run = move || {
            runtime.block_on(async move {
                let mut producer = match creation.await {
                    Ok(producer) => producer,
                    Err(error) => return drop(give.send(Err(error))),
                };
                let (dropped, all_dropped) = oneshot::channel();
                let engine = producer.0.engine.clone();
                let inner = Arc::get_mut(&mut producer.0);
                inner
                    .expect("the one handle that `connect` gave is here")
                    .thread = Some(dropped);
                drop(give.send(Ok(producer)));
                // The sender is never used: this ends when the last handle has dropped it.
                let _ = all_dropped.await;
                engine.close(engine.config().close_timeout).await;
            });
        };
        let name = "guanaco-producer".to_owned();
        thread::Builder::new()
            .name(name)
            .spawn(run)
            .map_err(no_thread)?;
        take.recv().unwrap_or(Err(StartError::CutShort))
    }

    /// Whether this one does what other settings ask for, or what it lacks.
    pub(crate) fn serves(&self, settings: &ClientSettings) -> Result<(), SettingsError> {
        if self.0.stand_in {
            return self.0.client.chooses_as(settings);
        }
        let running = self.0.client.serves(settings);
        running.or_else(|lack| self.0.asked.serves(settings).map_err(|_| lack))
    }

    pub(crate) fn engine(&self) -> &Producer {
        &self.0.engine
    }

    /// Closes it without anyone waiting for it.
    pub(crate) fn close_in_background(&self) {
        let engine = self.0.engine.clone();
        let timeout = engine.config().close_timeout;
        self.0
            .runtime
            .spawn(async move { engine.close(timeout).await });
    }

    pub(crate) fn runtime(&self) -> &runtime::Handle {
        &self.0.runtime
    }
}

impl fmt::Debug for KafkaProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaProducer")
            .field("client", &self.0.client)
            .finish_non_exhaustive()
    }
}
