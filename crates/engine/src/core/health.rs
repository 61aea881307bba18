//! Whether the cluster answers and whether anything is stuck, from what is known already.

use super::{Core, broker::Broker};
use crate::{Cause, Health, HealthProblem};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// What the cluster was last heard of.
#[derive(Debug, Default)]
pub(super) struct Contact {
    last_answer: Option<Instant>,
    /// Since when nothing that was asked of it helped, and why.
    failing: Option<(Instant, Arc<str>)>,
}

impl Contact {
    pub(super) fn answered(&mut self, now: Instant) {
        self.last_answer = Some(now);
        self.failing = None;
    }
}

impl Core {
    /// An errand to the cluster failed; it will be tried again.
    pub fn errand_failed(&mut self, reason: &str, now: Instant) {
        let since = self.contact.failing.take().map_or(now, |(since, _)| since);
        self.contact.failing = Some((since, reason.into()));
    }

    /// How the producer is. Looks at each partition and broker once.
    #[must_use]
    pub fn health(&self, now: Instant) -> Health {
        let since = |then: Instant| now.saturating_duration_since(then);
        let oldest = self.oldest_unsettled().map(since);
        let mut problems = Vec::new();
        match self.life.cause_of_death() {
            Some(Cause::Closed) => problems.push(HealthProblem::Closed),
            Some(cause) => problems.push(HealthProblem::Dead(cause.clone())),
            None if self.life.refuses() => problems.push(HealthProblem::Closed),
            None => {}
        }
        if !self.is_dead() {
            if !self.is_connected() {
                problems.push(HealthProblem::NotConnected);
            }
            if let Some((failing, reason)) = &self.contact.failing {
                problems.push(HealthProblem::Unreachable {
                    since: since(*failing),
                    reason: Arc::clone(reason),
                });
            }
            let patience = self.config.request_timeout / 2;
            problems.extend(self.brokers.iter().filter_map(|broker| {
                let waited = since(oldest_request(broker)?);
                (waited > patience).then_some(HealthProblem::SilentBroker {
                    broker: broker.view.id,
                    waited,
                })
            }));
            problems.extend(oldest.and_then(|waited| self.stuck(waited)));
        }
        Health {
            problems,
            last_answer: self.contact.last_answer.map(since),
            oldest_unacknowledged: oldest,
            buffer_full: self.credit.is_contended(),
        }
    }

    fn stuck(&self, waited: Duration) -> Option<HealthProblem> {
        let limit = self.config.delivery_timeout;
        let patience = limit.saturating_sub(self.config.linger) / 2;
        let stuck = waited.saturating_sub(self.config.linger) > patience;
        stuck.then_some(HealthProblem::Stuck { waited, limit })
    }

    /// When the oldest record without an outcome came: in a batch, for a topic that is not known,
    /// or a send that waits for room.
    fn oldest_unsettled(&self) -> Option<Instant> {
        let batches = self.partitions.iter().filter_map(|p| p.oldest());
        let staged = self.topics.iter().filter_map(|topic| topic.staged.as_ref());
        let pending = self.pending.front().map(|pending| pending.since);
        batches
            .chain(staged.map(|staged| staged.since))
            .chain(pending)
            .min()
    }
}

fn oldest_request(broker: &Broker) -> Option<Instant> {
    broker.unanswered.front().map(|request| request.sent)
}
