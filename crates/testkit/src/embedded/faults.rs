//! Faults by request.

use kafka_protocol::messages::ApiKey;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// The faults of an embedded broker. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Rule>>>,
}

/// Which requests a fault is for; the methods that name a fault put it in place.
///
/// Requests are counted from that moment on. Where several faults are for the same request the one
/// that was placed first happens; the others count the request all the same.
#[derive(Clone, Debug)]
#[must_use = "it takes a fault to have an effect"]
pub struct FaultRule {
    faults: Faults,
    api: ApiKey,
    broker: Option<i32>,
    skip: usize,
    times: usize,
}

/// A fault in place. Dropping the handle leaves it there.
#[derive(Clone, Debug)]
pub struct Fault {
    faults: Faults,
    state: Arc<State>,
}

#[derive(Debug)]
struct Rule {
    api: ApiKey,
    broker: Option<i32>,
    skip: usize,
    times: usize,
    action: Action,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    hits: watch::Sender<usize>,
    released: watch::Sender<bool>,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Delay(Duration),
    DelayResponse(Duration),
    Hold,
    HoldResponse,
    DropRequest,
    DropResponse,
    CloseBefore,
    CloseAfterApply,
    CutResponse,
    GarbageResponse,
    ForeignResponse,
    Error(i16),
    Throttle(Duration),
}

/// A fault that met a request.
#[derive(Debug)]
pub(super) struct Caught {
    pub(super) action: Action,
    state: Arc<State>,
}

impl Faults {
    /// Chooses requests of one kind: the next one, unless more is said.
    pub fn on(&self, api: ApiKey) -> FaultRule {
        FaultRule {
            faults: self.clone(),
            api,
            broker: None,
            skip: 0,
            times: 1,
        }
    }

    /// Takes all faults away and lets go what they hold.
    pub fn clear(&self) {
        for rule in self.lock().drain(..) {
            rule.state.released.send_replace(true);
        }
    }

