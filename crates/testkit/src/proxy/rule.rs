//! Which frames something happens to, and what.

use super::{ApiKey, Direction};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::watch, time::sleep_until};

/// A fault: frames of one direction, by API key and count, and what befalls them.
///
/// Built from the frames to the fault: `Rule::requests().api(ApiKey::Produce).nth(3).drop()`. Counts
/// go over all connections of the proxy. What is not narrowed down applies to all.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    direction: Direction,
    api: Option<i16>,
    which: Which,
    lasting: Option<Duration>,
    action: Action,
}

/// What befalls a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    Pass,
    Hold,
    Drop,
    Delay(Duration),
    Close,
    Trickle(u32),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Which {
    Every,
    First(usize),
    Nth(usize),
}

impl Rule {
    /// About frames from the client to the broker. It only counts until an action is given.
    #[must_use]
    pub fn requests() -> Self {
        Self::new(Direction::ToBroker)
    }

    /// About frames from the broker to the client, by the request that they answer.
    #[must_use]
    pub fn responses() -> Self {
        Self::new(Direction::ToClient)
    }

    fn new(direction: Direction) -> Self {
        Self {
            direction,
            api: None,
            which: Which::Every,
            lasting: None,
            action: Action::Pass,
        }
    }

    /// Only frames of this API.
    #[must_use]
    pub fn api(mut self, api: ApiKey) -> Self {
        self.api = Some(api as i16);
        self
    }

    /// Only the `n`-th of the frames that match from now on, counted from 1.
    #[must_use]
    pub fn nth(mut self, n: usize) -> Self {
        self.which = Which::Nth(n);
        self
    }

    /// Only the first `n` of the frames that match from now on.
    #[must_use]
    pub fn first(mut self, n: usize) -> Self {
        self.which = Which::First(n);
        self
    }

    /// In force for this long after it was added; what it holds then goes on.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.lasting = Some(time);
        self
    }

    /// The frame, and all behind it on its connection, wait until the rule ends. If the client hangs
    /// up meanwhile, a held request still reaches the broker afterwards, as a late packet does.
    #[must_use]
    pub fn hold(self) -> Self {
        self.with(Action::Hold)
    }

    /// The frame vanishes; the connection goes on.
    #[must_use]
    pub fn drop(self) -> Self {
        self.with(Action::Drop)
    }

    /// The frame comes this much later, and all behind it on its connection no sooner.
    #[must_use]
    pub fn delay(self, time: Duration) -> Self {
        self.with(Action::Delay(time))
    }

    /// The connection is cut instead of the frame being forwarded. On a response: the broker has
    /// done what was asked, and the client does not learn of it.
    #[must_use]
    pub fn close(self) -> Self {
        self.with(Action::Close)
    }

    /// The frame goes on at so many bytes per second.
    #[must_use]
    pub fn trickle(self, bytes_per_second: u32) -> Self {
        self.with(Action::Trickle(bytes_per_second))
    }

    fn with(mut self, action: Action) -> Self {
        self.action = action;
        self
    }
}

/// A rule in force.
#[derive(Clone, Debug)]
pub struct RuleHandle(Arc<InForce>);

/// The frames that were waited for did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{hits} frames met the rule within {} ms, not {wanted}", .waited.as_millis())]
pub struct RuleTimedOut {
    /// How many were waited for.
    pub wanted: usize,
    /// How many came.
    pub hits: usize,
    /// How long it was waited.
    pub waited: Duration,
}

impl RuleHandle {
    /// How many frames it has befallen.
    #[must_use]
    pub fn hits(&self) -> usize {
        *self.0.hits.borrow()
    }

    /// Waits until it has befallen that many frames.
    ///
    /// # Errors
    /// If they do not come in time.
    pub async fn wait_for(&self, wanted: usize, within: Duration) -> Result<(), RuleTimedOut> {
        let mut hits = self.0.hits.subscribe();
        let reached = hits.wait_for(|hits| *hits >= wanted);
        match tokio::time::timeout(within, reached).await {
            // The sender is in our hands, so this is no closed channel.
            Ok(_) => Ok(()),
            Err(_) => Err(RuleTimedOut {
                wanted,
                hits: self.hits(),
                waited: within,
            }),
        }
    }

    /// Ends the rule: what it holds goes on, and nothing more is befallen.
    pub fn release(&self) {
        self.0.ended.send_replace(true);
    }
}

#[derive(Debug)]
pub(super) struct InForce {
    rule: Rule,
    until: Option<Instant>,
    matched: Mutex<usize>,
    hits: watch::Sender<usize>,
    ended: watch::Sender<bool>,
}

impl InForce {
    pub(super) fn action(&self) -> Action {
        self.rule.action
    }

    /// Returns when the rule is no longer in force.
    pub(super) async fn over(&self) {
        let mut ended = self.ended.subscribe();
        let released = ended.wait_for(|ended| *ended);
        match self.until {
            Some(until) => tokio::select! {
                _ = released => {}
                () = sleep_until(until.into()) => {}
            },
            // The sender is in our hands, so this is no closed channel.
            None => drop(released.await),
        }
    }

    fn is_over(&self) -> bool {
        *self.ended.borrow() || self.until.is_some_and(|until| until <= Instant::now())
    }

    /// Counts the frame if it matches; true if the rule befalls it.
    fn befalls(&self, direction: Direction, api: Option<i16>) -> bool {
        let rule = &self.rule;
        if rule.direction != direction || (rule.api.is_some() && rule.api != api) || self.is_over()
        {
            return false;
        }
        let nth = {
            let mut matched = self.matched.lock().unwrap_or_else(PoisonError::into_inner);
            *matched += 1;
            *matched
        };
        let befallen = match rule.which {
            Which::Every => true,
            Which::First(n) => nth <= n,
            Which::Nth(n) => nth == n,
        };
        if befallen {
            self.hits.send_modify(|hits| *hits += 1);
        }
        befallen
    }
}

/// The rules of a proxy, and its count of requests.
#[derive(Debug, Default)]
pub(super) struct Rules {
    in_force: Mutex<Vec<Arc<InForce>>>,
    requests: Mutex<HashMap<i16, usize>>,
}

impl Rules {
    pub(super) fn add(&self, rule: Rule) -> RuleHandle {
        let in_force = Arc::new(InForce {
            until: rule.lasting.map(|time| Instant::now() + time),
            rule,
            matched: Mutex::default(),
            hits: watch::Sender::new(0),
            ended: watch::Sender::new(false),
        });
        let mut all = self.all();
        all.retain(|rule| !rule.is_over());
        all.push(Arc::clone(&in_force));
        RuleHandle(in_force)
    }

    pub(super) fn clear(&self) {
        for rule in self.all().drain(..) {
            rule.ended.send_replace(true);
        }
    }

    pub(super) fn requests(&self, api: ApiKey) -> usize {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.get(&(api as i16)).copied().unwrap_or(0)
    }

    /// The rules that befall a frame, in the order in which they were added.
    pub(super) fn of(&self, direction: Direction, api: Option<i16>) -> Vec<Arc<InForce>> {
        if let (Direction::ToBroker, Some(api)) = (direction, api) {
            let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            *requests.entry(api).or_default() += 1;
        }
        self.all()
            .iter()
            .filter(|rule| rule.befalls(direction, api))
            .cloned()
            .collect()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<InForce>>> {
        // Each change is a single call: there is no half-done state to be afraid of.
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
