//! Brokers that die, come back and lag, and the leadership that follows.

use super::append::Refused;
use super::cluster::Cluster;
use super::code;
use super::partition::Partition;

/// One broker's condition.
#[derive(Debug)]
pub(super) struct Broker {
    alive: bool,
    pub(super) metadata_lag_ms: i64,
    knows_from: i64,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            alive: true,
            metadata_lag_ms: 0,
            knows_from: i64::MIN,
        }
    }
}

impl Broker {
    /// Whether it has caught up with the cluster's metadata since its start.
    pub(super) fn knows_at(&self, now: i64) -> bool {
        self.knows_from <= now
    }
}

impl Cluster {
    /// Kills a broker. What it led goes to another in-sync replica, if one lives. Without effect on
    /// a dead or unknown one.
    pub fn kill(&mut self, broker: i32, now: i64) {
        if !self.is_alive(broker) {
            return;
        }
        self.brokers[index(broker)].alive = false;
        for partition in self.partitions_mut() {
            if partition.isr.len() > 1 {
                partition.isr.retain(|id| *id != broker);
            }
            if partition.leader.id == broker {
                let next = partition
                    .isr
                    .iter()
                    .copied()
                    .find(|id| *id != broker)
                    .unwrap_or(-1);
                partition.lead_by(next, now);
            }
        }
    }

    /// Starts a dead broker again. It is in sync at once, and leads what has no leader if it was
    /// the last in-sync replica. Without effect on a living or unknown one.
    pub fn restart(&mut self, broker: i32, now: i64) {
        self.restart_unaware(broker, now, now);
    }

    /// As [`restart`](Self::restart), but until `knows_from` the broker knows no topic and says so.
    pub fn restart_unaware(&mut self, broker: i32, now: i64, knows_from: i64) {
        let Some(state) = usize::try_from(broker - 1)
            .ok()
            .and_then(|at| self.brokers.get_mut(at))
        else {
            return;
        };
        if state.alive {
            return;
        }
        state.alive = true;
        state.knows_from = knows_from;
        for partition in self.partitions_mut() {
            if partition.leader.id == -1 && partition.isr.contains(&broker) {
                partition.lead_by(broker, now);
            }
        }
        self.rejoin_living();
    }

    /// Living replicas are in sync wherever there is a leader to copy from.
    fn rejoin_living(&mut self) {
        let alive: Vec<bool> = self.brokers.iter().map(|broker| broker.alive).collect();
        for partition in self
            .partitions_mut()
            .filter(|partition| partition.leader.id != -1)
        {
            let Partition { replicas, isr, .. } = partition;
            for id in replicas.iter().filter(|id| alive[index(**id)]) {
                if !isr.contains(id) {
                    isr.push(*id);
                }
            }
        }
    }

    /// Lets a broker answer with leaders as they were `lag_ms` ago.
    ///
    /// # Errors
    /// If the broker is dead or unknown.
    pub fn lag_metadata(&mut self, broker: i32, lag_ms: i64) -> Result<(), Refused> {
        self.living(broker)?;
        self.brokers[index(broker)].metadata_lag_ms = lag_ms;
        Ok(())
    }

    /// Makes another living replica the leader of a partition, chosen by the seed; its id. With one
    /// living replica nothing changes.
    ///
    /// # Errors
    /// If there is no such partition, or no living replica.
    pub fn move_leader(&mut self, topic: &str, partition: i32, now: i64) -> Result<i32, Refused> {
        let state = self.partition_mut(topic, partition)?;
        let (isr, leader) = (state.isr.clone(), state.leader.id);
        let others: Vec<i32> = isr
            .into_iter()
            .filter(|id| *id != leader && self.is_alive(*id))
            .collect();
        let next = match self.rng.choice(&others) {
            Some(id) => *id,
            None if leader != -1 => leader,
            None => return Err(code::LEADER_NOT_AVAILABLE.into()),
        };
        self.move_leader_to(topic, partition, next, now)?;
        Ok(next)
    }

    /// Makes a broker the leader of a partition; it becomes a replica if it was none.
    ///
    /// # Errors
    /// If there is no such partition, or the broker is dead or unknown.
    pub fn move_leader_to(
        &mut self,
        topic: &str,
        partition: i32,
        broker: i32,
        now: i64,
    ) -> Result<(), Refused> {
        self.living(broker)?;
        let state = self.partition_mut(topic, partition)?;
        if !state.replicas.contains(&broker) {
            state.replicas.push(broker);
        }
        if !state.isr.contains(&broker) {
            state.isr.push(broker);
        }
        state.lead_by(broker, now);
        Ok(())
    }

    /// Whether the broker exists and lives.
    #[must_use]
    pub fn is_alive(&self, broker: i32) -> bool {
        self.living(broker).is_ok()
    }

    /// The ids of the living brokers, in order.
    pub fn alive(&self) -> impl Iterator<Item = i32> + '_ {
        (1..)
            .zip(&self.brokers)
            .filter(|(_, broker)| broker.alive)
            .map(|(id, _)| id)
    }

    pub(super) fn living(&self, broker: i32) -> Result<&Broker, i16> {
        usize::try_from(broker.wrapping_sub(1))
            .ok()
            .and_then(|at| self.brokers.get(at))
            .filter(|broker| broker.alive)
            .ok_or(code::NETWORK_EXCEPTION)
    }

    fn partitions_mut(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.topics
            .iter_mut()
            .flat_map(|topic| &mut topic.partitions)
    }
}

fn index(broker: i32) -> usize {
    broker as usize - 1
}
