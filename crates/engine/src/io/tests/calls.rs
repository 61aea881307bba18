use super::{
    LONG,
    peer::{MODERN, answer, connected, read},
};
use crate::{
    Topic,
    core::{BrokerView, ClusterView},
    io::{
        calls::{init_producer_id, metadata},
        connection::CallError,
    },
};
use kafka_protocol::{
    messages::{
        ApiKey, InitProducerIdRequest, InitProducerIdResponse, MetadataRequest, MetadataResponse,
        metadata_response::{
            MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
        },
    },
    protocol::StrBytes,
};
use uuid::Uuid;

/// Asks a broker with Metadata up to `version` for `topics`: its view of the request, our result.
async fn exchange(
    version: i16,
    topics: &[Topic],
    response: MetadataResponse,
) -> (MetadataRequest, Result<ClusterView, CallError>) {
    let mut offer = MODERN;
    offer[1] = (ApiKey::Metadata, 0, version);
    let (mut connection, mut peer) = connected(&offer).await;
    let serve = async {
        let asked = read(&mut peer).await;
        assert_eq!(asked.header.request_api_version, version);
        answer(&mut peer, &asked, &response).await;
        asked.decode()
    };
    let (outcome, request) = tokio::join!(metadata(&mut connection, topics, LONG), serve);
    (request, outcome)
}

fn name(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

fn partition(index: i32) -> MetadataResponsePartition {
    MetadataResponsePartition::default()
        .with_partition_index(index)
        .with_leader_id(3.into())
        .with_leader_epoch(11)
        .with_replica_nodes(vec![3.into(), 4.into()])
}

fn cluster(version: i16) -> MetadataResponse {
    let id = if version >= 10 {
        Uuid::from_u128(42)
    } else {
        Uuid::nil()
    };
    let topic = MetadataResponseTopic::default()
        .with_name(Some(name("orders").into()))
        .with_topic_id(id)
        .with_partitions(vec![partition(1), partition(0).with_leader_id((-1).into())]);
    let missing = MetadataResponseTopic::default()
        .with_name(Some(name("missing").into()))
        .with_error_code(3);
    MetadataResponse::default()
        .with_cluster_id(Some(name("cluster")))
        .with_brokers(vec![
            MetadataResponseBroker::default()
                .with_node_id(3.into())
                .with_host(name("broker"))
                .with_port(9092),
        ])
        .with_topics(vec![topic, missing])
}

#[tokio::test]
async fn reads_the_cluster_in_every_version() {
    for version in 9..=13 {
        let topics = [Topic::from("orders"), Topic::from("missing")];
        let (request, view) = exchange(version, &topics, cluster(version)).await;
        assert!(request.allow_auto_topic_creation);
        let asked: Vec<_> = request
            .topics
            .unwrap()
            .into_iter()
            .map(|topic| topic.name)
            .collect();
        assert_eq!(
            asked,
            [Some(name("orders").into()), Some(name("missing").into())]
        );

        let view = view.unwrap();
        assert_eq!(view.cluster_id.as_deref(), Some("cluster"));
        let broker = BrokerView {
            id: 3,
            host: "broker".into(),
            port: 9092,
        };
        assert_eq!(view.brokers, [broker]);
        let [orders, missing] = &view.topics[..] else {
            panic!("{view:?}")
        };
        assert_eq!((&*orders.name, orders.error), ("orders", 0));
        assert_eq!(orders.id.as_u128(), if version >= 10 { 42 } else { 0 });
        let partitions: Vec<_> = orders
            .partitions
            .iter()
            .map(|partition| (partition.index, partition.leader, partition.leader_epoch))
            .collect();
        assert_eq!(partitions, [(1, 3, 11), (0, -1, 11)]);
        assert_eq!((&*missing.name, missing.error), ("missing", 3));
        assert!(missing.partitions.is_empty());
    }
}

#[tokio::test]
async fn asks_for_no_topic_rather_than_all() {
    for version in 9..=13 {
        let (request, view) = exchange(version, &[], MetadataResponse::default()).await;
        assert_eq!(request.topics, Some(Vec::new()));
        assert!(view.unwrap().topics.is_empty());
    }
}

#[tokio::test]
async fn passes_on_an_error_for_the_whole_answer() {
    let response = MetadataResponse::default().with_error_code(31);
    let (_, outcome) = exchange(13, &[], response).await;
    let Err(CallError::Refused(error)) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(error.code(), 31);
}

#[tokio::test]
async fn refuses_numbers_that_no_cluster_has() {
    let with_partition = |index| {
        let mut response = cluster(13);
        response.topics[0].partitions = vec![partition(index)];
        response
    };
    let with_port = |port| {
        let mut response = cluster(13);
        response.brokers[0].port = port;
        response
    };
    let mut nameless = cluster(13);
    nameless.topics[0].name = None;
    for response in [
        with_partition(-1),
        with_partition(i32::MAX),
        with_port(-1),
        with_port(65_536),
        nameless,
    ] {
        let (_, outcome) = exchange(13, &[], response).await;
        assert!(
            matches!(outcome, Err(CallError::Malformed(_))),
            "{outcome:?}"
        );
    }
}

async fn producer_id(
    version: i16,
    response: InitProducerIdResponse,
) -> Result<(i64, i16), CallError> {
    let mut offer = MODERN;
    offer[2] = (ApiKey::InitProducerId, 0, version);
    let (mut connection, mut peer) = connected(&offer).await;
    let serve = async {
        let asked = read(&mut peer).await;
        assert_eq!(asked.header.request_api_version, version);
        let request: InitProducerIdRequest = asked.decode();
        assert_eq!(request.transactional_id, None);
        assert_eq!((request.producer_id.0, request.producer_epoch), (-1, -1));
        answer(&mut peer, &asked, &response).await;
    };
    tokio::join!(init_producer_id(&mut connection, LONG), serve).0
}

#[tokio::test]
async fn gets_a_producer_id_in_every_version() {
    for version in 3..=5 {
        let response = InitProducerIdResponse::default()
            .with_producer_id(4000.into())
            .with_producer_epoch(2);
        assert_eq!(producer_id(version, response).await.unwrap(), (4000, 2));
    }
}

#[tokio::test]
async fn tells_a_refused_producer_id_from_a_broken_one() {
    let refused = InitProducerIdResponse::default().with_error_code(31);
    let outcome = producer_id(5, refused).await;
    assert!(
        matches!(&outcome, Err(CallError::Refused(e)) if e.code() == 31),
        "{outcome:?}"
    );
    for (id, epoch) in [(-1, 0), (0, -1)] {
        let broken = InitProducerIdResponse::default()
            .with_producer_id(id.into())
            .with_producer_epoch(epoch);
        let outcome = producer_id(5, broken).await;
        assert!(
            matches!(outcome, Err(CallError::Malformed(_))),
            "{outcome:?}"
        );
    }
}
