//! [`ProducerSettings`].

use super::{
    ClientSettings, SharedProducerSettings,
    client::Masked,
    source::{Creation, Factory, Origin},
};
use crate::{
    KafkaProducer, Partitioner, Security, SettingsError, StartError,
    discovery::{Discovery, Service},
    error::UserError,
    serialization::{BoxError, NoKey, NoKeySerializer, Serializer},
    trace::{TraceSource, Traces},
};
use std::{fmt, sync::Arc, time::Duration};

/// How the enriched settings make a producer; what it returns names no type of the stream.
type Enriched<K, V> = Arc<dyn Fn(ProducerSettings<K, V>) -> Creation + Send + Sync>;

/// How to produce: serializers, the Kafka client's properties, and the limits of the stages.
///
/// Settings are a value: `with_` methods change a copy, and nothing is checked or dialled before a
/// stage runs or a producer is created.
///
/// ```
/// use guanaco::{ProducerSettings, serialization::StringSerializer};
/// use std::time::Duration;
///
/// let settings: ProducerSettings<String, String> =
///     ProducerSettings::new(StringSerializer, StringSerializer)
///         .with_bootstrap_servers("localhost:9092")
///         .with_property("compression.type", "lz4")
///         .with_close_timeout(Duration::from_secs(5));
/// ```
///
/// | setting | default | |
/// |---|---|---|
/// | [`with_property`](Self::with_property) | Kafka's | any key of Kafka's producer configuration |
/// | [`with_discovery`](Self::with_discovery) | none | how to find the brokers, without `bootstrap.servers` |
/// | [`with_resolve_timeout`](Self::with_resolve_timeout) | 3 s | for one lookup of service discovery |
/// | [`with_parallelism`](Self::with_parallelism) | 10,000 | envelopes in flight per stage |
/// | [`with_parallelism_bytes`](Self::with_parallelism_bytes) | 32 MiB | serialized bytes in flight per flow |
/// | [`with_close_timeout`](Self::with_close_timeout) | 60 s | for closing a producer |
/// | [`with_trace_context`](Self::with_trace_context) | none | trace headers for each record |
/// | [`with_close_producer_on_stop`](Self::with_close_producer_on_stop) | true | whether a stage's end waits for its producer's |
#[doc(alias("producer", "createKafkaProducerAsync"))]
pub struct ProducerSettings<K, V> {
    pub(crate) key: Arc<dyn Serializer<K>>,
    pub(crate) value: Arc<dyn Serializer<V>>,
    pub(crate) client: ClientSettings,
    pub(crate) limits: Limits,
    pub(crate) close_producer_on_stop: bool,
    pub(crate) traces: Traces,
    enrich: Option<Enriched<K, V>>,
}

/// How much one stage may have in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) envelopes: usize,
    pub(crate) bytes: usize,
}

impl Limits {
    pub(crate) fn check(self) -> Result<Self, SettingsError> {
        let rule = "must be at least 1: with 0 nothing would ever be sent";
        let setting = match self {
            Self { envelopes: 0, .. } => "parallelism",
            Self { bytes: 0, .. } => "parallelism in bytes",
            _ => return Ok(self),
        };
        Err(SettingsError::Invalid { setting, rule })
    }
}

impl<K, V> ProducerSettings<K, V> {
    /// Settings with a serializer for keys and one for values.
    #[must_use]
    pub fn new(key: impl Serializer<K> + 'static, value: impl Serializer<V> + 'static) -> Self {
        Self {
            key: Arc::new(key),
            value: Arc::new(value),
            client: ClientSettings::default(),
            limits: Limits {
                envelopes: 10_000,
                bytes: 32 << 20,
            },
            close_producer_on_stop: true,
            traces: Traces::default(),
            enrich: None,
        }
    }

    /// `bootstrap.servers`: one or more `host:port`, separated by commas.
    #[must_use]
    pub fn with_bootstrap_servers(self, servers: impl Into<String>) -> Self {
        self.with_property("bootstrap.servers", servers)
    }

    /// Finds the brokers by the name of a service, instead of `bootstrap.servers`, which have no
    /// effect then: when a producer starts, and again when all its brokers are lost.
    ///
    /// A lookup that fails is tried again, with pauses, until `start.timeout.ms`; then the start
    /// fails with [`StartError::Discovery`]. See [`discovery`](crate::discovery) for the methods.
    ///
    /// ```
    /// # fn main() -> Result<(), guanaco::DiscoveryError> {
    /// use guanaco::{ProducerSettings, discovery::StaticDiscovery, serialization::StringSerializer};
    ///
    /// let brokers = StaticDiscovery::new().with_service("kafka", ["a:9092", "b:9092"])?;
    /// let settings: ProducerSettings<_, String> =
    ///     ProducerSettings::keyless(StringSerializer).with_discovery(brokers, "kafka");
    /// # Ok(()) }
    /// ```
    #[must_use]
    #[doc(alias("service-name", "discovery-method", "DiscoverySupport"))]
    pub fn with_discovery(mut self, method: impl Discovery, service: impl Into<String>) -> Self {
        self.client.discovery = Some(Service {
            method: Arc::new(method),
            name: service.into().into(),
        });
        self
    }

