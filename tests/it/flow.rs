//! Flows: order, limits, ends.

use crate::support::{all, broker, settings, stored, text, within};
use futures_util::{StreamExt, stream};
use guanaco::prelude::*;

#[tokio::test]
async fn results_come_in_input_order_with_their_pass_through() {
    let broker = broker("t", 1).await;
    let envelopes = stream::iter(0..20_000).map(|n| Envelope::single(text("t", n), n));
    let deliveries = all(envelopes.via(producer::flexi_flow(settings(&broker)))).await;
    assert_eq!(deliveries.len(), 20_000);
    for (n, delivery) in deliveries.into_iter().enumerate() {
        let delivery = delivery.unwrap();
        let part = &delivery.parts()[0];
        assert_eq!(part.record.value.as_deref(), Some(&*n.to_string()));
        assert_eq!((part.partition, part.offset), (0, Some(n as i64)));
        assert_eq!(delivery.into_pass_through(), n);
    }
    let expected: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
    assert_eq!(stored(&broker, "t", 0), expected);
}

#[tokio::test]
async fn a_sink_ends_when_all_is_acknowledged() {
    let broker = broker("t", 1).await;
    let records = stream::iter(0..20_000).map(|n| text("t", n));
    within(records.run_with(producer::plain_sink(settings(&broker)))).await.unwrap();
    assert_eq!(stored(&broker, "t", 0).len(), 20_000);
}
