//! A `SendProducer` as a tower service: room is taken by `poll_ready`, kept, and spent by `call`.

use crate::support::{Text, text, within};
use guanaco::{NoKey, ProducerService, StartError, Written, prelude::*};
use guanaco_testkit::mock::MockProducer;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};
use tower::{Service, ServiceExt, load_shed::LoadShed};

type Texts = ProducerService<NoKey, String>;

/// A mock that acknowledges when it is told to, with room for two records.
fn small() -> MockProducer {
    let builder = MockProducer::builder().manual().topic("t", 1);
    let mock = builder.property("buffer.memory", "2048").build();
    mock.expect("the property is right")
}

fn sends(mock: &MockProducer) -> SendProducer<NoKey, String> {
    let settings = ProducerSettings::keyless(StringSerializer);
    SendProducer::new(settings.with_producer(mock.producer()))
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn is_ready(service: &mut Texts, waker: &Waker) -> bool {
    match service.poll_ready(&mut Context::from_waker(waker)) {
        Poll::Ready(ready) => ready.is_ok(),
        Poll::Pending => false,
    }
}

#[tokio::test]
async fn a_record_goes_through_and_its_metadata_comes_back() {
    let mock = MockProducer::new();
    let mut service = sends(&mock).into_service();
    for offset in 0..3 {
        let ready = service.ready().await.expect("there is room");
        let metadata = within(ready.call(text("t", offset))).await;
        assert_eq!(metadata.expect("it is acknowledged").offset, Some(offset));
    }
}

#[tokio::test]
async fn an_envelope_goes_through_with_what_it_carries() {
    let mock = MockProducer::new();
    let service = sends(&mock).into_envelope_service();
    let envelope = Envelope::multi([text("t", "a"), text("t", "b")], 'p');
    let delivery = within(service.oneshot(envelope)).await;
    let delivery = delivery.expect("it is acknowledged");
    assert_eq!(
        (delivery.parts().len(), delivery.into_pass_through()),
        (2, 'p')
    );
}

#[tokio::test]
async fn without_room_it_is_not_ready_and_wakes_when_there_is_some() {
    let mock = small();
    let producer = sends(&mock);
    let mut service = producer.clone().into_service();
    let sent = [(); 2].map(|()| producer.send(text("t", "x")));
    mock.wait_for_records(2).await;
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    assert!(!is_ready(&mut service, &waker));
    assert!(mock.complete_next());
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    assert!(is_ready(&mut service, &waker));
    // What others send now waits behind it.
    assert!(producer.try_enqueue(text("t", "late")).is_err());
    let called = service.call(text("t", "mine"));
    mock.wait_for_records(3).await;
    while mock.complete_next() {}
    within(called).await.expect("it is acknowledged");
    for send in sent {
        within(send).await.expect("it is acknowledged");
    }
}

#[tokio::test]
async fn room_is_not_cloned_and_dropping_gives_it_back() {
    let mock = small();
    let producer = sends(&mock);
    let (mut first, mut second) = (producer.clone().into_service(), producer.into_service());
    let idle = Waker::noop();
    assert!(is_ready(&mut first, idle) && is_ready(&mut second, idle));
    assert!(is_ready(&mut first, idle), "it has its room already");
    let mut cloned = first.clone();
    assert!(!is_ready(&mut cloned, idle));
    drop(first);
    assert!(is_ready(&mut cloned, idle));
}

#[tokio::test]
async fn room_is_spent_by_a_call() {
    let mock = small();
    let mut service = sends(&mock).into_service();
    let idle = Waker::noop();
    let mut answers = Vec::new();
    while is_ready(&mut service, idle) {
        answers.push(service.call(text("t", "x")));
        mock.wait_for_records(answers.len()).await;
    }
    assert_eq!(answers.len(), 2);
    while mock.complete_next() {}
    for answer in answers {
        within(answer).await.expect("it is acknowledged");
    }
    assert!(is_ready(&mut service, idle));
}

#[tokio::test]
async fn load_is_shed_when_the_buffer_is_full() {
    let mock = small();
    let producer = sends(&mock);
    let mut service = LoadShed::new(producer.clone().into_service());
    let full = [(); 2].map(|()| producer.send(text("t", "x")));
    mock.wait_for_records(2).await;
    let ready = ServiceExt::<Text>::ready(&mut service).await;
    let refused = ready.expect("shedding is ready").call(text("t", "more"));
    let refused = within(refused).await.expect_err("there is no room");
    assert!(refused.is::<tower::load_shed::error::Overloaded>());
    drop(full);
}

#[tokio::test]
async fn a_producer_that_cannot_be_had_is_told_by_the_call_with_the_record() {
    let settings = ProducerSettings::keyless(StringSerializer);
    let none = settings.with_producer_factory(|_| async { Err("no vault".into()) });
    let mut service: Texts = SendProducer::new(none).into_service();
    let ready = within(service.ready()).await.expect("nothing to wait for");
    let failed = ready.call(text("t", "x")).await.expect_err("there is none");
    assert!(matches!(
        failed.error,
        ProduceError::Start(StartError::Factory(_))
    ));
    assert_eq!(failed.written(), Written::No);
    assert_eq!(failed.envelope.records()[0].value.as_deref(), Some("x"));
}

#[tokio::test]
async fn it_waits_for_a_producer_that_is_being_created() {
    let (give, take) = tokio::sync::watch::channel(false);
    let mock = MockProducer::new();
    let producer = mock.producer().clone();
    let settings = ProducerSettings::keyless(StringSerializer);
    let later = settings.with_producer_factory(move |_| {
        let (producer, mut take) = (producer.clone(), take.clone());
        async move {
            take.wait_for(|given| *given).await?;
            Ok(producer)
        }
    });
    let mut service: Texts = SendProducer::new(later).into_service();
    assert!(!is_ready(&mut service, Waker::noop()));
    give.send_replace(true);
    let ready = within(service.ready()).await.expect("it is there");
    within(ready.call(text("t", "x")))
        .await
        .expect("it is acknowledged");
}

#[tokio::test]
async fn a_closed_producer_is_ready_to_refuse() {
    let mock = MockProducer::new();
    let mut service = sends(&mock).into_service();
    within(service.ready()).await.expect("there is room");
    within(mock.producer().close()).await;
    let ready = within(service.ready()).await.expect("nothing to wait for");
    let failed = ready.call(text("t", "x")).await.expect_err("it is closed");
    assert!(matches!(failed.error, ProduceError::Closed));
}