    /// For how long one lookup of [service discovery](Self::with_discovery) may take, and at most
    /// three quarters of `start.timeout.ms`. 0 is an error.
    #[must_use]
    #[doc(alias = "resolve-timeout")]
    pub fn with_resolve_timeout(mut self, timeout: Duration) -> Self {
        self.client.resolve_timeout = timeout;
        self
    }

    /// `client.id`: how the broker's logs, quotas and metrics call this client.
    #[must_use]
    pub fn with_client_id(self, id: impl Into<String>) -> Self {
        self.with_property("client.id", id)
    }

    /// Any key of Kafka's producer configuration, as a properties file has it. Unknown keys and
    /// impossible values are errors when the producer is created.
    #[must_use]
    pub fn with_property(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.client.properties.insert(key.into(), value.into());
        self
    }

    /// Several of them.
    #[must_use]
    pub fn with_properties<N, T>(mut self, properties: impl IntoIterator<Item = (N, T)>) -> Self
    where
        N: Into<String>,
        T: Into<String>,
    {
        let properties = properties.into_iter();
        let properties = properties.map(|(key, value)| (key.into(), value.into()));
        self.client.properties.extend(properties);
        self
    }

    /// What no property can say about TLS and SASL: a source of tokens, a `rustls::ClientConfig`, or
    /// that names in certificates are not checked. The closure gets what the properties came to.
    ///
    /// `docs/security.md` shows it.
    #[must_use]
    pub fn with_security(mut self, change: impl Fn(&mut Security) + Send + Sync + 'static) -> Self {
        self.client.security = Some(Arc::new(change));
        self
    }

    /// How many envelopes a stage may have in flight: accepted from its input and without a result
    /// yet. A [`Multi`](crate::Envelope::Multi) counts as one.
    ///
    /// Larger values keep a fast input going through a slow answer; each envelope costs its record
    /// until its result is emitted. 1 sends one at a time; 0 is an error.
    #[must_use]
    pub fn with_parallelism(mut self, envelopes: usize) -> Self {
        self.limits.envelopes = envelopes;
        self
    }

    /// How many serialized bytes a flow may have in flight. A flow accepts nothing more once it has
    /// reached this, so one envelope larger than it goes alone. 0 is an error.
    ///
    /// `buffer.memory` bounds the producer in the same way, but for all stages on it together, and
    /// is freed by acknowledgements; this is freed when results are taken. Sinks keep no records
    /// and need only that one.
    #[must_use]
    pub fn with_parallelism_bytes(mut self, bytes: usize) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// For how long closing a producer, or dropping it, may try to deliver what it has accepted;
    /// the same as the property `close.timeout.ms`.
    #[must_use]
    pub fn with_close_timeout(mut self, timeout: Duration) -> Self {
        self.client.close_timeout = Some(timeout);
        self
    }

    /// Whether a stage that ends closes its producer first, and ends when that is done.
    ///
    /// If not, a producer that the stage created itself is closed in the background, as no one else
    /// has it, and one from a [factory](Self::with_producer_factory) is left open.
    #[must_use]
    pub fn with_close_producer_on_stop(mut self, close: bool) -> Self {
        self.close_producer_on_stop = close;
        self
    }

    /// Chooses the partition of every record that names none, instead of Kafka's own rule. See
    /// [`partition_with`](crate::partition_with) for closures.
    ///
    /// It runs on the task that sends, outside any lock; for a single send to a topic that the
    /// producer does not know yet, on the producer's own task, as soon as the topic is known. It must
    /// not block.
    #[must_use]
    pub fn with_partitioner(mut self, partitioner: impl Partitioner) -> Self {
        self.client.partitioner = Some(Arc::new(partitioner));
        self
    }