    pub(super) fn catch(&self, broker: i32, api: ApiKey) -> Option<Caught> {
        let mut caught = None;
        self.lock().retain_mut(|rule| {
            if rule.api != api || rule.broker.is_some_and(|id| id != broker) {
                return true;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                return true;
            }
            if caught.is_none() {
                let state = rule.state.clone();
                state.hits.send_modify(|hits| *hits += 1);
                caught = Some(Caught {
                    action: rule.action,
                    state,
                });
            }
            // `always` is `usize::MAX` times, which nobody lives to see the end of.
            rule.times -= 1;
            rule.times > 0
        });
        caught
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FaultRule {
    /// Only requests to this broker.
    pub fn at_broker(mut self, id: i32) -> Self {
        self.broker = Some(id);
        self
    }

    /// Only the `n`-th request; 1 is the next one.
    pub fn nth(mut self, n: usize) -> Self {
        (self.skip, self.times) = (n.saturating_sub(1), 1);
        self
    }

    /// The next `n` requests.
    pub fn times(mut self, n: usize) -> Self {
        self.times = n;
        self
    }

    /// Every request.
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Leaves the next `n` requests alone first.
    pub fn after(mut self, n: usize) -> Self {
        self.skip = n;
        self
    }

    /// The request arrives that much later, and so does what follows it on its connection.
    pub fn delay(self, time: Duration) -> Fault {
        self.place(Action::Delay(time))
    }

    /// The request is applied, its response comes that much later.
    pub fn delay_response(self, time: Duration) -> Fault {
        self.place(Action::DelayResponse(time))
    }

    /// The request arrives when the handle says [`release`](Fault::release): even if its connection
    /// is gone by then, as a request that was stuck in the network.
    pub fn hold(self) -> Fault {
        self.place(Action::Hold)
    }

    /// The request is applied; its response waits for [`release`](Fault::release).
    pub fn hold_response(self) -> Fault {
        self.place(Action::HoldResponse)
    }

    /// The request is lost, and with it all that follows on its connection, which stays open.
    pub fn drop_request(self) -> Fault {
        self.place(Action::DropRequest)
    }

    /// The request is applied, but no response comes; nor to what follows on its connection, which
    /// stays open.
    pub fn drop_response(self) -> Fault {
        self.place(Action::DropResponse)
    }

    /// The connection is closed instead.
    pub fn close_before(self) -> Fault {
        self.place(Action::CloseBefore)
    }

    /// The request is applied, then the connection is closed without a response.
    pub fn close_after_apply(self) -> Fault {
        self.place(Action::CloseAfterApply)
    }

    /// The request is applied, half of its response is sent, and the connection is closed.
    pub fn cut_response(self) -> Fault {
        self.place(Action::CutResponse)
    }

    /// The request is applied and answered with random bytes under the right correlation id.
    pub fn garbage_response(self) -> Fault {
        self.place(Action::GarbageResponse)
    }

    /// The request is applied, and its response says that it answers another request.
    pub fn foreign_response(self) -> Fault {
        self.place(Action::ForeignResponse)
    }

    /// The request is refused: the response has this [code](crate::model::code) for everything that
    /// was asked, and nothing is applied.
    pub fn error(self, code: i16) -> Fault {
        self.place(Action::Error(code))
    }

    /// The request is applied and the response asks the client to wait that long. Like Kafka, the
    /// broker does not read from the connection meanwhile.
    pub fn throttle(self, time: Duration) -> Fault {
        self.place(Action::Throttle(time))
    }

    fn place(self, action: Action) -> Fault {
        let Self {
            faults,
            api,
            broker,
            skip,
            times,
        } = self;
        let state = Arc::<State>::default();
        if times > 0 {
            let rule = Rule {
                api,
                broker,
                skip,
                times,
                action,
                state: state.clone(),
            };
            faults.lock().push(rule);
        }
        Fault { faults, state }
    }
}

impl Fault {
    /// How many requests it happened to.
    #[must_use]
    pub fn hits(&self) -> usize {
        *self.state.hits.borrow()
    }

    /// Waits until it has happened to `n` requests. Cancel safe.
    pub async fn caught(&self, n: usize) {
        let mut hits = self.state.hits.subscribe();
        // The sender is in `self`, so it outlives the wait.
        let _ = hits.wait_for(|hits| *hits >= n).await;
    }

    /// Lets go what is held; what it catches later passes at once.
    pub fn release(&self) {
        self.state.released.send_replace(true);
    }

    /// Takes the fault away, and lets go what it holds.
    pub fn remove(&self) {
        self.faults
            .lock()
            .retain(|rule| !Arc::ptr_eq(&rule.state, &self.state));
        self.release();
    }
}

impl Caught {
    pub(super) async fn released(&self) {
        let mut released = self.state.released.subscribe();
        // The sender is in `self`, so it outlives the wait.
        let _ = released.wait_for(|released| *released).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(caught: Option<Caught>) -> Option<i16> {
        caught.map(|caught| match caught.action {
            Action::Error(code) => code,
            other => panic!("no fault of this test: {other:?}"),
        })
    }

    #[test]
    fn a_fault_is_for_the_next_request_unless_more_is_said() {
        let faults = Faults::default();
        let fault = faults.on(ApiKey::Produce).error(1);
        assert_eq!(code(faults.catch(1, ApiKey::Metadata)), None);
        assert_eq!(code(faults.catch(1, ApiKey::Produce)), Some(1));
        assert_eq!(code(faults.catch(1, ApiKey::Produce)), None);
        assert_eq!(fault.hits(), 1);
    }

    #[test]
    fn requests_are_counted_for_each_fault_by_itself() {
        let faults = Faults::default();
        faults.on(ApiKey::Produce).nth(3).error(3);
        faults.on(ApiKey::Produce).times(2).error(2);
        faults.on(ApiKey::Produce).at_broker(9).always().error(9);
        faults.on(ApiKey::Produce).after(3).always().error(4);
        let met = [1, 1, 1, 1, 9].map(|broker| code(faults.catch(broker, ApiKey::Produce)));
        assert_eq!(met, [Some(2), Some(2), Some(3), Some(4), Some(9)]);
    }

    #[test]
    fn a_removed_fault_is_gone() {
        let faults = Faults::default();
        let fault = faults.on(ApiKey::Fetch).always().error(1);
        faults.on(ApiKey::Fetch).always().error(2);
        fault.remove();
        assert_eq!(code(faults.catch(1, ApiKey::Fetch)), Some(2));
        faults.clear();
        assert_eq!(code(faults.catch(1, ApiKey::Fetch)), None);
    }
}
