//! Books outcomes, in input order.

use crate::{
    exit::{Exit, chain},
    failed_file::FailedFile,
    input::{BadLine, Broken},
    records::{Gauge, Ticket},
    tally::{Placed, Tally},
};
use bytes::Bytes;
use guanaco::{Delivery, Envelope, Failed, ProduceError, ProducerRecord, Written};
use std::sync::Arc;

/// How many bad lines are named one by one.
const NAMED: u64 = 10;

type Outcome = Result<Delivery<Bytes, Bytes, Ticket>, Failed<Bytes, Bytes, Ticket>>;

/// What became of the input so far.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) tally: Tally,
    pub(crate) failed_file: FailedFile,
    pub(crate) is_interrupted: bool,
    /// Why the input was not read to its end.
    pub(crate) stop: Option<Stop>,
    /// Why the producer gave up.
    pub(crate) died: Option<ProduceError>,
    skip_bad: bool,
    gauge: Arc<Gauge>,
    last_line: u64,
}

/// What ended the input early.
#[derive(Debug)]
pub(crate) enum Stop {
    Bad(Box<BadLine>),
    Broken(Box<Broken>),
}

impl Ledger {
    pub(crate) fn new(failed_file: FailedFile, skip_bad: bool, gauge: Arc<Gauge>) -> Self {
        Self {
            tally: Tally::new(),
            failed_file,
            is_interrupted: false,
            stop: None,
            died: None,
            skip_bad,
            gauge,
            last_line: 0,
        }
    }

    /// Books one outcome. Returns what the user should be told at once.
    pub(crate) fn settle(&mut self, outcome: Outcome) -> Option<String> {
        match outcome {
            Ok(delivery) => {
                let delivered = delivery.parts().first().map(|part| {
                    (
                        Placed {
                            partition: part.partition,
                            offset: part.offset,
                        },
                        size(&part.record),
                    )
                });
                match (delivered, delivery.into_pass_through()) {
                    (Some((placed, bytes)), Ticket::Line { number, at }) => {
                        self.last_line = number;
                        self.tally.acknowledge(
                            placed,
                            bytes,
                            self.gauge.micros().saturating_sub(at),
                        );
                        None
                    }
                    (_, ticket) => self.pass(ticket),
                }
            }
            Err(Failed {
                envelope, error, ..
            }) => match *envelope {
                Envelope::Single {
                    record,
                    pass_through: Ticket::Line { number, .. },
                } => {
                    self.last_line = number;
                    let is_maybe = error.written() == Written::Maybe;
                    self.tally.fail(number, is_maybe, chain(&error));
                    self.failed_file
                        .record(record.key.as_deref(), record.value.as_deref());
                    None
                }
                Envelope::Single { pass_through, .. }
                | Envelope::Multi { pass_through, .. }
                | Envelope::PassThrough(pass_through) => self.pass(pass_through),
            },
        }
    }

    /// Counts what was handed over and has no outcome: it may be written or not.
    pub(crate) fn abandon(&mut self, why: &str) {
        let open = self.in_flight();
        if open > 0 {
            self.tally.abandon(open, self.last_line + 1, why.to_owned());
        }
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.gauge
            .handed_over()
            .saturating_sub(self.tally.settled())
    }

    /// The exit code that the books ask for: the worst thing that happened.
    pub(crate) fn verdict(&self) -> Exit {
        match (&self.died, &self.stop) {
            (Some(_), _) if self.tally.acknowledged == 0 => Exit::Unreachable,
            (Some(_), _) => Exit::Undelivered,
            _ if self.tally.failed() > 0 => Exit::Undelivered,
            (None, Some(_)) => Exit::BadInput,
            (None, None) if self.is_interrupted => Exit::Interrupted,
            (None, None) => Exit::Done,
        }
    }

    /// Books what is no record.
    fn pass(&mut self, ticket: Ticket) -> Option<String> {
        match ticket {
            // A record's ticket comes with its record; without one it has no outcome to book.
            Ticket::Line { .. } => None,
            Ticket::Blank => {
                self.tally.blank_lines += 1;
                None
            }
            Ticket::Broken(broken) => {
                self.stop = Some(Stop::Broken(broken));
                None
            }
            Ticket::Bad(bad) if self.skip_bad => {
                self.tally.bad_lines += 1;
                self.failed_file.line(&bad.text);
                (self.tally.bad_lines <= NAMED).then(|| {
                    let more = if self.tally.bad_lines == NAMED {
                        " (further ones are only counted)"
                    } else {
                        ""
                    };
                    format!("line {} skipped: {}{more}", bad.number, bad.reason)
                })
            }
            Ticket::Bad(bad) => {
                self.tally.bad_lines += 1;
                self.stop = Some(Stop::Bad(bad));
                None
            }
        }
    }
}