    /// Gives each record the trace that it belongs to, in the headers `traceparent` and `tracestate`
    /// of W3C Trace Context. Off by default.
    ///
    /// The source is asked where a stage accepts an envelope or a send is called. A record that has
    /// a `traceparent` keeps it. The headers stay on the record: it comes back with them in its
    /// delivery or failure.
    ///
    /// With the feature `otel`, `CurrentSpan` takes the trace of the current `tracing` span.
    ///
    /// ```
    /// # use guanaco::{ProducerSettings, TraceContext, serialization::StringSerializer};
    /// let settings = ProducerSettings::keyless(StringSerializer)
    ///     .with_trace_context(|| TraceContext::new(0x0af7651916cd43dd, 0xb7ad6b71, 1));
    /// ```
    #[must_use]
    pub fn with_trace_context(mut self, source: impl TraceSource) -> Self {
        self.traces = Traces::of(source);
        self
    }

    /// How often the producer's counters are published to the recorder of the `metrics` crate: every
    /// 5 seconds by default, and once more at its end. Zero switches that off.
    ///
    /// It is the setting of whoever creates the producer; a shared one keeps its own.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn with_metrics_interval(mut self, interval: Duration) -> Self {
        self.client.metrics_interval = interval;
        self
    }

    /// Completes the settings when a producer is created, asynchronously: addresses from an
    /// API, a password from a vault. What the closure returns is the client that is created;
    /// the serializers and limits of a stage stay those of these settings.
    ///
    /// ```
    /// # use guanaco::{ProducerSettings, serialization::StringSerializer};
    /// # async fn resolve(_: &str) -> std::io::Result<String> { Ok("localhost:9092".into()) }
    /// let settings = ProducerSettings::keyless(StringSerializer).with_enrich_async(
    ///     |settings| async move {
    ///         let servers = resolve("kafka.internal").await?;
    ///         Ok(settings.with_bootstrap_servers(servers))
    ///     },
    /// );
    /// ```
    #[must_use]
    #[doc(alias("withEnrichAsync", "withEnrichCompletionStage", "enriched"))]
    pub fn with_enrich_async<F, R>(mut self, enrich: F) -> Self
    where
        K: 'static,
        V: 'static,
        F: Fn(Self) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Self, BoxError>> + Send + 'static,
    {
        let enrich = Arc::new(enrich);
        self.enrich = Some(Arc::new(move |settings: Self| -> Creation {
            let enrich = Arc::clone(&enrich);
            let asked = settings.client.clone();
            Box::pin(async move {
                // The closure runs here and not in the call that made this future: whoever makes
                // it may hold a lock.
                let enriched = enrich(settings).await;
                let enriched = enriched.map_err(|e| StartError::Enrichment(UserError(e.into())))?;
                KafkaProducer::connect(enriched.client, asked).await
            })
        }));
        self
    }

    /// Creates a producer of one's own and waits until the cluster has answered. Close it with
    /// [`KafkaProducer::close`]; stages take it with [`with_producer`](Self::with_producer).
    ///
    /// ```no_run
    /// # use guanaco::{prelude::*, serialization::StringSerializer};
    /// # async fn example() -> Result<(), guanaco::Error> {
    /// let settings = ProducerSettings::keyless(StringSerializer)
    ///     .with_bootstrap_servers("localhost:9092");
    /// let shared = settings.create_kafka_producer().await?;
    /// let stage = producer::plain_sink(settings.with_producer(&shared));
    /// # drop::<producer::PlainSink<_, String>>(stage);
    /// # shared.close().await;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If the settings are wrong, or no broker could be reached within `start.timeout.ms`.
    ///
    /// # Cancel safety
    /// Dropped half-way, it closes what it has opened, in the background.
    #[doc(alias("createKafkaProducerAsync", "createKafkaProducerCompletionStage"))]
    pub fn create_kafka_producer(
        &self,
    ) -> impl Future<Output = Result<KafkaProducer, StartError>> + Send + use<K, V> {
        self.creation()
    }

    /// As [`create_kafka_producer`](Self::create_kafka_producer) for code without an async runtime:
    /// blocks until the producer is connected.
    ///
    /// The producer brings a runtime of its own: one thread, which ends when the last handle is
    /// dropped and the producer has closed. Futures of its stages can be awaited on any executor.
    ///
    /// # Errors
    /// As there; and [`StartError::InsideRuntime`] on a thread of a tokio runtime, which it would
    /// block.
    #[doc(alias = "createKafkaProducer")]
    pub fn blocking_create_kafka_producer(&self) -> Result<KafkaProducer, StartError> {
        KafkaProducer::block_on_own_thread(self.creation())
    }

    /// The settings with a producer that exists already: stages use it together with others and
    /// never close it.
    ///
    /// Properties of these settings that the producer was created with, or that are not set, are
    /// fine; others would be ignored, so the stage fails with [`SettingsError::Shared`].
    #[doc(alias = "withProducer")]
    pub fn with_producer(self, producer: &KafkaProducer) -> SharedProducerSettings<K, V> {
        SharedProducerSettings::new(self, Origin::Shared(producer.clone()))
    }

    /// The settings with a closure that gives each stage its producer, when the stage starts.
    ///
    /// A stage that ends closes it, unless
    /// [`with_close_producer_on_stop`](Self::with_close_producer_on_stop) says otherwise: switch
    /// that off if the closure hands out clones of one producer.
    #[doc(alias = "withProducerFactory")]
    pub fn with_producer_factory<F, R>(self, factory: F) -> SharedProducerSettings<K, V>
    where
        K: 'static,
        V: 'static,
        F: Fn(Self) -> R + Send + Sync + 'static,
        R: Future<Output = Result<KafkaProducer, BoxError>> + Send + 'static,
    {
        let factory = Arc::new(factory);
        let create: Factory<K, V> = Arc::new(move |settings: Self| -> Creation {
            let factory = Arc::clone(&factory);
            Box::pin(async move {
                let made = factory(settings).await;
                made.map_err(|error| StartError::Factory(UserError(error.into())))
            })
        });
        SharedProducerSettings::new(self, Origin::Factory(create))
    }

    /// The value of a property, as it was set.
    #[must_use]
    pub fn property(&self, key: &str) -> Option<&str> {
        self.client.properties.get(key).map(String::as_str)
    }

    /// The properties that were set, by key.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &str)> {
        let properties = self.client.properties.iter();
        properties.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// See [`with_parallelism`](Self::with_parallelism).
    #[must_use]
    pub fn parallelism(&self) -> usize {
        self.limits.envelopes
    }

    /// See [`with_parallelism_bytes`](Self::with_parallelism_bytes).
    #[must_use]
    pub fn parallelism_bytes(&self) -> usize {
        self.limits.bytes
    }

    /// The service that is looked up, if there is [discovery](Self::with_discovery).
    #[must_use]
    pub fn service_name(&self) -> Option<&str> {
        self.client.discovery.as_ref().map(|service| &*service.name)
    }

    /// See [`with_resolve_timeout`](Self::with_resolve_timeout).
    #[must_use]
    pub fn resolve_timeout(&self) -> Duration {
        self.client.resolve_timeout
    }

    /// See [`with_close_timeout`](Self::with_close_timeout).
    #[must_use]
    pub fn close_timeout(&self) -> Duration {
        self.client.close_timeout()
    }

    /// See [`with_partitioner`](Self::with_partitioner).
    #[must_use]
    pub fn partitioner(&self) -> Option<&Arc<dyn Partitioner>> {
        self.client.partitioner.as_ref()
    }

    /// See [`with_close_producer_on_stop`](Self::with_close_producer_on_stop).
    #[must_use]
    pub fn close_producer_on_stop(&self) -> bool {
        self.close_producer_on_stop
    }

    /// The way to a connected producer. Runs nothing before it is polled.
    pub(crate) fn creation(&self) -> Creation {
        match &self.enrich {
            Some(enrich) => enrich(self.clone()),
            None => {
                let client = self.client.clone();
                Box::pin(async move { KafkaProducer::connect(client.clone(), client).await })
            }
        }
    }

    /// Whether a producer can be started without waiting for anything.
    pub(crate) fn starts_at_once(&self) -> bool {
        self.enrich.is_none()
    }
}

