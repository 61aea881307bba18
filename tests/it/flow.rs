//! Flows: results in input order, limits, and what an element is.

use crate::support::{all, all_stored, broker, settings, stored, text, texts, within};
use futures_util::{StreamExt, TryStreamExt, stream};
use guanaco::{Timestamp, prelude::*};
use guanaco_testkit::{
    embedded::{ApiKey, EmbeddedBroker},
    model::TopicConfig,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

#[tokio::test]
async fn results_come_in_input_order_with_their_pass_through() {
    let broker = broker("t", 1).await;
    let envelopes = stream::iter(0..20_000_u32).map(|n| Envelope::single(text("t", n), n));
    let deliveries = all(envelopes.via(producer::flexi_flow(settings(&broker)))).await;
    assert_eq!(deliveries.len(), 20_000);
    for (n, delivery) in (0..).zip(deliveries) {
        let delivery = delivery.unwrap();
        let part = &delivery.parts()[0];
        assert_eq!(part.record.value, Some(n.to_string()));
        assert_eq!((part.partition, part.offset), (0, Some(i64::from(n))));
        assert_eq!(delivery.into_pass_through(), n);
    }
    assert_eq!(stored(&broker, "t", 0), texts(0..20_000));
}

#[tokio::test]
async fn results_keep_their_order_when_brokers_answer_at_different_speeds() {
    let builder = EmbeddedBroker::builder().brokers(3).topic("t", 7);
    let broker = builder.start().await.unwrap();
    let produce = |id| broker.faults().on(ApiKey::Produce).at_broker(id).always();
    produce(1).delay_response(Duration::from_millis(30));
    produce(2).delay_response(Duration::from_millis(5));

    let envelopes = stream::iter(0..3_000_u32).map(|n| {
        let record =
            |part: u32| text("t", format!("{n}.{part}")).with_partition((n + part) as i32 % 7);
        match n % 5 {
            0 => Envelope::pass_through(n),
            1 => Envelope::multi((0..n % 4).map(record), n),
            _ => Envelope::single(record(0), n),
        }
    });
    let settings = settings(&broker)
        .with_parallelism(500)
        .with_property("batch.size", "500");
    let deliveries = all(envelopes.via(producer::flexi_flow(settings))).await;

    let mut next = [0; 7];
    assert_eq!(deliveries.len(), 3_000);
    for (n, delivery) in (0..).zip(deliveries) {
        let delivery = delivery.unwrap();
        let parts = match n % 5 {
            0 => 0,
            1 => n % 4,
            _ => 1,
        };
        assert_eq!(delivery.parts().len(), parts as usize);
        for (number, part) in (0..).zip(delivery.parts()) {
            assert_eq!(part.record.value, Some(format!("{n}.{number}")));
            assert_eq!(part.partition, (n + number) as i32 % 7);
            // In each partition the order of the log is that of the stream.
            let next = &mut next[part.partition as usize];
            assert_eq!(part.offset, Some(*next));
            *next += 1;
        }
        assert_eq!(delivery.into_pass_through(), n);
    }
    assert_eq!(broker.end_offsets("t").unwrap(), next);
}

#[tokio::test]
async fn no_more_than_parallelism_is_pulled_before_a_result_is_taken() {
    let broker = broker("t", 1).await;
    let held = broker.faults().on(ApiKey::Produce).always().hold();
    let pulled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&pulled);
    let records = stream::iter(0..1_000_u32).map(move |n| {
        counter.fetch_add(1, Ordering::Relaxed);
        text("t", n)
    });
    let mut flow = records.via(producer::flexi_flow(settings(&broker).with_parallelism(40)));

    let mut taken = 0;
    let first = tokio::select! {
        first = flow.next() => first,
        () = async {
            held.caught(1).await;
            assert_eq!(pulled.load(Ordering::Relaxed), 40, "all that may be in flight, and no more");
            held.release();
            std::future::pending().await
        } => None,
    };
    first.unwrap().unwrap();
    taken += 1;
    while let Some(delivery) = within(flow.try_next()).await.unwrap() {
        taken += 1;
        let ahead = pulled.load(Ordering::Relaxed) - taken;
        assert!(ahead <= 40, "{ahead} in flight");
        drop(delivery);
    }
    assert_eq!(taken, 1_000);
}

#[tokio::test]
async fn contexts_come_out_beside_their_results() {
    let broker = broker("t", 3).await;
    let items = stream::iter(0..1_000_u32).map(|n| (text("t", n), format!("context {n}")));
    let results = all(items.via(producer::flow_with_context(settings(&broker)))).await;
    assert_eq!(results.len(), 1_000);
    for (n, result) in (0..).zip(results) {
        let (delivery, context) = result.unwrap();
        assert_eq!(delivery.parts()[0].record.value, Some(u32::to_string(&n)));
        assert_eq!(context, format!("context {n}"));
    }
    assert_eq!(all_stored(&broker, "t").len(), 1_000);
}

