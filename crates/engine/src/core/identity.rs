//! Who the producer is to the brokers (KIP-98), and when it becomes someone else.

/// A producer id with its epoch: what sequences are counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Given by `InitProducerId`.
    pub id: i64,
    /// Raised by us for each partition that has to start counting anew (KIP-360).
    pub epoch: i16,
}

/// The one owner of the producer's identity.
///
/// Each partition counts under the identity it took when it started from sequence 0 and keeps it
/// until it has to start over; the epoch only ever rises, so a partition that starts over is always
/// ahead of whatever of its own old requests may still arrive.
#[derive(Debug, Default)]
pub(super) struct Identities {
    current: Option<Identity>,
}

impl Identities {
    /// The identity for a partition that starts counting; `None` while one has to be fetched.
    pub(super) fn current(&self) -> Option<Identity> {
        self.current
    }

    /// The cluster's answer.
    pub(super) fn assign(&mut self, id: i64, epoch: i16) {
        self.current = Some(Identity { id, epoch });
    }

    /// The identity after `old`, for a partition that starts over under it; `None` while a new
    /// producer id is on its way, because the epochs of the old one ran out.
    pub(super) fn after(&mut self, old: Identity) -> Option<Identity> {
        let current = self.current()?;
        if current.id != old.id {
            return Some(current);
        }
        match current.epoch.checked_add(1) {
            Some(epoch) => {
                self.current = Some(Identity { epoch, ..current });
                self.current
            }
            None => {
                self.current = None;
                None
            }
        }
    }
}