impl<V> ProducerSettings<NoKey, V> {
    /// Settings for records that never have a key.
    #[must_use]
    pub fn keyless(value: impl Serializer<V> + 'static) -> Self {
        Self::new(NoKeySerializer, value)
    }
}

impl<K, V> Clone for ProducerSettings<K, V> {
    fn clone(&self) -> Self {
        Self {
            key: Arc::clone(&self.key),
            value: Arc::clone(&self.value),
            client: self.client.clone(),
            limits: self.limits,
            close_producer_on_stop: self.close_producer_on_stop,
            traces: self.traces.clone(),
            enrich: self.enrich.clone(),
        }
    }
}

/// Shows no value of a property that may be a secret.
impl<K, V> fmt::Debug for ProducerSettings<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerSettings")
            .field("properties", &Masked(&self.client.properties))
            .field("parallelism", &self.limits.envelopes)
            .field("parallelism_bytes", &self.limits.bytes)
            .field("close_timeout", &self.close_timeout())
            .field("close_producer_on_stop", &self.close_producer_on_stop)
            .field("discovery", &self.client.discovery)
            .field("resolve_timeout", &self.client.resolve_timeout)
            .field("partitioner", &self.client.partitioner.is_some())
            .field("traces", &self.traces)
            .field("enriched", &self.enrich.is_some())
            .finish_non_exhaustive()
    }
}
