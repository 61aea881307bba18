//! Configuration files as they are found in the wild.

use super::{Directory, entry, hocon, keyless};
use crate::support::{broker, stored, text, within};
use futures_util::stream;
use guanaco::{
    config::{Config, ProducerSection},
    prelude::*,
};
use guanaco_testkit::{
    embedded::EmbeddedBroker,
    kafka::{Authority, KafkaCluster, Listener},
};
use std::path::{Path, PathBuf};

fn load(name: &str) -> Config {
    let files = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/config/files");
    Config::load(files.join(name)).unwrap()
}

/// The section's settings produce.
async fn produces(section: &ProducerSection, broker: &EmbeddedBroker) {
    let settings = keyless().with_section(section);
    let sink = producer::plain_sink(settings);
    within(stream::iter([text("t", section.path())]).run_with(sink))
        .await
        .unwrap();
    assert!(stored(broker, "t", 0).contains(&section.path().to_owned()));
}

#[tokio::test]
async fn an_alpakka_file_starts_producers_for_every_section() {
    let broker = broker("t", 1).await;
    let config = load("orders.conf");
    let overridden = config.clone();
    let overridden =
        overridden.with_overrides("test", [("bootstrap.servers", broker.bootstrap_servers())]);

    let section = config.producer_at("orders.dead-letters").unwrap();
    let from = |key: &str| {
        let entry = entry(&section, key);
        entry.replace(
            &format!("{}/tests/it/config/files/", env!("CARGO_MANIFEST_DIR")),
            "",
        )
    };
    assert_eq!(from("parallelism"), "1 from orders.conf:34");
    assert_eq!(from("close-timeout"), "20s from orders.conf:9");
    assert_eq!(
        from("kafka-clients.client.id"),
        "orders-dead-letters from orders.conf:35"
    );
    assert_eq!(
        from("kafka-clients.delivery.timeout.ms"),
        "60000 from orders.conf:30"
    );
    assert_eq!(
        from("kafka-clients.bootstrap.servers"),
        "kafka-1.example:9092,kafka-2.example:9092 from orders.conf:12"
    );
    let warned: Vec<_> = section
        .warnings()
        .iter()
        .map(|it| it.path.as_str())
        .collect();
    assert_eq!(
        warned,
        [
            "orders.dead-letters.kafka-clients.key.serializer",
            "orders.dead-letters.use-dispatcher"
        ]
    );

    produces(&overridden.producer().unwrap(), &broker).await;
    for path in ["orders.producer", "orders.dead-letters"] {
        produces(&overridden.producer_at(path).unwrap(), &broker).await;
    }
}

#[tokio::test]
async fn a_pekko_file_with_includes_and_variables_starts_a_producer() {
    let broker = broker("t", 1).await;
    let config = load("pekko/application.conf");
    let section = config.producer().unwrap();
    assert_eq!(section.path(), "pekko.kafka.producer");
    let settings = keyless().with_section(&section);
    assert_eq!(settings.property("client.id"), Some("metrics-guanaco"));
    assert_eq!(settings.property("linger.ms"), Some("100"));
    assert_eq!(settings.parallelism(), 2_000);

    let servers = [("bootstrap.servers", broker.bootstrap_servers())];
    produces(
        &config.with_overrides("test", servers).producer().unwrap(),
        &broker,
    )
    .await;
}

/// Another file stands over it, as somebody who tries it at home would have one.
#[tokio::test]
async fn a_file_with_a_key_store_scram_and_discovery_produces_to_a_real_cluster() {
    let authority = Authority::new("payments").unwrap();
    let certificate = authority.certify("broker", &["127.0.0.1"]).unwrap();
    let listener = Listener::sasl_ssl("SASL_TLS", &certificate).scram();
    let cluster = KafkaCluster::builder().listener(listener);
    let cluster = cluster.start().await.unwrap();
    cluster.add_scram_user("payments", "hunter2").await.unwrap();
    cluster.create_topic("t", 1, 1, &[]).await.unwrap();

    let directory = Directory::new(&[("ca.pem", authority.pem())]);
    let store = directory.0.join("truststore.jks");
    import(&directory.0.join("ca.pem"), &store).await;
    let servers = cluster.listener_servers("SASL_TLS");
    let (host, port) = servers.rsplit_once(':').unwrap();
    let here = hocon(&format!(
        "akka.discovery.config.services.kafka-payments.endpoints = \
           [{{ host = \"{host}\", port = {port} }}]
         akka.kafka.producer.kafka-clients.ssl.truststore.location = \"{}\"",
        store.display()
    ));
    let config = here.with_fallback(load("payments.conf"));
    let section = config.producer().unwrap();
    assert_eq!(section.service_name(), Some("kafka-payments"));
    let settings = keyless().with_section(&section);
    let shown = format!("{section:?} {settings:?} {config:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("changeit"),
        "{shown}"
    );

    let sink = producer::plain_sink(settings);
    within(stream::iter([text("t", "paid")]).run_with(sink))
        .await
        .unwrap();
    let records = cluster.read_all("t").await.unwrap();
    assert_eq!(records[0][0].value.as_deref(), Some(&b"paid"[..]));
}

/// Java's own tool makes a key store that trusts the authority.
async fn import(authority: &Path, store: &Path) {
    let made = tokio::process::Command::new("keytool")
        .args(["-importcert", "-noprompt", "-alias", "ca"])
        .args(["-storetype", "JKS", "-storepass", "changeit"])
        .arg("-file")
        .arg(authority)
        .arg("-keystore")
        .arg(store)
        .output()
        .await
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

#[tokio::test]
async fn a_service_of_the_file_is_found_by_its_name() {
    let broker = broker("t", 1).await;
    let (host, port) = broker
        .bootstrap_servers()
        .rsplit_once(':')
        .map(|(host, port)| (host.to_owned(), port.to_owned()))
        .unwrap();
    let config = |akka: &str| {
        hocon(&format!(
            "{akka}.discovery {{
               method = aggregate
               aggregate.discovery-methods = [ config ]
               config.services {{ kafka {{ endpoints = [ {{ host = \"{host}\", port = {port} }} ] }} }}
             }}
             {akka}.kafka.producer {{ service-name = kafka, resolve-timeout = 1s }}"
        ))
    };
    for akka in ["akka", "pekko"] {
        produces(&config(akka).producer().unwrap(), &broker).await;
    }
}

#[test]
fn a_discovery_method_that_cannot_work_is_told_when_it_is_read() {
    let refused = |text: &str| {
        let error = hocon(text).producer().unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    };
    let told = refused("guanaco.producer.service-name = kafka");
    assert!(
        told.starts_with("default: guanaco.producer.discovery-method cannot be used: "),
        "{told}"
    );
    let told = refused("guanaco.producer {\n service-name = kafka\n discovery-method = confg\n}");
    assert!(
        told.starts_with("text:3: ") && told.contains("\"config\""),
        "{told}"
    );
    let told = refused(
        "akka.discovery { method = config, config.services.k.endpoints = [{ host = x }] }\n\
         akka.kafka.producer.service-name = k",
    );
    assert!(
        told.contains("akka.discovery.config.services.k.endpoints must be a list"),
        "{told}"
    );
}
