//! The errands of the driver's control task: metadata and producer ids, one at a time.

use super::{
    coverage::Event,
    network::view_of,
    plan::{MS, Micros},
    world::{Do, World},
};
use crate::model::{TopicRef, TopicView as ModelTopic};
use guanaco_engine::{
    Topic,
    core::{ClusterView, PartitionView, TopicView},
};
use std::sync::Arc;

/// The longest that one errand may take.
const CONTROL_LIMIT: Micros = 5_000 * MS;

/// An errand on its way to a broker.
#[derive(Debug)]
pub(super) struct Errand {
    number: u32,
    broker: i32,
    what: What,
}

#[derive(Debug)]
enum What {
    Metadata(Vec<Topic>),
    ProducerId,
}

/// What came of an errand.
#[derive(Debug)]
pub(super) enum Reply {
    Metadata(ClusterView),
    ProducerId(i64, i16),
    Failed,
}

impl World {
    pub(super) fn notify_control(&mut self) {
        self.control.permit = true;
        if !self.control.busy && !std::mem::replace(&mut self.control.waking, true) {
            let pause = self.soon();
            self.after(pause, Do::ControlWake);
        }
    }

    pub(super) fn control_woken(&mut self) {
        self.control.waking = false;
        if !self.control.busy {
            self.control.permit = false;
            self.next_errand();
        }
    }

    pub(super) fn control_timer(&mut self, timer: u32) {
        if timer == self.control.timer && !self.control.busy {
            self.next_errand();
        }
    }

    /// What is due is begun; else the task sleeps until something is.
    fn next_errand(&mut self) {
        if self.core.is_dead() || self.control.ended {
            self.control.ended = true;
            return;
        }
        let due = self.with(|core, now| match core.metadata_due(now) {
            Ok(topics) => Ok(What::Metadata(topics)),
            Err(due) => Err((due, core.wants_identity())),
        });
        let what = match due {
            Ok(metadata) => metadata,
            Err((_, true)) if self.control.id_not_before <= self.now => What::ProducerId,
            Err((due, wanted)) => {
                let due = due.map(|due| self.micros_of(due));
                let id = wanted.then_some(self.control.id_not_before);
                if let Some(at) = due.into_iter().chain(id).min() {
                    self.control.timer += 1;
                    self.at(at, Do::ControlTimer(self.control.timer));
                }
                return;
            }
        };
        self.control.busy = true;
        self.control.timer += 1;
        self.control.errand += 1;
        let number = self.control.errand;
        let mut pause = 0;
        let broker = match self.control.connection {
            Some(broker) => broker,
            None => {
                let count = self.plan.brokers;
                let mut candidates: Vec<i32> = (1..=count).collect();
                self.rng.shuffle(&mut candidates);
                let found = candidates.into_iter().find(|broker| {
                    pause += self.plan.latency * 2;
                    self.reachable(*broker).is_some()
                });
                match found {
                    Some(broker) => broker,
                    None => {
                        let pause = self.about(20 * MS);
                        return self.after(pause, Do::Reply(number, Box::new(Reply::Failed)));
                    }
                }
            }
        };
        let pause = pause + self.about(self.plan.latency);
        self.after(
            pause,
            Do::Serve(Errand {
                number,
                broker,
                what,
            }),
        );
    }

    /// An errand arrives at its broker.
    pub(super) fn serve(&mut self, errand: Errand) {
        let Errand {
            number,
            broker,
            what,
        } = errand;
        let limit = (self.plan.config.request_timeout.as_micros() as Micros).min(CONTROL_LIMIT);
        let reply = match self.reachable(broker) {
            Some(true) => self.work(broker, &what),
            None if self.cluster.is_alive(broker) && self.control.connection == Some(broker) => {
                self.work(broker, &what) // it takes no new connections, but this one is up
            }
            Some(false) => {
                return self.after(limit, Do::Reply(number, Box::new(Reply::Failed)));
            }
            None => Reply::Failed,
        };
        self.control.connection = Some(broker);
        let pause = self.about(self.plan.latency).min(limit);
        self.after(pause, Do::Reply(number, Box::new(reply)));
    }

    fn work(&mut self, broker: i32, what: &What) -> Reply {
        let trouble = match what {
            What::Metadata(_) => self.ending.no_metadata_until,
            What::ProducerId => self.ending.no_identity_until,
        };
        if trouble > self.now {
            if matches!(what, What::ProducerId) {
                self.coverage.see(Event::IdentityTrouble);
            }
            return Reply::Failed;
        }
        match what {
            What::ProducerId => {
                let (id, _) = self.cluster.init_producer_id();
                Reply::ProducerId(id, self.plan.first_epoch)
            }
            What::Metadata(topics) => {
                let now = self.millis();
                let wanted: Vec<_> = topics
                    .iter()
                    .map(|topic| TopicRef::Name(topic.as_str()))
                    .collect();
                let Ok(views) = self.cluster.metadata(broker, Some(&wanted), true, now) else {
                    return Reply::Failed;
                };
                self.remember_ids();
                let topics = topics
                    .iter()
                    .zip(views)
                    .map(|(name, view)| self.topic_view(name, view));
                let topics = topics.collect();
                Reply::Metadata(ClusterView {
                    cluster_id: Some(Arc::from("sim")),
                    brokers: self.cluster.alive().map(view_of).collect(),
                    topics,
                })
            }
        }
    }

    fn topic_view(&self, name: &Topic, view: ModelTopic) -> TopicView {
        let partitions = (0..)
            .zip(&view.partitions)
            .map(|(index, partition)| PartitionView {
                index,
                leader: partition.leader.id,
                leader_epoch: partition.leader.epoch,
            });
        TopicView {
            name: name.clone(),
            id: if self.plan.by_id {
                view.id
            } else {
                uuid::Uuid::nil()
            },
            error: view.code,
            partitions: partitions.collect(),
        }
    }

    /// An errand's reply arrives.
    pub(super) fn reply(&mut self, number: u32, reply: Reply) {
        if number != self.control.errand {
            return;
        }
        self.control.busy = false;
        match reply {
            Reply::Metadata(view) => {
                if view.topics.iter().any(|topic| topic.error != 0) {
                    self.coverage.see(Event::UnknownTopic);
                }
                self.note(|| format!("metadata: {}", describe(&view)));
                self.with(|core, now| core.apply(view, now));
            }
            Reply::ProducerId(id, epoch) => {
                self.ending.producer_ids += 1;
                if self.control.id_not_before > 0 || id > 0 {
                    self.coverage.see(Event::IdentityTrouble);
                }
                self.note(|| format!("producer id {id}:{epoch}"));
                self.with(|core, now| core.identified(id, epoch, now));
            }
            Reply::Failed => {
                self.note(|| "control request failed".into());
                self.control.connection = None;
                let backoff = self.plan.config.retry_backoff.as_micros() as Micros;
                self.control.id_not_before = self.now + backoff;
            }
        }
        self.next_errand();
    }
}

fn describe(view: &ClusterView) -> String {
    let topics = view.topics.iter().map(|topic| {
        let leaders: Vec<_> = topic
            .partitions
            .iter()
            .map(|partition| format!("{}@{}", partition.leader, partition.leader_epoch))
            .collect();
        format!("{} {} {}", topic.name, topic.error, leaders.join(" "))
    });
    topics.collect::<Vec<_>>().join("; ")
}
