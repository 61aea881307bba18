//! The checker is checked: each hand-made history is flagged by its name, and a clean one is not.

use super::{Log, Promise, check};
use crate::sim::history::{History, Id, Told};

const FULL: Promise = Promise {
    kept: true,
    once: true,
    ordered: true,
    fenced: true,
};

/// A history of one topic from `(sender, told)`.
fn history(records: &[(u32, Told)]) -> History {
    let mut history = History::default();
    for (sender, told) in records {
        let id = history.send(*sender, 0, 10);
        if *told != Told::Open {
            history.tell(id, *told, 20);
        }
    }
    history
}

fn acked(partition: i32, offset: i64) -> Told {
    let offset = Some(offset);
    Told::Acked { partition, offset }
}

fn log(partition: i32, ids: &[Id]) -> Log {
    Log {
        partition,
        entries: (0..).zip(ids.iter().copied()).collect(),
        ..Log::default()
    }
}

fn names(history: &History, logs: &[Log], promise: Promise) -> Vec<&'static str> {
    let found = check(history, logs, promise);
    found.iter().map(|anomaly| anomaly.name).collect()
}

#[test]
fn a_clean_history_is_clean() {
    let history = history(&[
        (1, acked(0, 0)),
        (1, acked(0, 1)),
        (2, acked(1, 0)),
        (2, Told::NotWritten),
        (2, Told::MaybeWritten),
        (2, Told::MaybeWritten),
        (3, Told::Withdrawn),
    ]);
    assert_eq!(
        names(&history, &[log(0, &[0, 1]), log(1, &[2, 4])], FULL),
        [""; 0]
    );
}

#[test]
fn a_record_without_an_outcome_is_hung() {
    let history = history(&[(1, Told::Open)]);
    assert_eq!(names(&history, &[log(0, &[0])], FULL), ["hung"]);
}

#[test]
fn a_second_outcome_is_told_twice() {
    let mut history = history(&[(1, Told::NotWritten)]);
    history.tell(0, Told::NotWritten, 30);
    assert_eq!(names(&history, &[], FULL), ["told-twice"]);
}

#[test]
fn a_record_that_nobody_sent_is_alien() {
    assert_eq!(names(&history(&[]), &[log(0, &[7])], FULL), ["alien"]);
    let other = Log {
        topic: 1,
        ..log(0, &[0])
    };
    let history = history(&[(1, Told::MaybeWritten)]);
    assert_eq!(names(&history, &[other], FULL), ["alien"]);
}

#[test]
fn a_record_told_not_written_or_withdrawn_is_a_ghost_in_the_log() {
    for told in [Told::NotWritten, Told::Withdrawn] {
        assert_eq!(
            names(&history(&[(1, told)]), &[log(0, &[0])], FULL),
            ["ghost"]
        );
    }
}

#[test]
fn an_acknowledged_record_that_is_nowhere_is_lost() {
    let history = history(&[(1, acked(0, 0))]);
    assert_eq!(names(&history, &[log(0, &[])], FULL), ["lost"]);
    let weaker = Promise {
        kept: false,
        ..FULL
    };
    assert_eq!(names(&history, &[log(0, &[])], weaker), [""; 0]);
}

#[test]
fn an_acknowledged_record_at_another_offset_or_partition_is_misplaced() {
    let at_2 = history(&[(1, acked(0, 2))]);
    assert_eq!(names(&at_2, &[log(0, &[0])], FULL), ["misplaced"]);
    let in_1 = history(&[(1, acked(1, 0))]);
    assert_eq!(names(&in_1, &[log(0, &[0])], FULL), ["misplaced"]);
    let unknown = Told::Acked {
        partition: 0,
        offset: None,
    };
    assert_eq!(
        names(&history(&[(1, unknown)]), &[log(0, &[0])], FULL),
        [""; 0]
    );
}

#[test]
fn a_record_that_is_there_twice_is_a_duplicate_whatever_was_told() {
    for told in [acked(0, 0), Told::MaybeWritten] {
        let history = history(&[(1, told)]);
        assert_eq!(names(&history, &[log(0, &[0, 0])], FULL), ["duplicate"]);
        let two_logs = [log(0, &[0]), log(1, &[0])];
        assert_eq!(names(&history, &two_logs, FULL), ["duplicate"]);
        let weaker = Promise {
            once: false,
            ..FULL
        };
        assert_eq!(names(&history, &[log(0, &[0, 0])], weaker), [""; 0]);
    }
}

#[test]
fn records_of_a_sender_that_changed_places_are_a_reorder() {
    let swapped = history(&[(1, acked(0, 1)), (1, acked(0, 0))]);
    assert_eq!(names(&swapped, &[log(0, &[1, 0])], FULL), ["reorder"]);
    let two_senders = history(&[(1, acked(0, 1)), (2, acked(0, 0))]);
    assert_eq!(names(&two_senders, &[log(0, &[1, 0])], FULL), [""; 0]);
    let two_logs = history(&[(1, acked(1, 0)), (1, acked(0, 0))]);
    assert_eq!(
        names(&two_logs, &[log(0, &[1]), log(1, &[0])], FULL),
        [""; 0]
    );
}

#[test]
fn a_late_record_that_was_not_acknowledged_is_a_reorder_only_where_it_is_fenced() {
    let late = history(&[(1, Told::MaybeWritten), (1, acked(0, 0))]);
    assert_eq!(names(&late, &[log(0, &[1, 0])], FULL), ["reorder"]);
    let unfenced = Promise {
        fenced: false,
        ..FULL
    };
    assert_eq!(names(&late, &[log(0, &[1, 0])], unfenced), [""; 0]);
}

#[test]
fn a_repetition_does_not_count_as_a_reorder() {
    let history = history(&[(1, acked(0, 0)), (1, acked(0, 1))]);
    let weaker = Promise {
        once: false,
        fenced: false,
        ..FULL
    };
    assert_eq!(names(&history, &[log(0, &[0, 1, 0])], weaker), [""; 0]);
}

#[test]
fn a_record_that_fails_while_nothing_is_broken_is_flagged() {
    let mut history = history(&[(1, Told::NotWritten)]);
    history.record_mut(0).expect("it was sent").calm = Some(100);
    assert_eq!(names(&history, &[], FULL), ["refused-in-calm"]);
}

#[test]
fn a_record_that_takes_long_while_nothing_is_broken_is_flagged() {
    let mut history = History::default();
    let id = history.send(1, 0, 0);
    history.record_mut(id).expect("it was sent").calm = Some(100);
    history.tell(id, acked(0, 0), 101);
    assert_eq!(names(&history, &[log(0, &[0])], FULL), ["stalled"]);
}