fn size(record: &ProducerRecord<Bytes, Bytes>) -> usize {
    record.key.as_ref().map_or(0, Bytes::len) + record.value.as_ref().map_or(0, Bytes::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{BadReason, Format, Parser};
    use guanaco::{Delivered, PartOutcome, RecordMetadata, Timestamp};
    use std::path::Path;

    fn ledger(skip_bad: bool) -> Ledger {
        let parser = Parser::new(Format::Lines, false);
        let failed_file = FailedFile::create(None, Path::new("-"), parser).unwrap();
        Ledger::new(failed_file, skip_bad, Arc::new(Gauge::new()))
    }

    fn record() -> ProducerRecord<Bytes, Bytes> {
        ProducerRecord::new("orders", Bytes::from_static(b"value"))
            .with_key(Bytes::from_static(b"key"))
    }

    fn acknowledged(number: u64) -> Outcome {
        let part = Delivered::new(record(), 1, Some(7), Timestamp::CreateTime(0));
        Ok(Delivery::single(part, Ticket::Line { number, at: 0 }))
    }

    fn failed(number: u64, error: ProduceError) -> Outcome {
        let envelope = Envelope::single(record(), Ticket::Line { number, at: 0 });
        Err(Failed::new(envelope, error))
    }

    fn bad(number: u64) -> Outcome {
        let bad = BadLine {
            number,
            reason: BadReason::NoDelimiter,
            text: Bytes::from_static(b"bad"),
        };
        Ok(Delivery::PassThrough(Ticket::Bad(Box::new(bad))))
    }

    fn maybe_written() -> ProduceError {
        let part = RecordMetadata::new("orders", 0, None, Timestamp::CreateTime(0));
        ProduceError::Multi(Arc::new([PartOutcome::Acknowledged(part)]))
    }

    #[test]
    fn everything_acknowledged_is_done() {
        let mut ledger = ledger(false);
        assert_eq!(ledger.settle(acknowledged(1)), None);
        assert_eq!((ledger.tally.acknowledged, ledger.tally.bytes), (1, 8));
        assert_eq!(ledger.tally.partitions[&1].offsets, Some((7, 7)));
        assert_eq!(ledger.verdict(), Exit::Done);
    }

    #[test]
    fn failures_say_whether_they_may_be_written() {
        let mut ledger = ledger(false);
        ledger.settle(failed(3, ProduceError::Full));
        ledger.settle(failed(4, maybe_written()));
        assert_eq!(
            (ledger.tally.not_written, ledger.tally.maybe_written),
            (1, 1)
        );
        assert_eq!(ledger.tally.failures[0].first_line, 3);
        assert_eq!(ledger.verdict(), Exit::Undelivered);
    }

    #[test]
    fn a_bad_line_ends_with_its_exit_code_unless_it_is_skipped() {
        let mut strict = ledger(false);
        assert_eq!(strict.settle(bad(2)), None);
        assert!(matches!(&strict.stop, Some(Stop::Bad(bad)) if bad.number == 2));
        assert_eq!(strict.verdict(), Exit::BadInput);

        let mut lenient = ledger(true);
        assert_eq!(
            lenient.settle(bad(2)).unwrap(),
            "line 2 skipped: no key delimiter in it"
        );
        assert_eq!(
            (lenient.tally.bad_lines, lenient.verdict()),
            (1, Exit::Done)
        );
    }

    #[test]
    fn only_the_first_bad_lines_are_named() {
        let mut ledger = ledger(true);
        let named = (1..=50)
            .filter_map(|number| ledger.settle(bad(number)))
            .collect::<Vec<_>>();
        assert_eq!(named.len() as u64, NAMED);
        assert!(
            named
                .last()
                .unwrap()
                .ends_with("(further ones are only counted)")
        );
        assert_eq!(ledger.tally.bad_lines, 50);
    }

    #[test]
    fn the_worst_that_happened_decides_the_exit_code() {
        let mut ledger = ledger(false);
        ledger.is_interrupted = true;
        assert_eq!(ledger.verdict(), Exit::Interrupted);
        ledger.settle(bad(2));
        assert_eq!(ledger.verdict(), Exit::BadInput);
        ledger.settle(failed(1, ProduceError::Full));
        assert_eq!(ledger.verdict(), Exit::Undelivered);
        ledger.died = Some(ProduceError::Closed);
        assert_eq!(ledger.verdict(), Exit::Unreachable);
        ledger.settle(acknowledged(1));
        assert_eq!(ledger.verdict(), Exit::Undelivered);
    }

    #[test]
    fn blank_lines_and_reading_errors_are_booked() {
        let mut ledger = ledger(false);
        ledger.settle(Ok(Delivery::PassThrough(Ticket::Blank)));
        assert_eq!(
            (ledger.tally.blank_lines, ledger.verdict()),
            (1, Exit::Done)
        );
        let broken = Broken {
            number: 5,
            error: std::io::Error::other("disk"),
        };
        ledger.settle(Ok(Delivery::PassThrough(Ticket::Broken(Box::new(broken)))));
        assert_eq!(ledger.verdict(), Exit::BadInput);
    }
}
