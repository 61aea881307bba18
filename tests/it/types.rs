//! What can be sent, shared and cloned: a table that the compiler checks.

use futures_util::{Sink, Stream, stream};
use guanaco::{
    CloseReport, DeliveryFuture, Enqueue, Error, Headers, NoKey, SendEnvelope, Sending,
    SettingsError, SharedProducerSettings, StartError, UserError,
    prelude::*,
    producer::{
        ContextDeliveries, ContextOutcomes, Deliveries, FlexiFlow, FlexiFlowOutcomes,
        FlowWithContext, FlowWithContextOutcomes, Outcomes, PlainSink, ProducerSink, RunPlainSink,
    },
};
use std::{cell::Cell, error, fmt, rc::Rc};

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn clone<T: Clone>() {}
fn unpin<T: Unpin>() {}
fn debug<T: fmt::Debug>() {}
fn of_static<T: 'static>() {}
fn error<T: error::Error + Clone + Send + Sync + 'static>() {}
fn future<T: Future + Send + Unpin + 'static>() {}
fn stream<T: Stream + Send>() {}

type In = stream::Empty<ProducerRecord<String, String>>;
type WithContext = stream::Empty<(ProducerRecord<String, String>, u8)>;

#[test]
fn settings_and_handles_go_anywhere() {
    macro_rules! anywhere {
        ($($type:ty),* $(,)?) => {$(send::<$type>(); sync::<$type>(); clone::<$type>(); unpin::<$type>(); debug::<$type>(); of_static::<$type>();)*};
    }
    anywhere!(
        ProducerSettings<String, String>,
        SharedProducerSettings<String, String>,
        KafkaProducer,
        SendProducer<String, String>,
        ProducerRecord<String, String>,
        Headers,
        RecordMetadata,
        Envelope<String, String, u8>,
        Delivered<String, String>,
        Delivery<String, String, u8>,
        CloseReport,
        Topic,
    );
}

#[test]
fn settings_and_handles_go_anywhere_whatever_the_records_are() {
    // Serializers are shared, records are not.
    send::<ProducerSettings<Rc<u8>, Cell<u8>>>();
    sync::<ProducerSettings<Rc<u8>, Cell<u8>>>();
    send::<SendProducer<Rc<u8>, Cell<u8>>>();
    sync::<SendProducer<Rc<u8>, Cell<u8>>>();
    clone::<SendProducer<Rc<u8>, Cell<u8>>>();
}

#[test]
fn errors_are_cheap_to_clone_and_go_anywhere() {
    error::<ProduceError>();
    error::<SettingsError>();
    error::<StartError>();
    error::<UserError>();
    error::<Error>();
    send::<Failed<String, String, u8>>();
    sync::<Failed<String, String, u8>>();
}

#[test]
fn futures_of_a_send_producer_are_owned() {
    future::<Sending<String, String>>();
    future::<Enqueue<String, String>>();
    future::<DeliveryFuture<String, String>>();
    future::<SendEnvelope<String, String, u8>>();
}

#[test]
fn stages_and_their_streams_can_be_moved_to_a_task() {
    send::<PlainSink<String, String>>();
    send::<FlexiFlow<String, String>>();
    send::<FlexiFlowOutcomes<String, String>>();
    send::<FlowWithContext<String, String>>();
    send::<FlowWithContextOutcomes<String, String>>();
    stream::<Deliveries<In, String, String, ()>>();
    stream::<Outcomes<In, String, String, ()>>();
    stream::<ContextDeliveries<WithContext, String, String, u8>>();
    stream::<ContextOutcomes<WithContext, String, String, u8>>();
    future::<RunPlainSink<In, String, String>>();
    send::<ProducerSink<ProducerRecord<String, String>>>();
    unpin::<ProducerSink<ProducerRecord<NoKey, String>>>();
    fn sink<T: Sink<ProducerRecord<NoKey, String>, Error = ProduceError>>() {}
    sink::<ProducerSink<ProducerRecord<NoKey, String>>>();
}

#[cfg(feature = "tower")]
#[test]
fn services_go_where_their_producers_go() {
    use guanaco::ProducerService;
    send::<ProducerService<Rc<u8>, Cell<u8>>>();
    sync::<ProducerService<Rc<u8>, Cell<u8>>>();
    clone::<ProducerService<Rc<u8>, Cell<u8>, Envelope<Rc<u8>, Cell<u8>, Rc<u8>>>>();
    unpin::<ProducerService<String, String>>();
    debug::<ProducerService<String, String>>();
}
