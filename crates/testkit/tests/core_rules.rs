//! Rules of the producer's core that simulated seeds found broken, one at a time.

use guanaco_engine::{
    Ack, Cause, DeliveryError, ProducerConfig, RecordRef, Topic, Written,
    core::{
        Answer, BrokerView, ChoiceJob, ClusterView, Core, FlowLink, PartAnswer, PartitionView,
        Place, Places, ProduceRequest, Ticket, TopicView,
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
    time::{Duration, Instant},
};
use uuid::Uuid;

const BROKER: i32 = 1;

/// A core that knows a broker and has a producer id, and a clock that stands still.
struct Bench {
    core: Core,
    now: Instant,
}

impl Bench {
    fn new(change: impl FnOnce(&mut ProducerConfig)) -> Self {
        let mut config = ProducerConfig::default();
        config.batch_adaptive = false;
        config.linger = Duration::ZERO;
        change(&mut config);
        let now = Instant::now();
        let mut core = Core::new(Arc::new(config), 7, now);
        core.identified(0, 0, now);
        Self { core, now }
    }

    /// The cluster tells of a topic, led by the broker or by nobody.
    fn know(&mut self, name: &str, id: u128, partitions: i32, led: bool) {
        let partitions = (0..partitions).map(|index| PartitionView {
            index,
            leader: if led { BROKER } else { -1 },
            leader_epoch: 0,
        });
        let view = ClusterView {
            cluster_id: None,
            brokers: vec![BrokerView {
                id: BROKER,
                host: "bench".into(),
                port: 1,
            }],
            topics: vec![TopicView {
                name: Topic::from(name.to_owned()),
                id: Uuid::from_u128(id),
                error: 0,
                partitions: partitions.collect(),
            }],
        };
        self.core.ask_for(&Topic::from(name.to_owned()), self.now);
        self.core.apply(view, self.now);
    }

    fn append(&mut self, flow: &mut FlowLink, topic: &Topic, size: usize) -> Option<Place> {
        let value = vec![1; size];
        let mut places = Vec::new();
        let record = [record(topic, &value)];
        self.core.append(flow, &record, self.now, &mut places);
        places.pop().map(|places| places.first)
    }

    fn drain(&mut self) -> Option<ProduceRequest> {
        self.core.drain(BROKER, self.now).request
    }

    fn answer(&mut self, request: &ProduceRequest, parts: Vec<PartAnswer>) {
        let answer = Answer {
            parts: parts.into_iter().map(Some).collect(),
            ..Answer::default()
        };
        assert!(self.core.answered(BROKER, request.id, answer, self.now));
    }

    /// Wakes whom the core wants woken.
    fn wake(&mut self) {
        let effects = self.core.take_effects().unwrap_or_default();
        effects.flows.iter().for_each(|flow| flow.wake());
    }
}

fn record<'a>(topic: &'a Topic, value: &'a [u8]) -> RecordRef<'a> {
    RecordRef {
        topic,
        partition: Some(0),
        timestamp: 0,
        key: None,
        value: Some(value),
        headers: &[],
    }
}

fn at(base_offset: i64) -> PartAnswer {
    PartAnswer {
        base_offset,
        log_append_time: -1,
        ..PartAnswer::default()
    }
}

fn error(error: i16) -> PartAnswer {
    PartAnswer { error, ..at(-1) }
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Has the flow's wakes counted from now on.
fn count_wakes(flow: &FlowLink) -> Arc<Wakes> {
    let wakes = Arc::new(Wakes::default());
    flow.cell().waker.register(&Waker::from(Arc::clone(&wakes)));
    wakes
}

#[test]
fn an_answer_is_matched_to_the_batches_in_the_order_that_they_were_written() {
    let mut bench = Bench::new(|_| ());
    // The order of their ids is not the order of their records.
    let (first, second) = (Topic::from("first"), Topic::from("second"));
    bench.know("first", 2, 1, true);
    bench.know("second", 1, 1, true);
    let mut flow = bench.core.new_flow();
    let in_first = bench.append(&mut flow, &first, 1).expect("there is room");
    let in_second = bench.append(&mut flow, &second, 1).expect("there is room");
    let request = bench.drain().expect("nothing lingers");
    let answers: Vec<_> = request
        .parts
        .iter()
        .map(|part| at(if part.topic == first { 100 } else { 200 }))
        .collect();
    bench.answer(&request, answers);
    let offset = |flow: &mut FlowLink, place| {
        flow.take(place)
            .expect("it is settled")
            .map(|ack| ack.offset)
    };
    assert_eq!(
        offset(&mut flow, in_first).expect("it is acknowledged"),
        Some(100)
    );
    assert_eq!(
        offset(&mut flow, in_second).expect("it is acknowledged"),
        Some(200)
    );
}

#[test]
fn the_first_batch_of_a_partition_goes_alone_until_its_leader_knows_the_producer() {
    let mut bench = Bench::new(|config| config.batch_size = 200);
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let mut flow = bench.core.new_flow();
    for _ in 0..4 {
        bench.append(&mut flow, &topic, 100).expect("there is room");
    }
    let first = bench.drain().expect("nothing lingers");
    assert!(
        bench.drain().is_none(),
        "the leader does not know the producer yet"
    );
    bench.answer(&first, vec![at(0)]);
    assert!(
        bench.drain().is_some() && bench.drain().is_some(),
        "now it does"
    );
}

#[test]
fn a_flow_behind_a_try_send_that_found_no_room_is_woken() {
    let mut bench = Bench::new(|config| config.buffer_memory = 1_024);
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let (mut holds, mut waits) = (bench.core.new_flow(), bench.core.new_flow());
    bench
        .append(&mut holds, &topic, 900)
        .expect("there is room");
    let value = vec![1; 900];
    assert!(
        bench
            .core
            .try_send(&record(&topic, &value), bench.now)
            .is_none()
    );
    assert!(
        bench.append(&mut waits, &topic, 900).is_none(),
        "the buffer is full"
    );
    let wakes = count_wakes(&waits);
    let request = bench.drain().expect("someone waits for room");
    bench.answer(&request, vec![at(0)]);
    bench.wake();
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    assert!(bench.append(&mut waits, &topic, 900).is_some());
}

#[test]
fn room_that_was_granted_and_not_needed_goes_to_the_next() {
    let mut bench = Bench::new(|config| config.buffer_memory = 1_024);
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let mut flows: Vec<_> = (0..3).map(|_| bench.core.new_flow()).collect();
    bench
        .append(&mut flows[0], &topic, 900)
        .expect("there is room");
    assert!(bench.append(&mut flows[1], &topic, 900).is_none());
    assert!(bench.append(&mut flows[2], &topic, 900).is_none());
    let wakes = count_wakes(&flows[2]);
    let request = bench.drain().expect("someone waits for room");
    bench.answer(&request, vec![at(0)]);
    // The next record of the one that was granted room needs none: it is refused.
    let value = [1];
    let nowhere = RecordRef {
        partition: Some(9),
        ..record(&topic, &value)
    };
    let placed = bench
        .core
        .append(&mut flows[1], &[nowhere], bench.now, &mut Vec::new());
    assert_eq!(placed, 1);
    bench.wake();
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    assert!(bench.append(&mut flows[2], &topic, 900).is_some());
}

#[test]
fn room_that_was_kept_for_a_record_is_not_anybody_elses() {
    let mut bench = Bench::new(|config| {
        config.buffer_memory = 2_048;
        config.batch_size = 1_000;
    });
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let value = vec![1; 900];
    let (kept, given_back, late) = (
        bench.core.new_flow(),
        bench.core.new_flow(),
        bench.core.new_flow(),
    );
    assert!(bench.core.reserve(&kept, bench.now) && bench.core.reserve(&given_back, bench.now));
    let wakes = count_wakes(&late);
    assert!(!bench.core.reserve(&late, bench.now));
    let behind = bench.core.send(&record(&topic, &value), bench.now);
    assert!(behind.place().is_none(), "it came last");
    bench.core.audit().expect("the books agree");
    bench.core.drop_flow(&given_back, bench.now);
    bench.wake();
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    assert!(bench.core.reserve(&late, bench.now));
    // It keeps its place in the order behind what was sent before, whatever room it has.
    let sent = bench
        .core
        .send_reserved(&kept, &record(&topic, &value), bench.now);
    assert!(behind.place().is_some() && sent.place().is_none());
    bench.core.audit().expect("the books agree");
}

#[test]
fn what_a_record_does_not_need_of_its_kept_room_is_given_back() {
    let mut bench = Bench::new(|config| {
        config.buffer_memory = 4_096;
        config.batch_size = 2_000;
    });
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let flow = bench.core.new_flow();
    for _ in 0..3 {
        assert!(bench.core.reserve(&flow, bench.now));
        let sent = bench
            .core
            .send_reserved(&flow, &record(&topic, b"x"), bench.now);
        assert!(sent.place().is_some());
        bench.core.audit().expect("the books agree");
    }
    let other = bench.core.new_flow();
    assert!(
        bench.core.reserve(&other, bench.now),
        "three small ones took one buffer"
    );
}

#[test]
fn everyone_who_waits_is_woken_when_the_producer_is_given_up() {
    let mut bench = Bench::new(|config| config.buffer_memory = 1_024);
    let (topic, unknown) = (Topic::from("t"), Topic::from("unknown"));
    bench.know("t", 1, 1, true);
    let mut flows: Vec<_> = (0..4).map(|_| bench.core.new_flow()).collect();
    bench
        .append(&mut flows[0], &topic, 900)
        .expect("there is room");
    assert!(bench.append(&mut flows[1], &topic, 900).is_none());
    assert!(bench.append(&mut flows[2], &topic, 900).is_none());
    let count = bench
        .core
        .partition_count_for(&flows[3], &unknown, bench.now);
    assert_eq!(count, None, "it waits to know the topic");
    let wakes: Vec<_> = flows[1..].iter().map(count_wakes).collect();
    bench.core.abandon(bench.now);
    bench.wake();
    for (flow, wakes) in wakes.iter().enumerate() {
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1, "flow {}", flow + 1);
    }
}

#[test]
fn a_send_that_was_accepted_before_a_close_goes_out_and_one_after_it_does_not() {
    let mut bench = Bench::new(|config| config.buffer_memory = 1_024);
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let value = vec![1; 900];
    let sends: Vec<_> = (0..2)
        .map(|_| bench.core.send(&record(&topic, &value), bench.now))
        .collect();
    assert!(sends[1].place().is_none(), "it waits for room");
    bench.core.close();
    let late = bench.core.send(&record(&topic, &value), bench.now);
    let (slot, index) = late.place().expect("it is refused at once");
    let refused = slot.outcome_of(*index).expect("it is refused at once");
    assert_eq!(
        refused.expect_err("the producer is closed").cause(),
        &Cause::Closed
    );
    for offset in 0..2 {
        let request = bench.drain().expect("nothing lingers while closing");
        bench.answer(&request, vec![at(offset)]);
    }
    let (slot, index) = sends[1].place().expect("it was admitted");
    assert!(
        slot.outcome_of(*index)
            .is_some_and(|outcome| outcome.is_ok())
    );
}

/// A core with a partitioner of the user's that does not know topic `t` yet, and a send to it.
fn asked() -> (Bench, Topic, Arc<Ticket>) {
    let mut bench = Bench::new(|config| config.max_block = Duration::from_secs(1));
    bench.core = bench.core.asking();
    let topic = Topic::from("t");
    let first = bench.core.send(&unplaced(&topic, b"1"), bench.now);
    bench.know("t", 1, 4, true);
    (bench, topic, first)
}

fn unplaced<'a>(topic: &'a Topic, value: &'a [u8]) -> RecordRef<'a> {
    RecordRef {
        partition: None,
        ..record(topic, value)
    }
}

fn jobs(bench: &mut Bench) -> Vec<ChoiceJob> {
    bench.core.take_effects().unwrap_or_default().choose
}

fn outcome(ticket: &Ticket) -> Option<Result<Ack, DeliveryError>> {
    let (slot, index) = ticket.place()?;
    slot.outcome_of(*index)
}

#[test]
fn what_is_sent_while_the_partitioner_is_asked_stays_behind_what_was_sent_before() {
    let (mut bench, topic, first) = asked();
    let mut asked = jobs(&mut bench);
    let job = asked.pop().expect("the partitioner is to be asked");
    // The second comes when the topic is known, and the third did not know that yet.
    let second = bench.core.send(&record(&topic, b"2"), bench.now);
    let third = bench.core.send(&unplaced(&topic, b"3"), bench.now);
    assert!(jobs(&mut bench).is_empty(), "one at a time");
    assert!(bench.drain().is_none(), "none overtakes the first");
    let choices = job.choices(|_, count| Ok(count - 4));
    bench.core.chosen(&job, choices, bench.now);
    let job = jobs(&mut bench).pop().expect("about the third");
    let choices = job.choices(|_, _| Ok(0));
    bench.core.chosen(&job, choices, bench.now);
    let request = bench.drain().expect("nothing lingers");
    assert_eq!(request.parts[0].header.record_count, 3);
    bench.answer(&request, vec![at(0)]);
    let offsets = [first, second, third].map(|send| match outcome(&send) {
        Some(Ok(ack)) => ack.offset,
        other => panic!("{other:?}"),
    });
    assert_eq!(offsets, [Some(0), Some(1), Some(2)]);
    bench.core.audit().expect("the books agree");
}

#[test]
fn an_answer_of_the_partitioner_for_records_that_failed_meanwhile_is_void() {
    let (mut bench, topic, first) = asked();
    let job = jobs(&mut bench).pop().expect("it is to be asked");
    bench.now += Duration::from_secs(1);
    bench.core.expire(bench.now);
    let failed = outcome(&first).expect("it is out of time");
    let failed = failed.expect_err("it is out of time");
    assert!(matches!(failed.cause(), Cause::Partitioner(_)), "{failed}");
    let second = bench.core.send(&record(&topic, b"2"), bench.now);
    let choices = job.choices(|_, _| Ok(0));
    bench.core.chosen(&job, choices, bench.now);
    let request = bench.drain().expect("the second goes");
    assert_eq!(request.parts[0].header.record_count, 1);
    bench.answer(&request, vec![at(0)]);
    assert!(outcome(&second).is_some_and(|outcome| outcome.is_ok()));
    bench.core.audit().expect("the books agree");
}

#[test]
fn a_send_that_waited_for_room_has_its_partitioner_asked_when_it_is_admitted() {
    let mut bench = Bench::new(|config| config.buffer_memory = 1_024);
    bench.core = bench.core.asking();
    let topic = Topic::from("t");
    bench.know("t", 1, 4, true);
    let value = vec![1; 900];
    bench.core.send(&record(&topic, &value), bench.now);
    let waits = bench.core.send(&unplaced(&topic, &value), bench.now);
    assert!(waits.place().is_none(), "there is no room");
    let request = bench.drain().expect("nothing lingers");
    bench.answer(&request, vec![at(0)]);
    let job = jobs(&mut bench).pop().expect("it has room");
    let choices = job.choices(|_, count| Ok(count - 1));
    bench.core.chosen(&job, choices, bench.now);
    let request = bench.drain().expect("nothing lingers");
    assert_eq!(request.parts[0].partition, 3);
    bench.core.audit().expect("the books agree");
}

#[test]
fn a_flush_waits_for_both_halves_of_a_split_batch() {
    let mut bench = Bench::new(|_| ());
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let mut flow = bench.core.new_flow();
    let places: Vec<_> = (0..2)
        .map(|_| bench.append(&mut flow, &topic, 100).expect("there is room"))
        .collect();
    let flush = bench.core.flush();
    let whole = bench.drain().expect("it is flushed");
    bench.answer(&whole, vec![error(10)]);
    let half = bench.drain().expect("the first half");
    bench.answer(&half, vec![at(0)]);
    assert!(!bench.core.is_settled(flush));
    let half = bench.drain().expect("the second half");
    bench.answer(&half, vec![at(1)]);
    assert!(bench.core.is_settled(flush));
    for (place, expected) in places.into_iter().zip(0..) {
        let ack = flow
            .take(place)
            .expect("both are settled")
            .expect("both are acknowledged");
        assert_eq!(ack.offset, Some(expected));
    }
}

#[test]
fn a_record_for_a_partition_without_a_leader_asks_for_metadata() {
    let mut bench = Bench::new(|config| config.retry_backoff = Duration::from_millis(10));
    let topic = Topic::from("t");
    bench.know("t", 1, 1, false);
    let later = bench.now + Duration::from_secs(10);
    let due = bench.core.metadata_due(later);
    assert!(
        due.is_err_and(|due| due > Some(later)),
        "nothing waits for a leader yet"
    );
    let mut flow = bench.core.new_flow();
    bench.now = later;
    bench.append(&mut flow, &topic, 1).expect("there is room");
    let soon = later + Duration::from_secs(1);
    assert!(bench.core.metadata_due(soon).is_ok());
}

#[test]
fn an_expired_batch_that_was_on_the_wire_holds_back_what_is_newer_until_its_answer() {
    let mut bench = Bench::new(|config| config.delivery_timeout = Duration::from_secs(40));
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let mut flow = bench.core.new_flow();
    let place = bench.append(&mut flow, &topic, 1).expect("there is room");
    let request = bench.drain().expect("nothing lingers");
    bench.now += Duration::from_secs(41);
    bench.core.expire(bench.now);
    let expired = flow
        .take(place)
        .expect("its time is up")
        .expect_err("no answer came");
    assert_eq!(expired.written(), Written::Maybe);
    bench.append(&mut flow, &topic, 1).expect("there is room");
    assert!(
        bench.drain().is_none(),
        "whether the sequence was taken is not known"
    );
    bench.answer(&request, vec![at(0)]);
    let next = bench.drain().expect("it is known now");
    assert_eq!(next.parts[0].header.base_sequence, 1);
    assert_eq!(next.parts[0].header.producer_epoch, 0);
}

/// Appends a record of one byte to a partition of a topic.
fn append_to(bench: &mut Bench, flow: &mut FlowLink, topic: &Topic, partition: i32) -> Place {
    let record = RecordRef {
        partition: Some(partition),
        ..record(topic, &[1])
    };
    let mut places = Vec::new();
    bench.core.append(flow, &[record], bench.now, &mut places);
    places.pop().expect("there is room").first
}

fn cause(flow: &mut FlowLink, place: Place) -> (Cause, Written) {
    let error = flow
        .take(place)
        .expect("it is settled")
        .expect_err("it failed");
    (error.cause().clone(), error.written())
}

#[test]
fn the_first_failure_of_a_fail_fast_stream_leaves_nothing_to_be_sent() {
    let mut bench = Bench::new(|config| config.batch_size = 80);
    bench.core.abandon_on_failure();
    let topic = Topic::from("t");
    bench.know("t", 1, 2, true);
    let mut flow = bench.core.new_flow();
    let first = append_to(&mut bench, &mut flow, &topic, 0);
    let request = bench.drain().expect("a batch waits");
    bench.answer(&request, vec![at(0)]);
    assert!(flow.take(first).expect("it is settled").is_ok());
    let refused = append_to(&mut bench, &mut flow, &topic, 0);
    let first = bench.drain().expect("a batch waits");
    let sent_behind = append_to(&mut bench, &mut flow, &topic, 0);
    let second = bench.drain().expect("a batch waits");
    let waits = append_to(&mut bench, &mut flow, &topic, 1);
    bench.answer(&first, vec![error(87)]);
    assert_eq!(cause(&mut flow, waits), (Cause::StreamFailed, Written::No));
    bench.answer(&second, vec![error(45)]);
    let held_back = (Cause::StreamFailed, Written::No);
    assert_eq!(cause(&mut flow, sent_behind), held_back);
    assert!(bench.drain().is_none(), "nothing goes again");
    let failure = bench.core.failure().expect("it is kept").cause().clone();
    assert_eq!((failure, Written::No), cause(&mut flow, refused));
}

#[test]
fn what_an_abandoned_stream_has_on_a_lost_connection_is_not_sent_again() {
    let mut bench = Bench::new(|config| config.batch_size = 80);
    bench.core.abandon_on_failure();
    let topic = Topic::from("t");
    bench.know("t", 1, 2, true);
    let mut flow = bench.core.new_flow();
    let refused = append_to(&mut bench, &mut flow, &topic, 0);
    let first = bench.drain().expect("a batch waits");
    let on_the_wire = append_to(&mut bench, &mut flow, &topic, 1);
    bench.drain().expect("a batch waits");
    bench.answer(&first, vec![error(87)]);
    assert!(flow.take(refused).expect("it is settled").is_err());
    assert!(!bench.core.disconnected(BROKER, "cut", bench.now));
    let unknown = (Cause::StreamFailed, Written::Maybe);
    assert_eq!(cause(&mut flow, on_the_wire), unknown);
}

#[test]
fn a_record_refused_at_the_door_lets_nothing_in_behind_it_and_harms_none_before_it() {
    let mut bench = Bench::new(|config| {
        config.max_request_size = 500;
        config.linger = Duration::from_secs(3_600);
    });
    bench.core.abandon_on_failure();
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let mut flow = bench.core.new_flow();
    let before = append_to(&mut bench, &mut flow, &topic, 0);
    let large = bench
        .append(&mut flow, &topic, 1_000)
        .expect("it is placed");
    let behind = append_to(&mut bench, &mut flow, &topic, 0);
    assert!(matches!(
        cause(&mut flow, large),
        (Cause::TooLarge { .. }, Written::No)
    ));
    assert_eq!(cause(&mut flow, behind), (Cause::StreamFailed, Written::No));
    let request = bench.drain().expect("what is before it does not linger");
    bench.answer(&request, vec![at(0)]);
    assert!(flow.take(before).expect("it is settled").is_ok());
}

#[test]
fn a_chunk_fills_batches_as_its_records_would_one_by_one() {
    let (one, many) = (Topic::from("one"), Topic::from("many"));
    let value = [7; 300];
    // Runs of every kind, of lengths that end in each other's midst.
    let records: Vec<RecordRef<'_>> = (0..4000_usize)
        .map(|n| RecordRef {
            topic: if n / 130 % 3 == 0 { &one } else { &many },
            partition: match n / 40 % 6 {
                0 => Some(2),
                1 => Some((n % 5) as i32),
                _ => None,
            },
            timestamp: 1_000 - (n / 256) as i64,
            key: (n / 70 % 4 == 0).then(|| &value[..n % 7]),
            value: (n % 11 > 0).then(|| &value[..n * 37 % 300]),
            headers: &[],
        })
        .collect();
    let sent = |chunk| {
        let mut bench = Bench::new(|config| config.batch_size = 2_000);
        bench.know("one", 1, 1, true);
        bench.know("many", 2, 4, true);
        let (mut flow, mut places) = (bench.core.new_flow(), Vec::new());
        for chunk in records.chunks(chunk) {
            let done = bench.core.append(&mut flow, chunk, bench.now, &mut places);
            assert_eq!(done, chunk.len());
        }
        let mut batches = Vec::new();
        while let Some(request) = bench.drain() {
            batches.extend(request.parts.iter().map(|part| {
                let (topic, body) = (part.topic.to_string(), part.body.to_vec());
                (topic, part.partition, part.header, body)
            }));
            let answers = request.parts.iter().map(|_| at(0)).collect();
            bench.answer(&request, answers);
        }
        let places: Vec<Place> = places.into_iter().flat_map(Places::each).collect();
        (places, batches)
    };
    let (places, batches) = sent(256);
    assert!(batches.len() > 100);
    assert_eq!((places, batches), sent(1));
}

#[test]
fn the_failure_that_is_told_is_the_one_that_had_everything_given_up() {
    let mut bench = Bench::new(|config| config.max_request_size = 500);
    bench.core.abandon_on_failure();
    let topic = Topic::from("t");
    bench.know("t", 1, 2, true);
    let mut flow = bench.core.new_flow();
    append_to(&mut bench, &mut flow, &topic, 0);
    let request = bench.drain().expect("a batch waits");
    bench
        .append(&mut flow, &topic, 1_000)
        .expect("it is placed");
    let refused = bench
        .core
        .failure()
        .expect("one was refused")
        .cause()
        .clone();
    assert!(matches!(refused, Cause::TooLarge { .. }));
    bench.answer(&request, vec![error(87)]);
    let failure = bench.core.failure().expect("it is kept").cause();
    assert!(matches!(failure, Cause::Broker(_)), "{failure}");
}

#[test]
fn without_answers_a_partition_that_changed_its_leader_is_looked_at_again() {
    let mut bench = Bench::new(|config| {
        config.acks = guanaco_engine::Acks::None;
        config.enable_idempotence = false;
        config.batch_size = 80;
    });
    let topic = Topic::from("t");
    bench.know("t", 1, 1, true);
    let mut flow = bench.core.new_flow();
    append_to(&mut bench, &mut flow, &topic, 0);
    let request = bench.drain().expect("a batch waits");
    append_to(&mut bench, &mut flow, &topic, 0);
    let other = BrokerView {
        id: 2,
        host: "other".into(),
        port: 1,
    };
    let moved = PartitionView {
        index: 0,
        leader: 2,
        leader_epoch: 1,
    };
    let view = ClusterView {
        cluster_id: None,
        brokers: vec![other],
        topics: vec![TopicView {
            name: topic.clone(),
            id: Uuid::from_u128(1),
            error: 0,
            partitions: vec![moved],
        }],
    };
    bench.core.apply(view, bench.now);
    assert!(
        bench.core.drain(2, bench.now).request.is_none(),
        "one is on the wire"
    );
    bench.wake();
    bench.core.written(BROKER, request.id, bench.now);
    let effects = bench.core.take_effects().unwrap_or_default();
    assert!(
        effects.brokers.contains(&2),
        "its new leader has something to send"
    );
    assert!(bench.core.drain(2, bench.now).request.is_some());
}
