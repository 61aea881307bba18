//! Values with the id of their schema before them.

use super::{
    RegistryError, Schema, SchemaRegistry, SubjectStrategy,
    format::{Write, WriteFormat},
    frame::write_header,
};
use crate::serialization::{BoxError, RecordPart, Serializer, Target};
use guanaco_engine::Topic;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// Which schema values are written with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaPolicy {
    /// The serializer's own; it is registered if it is not yet.
    #[default]
    #[doc(alias = "auto.register.schemas")]
    AutoRegister,
    /// The serializer's own, which somebody else must have registered.
    MustExist,
    /// The newest that the subject has, whatever the serializer's own is. Values that do not fit it
    /// are refused. It is asked for by [`prepare`](RegistrySerializer::prepare), once, and by
    /// [`refresh`](RegistrySerializer::refresh).
    #[doc(alias = "use.latest.version")]
    UseLatest,
}

/// Writes values in the framing of Confluent's serializers: a zero, the schema's id in four bytes,
/// for Protobuf which message of the schema, and the value.
///
/// A serializer cannot wait for a registry, so the ids are asked for before: await
/// [`prepare`](Self::prepare) for every topic before its first record. A value for a topic that was
/// not prepared fails as [`RegistryError::NotPrepared`]; like every failure of a serializer it is
/// its element's only, and data [`with_outcomes`](crate::producer::FlexiFlow::with_outcomes). Once
/// a topic is prepared the registry is not needed any longer: it may be down.
///
/// A stage prepares when it opens with
/// [`with_enrich_async`](crate::ProducerSettings::with_enrich_async):
///
/// ```no_run
/// # #[cfg(feature = "avro")] {
/// use guanaco::{
///     ProducerSettings,
///     serialization::{
///         AvroSchema, RecordPart, StringSerializer,
///         registry::{RegistrySerializer, RegistrySettings, SchemaRegistry},
///     },
/// };
///
/// #[derive(serde::Serialize)]
/// struct Order { id: i64 }
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = SchemaRegistry::new(&RegistrySettings::new("http://localhost:8081"))?;
/// let schema = AvroSchema::parse(
///     r#"{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}"#,
/// )?;
/// let orders = RegistrySerializer::avro(&registry, schema);
/// let settings: ProducerSettings<String, Order> =
///     ProducerSettings::new(StringSerializer, orders.clone())
///         .with_enrich_async(move |settings| {
///             let orders = orders.clone();
///             async move {
///                 orders.prepare(RecordPart::Value, ["orders"]).await?;
///                 Ok(settings)
///             }
///         });
/// # Ok(()) }
/// # }
/// ```
///
/// Clones share what was prepared.
pub struct RegistrySerializer<F: WriteFormat> {
    registry: SchemaRegistry,
    format: Arc<F>,
    options: Options,
    ready: Arc<RwLock<Ready<F::Plan>>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Options {
    subjects: SubjectStrategy,
    policy: SchemaPolicy,
    normalize: bool,
}

/// What was prepared: an entry per topic, for keys and for values.
struct Ready<P> {
    keys: HashMap<Topic, Arc<Prepared<P>>>,
    values: HashMap<Topic, Arc<Prepared<P>>>,
}

struct Prepared<P> {
    id: i32,
    plan: P,
}

impl<P> Ready<P> {
    fn part(&self, part: RecordPart) -> &HashMap<Topic, Arc<Prepared<P>>> {
        match part {
            RecordPart::Key => &self.keys,
            RecordPart::Value => &self.values,
        }
    }

    fn part_mut(&mut self, part: RecordPart) -> &mut HashMap<Topic, Arc<Prepared<P>>> {
        match part {
            RecordPart::Key => &mut self.keys,
            RecordPart::Value => &mut self.values,
        }
    }
}

impl<P> Default for Ready<P> {
    fn default() -> Self {
        Self {
            keys: HashMap::new(),
            values: HashMap::new(),
        }
    }
}

impl<F: WriteFormat> RegistrySerializer<F> {
    pub(super) fn new(registry: &SchemaRegistry, format: F) -> Self {
        Self {
            registry: registry.clone(),
            format: Arc::new(format),
            options: Options::default(),
            ready: Arc::default(),
        }
    }

    /// How subjects are named. Default: by the topic.
    #[must_use]
    pub fn with_subject_strategy(self, subjects: SubjectStrategy) -> Self {
        let options = Options {
            subjects,
            ..self.options
        };
        self.with(options)
    }

    /// Which schema values are written with. Default: the serializer's own, registered if needed.
    #[must_use]
    pub fn with_policy(self, policy: SchemaPolicy) -> Self {
        let options = Options {
            policy,
            ..self.options
        };
        self.with(options)
    }

    /// Whether texts of a schema that differ in form only are the same one to the registry.
    /// Default: no.
    #[doc(alias = "normalize.schemas")]
    #[must_use]
    pub fn with_normalize(self, normalize: bool) -> Self {
        let options = Options {
            normalize,
            ..self.options
        };
        self.with(options)
    }

