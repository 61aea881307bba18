//! The checker flags each anomaly by its name, and nothing in a clean history.

use guanaco_chaos::{
    checker::{Checker, Kind, Rules, Verdict},
    history::{Element, History, Outcome},
    value::Value,
};
use std::time::Duration;

const RUN: u64 = 9;

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Accepted 10 ms apart, acknowledged 5 ms later.
fn element(seq: u64, outcome: Outcome) -> Element {
    Element {
        accepted: at(seq * 10),
        ended: at(seq * 10 + 5),
        outcome,
    }
}

fn acked(seq: u64, partition: i32, offset: i64) -> Element {
    element(
        seq,
        Outcome::Acknowledged {
            partition,
            offset: Some(offset),
        },
    )
}

/// Writer 0 wrote #0 and #2 to partition 0, #1 to partition 1, #3 failed, #4 is unknown.
fn history() -> History {
    History {
        run: RUN,
        writers: vec![vec![
            acked(0, 0, 0),
            acked(1, 1, 0),
            acked(2, 0, 1),
            element(3, Outcome::NotWritten("TooLarge")),
            element(4, Outcome::MaybeWritten("Expired")),
        ]],
        taken: at(1000),
    }
}

fn rules() -> Rules {
    Rules {
        idempotent: true,
        stall: Some(at(100)),
        hung: at(200),
        failures: vec!["TooLarge", "Expired"],
    }
}

type Log<'a> = &'a [(i32, i64, u32)];

const LOG: Log<'_> = &[(0, 0, 0), (0, 1, 2), (1, 0, 1)];

fn value(seq: u32) -> Vec<u8> {
    Value {
        run: RUN,
        writer: 0,
        seq,
    }
    .encode(0)
}

fn judge(history: &History, rules: Rules, log: Log<'_>) -> Verdict {
    let mut checker = Checker::new(history, rules);
    for (partition, offset, seq) in log {
        checker.record(*partition, *offset, Some(&value(*seq)));
    }
    checker.finish()
}

fn kinds(verdict: &Verdict) -> Vec<Kind> {
    verdict.counts.keys().copied().collect()
}

#[test]
fn a_clean_history_is_clean() {
    let verdict = judge(&history(), rules(), LOG);
    assert!(verdict.is_clean(), "{:?}", verdict.anomalies);
    let figures = &verdict.figures;
    assert_eq!((figures.records, figures.acknowledged), (5, 3));
    assert_eq!((figures.in_log, figures.duplicates), (3, 0));
    assert_eq!(figures.failed(), 2);
    assert_eq!(figures.maybe_in_log, 0);
    assert_eq!(figures.worst_stall, at(5));
}

#[test]
fn a_maybe_written_record_may_be_there() {
    let log = [LOG, &[(1, 1, 4)]].concat();
    let verdict = judge(&history(), rules(), &log);
    assert!(verdict.is_clean(), "{:?}", verdict.anomalies);
    assert_eq!(verdict.figures.maybe_in_log, 1);
}

#[test]
fn an_acknowledgement_without_an_offset_is_enough() {
    let mut history = history();
    history.writers[0][2].outcome = Outcome::Acknowledged {
        partition: 0,
        offset: None,
    };
    assert!(judge(&history, rules(), LOG).is_clean());
}

#[test]
fn an_acknowledged_record_that_is_missing_is_lost() {
    let verdict = judge(&history(), rules(), &LOG[..2]);
    assert_eq!(kinds(&verdict), [Kind::Lost]);
    assert_eq!(
        verdict.anomalies[0].to_string(),
        "lost: writer 0 #1: 1@Some(0)"
    );
}

#[test]
fn a_value_at_two_offsets_is_a_duplicate() {
    let log = [LOG, &[(0, 2, 2)]].concat();
    assert_eq!(kinds(&judge(&history(), rules(), &log)), [Kind::Duplicate]);
}

#[test]
fn a_value_in_two_partitions_is_a_duplicate() {
    let log = [LOG, &[(2, 0, 2)]].concat();
    assert_eq!(kinds(&judge(&history(), rules(), &log)), [Kind::Duplicate]);
}

#[test]
fn without_idempotence_duplicates_are_counted_and_either_place_is_right() {
    let plain = Rules {
        idempotent: false,
        ..rules()
    };
    // #2 was written at 1, which the client did not hear of, and acknowledged at 2.
    let mut history = history();
    history.writers[0][2] = acked(2, 0, 2);
    let log = [(0, 0, 0), (0, 1, 2), (0, 2, 2), (0, 3, 0), (1, 0, 1)];
    let verdict = judge(&history, plain, &log);
    assert!(verdict.is_clean(), "{:?}", verdict.anomalies);
    assert_eq!(verdict.figures.duplicates, 2);
}

