//! Three real nodes behind proxies: killed, frozen, moved and brought back.

mod kafka_common;

use guanaco_testkit::{
    kafka::{ClusterError, Connection, KafkaCluster},
    proxy::{ApiKey, Rule},
};
use kafka_common::{produce, record};
use kafka_protocol::messages::MetadataRequest;
use std::time::{Duration, Instant};

const BOUND: Duration = Duration::from_secs(20);

/// One test, for a cluster is dear and each fault leaves it other than it was.
#[tokio::test]
async fn a_cluster_survives_what_is_done_to_it() {
    let cluster = KafkaCluster::builder()
        .nodes(3)
        .proxied()
        .start()
        .await
        .expect("three nodes start");
    clients_are_led_through_the_proxies(&cluster).await;
    cluster
        .create_topic("faults", 3, 3, &[])
        .await
        .expect("the topic is made");
    a_record_is_acknowledged_although_its_answer_is_lost(&cluster).await;
    a_killed_leader_is_replaced_and_comes_back_in_sync(&cluster).await;
    leaders_go_where_they_are_sent(&cluster).await;
    a_frozen_node_loses_its_leadership_and_thaws(&cluster).await;
    a_terminated_node_hands_over(&cluster).await;

    let values: Vec<_> = cluster.read_all("faults").await.expect("the log is sound")[0]
        .iter()
        .map(|record| record.value.clone().expect("each has a value"))
        .collect();
    assert_eq!(values, ["unanswered", "after kill", "after thaw"]);
}

async fn clients_are_led_through_the_proxies(cluster: &KafkaCluster) {
    let address = cluster.address(1).expect("node 1 exists");
    assert_eq!(address, cluster.proxy(1).expect("it has a proxy").address());
    let mut connection = Connection::open(address, BOUND)
        .await
        .expect("the proxy accepts");
    let request = MetadataRequest::default().with_topics(Some(Vec::new()));
    let metadata = connection
        .call(&request, 12)
        .await
        .expect("a broker answers");
    let mut told: Vec<_> = metadata
        .brokers
        .iter()
        .map(|it| format!("{}:{}", it.host, it.port))
        .collect();
    told.sort();
    let mut proxies: Vec<_> = cluster
        .proxies()
        .map(|proxy| proxy.address().to_string())
        .collect();
    proxies.sort();
    assert_eq!(told, proxies);
    assert_eq!(
        cluster
            .proxy(1)
            .expect("it has a proxy")
            .requests(ApiKey::Metadata),
        1
    );
}

async fn a_record_is_acknowledged_although_its_answer_is_lost(cluster: &KafkaCluster) {
    let leader = cluster.leader("faults", 0).await.expect("it has a leader");
    let proxy = cluster.proxy(leader).expect("it has a proxy");
    let rule = proxy.add(Rule::responses().api(ApiKey::Produce).first(1).close());
    let lost = produce(
        proxy.address(),
        "faults",
        0,
        &record(None, Some("unanswered")),
    )
    .await;
    assert!(matches!(lost, Err(ClusterError::Io { .. })), "{lost:?}");
    assert_eq!(rule.hits(), 1);
    assert_eq!(
        cluster.end_offsets("faults").await.expect("offsets"),
        [1, 0, 0]
    );
}

async fn a_killed_leader_is_replaced_and_comes_back_in_sync(cluster: &KafkaCluster) {
    let leader = cluster.leader("faults", 0).await.expect("it has a leader");
    cluster.kill(leader).await.expect("it dies");
    let next = cluster
        .leader_other_than("faults", 0, leader)
        .await
        .expect("another node leads");
    let address = cluster.address(next).expect("it exists");
    let answer = produce(address, "faults", 0, &record(None, Some("after kill"))).await;
    assert_eq!(answer.expect("an answer"), (0, 1));

    cluster.restart(leader).await.expect("it comes back");
    cluster.wait_in_sync().await.expect("it catches up");
    cluster
        .elect_preferred()
        .await
        .expect("the first replicas lead");
    assert_eq!(
        cluster.leader("faults", 0).await.expect("it has a leader"),
        leader
    );
}

async fn leaders_go_where_they_are_sent(cluster: &KafkaCluster) {
    for node in cluster.nodes() {
        cluster
            .move_leader("faults", 1, node)
            .await
            .expect("the leader moves");
        assert_eq!(
            cluster.leader("faults", 1).await.expect("it has a leader"),
            node
        );
    }
}

async fn a_frozen_node_loses_its_leadership_and_thaws(cluster: &KafkaCluster) {
    let leader = cluster.leader("faults", 0).await.expect("it has a leader");
    cluster.freeze(leader).await.expect("it stops");
    let address = cluster.address(leader).expect("it exists");
    let silent = Connection::open(address, Duration::from_millis(300)).await;
    let mut silent = silent.expect("its kernel still accepts");
    let answer = silent.call(&MetadataRequest::default(), 12).await;
    assert!(
        matches!(answer, Err(ClusterError::TimedOut { .. })),
        "{answer:?}"
    );

    cluster
        .leader_other_than("faults", 0, leader)
        .await
        .expect("another node leads");
    cluster.thaw(leader).await.expect("it goes on");
    cluster.wait_in_sync().await.expect("it catches up");
    let next = cluster.leader("faults", 0).await.expect("it has a leader");
    assert_ne!(next, leader);
    let address = cluster.address(next).expect("it exists");
    let answer = produce(address, "faults", 0, &record(None, Some("after thaw"))).await;
    assert_eq!(answer.expect("an answer"), (0, 2));
}

async fn a_terminated_node_hands_over(cluster: &KafkaCluster) {
    let leader = cluster.leader("faults", 0).await.expect("it has a leader");
    let began = Instant::now();
    cluster.terminate(leader).await.expect("it ends");
    cluster
        .leader_other_than("faults", 0, leader)
        .await
        .expect("another node leads");
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    cluster.restart(leader).await.expect("it comes back");
    cluster.wait_in_sync().await.expect("it catches up");
}