    /// Other options, under which nothing is prepared yet.
    fn with(self, options: Options) -> Self {
        Self {
            options,
            ready: Arc::default(),
            ..self
        }
    }

    /// Makes ready for the keys or values of records of these topics, with one request to the
    /// registry for each that is not ready, or none where it has answered it before. Free for a topic
    /// that is ready, so it may be called for every record of a stream whose topics are not known
    /// ahead. Each topic takes a little memory, for as long as the serializer is there.
    ///
    /// # Errors
    /// The first [`RegistryError`]. The topics before it are ready.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing; topics that were done are ready.
    pub async fn prepare<T: Into<Topic>>(
        &self,
        part: RecordPart,
        topics: impl IntoIterator<Item = T, IntoIter: Send> + Send,
    ) -> Result<(), RegistryError> {
        for topic in topics {
            let topic = topic.into();
            if self
                .find(&Target {
                    topic: &topic,
                    part,
                })
                .is_none()
            {
                self.resolve(topic, part).await?;
            }
        }
        Ok(())
    }

    /// As [`prepare`](Self::prepare), also for topics that are ready: with
    /// [`UseLatest`](SchemaPolicy::UseLatest), newer versions are written from then on. On an error
    /// what was ready stays.
    ///
    /// # Errors
    /// The first [`RegistryError`].
    ///
    /// # Cancel safety
    /// As for `prepare`.
    pub async fn refresh<T: Into<Topic>>(
        &self,
        part: RecordPart,
        topics: impl IntoIterator<Item = T, IntoIter: Send> + Send,
    ) -> Result<(), RegistryError> {
        for topic in topics {
            self.resolve(topic.into(), part).await?;
        }
        Ok(())
    }

    async fn resolve(&self, topic: Topic, part: RecordPart) -> Result<(), RegistryError> {
        let (own, options) = (self.format.schema(), self.options);
        let target = Target {
            topic: &topic,
            part,
        };
        let name = self.format.record_name();
        let subject = options.subjects.subject(&target, own, name)?;
        let prepared = match options.policy {
            SchemaPolicy::AutoRegister => {
                let id = self.registry.register(&subject, own, options.normalize);
                self.prepared_own(id.await?).await?
            }
            SchemaPolicy::MustExist => {
                let id = self.registry.lookup(&subject, own, options.normalize);
                self.prepared_own(id.await?).await?
            }
            SchemaPolicy::UseLatest => {
                let latest = self.registry.latest(&subject).await?;
                self.prepared(latest.id, &latest.schema).await?
            }
        };
        let mut ready = self.ready.write().unwrap_or_else(PoisonError::into_inner);
        ready.part_mut(part).insert(topic, prepared);
        Ok(())
    }

    /// What the registry normalized may list messages in another order: its text counts then.
    async fn prepared_own(&self, id: i32) -> Result<Arc<Prepared<F::Plan>>, RegistryError> {
        match self.options.normalize {
            true => self.prepared(id, &self.registry.schema(id).await?).await,
            false => self.prepared(id, self.format.schema()).await,
        }
    }

    /// Topics with the same schema share what was worked out for it.
    async fn prepared(
        &self,
        id: i32,
        schema: &Schema,
    ) -> Result<Arc<Prepared<F::Plan>>, RegistryError> {
        if let Some(known) = self.find_id(id) {
            return Ok(known);
        }
        let others = match schema == self.format.schema() {
            true => Vec::new(),
            false => self.registry.references(schema).await?,
        };
        let plan = self.format.plan(schema, &others)?;
        Ok(Arc::new(Prepared { id, plan }))
    }

    fn find(&self, target: &Target<'_>) -> Option<Arc<Prepared<F::Plan>>> {
        let ready = self.ready.read().unwrap_or_else(PoisonError::into_inner);
        ready.part(target.part).get(target.topic).cloned()
    }

    fn find_id(&self, id: i32) -> Option<Arc<Prepared<F::Plan>>> {
        let ready = self.ready.read().unwrap_or_else(PoisonError::into_inner);
        let mut all = ready.keys.values().chain(ready.values.values());
        all.find(|known| known.id == id).cloned()
    }
}

impl<T: ?Sized, F: Write<T>> Serializer<T> for RegistrySerializer<F> {
    fn serialize(&self, target: &Target<'_>, value: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let Some(prepared) = self.find(target) else {
            return Err(Box::new(RegistryError::NotPrepared {
                topic: target.topic.clone(),
                part: target.part,
            }));
        };
        write_header(prepared.id, out);
        self.format.write(&prepared.plan, value, out)
    }
}

impl<F: WriteFormat> Clone for RegistrySerializer<F> {
    fn clone(&self) -> Self {
        Self {
            registry: self.registry.clone(),
            format: Arc::clone(&self.format),
            options: self.options,
            ready: Arc::clone(&self.ready),
        }
    }
}

impl<F: WriteFormat> fmt::Debug for RegistrySerializer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistrySerializer")
            .field("schema", self.format.schema())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
