//! What a failure ends, and what it leaves alone.

use super::*;

#[test]
fn the_first_failure_ends_the_input_and_later_results_stay() {
    let mut bench = Bench::new(settings(), true);
    bench.feed((0..5).map(single));
    assert_eq!(bench.poll(), Got::Pending);
    bench.script().acknowledge([0, 1, 3, 4]);
    bench.script().fail(2, ProduceError::Full);
    bench.feed((5..9).map(single));
    assert_eq!(bench.poll(), Got::Done(0, vec![0]));
    assert_eq!(bench.poll(), Got::Done(1, vec![1]));
    assert_eq!(bench.poll(), Got::Failed(2, ProduceError::Full.to_string()));
    assert_eq!(bench.input.pulled, 5, "nothing was pulled after it");
}

#[test]
fn a_failure_as_data_lets_the_stream_go_on() {
    let mut bench = Bench::new(settings(), false);
    bench.feed((0..3).map(single));
    bench.input.ended = true;
    assert_eq!(bench.poll(), Got::Pending);
    bench.script().acknowledge([0, 2]);
    bench.script().fail(1, ProduceError::Full);
    assert_eq!(bench.poll(), Got::Done(0, vec![0]));
    assert_eq!(bench.poll(), Got::Failed(1, ProduceError::Full.to_string()));
    assert_eq!(bench.poll(), Got::Done(2, vec![2]));
    assert_eq!(bench.poll(), Got::End(None));
}

#[test]
fn a_dead_producer_ends_the_stream_after_all_outcomes_and_takes_no_further_input() {
    let mut bench = Bench::new(settings(), false);
    bench.feed((0..3).map(single));
    assert_eq!(bench.poll(), Got::Pending);
    bench.feed((3..9).map(single));
    bench.script().acknowledge([2]);
    bench.script().fail(0, ProduceError::Closed);
    bench.script().fail(1, ProduceError::Closed);
    let closed = ProduceError::Closed.to_string();
    assert_eq!(bench.poll(), Got::Failed(0, closed.clone()));
    assert_eq!(bench.poll(), Got::Failed(1, closed.clone()));
    assert_eq!(bench.poll(), Got::Done(2, vec![2]));
    assert_eq!(bench.poll(), Got::End(Some(closed)));
    assert_eq!(bench.input.pulled, 3);
}

#[test]
fn an_upstream_error_comes_after_everything_before_it() {
    let mut bench = Bench::new(settings(), true);
    bench.feed([single(0)]);
    bench.input.items.push_back(Err("no more".into()));
    bench.feed([single(1)]);
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!((bench.input.pulled, bench.script().hurries), (2, 1));
    bench.script().acknowledge([0]);
    assert_eq!(bench.poll(), Got::Done(0, vec![0]));
    let text = "the stream before the producer failed".to_owned();
    assert_eq!(bench.poll(), Got::End(Some(text)));
    assert_eq!(bench.input.pulled, 2);
}

#[test]
fn a_serializer_that_fails_or_panics_fails_its_element_alone() {
    let mut bench = Bench::new(counting(&Arc::default()), false);
    let bad = |n, text: &str| {
        let records = [record("before"), record(text), record("after")];
        [
            Envelope::single(record(text), n),
            Envelope::multi(records, n + 1),
        ]
    };
    bench.feed([single(0)]);
    bench.feed(bad(1, "error"));
    bench.feed(bad(3, "panic"));
    bench.feed([single(5)]);
    bench.input.ended = true;
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(
        bench.script().appended,
        ["0", "5"],
        "nothing of a bad element goes"
    );
    bench.script().acknowledge([0, 1]);
    assert_eq!(bench.poll(), Got::Done(0, vec![0]));
    for n in [1, 2] {
        let text = "the value of a record for t was not serialized".to_owned();
        assert_eq!(bench.poll(), Got::Failed(n, text));
    }
    for n in [3, 4] {
        assert_eq!(
            bench.poll(),
            Got::Failed(n, "a serializer panicked: it cannot do".to_owned())
        );
    }
    assert_eq!(bench.poll(), Got::Done(5, vec![1]));
    assert_eq!(bench.poll(), Got::End(None));
}