#[tokio::test]
async fn headers_keys_nulls_and_times_arrive_as_they_were_given() {
    let broker = broker("t", 1).await;
    let records: Vec<ProducerRecord<String, String>> = vec![
        ProducerRecord::new("t", String::new())
            .with_key(String::new())
            .with_timestamp(12),
        ProducerRecord::tombstone("t", "gone".to_owned()).with_timestamp(34),
        ProducerRecord::new("t", "x".to_owned())
            .with_header("a", "1")
            .with_header("a", "2")
            .with_headers([guanaco::Header::null("n"), guanaco::Header::new("e", "")])
            .with_timestamp(56),
    ];
    let settings = ProducerSettings::new(StringSerializer, StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers());
    within(stream::iter(records).run_with(producer::plain_sink(settings)))
        .await
        .unwrap();

    let stored = &broker.records("t").unwrap()[0];
    let bytes = |text: &'static str| Some(bytes::Bytes::from(text));
    let parts = |n: usize| {
        (
            stored[n].key.clone(),
            stored[n].value.clone(),
            stored[n].timestamp,
        )
    };
    assert_eq!(parts(0), (bytes(""), bytes(""), 12));
    assert_eq!(parts(1), (bytes("gone"), None, 34));
    assert_eq!(parts(2), (None, bytes("x"), 56));
    let headers = vec![("n".to_owned(), None), ("e".to_owned(), bytes(""))];
    assert_eq!(stored[2].headers, headers);
}

#[tokio::test]
async fn the_result_tells_the_time_and_who_set_it() {
    let append_time = TopicConfig {
        log_append_time: true,
        ..TopicConfig::partitions(1)
    };
    let builder = EmbeddedBroker::builder()
        .topic("own", 1)
        .topic_with("theirs", append_time);
    let broker = builder.start().await.unwrap();
    let records = [
        text("own", "a").with_timestamp(7),
        text("own", "b"),
        text("theirs", "c"),
    ];
    let deliveries = all(stream::iter(records).via(producer::flexi_flow(settings(&broker)))).await;
    let times: Vec<_> = deliveries
        .into_iter()
        .map(|delivery| delivery.unwrap().parts()[0].clone())
        .map(|part| (part.timestamp, broker.records(&part.record.topic).unwrap()))
        .collect();
    assert_eq!(times[0].0, Timestamp::CreateTime(7));
    assert_eq!(
        times[1].0,
        Timestamp::CreateTime(times[1].1[0][1].timestamp)
    );
    assert_eq!(
        times[2].0,
        Timestamp::LogAppendTime(times[2].1[0][0].timestamp)
    );
}

#[tokio::test]
async fn borrowed_records_need_not_be_static() {
    let broker = broker("t", 1).await;
    let owned = texts(0..100);
    let records = stream::iter(&owned).map(|text| ProducerRecord::new("t", text.as_str()));
    let settings = ProducerSettings::keyless(BytesSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers());
    within(records.run_with(producer::plain_sink(settings)))
        .await
        .unwrap();
    assert_eq!(stored(&broker, "t", 0), owned);
}

#[tokio::test]
async fn records_without_a_partition_go_where_the_own_partitioner_says() {
    let broker = broker("t", 4).await;
    let by_length = guanaco::partition_with(|topic, key, value, count| {
        assert_eq!((&**topic, key, count), ("t", None, 4));
        value.map_or(0, |value| value.len() as i32 % count)
    });
    let records = ["", "a", "bb", "ccc", "dddd"].map(|value| text("t", value));
    let fixed = text("t", "eeeee").with_partition(3);
    let records = stream::iter(records.into_iter().chain([fixed]));
    let sink = producer::plain_sink(settings(&broker).with_partitioner(by_length));
    within(records.run_with(sink)).await.unwrap();
    let partitions: Vec<_> = (0..4)
        .map(|partition| stored(&broker, "t", partition))
        .collect();
    let expected = [
        vec!["", "dddd"],
        vec!["a"],
        vec!["bb"],
        vec!["ccc", "eeeee"],
    ];
    assert_eq!(partitions, expected);
}

#[tokio::test]
async fn an_always_ready_stream_lets_others_run() {
    // Everything is on one thread, and nothing in the stream ever waits.
    let broker = broker("t", 1).await;
    let ready = stream::iter(0..200_000).map(Envelope::<guanaco::NoKey, String, u32>::pass_through);
    let mut flow = ready.via(producer::flexi_flow(settings(&broker)));
    within(flow.next()).await.unwrap().unwrap();
    let turns = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let last = within(flow.try_fold(0, |_, delivery| {
        std::future::ready(Ok(delivery.into_pass_through()))
    }));
    assert_eq!(last.await.unwrap(), 199_999);
    other.abort();
    let turns = turns.load(Ordering::Relaxed);
    assert!(turns >= 20, "the other task had {turns} turns");
}
