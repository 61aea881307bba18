//! The ring against a producer whose every answer the test gives.

mod failing;

use super::*;
use crate::{
    PartOutcome, ProducerRecord, ProducerSettings,
    producer::items::Plain,
    serialization::{BoxError, NoKey, Serializer, StringSerializer, Target},
    serialize_with,
};
use std::{
    cell::RefCell,
    collections::HashMap,
    ops::Range,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Waker,
};

type Record = ProducerRecord<NoKey, String>;
type Element = Envelope<NoKey, String, u32>;

/// The producer's side, as the test plays it.
#[derive(Default)]
struct Script {
    /// So many more records have room.
    room: usize,
    /// The values that were appended; their places are their numbers here.
    appended: Vec<String>,
    answers: HashMap<usize, Result<(), ProduceError>>,
    taken: Vec<usize>,
    hurries: usize,
}

impl Script {
    fn acknowledge(&mut self, places: impl IntoIterator<Item = usize>) {
        self.answers
            .extend(places.into_iter().map(|place| (place, Ok(()))));
    }

    fn fail(&mut self, place: usize, error: ProduceError) {
        self.answers.insert(place, Err(error));
    }
}

#[derive(Clone)]
struct Scripted(Rc<RefCell<Script>>);

impl Append for Scripted {
    type Place = usize;
    type Places = Range<usize>;

    fn run(places: Range<usize>) -> (usize, usize) {
        (places.start, places.len())
    }

    fn nth(first: usize, n: usize) -> usize {
        first + n
    }

    /// Only while all of them are acknowledged; else the script's outcomes are told one by one.
    fn take_acked(&mut self, first: usize, count: usize) -> Option<Ack> {
        let places = first..first + count;
        let acked = |place| matches!(self.0.borrow().answers.get(&place), Some(Ok(())));
        if !places.clone().all(acked) {
            return None;
        }
        let acks: Vec<_> = places.map(|place| self.take(place)).collect();
        acks.into_iter().next()??.ok()
    }

