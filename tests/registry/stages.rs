//! Stages whose serializer is a registry's.

use crate::support::{Order, order_schema, registry, tea, value_of, within};
use futures_util::{StreamExt, TryStreamExt, stream};
use guanaco::{
    prelude::*,
    serialization::{
        RecordPart,
        registry::{Avro, RegistryDeserializer, RegistryError, RegistrySerializer},
    },
};
use guanaco_testkit::embedded::EmbeddedBroker;

async fn broker() -> EmbeddedBroker {
    let builder = EmbeddedBroker::builder()
        .topic("orders", 1)
        .topic("others", 1);
    builder.start().await.expect("loopback ports are free")
}

fn settings(
    broker: &EmbeddedBroker,
    orders: &RegistrySerializer<Avro>,
) -> ProducerSettings<guanaco::NoKey, Order> {
    ProducerSettings::keyless(orders.clone()).with_bootstrap_servers(broker.bootstrap_servers())
}

fn numbered(topic: &'static str, id: i64) -> ProducerRecord<guanaco::NoKey, Order> {
    ProducerRecord::new(topic, Order { id, ..tea() })
}

/// The ids of the orders that the broker has.
async fn stored(
    broker: &EmbeddedBroker,
    topic: &str,
    reader: &RegistryDeserializer<Avro<Option<guanaco::serialization::AvroSchema>>>,
) -> Vec<i64> {
    let mut ids = Vec::new();
    for record in broker.records(topic).unwrap().remove(0) {
        within(reader.prepare(record.value.as_deref()))
            .await
            .unwrap();
        let order: Order = value_of(reader, &record.value.unwrap()).unwrap();
        ids.push(order.id);
    }
    ids
}

#[tokio::test]
async fn a_stage_prepares_when_it_opens_and_its_records_are_read_back() {
    let (mock, client) = registry().await;
    let broker = broker().await;
    let orders = RegistrySerializer::avro(&client, order_schema());
    let preparing = orders.clone();
    let settings = settings(&broker, &orders).with_enrich_async(move |settings| {
        let orders = preparing.clone();
        async move {
            orders.prepare(RecordPart::Value, ["orders"]).await?;
            Ok(settings)
        }
    });
    assert!(mock.requests().is_empty());
    let records = stream::iter(0..500).map(|id| numbered("orders", id));
    within(records.run_with(producer::plain_sink(settings)))
        .await
        .unwrap();
    let reader = RegistryDeserializer::avro(&client);
    assert_eq!(
        stored(&broker, "orders", &reader).await,
        (0..500).collect::<Vec<_>>()
    );
    assert_eq!(
        mock.requests(),
        ["POST /subjects/orders-value/versions", "GET /schemas/ids/1"]
    );
}

#[tokio::test]
async fn a_registry_that_is_down_at_the_start_fails_the_stage_before_any_record() {
    let (mut mock, client) = registry().await;
    let broker = broker().await;
    mock.stop().await;
    let orders = RegistrySerializer::avro(&client, order_schema());
    let preparing = orders.clone();
    let settings = settings(&broker, &orders).with_enrich_async(move |settings| {
        let orders = preparing.clone();
        async move {
            orders.prepare(RecordPart::Value, ["orders"]).await?;
            Ok(settings)
        }
    });
    let records = stream::iter(0..5).map(|id| numbered("orders", id));
    let failed = within(records.run_with(producer::plain_sink(settings))).await;
    let error = failed.unwrap_err();
    let ProduceError::Start(guanaco::StartError::Enrichment(cause)) = &error else {
        panic!("{error:?}");
    };
    assert!(matches!(
        cause.get().downcast_ref(),
        Some(RegistryError::Unreachable { .. })
    ));
    assert_eq!(broker.end_offsets("orders").unwrap(), [0]);
}

