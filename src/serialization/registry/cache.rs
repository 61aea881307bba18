//! Answers that do not change, kept within bounds, each asked for once.

use super::RegistryError;
use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::OnceCell;

/// Keys and values of a cache take this much memory at most, by their own account.
const MAX_BYTES: usize = 16 << 20;

type Pending<V> = Arc<OnceCell<Result<V, RegistryError>>>;

/// Answers by what was asked. Callers who ask the same at once share one request; if the one who
/// makes it goes away, another goes on. Errors are told to all of them and not kept.
pub(super) struct Cache<K, V> {
    state: Mutex<State<K, V>>,
    capacity: usize,
    weigh: fn(&K, &V) -> usize,
}

struct State<K, V> {
    known: HashMap<K, V>,
    /// From the oldest on.
    order: VecDeque<K>,
    bytes: usize,
    pending: HashMap<K, Pending<V>>,
}

impl<K: Clone + Eq + Hash + Send + Sync, V: Clone + Send + Sync> Cache<K, V> {
    pub(super) fn new(capacity: usize, weigh: fn(&K, &V) -> usize) -> Self {
        Self {
            state: Mutex::new(State {
                known: HashMap::new(),
                order: VecDeque::new(),
                bytes: 0,
                pending: HashMap::new(),
            }),
            capacity,
            weigh,
        }
    }

    pub(super) async fn get<F>(
        &self,
        key: &K,
        ask: impl FnOnce() -> F + Send,
    ) -> Result<V, RegistryError>
    where
        F: Future<Output = Result<V, RegistryError>> + Send,
    {
        let pending = {
            let mut state = self.lock();
            if let Some(known) = state.known.get(key) {
                return Ok(known.clone());
            }
            Arc::clone(state.pending.entry(key.clone()).or_default())
        };
        let asking = Asking {
            cache: self,
            key,
            pending,
        };
        asking.pending.get_or_init(ask).await.clone()
    }

    fn keep(&self, state: &mut State<K, V>, key: &K, value: &V) {
        if state.known.insert(key.clone(), value.clone()).is_none() {
            state.order.push_back(key.clone());
            state.bytes += (self.weigh)(key, value);
        }
        while state.order.len() > self.capacity || state.bytes > MAX_BYTES {
            let Some(oldest) = state.order.pop_front() else {
                break;
            };
            if let Some(value) = state.known.remove(&oldest) {
                state.bytes -= (self.weigh)(&oldest, &value);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One caller; whoever goes last, or first with an answer, takes the request off the list.
struct Asking<'a, K: Clone + Eq + Hash + Send + Sync, V: Clone + Send + Sync> {
    cache: &'a Cache<K, V>,
    key: &'a K,
    pending: Pending<V>,
}

impl<K: Clone + Eq + Hash + Send + Sync, V: Clone + Send + Sync> Drop for Asking<'_, K, V> {
    fn drop(&mut self) {
        let mut state = self.cache.lock();
        let listed = state.pending.get(self.key);
        if !listed.is_some_and(|listed| Arc::ptr_eq(listed, &self.pending)) {
            return;
        }
        match self.pending.get() {
            Some(answer) => {
                state.pending.remove(self.key);
                if let Ok(value) = answer {
                    self.cache.keep(&mut state, self.key, value);
                }
            }
            // The list's own and this one: nobody else waits. Clones are made under the lock.
            None if Arc::strong_count(&self.pending) == 2 => {
                state.pending.remove(self.key);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::{pending, ready},
        sync::atomic::{AtomicUsize, Ordering},
    };

    fn cache(capacity: usize) -> Cache<u32, u32> {
        Cache::new(capacity, |_, value| *value as usize)
    }

    #[tokio::test]
    async fn what_is_asked_at_once_is_asked_once() {
        let (cache, asked) = (cache(10), AtomicUsize::new(0));
        let ask = || async {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(7)
        };
        let all = tokio::join!(cache.get(&1, ask), cache.get(&1, ask), cache.get(&1, ask));
        assert!(matches!(all, (Ok(7), Ok(7), Ok(7))));
        assert!(matches!(cache.get(&1, ask).await, Ok(7)));
        assert_eq!(asked.into_inner(), 1);
        assert!(cache.lock().pending.is_empty());
    }

    #[tokio::test]
    async fn another_goes_on_where_the_first_gave_up() {
        let cache = cache(10);
        let mut first = Box::pin(cache.get(&1, pending));
        let mut second = Box::pin(cache.get(&1, || ready(Ok(7))));
        std::future::poll_fn(|cx| {
            assert!(first.as_mut().poll(cx).is_pending());
            assert!(second.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        drop(first);
        assert!(matches!(second.await, Ok(7)));
        drop(cache.get(&2, pending));
        assert!(cache.lock().pending.is_empty());
    }

    #[tokio::test]
    async fn an_error_is_told_and_not_kept() {
        let cache = cache(10);
        let failed = cache.get(&1, || ready(Err(RegistryError::NoRuntime))).await;
        assert!(matches!(failed, Err(RegistryError::NoRuntime)));
        assert!(matches!(cache.get(&1, || ready(Ok(7))).await, Ok(7)));
    }

    #[tokio::test]
    async fn the_oldest_go_when_there_are_too_many_or_they_are_too_large() {
        let cache = cache(2);
        for key in 0..4 {
            cache.get(&key, || ready(Ok(1))).await.unwrap();
        }
        let known = |cache: &Cache<u32, u32>| {
            let mut known: Vec<_> = cache.lock().known.keys().copied().collect();
            known.sort_unstable();
            known
        };
        assert_eq!(known(&cache), [2, 3]);
        cache.get(&9, || ready(Ok(16 << 20))).await.unwrap();
        assert_eq!(known(&cache), [9]);
        cache.get(&8, || ready(Ok(17 << 20))).await.unwrap();
        assert!(known(&cache).is_empty());
        assert_eq!(cache.lock().bytes, 0);
    }
}
