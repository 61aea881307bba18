//! What the application did and what it was told.

/// A record's number; it is in the record's value, so the logs can be read back.
pub type Id = u32;

/// What the application was told of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing yet.
    Open,
    /// It is in the log.
    Acked {
        /// The partition.
        partition: i32,
        /// Its offset, where it was told.
        offset: Option<i64>,
    },
    /// It is not in the log and never will be.
    NotWritten,
    /// It may be in the log.
    MaybeWritten,
    /// The application took it back before it was accepted.
    Withdrawn,
}

/// One record.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Who sent it; each sender's records have an order.
    pub sender: u32,
    /// The topic that it was sent to, by number.
    pub topic: usize,
    /// When the producer took it, in microseconds.
    pub at: u64,
    /// When the application was told, in microseconds.
    pub told_at: u64,
    /// What the application was told.
    pub told: Told,
    /// Nothing was broken any more when it was sent: it has to be acknowledged within so many
    /// microseconds.
    pub calm: Option<u64>,
}

/// All records of a run, in the order in which each sender sent its own.
#[derive(Clone, Debug, Default)]
pub struct History {
    records: Vec<Sent>,
    twice: Vec<Id>,
    open: usize,
}

impl History {
    /// A record is about to be sent; its number.
    pub fn send(&mut self, sender: u32, topic: usize, at: u64) -> Id {
        self.records.push(Sent {
            sender,
            topic,
            at,
            told_at: 0,
            told: Told::Open,
            calm: None,
        });
        self.open += 1;
        self.records.len() as Id - 1
    }

    /// The application is told of a record.
    pub fn tell(&mut self, id: Id, told: Told, at: u64) {
        let record = &mut self.records[id as usize];
        if record.told == Told::Open {
            record.told = told;
            record.told_at = at;
            self.open -= 1;
        } else {
            self.twice.push(id);
        }
    }

    /// One record.
    #[must_use]
    pub fn record(&self, id: Id) -> Option<&Sent> {
        self.records.get(id as usize)
    }

    /// One record, to be changed.
    pub fn record_mut(&mut self, id: Id) -> Option<&mut Sent> {
        self.records.get_mut(id as usize)
    }

    /// All records, by number.
    pub fn records(&self) -> impl Iterator<Item = (Id, &Sent)> {
        (0..).zip(&self.records)
    }

    /// How many records nothing was told of yet.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open
    }

    /// The records that more than one outcome was told of.
    #[must_use]
    pub fn told_twice(&self) -> &[Id] {
        &self.twice
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}
