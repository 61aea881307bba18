//! Kafka's error codes, and what each of them means for a batch that was sent.

mod table;

use std::{fmt, sync::Arc};

/// An error that a broker answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaError {
    code: i16,
    message: Option<Arc<str>>,
}

impl KafkaError {
    /// From a response's error code and message; `None` for code 0.
    pub fn from_code(code: i16, message: Option<&str>) -> Option<Self> {
        (code != 0).then(|| Self {
            code,
            message: message.map(Into::into),
        })
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> i16 {
        self.code
    }

    /// Kafka's name for it, such as `NOT_LEADER_OR_FOLLOWER`; `UNKNOWN_ERROR_CODE` for one that
    /// Kafka 4.3 does not have.
    #[must_use]
    pub fn name(&self) -> &'static str {
        table::row(self.code).map_or("UNKNOWN_ERROR_CODE", |row| row.name)
    }

    /// What it means, in a few words.
    #[must_use]
    pub fn meaning(&self) -> &'static str {
        table::row(self.code).map_or("a code that this client does not know", |row| row.meaning)
    }

    /// The broker's own words, where it gave some.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Kafka's own classification: whether the same request may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        table::row(self.code).is_some_and(|row| row.retriable)
    }
}

impl fmt::Display for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.code)?;
        match self.message() {
            Some(message) if !message.is_empty() => write!(f, ": {message}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for KafkaError {}

/// What an error code in a produce response means for its batch.
///
/// `refused` says that this attempt is definitely not in the log. Where it is false the leader may
/// have appended the batch before it answered so (KAFKA-13574): a batch that is given up then is
/// "maybe written".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProduceClass {
    /// It is in the log since an earlier attempt.
    Duplicate,
    /// The same request may succeed later.
    Retry { refused: bool },
    /// As `Retry`, once metadata is fresh.
    StaleMetadata { refused: bool },
    /// Not written; split, it may fit.
    TooLarge,
    /// Not written: its first sequence is not the one that the leader expects next.
    OutOfOrder,
    /// Not written: the leader no longer knows the producer id.
    UnknownProducer,
    /// Not written: the leader knows a later epoch of the producer id.
    InvalidEpoch,
    /// Not written and never will be.
    Refused,
    /// Not written, nor will be anything else of this producer.
    Fatal,
    /// No retry helps and nothing is said about the log: maybe written. Also every code that does
    /// not belong in a produce response.
    Unclear,
}

/// What a code other than 0 in a produce response means.
pub(crate) fn produce_class(code: i16) -> ProduceClass {
    table::row(code).map_or(ProduceClass::Unclear, |row| row.produce)
}

#[cfg(test)]
mod tests {
    use super::{KafkaError, ProduceClass, produce_class, table};

    /// Code, name and whether retriable, as the Java client 4.3.1 has them.
    const JAVA: &str = include_str!("../../tests/data/error-codes.txt");

    fn java() -> impl Iterator<Item = (i16, &'static str, bool)> {
        JAVA.lines().map(|line| {
            let mut fields = line.split('\t');
            let mut next = || fields.next().unwrap();
            (next().parse().unwrap(), next(), next().parse().unwrap())
        })
    }

    #[test]
    fn the_table_agrees_with_java_row_by_row() {
        assert_eq!(java().count(), table::ROWS.len());
        for ((code, name, retriable), row) in java().zip(table::ROWS) {
            assert_eq!((row.code, row.name, row.retriable), (code, name, retriable));
            let found = table::row(code).unwrap();
            assert_eq!(found.code, code, "the index finds the row");
        }
    }

    #[test]
    fn every_meaning_is_one_short_clause() {
        for row in table::ROWS {
            assert!(
                (8..=90).contains(&row.meaning.len()),
                "{}: {}",
                row.name,
                row.meaning
            );
            assert!(
                !row.meaning.ends_with('.') && row.meaning.is_ascii(),
                "{}",
                row.name
            );
        }
    }

    #[test]
    fn what_java_retries_is_retried_and_nothing_else() {
        for row in table::ROWS.iter().filter(|row| row.code != 0) {
            let retried = matches!(
                produce_class(row.code),
                ProduceClass::Retry { .. } | ProduceClass::StaleMetadata { .. }
            );
            assert_eq!(retried, row.retriable, "{}", row.name);
        }
    }

    #[test]
    fn only_answers_given_before_the_append_count_as_refused() {
        let refused: Vec<_> = table::ROWS
            .iter()
            .filter(|row| match row.produce {
                ProduceClass::Retry { refused } | ProduceClass::StaleMetadata { refused } => {
                    refused
                }
                _ => false,
            })
            .map(|row| row.code)
            .collect();
        assert_eq!(refused, [2, 14, 15, 16, 19, 51, 100, 103]);
    }

    #[test]
    fn every_answer_to_produce_has_its_class() {
        let of = |class: ProduceClass| -> Vec<i16> {
            let rows = table::ROWS
                .iter()
                .filter(|row| row.code != 0 && row.produce == class);
            rows.map(|row| row.code).collect()
        };
        assert_eq!(of(ProduceClass::Duplicate), [46]);
        assert_eq!(of(ProduceClass::TooLarge), [10, 18]);
        assert_eq!(of(ProduceClass::OutOfOrder), [45]);
        assert_eq!(of(ProduceClass::UnknownProducer), [59]);
        assert_eq!(of(ProduceClass::InvalidEpoch), [47, 90]);
        assert_eq!(
            of(ProduceClass::Refused),
            [17, 21, 29, 32, 35, 42, 43, 44, 48, 49, 76, 87, 120]
        );
        assert_eq!(of(ProduceClass::Fatal), [31, 33, 34, 53, 54, 58]);
        assert_eq!(
            of(ProduceClass::StaleMetadata { refused: false }),
            [3, 5, 6, 9, 13, 56, 72, 74, 80, 83, 84]
        );
    }

    #[test]
    fn codes_that_kafka_does_not_have_are_named_so_and_unclear() {
        for code in [i16::MIN, -2, 134, i16::MAX] {
            let error = KafkaError::from_code(code, None).unwrap();
            assert_eq!(error.to_string(), format!("UNKNOWN_ERROR_CODE ({code})"));
            assert!(!error.is_retriable());
            assert_eq!(produce_class(code), ProduceClass::Unclear);
        }
    }

    #[test]
    fn display_is_the_name_the_code_and_the_brokers_words() {
        let error = |message| KafkaError::from_code(87, message).unwrap().to_string();
        assert_eq!(error(None), "INVALID_RECORD (87)");
        assert_eq!(error(Some("")), "INVALID_RECORD (87)");
        assert_eq!(error(Some("no key")), "INVALID_RECORD (87): no key");
        assert_eq!(KafkaError::from_code(0, Some("x")), None);
    }
}