#[test]
fn a_serializer_error_ends_a_fail_fast_stream_in_its_turn() {
    let mut bench = Bench::new(counting(&Arc::default()), true);
    bench.feed([single(0), Envelope::single(record("error"), 1), single(2)]);
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(bench.input.pulled, 2);
    assert_eq!(bench.script().appended, ["0"]);
    bench.script().acknowledge([0]);
    assert_eq!(bench.poll(), Got::Done(0, vec![0]));
    assert!(matches!(bench.poll(), Got::Failed(1, _)));
}

/// Lends the bytes of "fickle" once.
#[derive(Default)]
struct Fickle(AtomicUsize);

impl Serializer<String> for Fickle {
    fn serialize(&self, _: &Target<'_>, _: &String, _: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(())
    }

    fn as_bytes<'a>(&self, value: &'a String) -> Option<&'a [u8]> {
        let again = value == "fickle" && self.0.fetch_add(1, Relaxed) > 0;
        (!again).then_some(value.as_bytes())
    }
}

#[test]
fn bytes_that_cannot_be_borrowed_a_second_time_fail_their_element() {
    for (element, error) in [
        (
            Envelope::single(record("fickle"), 1),
            "a serializer panicked",
        ),
        (
            Envelope::multi([record("1"), record("fickle"), record("2")], 1),
            "2 of the 3 records of an element failed",
        ),
    ] {
        let settings = ProducerSettings::keyless(Fickle::default());
        let mut bench = Bench::new(settings, false);
        bench.feed([single(0), element, single(2)]);
        bench.input.ended = true;
        assert_eq!(bench.poll(), Got::Pending);
        let appended = bench.script().appended.len();
        bench.script().acknowledge(0..appended);
        assert_eq!(bench.poll(), Got::Done(0, vec![0]));
        match bench.poll() {
            Got::Failed(1, text) => assert!(text.starts_with(error), "{text}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(bench.poll(), Got::Done(2, vec![appended as i64 - 1]));
        assert_eq!(bench.poll(), Got::End(None));
    }
}

#[test]
fn what_is_behind_bytes_that_cannot_be_borrowed_again_is_not_handed_over_by_a_fail_fast_stream() {
    let multi = [record("1"), record("fickle"), record("2")];
    for (element, before) in [
        (Envelope::single(record("fickle"), 1), &["0"][..]),
        (Envelope::multi(multi, 1), &["0", "1"]),
    ] {
        let settings = ProducerSettings::keyless(Fickle::default());
        let mut bench = Bench::new(settings, true);
        bench.feed([single(0), element, single(2), single(3)]);
        assert_eq!(bench.poll(), Got::Pending);
        assert_eq!(bench.script().appended, before);
        bench.script().acknowledge(0..before.len());
        assert_eq!(bench.poll(), Got::Done(0, vec![0]));
        assert!(matches!(bench.poll(), Got::Failed(1, _)));
        assert_eq!(bench.script().appended, before);
    }
}

#[test]
fn a_failed_multi_tells_of_each_part() {
    let mut bench = Bench::new(settings(), false);
    bench.feed([multi(0, 3)]);
    assert_eq!(bench.poll(), Got::Pending);
    bench.script().acknowledge([0]);
    bench.script().fail(1, ProduceError::Full);
    assert_eq!(bench.poll(), Got::Pending, "one part is open");
    bench.script().acknowledge([2]);
    let cx = &mut Context::from_waker(Waker::noop());
    let step = bench
        .ring
        .poll_next::<Plain, _>(Pin::new(&mut bench.input), cx);
    let Poll::Ready(Step::Outcome(Err(failed))) = step else {
        panic!("it has failed");
    };
    assert_eq!(failed.envelope.records().len(), 3);
    match failed.parts() {
        [
            PartOutcome::Acknowledged(first),
            PartOutcome::NotWritten(ProduceError::Full),
            PartOutcome::Acknowledged(last),
        ] => assert_eq!((first.offset, last.offset), (Some(0), Some(2))),
        other => panic!("{other:?}"),
    }
}