    fn poll_append(
        &mut self,
        _: &mut Context<'_>,
        records: &[RecordRef<'_>],
        placed: &mut Vec<Range<usize>>,
    ) -> Poll<usize> {
        let script = &mut *self.0.borrow_mut();
        let count = records.len().min(script.room);
        for record in &records[..count] {
            let value = record
                .value
                .map(|value| String::from_utf8(value.to_vec()).unwrap());
            script.appended.push(value.unwrap_or_default());
        }
        let end = script.appended.len();
        placed.push(end - count..end);
        script.room -= count;
        if count == 0 {
            Poll::Pending
        } else {
            Poll::Ready(count)
        }
    }

    fn take(&mut self, place: usize) -> Option<Result<Ack, ProduceError>> {
        let script = &mut *self.0.borrow_mut();
        let answer = script.answers.remove(&place)?;
        script.taken.push(place);
        Some(answer.map(|()| Ack {
            partition: 0,
            offset: Some(place as i64),
            log_append_time: None,
        }))
    }

    fn register(&mut self, _: &mut Context<'_>) {}

    fn hurry(&mut self) {
        self.0.borrow_mut().hurries += 1;
    }
}

/// A stream that the test feeds.
#[derive(Default)]
struct Input {
    items: VecDeque<Result<Element, BoxError>>,
    ended: bool,
    pulled: usize,
}

impl Stream for Input {
    type Item = Result<Element, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.items.pop_front() {
            Some(item) => {
                self.pulled += 1;
                Poll::Ready(Some(item))
            }
            None if self.ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

struct Bench {
    ring: Ring<NoKey, String, u32, Scripted>,
    script: Rc<RefCell<Script>>,
    input: Input,
}

/// What a poll gave, in short.
#[derive(Debug, PartialEq)]
enum Got {
    Pending,
    /// A delivery: its pass-through and the offsets of its parts.
    Done(u32, Vec<i64>),
    /// A failure: its pass-through and the error's text.
    Failed(u32, String),
    End(Option<String>),
}

impl Bench {
    fn new(settings: ProducerSettings<NoKey, String>, fail_fast: bool) -> Self {
        let script = Rc::new(RefCell::new(Script {
            room: usize::MAX,
            ..Script::default()
        }));
        let serializers = Serializers::new(&settings);
        let appender = Scripted(Rc::clone(&script));
        Self {
            ring: Ring::new(appender, serializers, settings.limits, fail_fast),
            script,
            input: Input::default(),
        }
    }

    fn feed(&mut self, elements: impl IntoIterator<Item = Element>) {
        self.input.items.extend(elements.into_iter().map(Ok));
    }

    fn poll(&mut self) -> Got {
        let cx = &mut Context::from_waker(Waker::noop());
        match self
            .ring
            .poll_next::<Plain, _>(Pin::new(&mut self.input), cx)
        {
            Poll::Pending => Got::Pending,
            Poll::Ready(Step::End(error)) => Got::End(error.map(|error| error.to_string())),
            Poll::Ready(Step::Outcome(Ok(delivery))) => {
                let offsets = delivery
                    .parts()
                    .iter()
                    .filter_map(|part| part.offset)
                    .collect();
                Got::Done(delivery.into_pass_through(), offsets)
            }
            Poll::Ready(Step::Outcome(Err(failed))) => {
                let text = failed.to_string();
                Got::Failed(failed.envelope.into_pass_through(), text)
            }
        }
    }

    fn script(&self) -> std::cell::RefMut<'_, Script> {
        self.script.borrow_mut()
    }
}

fn settings() -> ProducerSettings<NoKey, String> {
    ProducerSettings::keyless(StringSerializer)
}

fn record(value: impl ToString) -> Record {
    ProducerRecord::new("t", value.to_string())
}

fn single(n: u32) -> Element {
    Envelope::single(record(n), n)
}

fn multi(n: u32, parts: u32) -> Element {
    Envelope::multi((0..parts).map(|part| record(format!("{n}.{part}"))), n)
}

/// A serializer that must write, and counts how often it does.
fn counting(count: &Arc<AtomicUsize>) -> ProducerSettings<NoKey, String> {
    let count = Arc::clone(count);
    ProducerSettings::keyless(serialize_with(move |text: &String, out| {
        count.fetch_add(1, Relaxed);
        match text.as_str() {
            "error" => return Err("it will not do".into()),
            "panic" => panic!("it cannot do"),
            "clear" => out.clear(),
            _ => {}
        }
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }))
}

#[test]
fn results_keep_the_input_order_whatever_the_order_of_answers() {
    let mut bench = Bench::new(settings(), true);
    let mut expected = Vec::new();
    let mut place = 0;
    for n in 0..600 {
        let element = match n % 4 {
            0 | 1 => single(n),
            2 => Envelope::pass_through(n),
            _ => multi(n, n % 5),
        };
        let parts = element.records().len() as i64;
        expected.push(Got::Done(n, (place..place + parts).collect()));
        place += parts;
        bench.feed([element]);
    }
    bench.input.ended = true;
    let (mut got, mut seed, mut open) = (Vec::new(), 7_u64, Vec::new());
    let mut seen = 0;
    while got.last() != Some(&Got::End(None)) {
        match bench.poll() {
            Got::Pending => {
                let appended = bench.script().appended.len();
                open.extend(seen..appended);
                seen = appended;
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let place = open.swap_remove((seed >> 33) as usize % open.len());
                bench.script().acknowledge([place]);
            }
            other => got.push(other),
        }
    }
    got.pop();
    assert_eq!(got, expected);
    let mut taken = bench.script().taken.clone();
    taken.sort_unstable();
    assert_eq!(
        taken,
        (0..place as usize).collect::<Vec<_>>(),
        "each is taken exactly once"
    );
}

#[test]
fn no_more_than_parallelism_is_in_flight() {
    let mut bench = Bench::new(settings().with_parallelism(3), true);
    bench.feed((0..10).map(|n| if n % 2 == 0 { single(n) } else { multi(n, 4) }));
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(bench.input.pulled, 3);
    bench.script().acknowledge([0]);
    assert_eq!(bench.poll(), Got::Done(0, vec![0]));
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(bench.input.pulled, 4, "a Multi counts as one");
}

#[test]
fn bytes_in_flight_are_bounded_and_a_large_element_goes_alone() {
    let mut bench = Bench::new(settings().with_parallelism_bytes(10), true);
    let sized = |n, size: usize| Envelope::single(record("x".repeat(size)), n);
    bench.feed([
        sized(0, 6),
        sized(1, 6),
        sized(2, 1),
        sized(3, 500),
        sized(4, 1),
    ]);
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(bench.input.pulled, 2, "the limit is reached");
    bench.script().acknowledge([0, 1]);
    assert_eq!(bench.poll(), Got::Done(0, vec![0]));
    assert_eq!(bench.poll(), Got::Done(1, vec![1]));
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(
        bench.input.pulled, 4,
        "more than the limit is accepted, and nothing after it"
    );
    bench.script().acknowledge([2, 3]);
    assert_eq!(bench.poll(), Got::Done(2, vec![2]));
    assert_eq!(bench.poll(), Got::Done(3, vec![3]));
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(bench.input.pulled, 5);
}

#[test]
fn the_producer_is_hurried_once_for_each_time_that_the_ring_waits_for_it() {
    let mut bench = Bench::new(settings().with_parallelism(2), true);
    bench.feed([single(0)]);
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(
        bench.script().hurries,
        0,
        "more may come: lingering is right"
    );
    bench.feed((1..4).map(single));
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(bench.script().hurries, 1, "the limit is reached");
    bench.script().acknowledge([0]);
    assert_eq!(bench.poll(), Got::Done(0, vec![0]));
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(
        bench.script().hurries,
        2,
        "it was reached again with another record"
    );
    bench.script().acknowledge([1, 2]);
    assert_eq!(bench.poll(), Got::Done(1, vec![1]));
    assert_eq!(bench.poll(), Got::Done(2, vec![2]));
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(bench.script().hurries, 2);
    bench.input.ended = true;
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(bench.script().hurries, 3, "the input ended");
}

#[test]
fn without_room_records_wait_serialized_and_in_order() {
    let count = Arc::default();
    let mut bench = Bench::new(counting(&count), true);
    bench.script().room = 3;
    bench.feed([single(0), multi(1, 5), Envelope::pass_through(2), single(3)]);
    bench.input.ended = true;
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(bench.script().appended, ["0", "1.0", "1.1"]);
    bench.script().room = 1;
    assert_eq!(bench.poll(), Got::Pending);
    bench.script().acknowledge(0..4);
    bench.script().room = 10;
    assert_eq!(bench.poll(), Got::Done(0, vec![0]));
    assert_eq!(bench.poll(), Got::Pending);
    let appended = bench.script().appended.clone();
    assert_eq!(appended, ["0", "1.0", "1.1", "1.2", "1.3", "1.4", "3"]);
    bench.script().acknowledge(4..7);
    assert_eq!(bench.poll(), Got::Done(1, vec![1, 2, 3, 4, 5]));
    assert_eq!(bench.poll(), Got::Done(2, vec![]));
    assert_eq!(bench.poll(), Got::Done(3, vec![6]));
    assert_eq!(bench.poll(), Got::End(None));
    assert_eq!(count.load(Relaxed), 7, "each record was serialized once");
}

#[test]
fn a_chunk_of_large_records_ends_early() {
    let mut bench = Bench::new(settings().with_parallelism_bytes(usize::MAX), true);
    bench.script().room = 0;
    let large = || record("x".repeat(100 << 10));
    bench.feed((0..100).map(|n| Envelope::single(large(), n)));
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(bench.input.pulled, 3, "three have 256 KiB");
}

#[test]
fn a_serializer_that_clears_its_output_clears_only_its_own() {
    let mut bench = Bench::new(counting(&Arc::default()), true);
    bench.feed([single(0), Envelope::single(record("clear"), 1), single(2)]);
    assert_eq!(bench.poll(), Got::Pending);
    assert_eq!(bench.script().appended, ["0", "clear", "2"]);
}

#[test]
fn elements_without_records_need_no_producer() {
    let mut bench = Bench::new(settings(), true);
    bench.script().room = 0;
    bench.feed([
        Envelope::pass_through(0),
        multi(1, 0),
        Envelope::pass_through(2),
    ]);
    bench.input.ended = true;
    for n in 0..3 {
        assert_eq!(bench.poll(), Got::Done(n, vec![]));
    }
    assert_eq!(bench.poll(), Got::End(None));
}

#[test]
fn a_list_of_references_keeps_its_allocation() {
    let topic = guanaco_engine::Topic::from("t");
    let mut list: Vec<RecordRef<'_>> = Vec::with_capacity(100);
    list.push(RecordRef {
        topic: &topic,
        partition: None,
        timestamp: 0,
        key: None,
        value: None,
        headers: &[],
    });
    let (at, capacity) = (list.as_ptr().cast::<u8>(), list.capacity());
    let list: Vec<RecordRef<'static>> = recycle(list);
    assert_eq!(
        (list.as_ptr().cast::<u8>(), list.capacity()),
        (at, capacity)
    );
}