#[test]
fn two_records_in_the_other_order_are_a_reorder() {
    let mut history = history();
    history.writers[0][0] = acked(0, 0, 1);
    history.writers[0][2] = acked(2, 0, 0);
    let log = [(0, 0, 2), (0, 1, 0), (1, 0, 1)];
    for idempotent in [true, false] {
        let rules = Rules {
            idempotent,
            ..rules()
        };
        assert_eq!(kinds(&judge(&history, rules, &log)), [Kind::Reorder]);
    }
}

#[test]
fn a_late_record_of_unknown_fate_is_a_reorder_only_with_idempotence() {
    let mut history = history();
    history.writers[0][1].outcome = Outcome::MaybeWritten("Expired");
    let log = [(0, 0, 0), (0, 1, 2), (0, 2, 1)];
    assert_eq!(kinds(&judge(&history, rules(), &log)), [Kind::Reorder]);
    let plain = Rules {
        idempotent: false,
        ..rules()
    };
    assert!(judge(&history, plain, &log).is_clean());
}

#[test]
fn an_acknowledgement_of_another_place_is_inconsistent() {
    let offset = [(0, 0, 0), (0, 2, 2), (1, 0, 1)];
    let partition = [(0, 0, 0), (0, 1, 2), (2, 0, 1)];
    for log in [&offset[..], &partition[..]] {
        let verdict = judge(&history(), rules(), log);
        assert_eq!(kinds(&verdict), [Kind::InconsistentOffset]);
    }
}

#[test]
fn a_record_that_was_said_not_to_be_written_is_flagged() {
    let log = [LOG, &[(1, 1, 3)]].concat();
    let verdict = judge(&history(), rules(), &log);
    assert_eq!(kinds(&verdict), [Kind::WrittenAlthoughNot]);
}

#[test]
fn an_element_without_an_end_is_hung() {
    let mut history = history();
    history.writers[0][4].outcome = Outcome::Open;
    assert_eq!(kinds(&judge(&history, rules(), LOG)), [Kind::Hung]);
    // However short it was open.
    history.taken = at(41);
    assert_eq!(kinds(&judge(&history, rules(), LOG)), [Kind::Hung]);
}

#[test]
fn an_element_that_ended_too_late_is_hung() {
    let mut history = history();
    history.writers[0][4].ended = at(241);
    assert_eq!(kinds(&judge(&history, rules(), LOG)), [Kind::Hung]);
}

#[test]
fn a_long_time_without_acknowledgements_is_a_stall() {
    let mut history = history();
    // Accepted at 20, due since the acknowledgement at 5.
    history.writers[0][2].ended = at(121);
    let verdict = judge(&history, rules(), LOG);
    assert_eq!(kinds(&verdict), [Kind::Stall]);
    assert_eq!(verdict.figures.worst_stall, at(101));
}

#[test]
fn a_time_in_which_nothing_was_due_is_no_stall() {
    let mut history = history();
    history.writers[0][2].accepted = at(900);
    history.writers[0][2].ended = at(905);
    assert!(judge(&history, rules(), LOG).is_clean());
}

#[test]
fn records_that_nobody_wrote_are_unexpected() {
    let strange = [
        Value {
            run: RUN + 1,
            writer: 0,
            seq: 0,
        },
        Value {
            run: RUN,
            writer: 1,
            seq: 0,
        },
        Value {
            run: RUN,
            writer: 0,
            seq: 5,
        },
    ]
    .map(|value| Some(value.encode(0)));
    let mut damaged = value(4);
    damaged[3] ^= 1;
    for value in strange.into_iter().chain([Some(damaged), None]) {
        let history = history();
        let mut checker = Checker::new(&history, rules());
        for (partition, offset, seq) in LOG {
            checker.record(*partition, *offset, Some(&self::value(*seq)));
        }
        checker.record(1, 1, value.as_deref());
        assert_eq!(kinds(&checker.finish()), [Kind::UnexpectedRecord]);
    }
}

#[test]
fn a_failure_that_the_scenario_does_not_allow_has_the_wrong_class() {
    let rules = Rules {
        failures: vec!["Expired"],
        ..rules()
    };
    let verdict = judge(&history(), rules, LOG);
    assert_eq!(kinds(&verdict), [Kind::WrongClass]);
    assert!(verdict.anomalies[0].detail.ends_with("TooLarge"));
}

#[test]
fn many_anomalies_are_counted_and_few_are_told() {
    let history = History {
        run: RUN,
        writers: vec![(0..100).map(|n| acked(n, 0, n as i64)).collect()],
        taken: at(2000),
    };
    let verdict = judge(&history, rules(), &[]);
    assert_eq!(verdict.counts[&Kind::Lost], 100);
    assert_eq!(verdict.anomalies.len(), 5);
}

#[test]
fn two_runs_add_up() {
    let lost = judge(&history(), rules(), &LOG[..2]);
    let both = judge(&history(), rules(), LOG).and(lost.clone()).and(lost);
    assert_eq!(both.counts[&Kind::Lost], 2);
    assert_eq!(both.figures.records, 15);
    assert_eq!(both.figures.not_written["TooLarge"], 3);
}
