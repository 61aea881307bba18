//! Values that have the id of their schema before them.

use super::{
    FrameError, RegistryError, SchemaRegistry,
    format::{Read, ReadFormat},
    frame::read_header,
};
use crate::serialization::{BoxError, Deserializer, Source};
use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// So many schemas are kept ready; the oldest go first.
const MAX_READY: usize = 1_000;

/// Reads values in the framing of Confluent's serializers.
///
/// A deserializer cannot wait for a registry: await [`prepare`](Self::prepare) with the bytes
/// before. It costs a request for the first value of each schema, and next to nothing for all others.
///
/// Clones share what was prepared.
pub struct RegistryDeserializer<F: ReadFormat> {
    registry: SchemaRegistry,
    format: Arc<F>,
    ready: Arc<RwLock<Ready<F::Plan>>>,
}

struct Ready<P> {
    plans: HashMap<i32, Arc<P>>,
    /// From the oldest on.
    order: VecDeque<i32>,
}

impl<F: ReadFormat> RegistryDeserializer<F> {
    pub(super) fn new(registry: &SchemaRegistry, format: F) -> Self {
        Self {
            registry: registry.clone(),
            format: Arc::new(format),
            ready: Arc::new(RwLock::new(Ready {
                plans: HashMap::new(),
                order: VecDeque::new(),
            })),
        }
    }

    /// Makes ready for reading these bytes: asks the registry for their schema if it is a new one.
    /// Null needs none.
    ///
    /// # Errors
    /// [`RegistryError`]: among them `Frame`, if the bytes are not framed, and `UnknownId`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn prepare(&self, bytes: Option<&[u8]>) -> Result<(), RegistryError> {
        let Some(bytes) = bytes else {
            return Ok(());
        };
        let (id, _) = read_header(bytes)?;
        if self.find(id).is_some() {
            return Ok(());
        }
        let schema = self.registry.schema(id).await?;
        if schema.kind() != F::KIND {
            return Err(RegistryError::Frame(FrameError::OtherKind {
                id,
                expected: F::KIND,
                found: schema.kind(),
            }));
        }
        let others = self.registry.references(&schema).await?;
        let plan = Arc::new(self.format.plan(&schema, &others)?);
        let mut ready = self.ready.write().unwrap_or_else(PoisonError::into_inner);
        let Ready { plans, order } = &mut *ready;
        if plans.insert(id, plan).is_none() {
            order.push_back(id);
            if order.len() > MAX_READY
                && let Some(oldest) = order.pop_front()
            {
                plans.remove(&oldest);
            }
        }
        Ok(())
    }

    fn find(&self, id: i32) -> Option<Arc<F::Plan>> {
        let ready = self.ready.read().unwrap_or_else(PoisonError::into_inner);
        ready.plans.get(&id).cloned()
    }
}

impl<T, F: Read<T>> Deserializer<T> for RegistryDeserializer<F> {
    fn deserialize(&self, source: &Source<'_>, bytes: Option<&[u8]>) -> Result<T, BoxError> {
        let (id, rest) = read_header(source.present(bytes)?)?;
        match self.find(id) {
            Some(plan) => self.format.read(&plan, rest),
            None => Err(Box::new(RegistryError::NotFetched { id })),
        }
    }
}

impl<F: ReadFormat> Clone for RegistryDeserializer<F> {
    fn clone(&self) -> Self {
        Self {
            registry: self.registry.clone(),
            format: Arc::clone(&self.format),
            ready: Arc::clone(&self.ready),
        }
    }
}

impl<F: ReadFormat> fmt::Debug for RegistryDeserializer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryDeserializer")
            .field("kind", &F::KIND)
            .finish_non_exhaustive()
    }
}
