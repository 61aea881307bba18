//! `buffer.memory`: who has room, and who is next.

use super::mutants::Mutant;
use std::collections::{HashMap, VecDeque};

/// A stream of records with a claim on the buffer: an appender, or the FIFO of pending sends.
pub type FlowId = u64;

/// Bytes of `buffer.memory`, handed out in the order asked.
///
/// Freed bytes are *granted* to the longest waiter before it is woken, so nobody can overtake it,
/// and only as many are woken as the freed bytes cover.
#[derive(Debug)]
pub(super) struct Credit {
    total: usize,
    used: usize,
    waiting: VecDeque<(FlowId, usize)>,
    granted: HashMap<FlowId, usize>,
}

impl Credit {
    /// All of `total` bytes free.
    #[must_use]
    pub(super) fn new(total: usize) -> Self {
        Self {
            total,
            used: 0,
            waiting: VecDeque::new(),
            granted: HashMap::new(),
        }
    }

    /// Takes `bytes` for `flow`, or queues it for them and says no.
    ///
    /// More than there is in all is given when nothing else is used, or it could never be.
    pub(super) fn take(&mut self, flow: FlowId, bytes: usize) -> bool {
        let grant = self.granted.get(&flow).copied();
        if let Some(grant) = grant {
            if grant >= bytes || self.fits(bytes - grant) {
                self.granted.remove(&flow);
                self.used = self.used - grant + bytes;
                return true;
            }
            // It asks for more than it queued for: back to the head of the queue, grant in hand.
            self.granted.remove(&flow);
            self.used -= grant;
            self.waiting.push_front((flow, bytes));
            return false;
        }
        if self.waiting.is_empty() && self.fits(bytes) {
            self.used += bytes;
            return true;
        }
        match self
            .waiting
            .iter_mut()
            .find(|(waiting, _)| *waiting == flow)
        {
            Some((_, need)) => *need = bytes,
            None => self.waiting.push_back((flow, bytes)),
        }
        false
    }

    /// Whether [`take`](Self::take) would give it.
    pub(super) fn could_take(&self, flow: FlowId, bytes: usize) -> bool {
        match self.granted.get(&flow) {
            Some(grant) => *grant >= bytes || self.fits(bytes - grant),
            None => self.waiting.is_empty() && self.fits(bytes),
        }
    }

    /// As [`take`](Self::take), but what is given stays a grant, for a record that is not there yet.
    pub(super) fn reserve(&mut self, flow: FlowId, bytes: usize) -> bool {
        let given = self.take(flow, bytes);
        if given {
            self.granted.insert(flow, bytes);
        }
        given
    }

    /// What one flow was granted is another's, who waits for nothing, from now on.
    pub(super) fn pass(&mut self, from: FlowId, to: FlowId) {
        if let Some(grant) = self.granted.remove(&from) {
            *self.granted.entry(to).or_default() += grant;
        }
    }

    /// Takes `bytes` although there may be no room: for records that already hold credit of another
    /// kind and only change place.
    pub(super) fn force(&mut self, bytes: usize) {
        self.used += bytes;
    }

    /// Gives `bytes` back.
    pub(super) fn free(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.used, "more credit freed than taken");
        self.used = self.used.saturating_sub(bytes);
    }

    /// Grants what is free to those who wait longest; they are to be woken.
    pub(super) fn grant(&mut self, mut woken: impl FnMut(FlowId)) {
        while let Some(&(flow, bytes)) = self.waiting.front() {
            if !self.fits(bytes) {
                return;
            }
            self.waiting.pop_front();
            self.used += bytes;
            *self.granted.entry(flow).or_default() += bytes;
            woken(flow);
        }
    }

    /// The flow does without what it was granted or waits for; whether there was anything.
    pub(super) fn withdraw(&mut self, flow: FlowId) -> bool {
        if self.waiting.is_empty() && self.granted.is_empty() {
            return false;
        }
        let before = self.waiting.len();
        self.waiting.retain(|(waiting, _)| *waiting != flow);
        let grant = self.granted.remove(&flow);
        if !Mutant::GrantForgotten.is_planted() {
            self.used -= grant.unwrap_or(0);
        }
        grant.is_some() || self.waiting.len() < before
    }

    /// Nobody needs room any more; those who waited for it are to be woken.
    pub(super) fn withdraw_all(&mut self, woken: impl FnMut(FlowId)) {
        self.used -= std::mem::take(&mut self.granted)
            .into_values()
            .sum::<usize>();
        self.waiting.drain(..).map(|(flow, _)| flow).for_each(woken);
    }

    /// Whether anyone waits for room: then nothing may linger.
    #[must_use]
    pub(super) fn is_contended(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Bytes not taken.
    #[must_use]
    pub(super) fn available(&self) -> usize {
        self.total.saturating_sub(self.used)
    }

    /// Bytes taken, and of those how many are granted to somebody who did not come for them yet.
    pub(super) fn account(&self) -> (usize, usize) {
        (self.used, self.granted.values().sum())
    }

    /// How many wait.
    #[must_use]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn fits(&self, bytes: usize) -> bool {
        self.used == 0 || self.used + bytes <= self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_room_goes_to_the_longest_waiter_and_nobody_overtakes_it() {
        let mut credit = Credit::new(100);
        assert!(credit.take(1, 80));
        assert!(!credit.take(2, 50));
        assert!(!credit.take(3, 10), "10 would fit, but 2 came first");
        credit.free(80);
        let mut woken = vec![];
        credit.grant(|flow| woken.push(flow));
        assert_eq!(woken, [2, 3]);
        assert!(credit.take(2, 50) && credit.take(3, 10));
        assert_eq!(credit.available(), 40);
    }

    #[test]
    fn the_grant_of_a_waiter_that_went_away_passes_on() {
        let mut credit = Credit::new(100);
        assert!(credit.take(1, 100));
        assert!(!credit.take(2, 60) && !credit.take(3, 60));
        credit.free(100);
        credit.grant(|_| ());
        assert!(
            credit.is_contended(),
            "60 of 100 are granted to 2; 3 still waits"
        );
        credit.withdraw(2);
        let mut woken = vec![];
        credit.grant(|flow| woken.push(flow));
        assert_eq!(woken, [3]);
    }

    #[test]
    fn a_need_larger_than_the_buffer_is_met_when_nothing_else_is_held() {
        let mut credit = Credit::new(100);
        assert!(credit.take(1, 1));
        assert!(!credit.take(2, 500));
        credit.free(1);
        credit.grant(|_| ());
        assert!(credit.take(2, 500));
        assert_eq!(credit.available(), 0);
    }

    #[test]
    fn a_flow_that_needs_more_than_its_grant_keeps_its_place() {
        let mut credit = Credit::new(100);
        assert!(credit.take(1, 100));
        assert!(!credit.take(2, 10) && !credit.take(3, 10));
        credit.free(50);
        credit.grant(|_| ());
        assert!(!credit.take(2, 90));
        credit.free(50);
        let mut woken = vec![];
        credit.grant(|flow| woken.push(flow));
        assert!(woken.is_empty() || woken[0] == 2);
    }
}