#[tokio::test]
async fn a_registry_that_goes_down_in_the_middle_is_not_missed() {
    let (mut mock, client) = registry().await;
    let broker = broker().await;
    let orders = RegistrySerializer::avro(&client, order_schema());
    within(orders.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    let reader = RegistryDeserializer::avro(&client);
    let sends = SendProducer::new(settings(&broker, &orders));
    within(sends.send(numbered("orders", 0))).await.unwrap();
    assert_eq!(stored(&broker, "orders", &reader).await, [0]);
    mock.stop().await;
    within(sends.send(numbered("orders", 1))).await.unwrap();
    let failed = within(sends.send(numbered("others", 2))).await.unwrap_err();
    assert!(
        matches!(failed.error, ProduceError::Serialization { .. }),
        "{failed:?}"
    );
    assert_eq!(stored(&broker, "orders", &reader).await, [0, 1]);
}

#[tokio::test]
async fn a_value_that_is_refused_is_data_with_all_that_came_in() {
    let (_mock, client) = registry().await;
    let broker = broker().await;
    let orders = RegistrySerializer::avro(&client, order_schema());
    within(orders.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    // Every third is for a topic that nobody prepared.
    let envelopes = stream::iter(0..9).map(|id| match id % 3 {
        1 => Envelope::single(numbered("others", id), id),
        _ => Envelope::single(numbered("orders", id), id),
    });
    let flow = producer::flexi_flow(settings(&broker, &orders)).with_outcomes();
    let outcomes: Vec<_> = within(envelopes.via(flow).try_collect()).await.unwrap();
    for (id, outcome) in (0..).zip(outcomes) {
        let failed = match outcome {
            Ok(delivery) => {
                assert_ne!(id % 3, 1);
                assert_eq!(delivery.into_pass_through(), id);
                continue;
            }
            Err(failed) => failed,
        };
        assert_eq!(id % 3, 1, "{failed:?}");
        let ProduceError::Serialization { topic, source, .. } = &failed.error else {
            panic!("{failed:?}");
        };
        assert_eq!(*topic, "others");
        assert!(matches!(
            source.downcast_ref(),
            Some(RegistryError::NotPrepared { .. })
        ));
        assert_eq!(failed.envelope.records()[0].value.as_ref().unwrap().id, id);
        assert_eq!(failed.envelope.into_pass_through(), id);
    }
    let reader = RegistryDeserializer::avro(&client);
    assert_eq!(stored(&broker, "orders", &reader).await, [0, 2, 3, 5, 6, 8]);
    assert_eq!(broker.end_offsets("others").unwrap(), [0]);
}

#[tokio::test]
async fn without_outcomes_a_refused_value_ends_the_stream_and_nothing_after_it_is_stored() {
    let (_mock, client) = registry().await;
    let broker = broker().await;
    let orders = RegistrySerializer::avro(&client, order_schema());
    within(orders.prepare(RecordPart::Value, ["orders"]))
        .await
        .unwrap();
    let records = stream::iter(0..100).map(|id| match id {
        50 => numbered("others", id),
        _ => numbered("orders", id),
    });
    let run = records.run_with(producer::plain_sink(settings(&broker, &orders)));
    let error = within(run).await.unwrap_err();
    assert!(
        matches!(error, ProduceError::Serialization { .. }),
        "{error:?}"
    );
    let reader = RegistryDeserializer::avro(&client);
    let stored = stored(&broker, "orders", &reader).await;
    assert_eq!(stored, (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn topics_that_are_not_known_ahead_are_prepared_on_the_way() {
    let (mock, client) = registry().await;
    let broker = broker().await;
    let orders = RegistrySerializer::avro(&client, order_schema());
    let preparing = orders.clone();
    let records = stream::iter(0..100)
        .map(|id| numbered(["orders", "others"][usize::from(id % 2 == 1)], id))
        .then(move |record| {
            let orders = preparing.clone();
            async move {
                orders.prepare(RecordPart::Value, [&record.topic]).await?;
                Ok::<_, RegistryError>(record)
            }
        });
    within(records.run_with(producer::plain_sink(settings(&broker, &orders))))
        .await
        .unwrap();
    assert_eq!(mock.requests().len(), 2);
    assert_eq!(broker.end_offsets("orders").unwrap(), [50]);
    assert_eq!(broker.end_offsets("others").unwrap(), [50]);
}
