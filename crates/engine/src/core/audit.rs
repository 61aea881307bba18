//! Whether the core's books agree with one another: asked by tests, often.

use super::{Core, batch::Body};

impl Core {
    /// What does not add up, if anything: a sentence for whoever has to find out why.
    ///
    /// # Errors
    /// With the first rule that is broken.
    #[doc(hidden)]
    pub fn audit(&self) -> Result<(), String> {
        self.audit_room()?;
        self.audit_generations()?;
        (0..self.partitions.len()).try_for_each(|partition| self.audit_partition(partition))
    }

    /// Every byte of `buffer.memory` that is taken is somebody's, and pooled buffers fit beside.
    fn audit_room(&self) -> Result<(), String> {
        let batches: usize = self
            .partitions
            .iter()
            .flat_map(|p| p.in_flight.iter().chain(&p.queue).chain(&p.open))
            .map(|batch| batch.credit)
            .sum();
        let staged = self.topics.iter().flat_map(|topic| &topic.staged);
        let held = batches + staged.map(|staged| staged.credit).sum::<usize>();
        let (used, granted) = self.credit.account();
        if used != held + granted {
            return Err(format!(
                "{used} bytes are taken, {held} held, {granted} granted"
            ));
        }
        let pooled = self.pool.held();
        if pooled > 0 && pooled + held > self.config.buffer_memory {
            return Err(format!(
                "{pooled} bytes are pooled beside {held} that are held"
            ));
        }
        Ok(())
    }

    /// A flush waits for everything that has no outcome, and for nothing else.
    fn audit_generations(&self) -> Result<(), String> {
        let batches: usize = self
            .partitions
            .iter()
            .flat_map(|p| p.in_flight.iter().chain(&p.queue).chain(&p.open))
            .filter(|batch| !batch.expired)
            .count();
        let staged = self.topics.iter().flat_map(|topic| &topic.staged).count();
        let open = batches + staged + self.pending.len();
        let counted: usize = self.generations.open.iter().sum();
        if open != counted {
            return Err(format!("{open} things are open, flushes count {counted}"));
        }
        Ok(())
    }

    fn audit_partition(&self, partition: usize) -> Result<(), String> {
        let p = &self.partitions[partition];
        let wrong = |what: &str| {
            Err(format!(
                "partition {} of topic {}: {what}",
                p.index, p.topic
            ))
        };
        let orders: Vec<_> = p
            .queue
            .iter()
            .chain(&p.open)
            .map(|batch| batch.order)
            .collect();
        if !orders.is_sorted() {
            return wrong("its queue is out of order");
        }
        if p.in_flight.len() > self.limits.per_partition {
            return wrong("too many batches are on the wire");
        }
        let stamped: Vec<bool> = p.queue.iter().map(|batch| batch.stamp.is_some()).collect();
        if !stamped.is_sorted_by(|a, b| a >= b) {
            return wrong("a stamped batch stands behind one that is not");
        }
        if p.queue
            .iter()
            .any(|batch| matches!(batch.body, Body::Open(_)))
        {
            return wrong("an open batch is queued");
        }
        let Some(leader) = p.leader else {
            return match p.listed {
                true => wrong("it is listed without a leader"),
                false => Ok(()),
            };
        };
        let listed = &self.brokers[leader].listed;
        match listed.iter().filter(|listed| **listed == partition).count() {
            0 if !p.listed => {}
            1 if p.listed => {}
            count => {
                return wrong(&format!(
                    "it is listed {count} times, and says {}",
                    p.listed
                ));
            }
        }
        let closed = p
            .queue
            .front()
            .is_some_and(|batch| !matches!(batch.body, Body::Compressing));
        if (closed || (p.queue.is_empty() && p.open.is_some())) && !p.listed {
            return wrong("it has something to send and is not listed");
        }
        Ok(())
    }
}
