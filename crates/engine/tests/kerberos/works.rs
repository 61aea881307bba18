//! Whoever has a ticket, or a key to get one with, comes in.

use crate::{
    log::Log,
    site::{authority, config, connect, is_client, run_client, sends, site},
};
use std::time::{Duration, Instant};

const WITH_KEYTAB: &str = "works::records_arrive_with_a_keytab_alone";

#[tokio::test]
async fn records_arrive_with_a_keytab_alone() {
    if is_client(WITH_KEYTAB) {
        let keytab = std::env::var("KRB5_CLIENT_KTNAME").unwrap();
        let module = format!(
            "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true \
             keyTab=\"{keytab}\" principal=\"alice@GUANACO.TEST\" serviceName=\"kafka\";"
        );
        let config = config("SASL", &[("sasl.jaas.config", &module)]);
        let producer = connect(config).await.unwrap();
        sends(&producer, "keytab", 50).await;
        return;
    }
    let site = site().await;
    site.cluster
        .create_topic("keytab", 1, 1, &[])
        .await
        .unwrap();
    run_client(WITH_KEYTAB, site.with_keytab(&site.alice)).await;
    assert_eq!(site.cluster.end_offsets("keytab").await.unwrap(), [50]);
}

const WITH_TICKETS: &str = "works::records_arrive_with_the_tickets_of_kinit";

#[tokio::test]
async fn records_arrive_with_the_tickets_of_kinit() {
    if is_client(WITH_TICKETS) {
        let cache = std::env::var("KRB5CCNAME").unwrap();
        let module = format!(
            "com.sun.security.auth.module.Krb5LoginModule required useTicketCache=true \
             ticketCache=\"{cache}\";"
        );
        let mut config = config("SASL", &[("sasl.jaas.config", &module)]);
        // It is Kafka's default.
        config.security.sasl.mechanism = None;
        let producer = connect(config).await.unwrap();
        sends(&producer, "tickets", 50).await;
        return;
    }
    let site = site().await;
    site.cluster
        .create_topic("tickets", 1, 1, &[])
        .await
        .unwrap();
    let cache = site.kdc.tickets("alice", &site.alice, 3_600).await.unwrap();
    run_client(WITH_TICKETS, site.with_tickets(&cache)).await;
    assert_eq!(site.cluster.end_offsets("tickets").await.unwrap(), [50]);
}

const OVER_TLS: &str = "works::a_ticket_is_taken_over_tls_too";

#[tokio::test]
async fn a_ticket_is_taken_over_tls_too() {
    if is_client(OVER_TLS) {
        let keytab = std::env::var("KRB5_CLIENT_KTNAME").unwrap();
        let settings = [
            ("sasl.kerberos.keytab", keytab.as_str()),
            ("sasl.kerberos.principal", "alice"),
            ("security.protocol", "SASL_SSL"),
            ("ssl.truststore.certificates", &authority()),
        ];
        let producer = connect(config("SASL_TLS", &settings)).await.unwrap();
        sends(&producer, "tls", 10).await;
        return;
    }
    let site = site().await;
    site.cluster.create_topic("tls", 1, 1, &[]).await.unwrap();
    run_client(OVER_TLS, site.with_keytab(&site.alice)).await;
}

const RENEWED: &str = "works::a_session_is_renewed_on_its_connection";

#[tokio::test]
async fn a_session_is_renewed_on_its_connection() {
    if is_client(RENEWED) {
        let log = Log::default();
        let _guard = log.capture();
        let producer = connect(config("SHORT", &[])).await.unwrap();
        let began = Instant::now();
        let mut next = 0;
        // Three sessions of 3 s.
        while began.elapsed() < Duration::from_secs(8) {
            for offset in sends(&producer, "renewed", 20).await {
                assert_eq!(offset, Some(next));
                next += 1;
            }
        }
        let log = log.text();
        assert!(!log.contains("connection lost"), "{log}");
        return;
    }
    let site = site().await;
    site.cluster
        .create_topic("renewed", 1, 1, &[])
        .await
        .unwrap();
    run_client(RENEWED, site.with_keytab(&site.alice)).await;
}

const AGAIN: &str = "works::a_keytab_gives_tickets_again_when_they_end";

#[tokio::test]
async fn a_keytab_gives_tickets_again_when_they_end() {
    if is_client(AGAIN) {
        // Sessions end after 3 s, tickets after 4 s.
        let producer = connect(config("SHORT", &[])).await.unwrap();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(9) {
            sends(&producer, "again", 20).await;
        }
        return;
    }
    let site = site().await;
    site.cluster.create_topic("again", 1, 1, &[]).await.unwrap();
    let brief = site.kdc.keytab("brief").await.unwrap();
    site.kdc.limit_tickets("brief", 4).await.unwrap();
    run_client(AGAIN, site.with_keytab(&brief)).await;
}
