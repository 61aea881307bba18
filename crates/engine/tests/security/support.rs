//! The cluster, its users, and producers on one of its listeners.

#[path = "../behaviour/support/records.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod records;
#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "../behaviour/support/sample.rs"]
mod sample;

pub(crate) use crate::log::Log;
pub(crate) use records::produce;
pub(crate) use sample::{Sample, numbered};

use guanaco_engine::{Producer, ProducerConfig, StartError, Topic};
use guanaco_testkit::kafka::{AclResource, Authority, Certificate, KafkaCluster, Listener};
use std::{future::Future, path::PathBuf, time::Duration};
use tokio::sync::OnceCell;

/// Nothing that is waited for takes longer, on a busy machine either.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// Passwords are canaries: nothing may show them.
pub(crate) const ALICE: (&str, &str) = ("alice", "canary-alice's \"password\"");
/// Of the stores that `stored` names.
pub(crate) const STORE_PASSWORD: &str = "changeit";

/// May not write to the topic `forbidden`.
pub(crate) const LIMITED: (&str, &str) = ("limited", "canary-limited");
/// May do nothing.
pub(crate) const NOBODY: (&str, &str) = ("nobody", "canary-nobody");

pub(crate) struct Site {
    pub(crate) cluster: KafkaCluster,
    pub(crate) authority: Authority,
    pub(crate) client: Certificate,
    /// That of the listeners but for `EXPIRED`, `ELSEWHERE` and `REVOKED`.
    pub(crate) good: Certificate,
    /// That of `REVOKED`.
    pub(crate) revoked: Certificate,
}

/// The cluster that all tests share.
pub(crate) async fn site() -> &'static Site {
    static SITE: OnceCell<Site> = OnceCell::const_new();
    SITE.get_or_init(start_site).await
}

async fn start_site() -> Site {
    let authority = Authority::new("guanaco-tests").unwrap();
    let here = ["localhost", "127.0.0.1"];
    let good = authority.certify("broker", &here).unwrap();
    let expired = authority.certify_expired("broker", &here).unwrap();
    let elsewhere = authority.certify("broker", &["elsewhere.test"]).unwrap();
    let revoked = authority.certify("broker", &here).unwrap();
    let client = authority.certify("client", &[]).unwrap();
    // PLAIN's passwords stand in Java's configuration, so this one has no quotes.
    let plain = [("bob", "canary-bob"), LIMITED];
    let cluster = KafkaCluster::builder()
        .property(
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        )
        .property("super.users", "User:ANONYMOUS")
        .listener(Listener::ssl("TLS", &good))
        .listener(Listener::ssl("EXPIRED", &expired))
        .listener(Listener::ssl("ELSEWHERE", &elsewhere))
        .listener(Listener::ssl("REVOKED", &revoked))
        .listener(
            Listener::ssl_store("STORES", &stored("broker.p12"), STORE_PASSWORD)
                .client_certificates_of(&stored("trust.jks"), STORE_PASSWORD),
        )
        .listener(Listener::ssl("MTLS", &good).client_certificates(authority.pem()))
        .listener(
            Listener::sasl_ssl("SASL_TLS", &good)
                .plain(&plain)
                .scram()
                .unsigned_tokens(),
        )
        .listener(Listener::sasl_plaintext("SASL").plain(&plain).scram())
        .listener(
            Listener::sasl_plaintext("SHORT")
                .scram()
                .unsigned_tokens()
                .sessions_of(3_000),
        )
        .start()
        .await
        .unwrap();
    for (user, password) in [ALICE, LIMITED, NOBODY] {
        cluster.add_scram_user(user, password).await.unwrap();
    }
    for resource in [AclResource::Topic("*"), AclResource::Cluster] {
        cluster.allow("User:*", resource).await.unwrap();
        cluster.forbid("User:nobody", resource).await.unwrap();
    }
    let forbidden = AclResource::Topic("forbidden");
    cluster.forbid("User:limited", forbidden).await.unwrap();
    for topic in ["t", "forbidden"] {
        cluster.create_topic(topic, 1, 1, &[]).await.unwrap();
    }
    Site {
        cluster,
        authority,
        client,
        good,
        revoked,
    }
}

/// A producer's settings for one of the listeners.
pub(crate) async fn config(listener: &str, settings: &[(&str, &str)]) -> ProducerConfig {
    let servers = site().await.cluster.listener_servers(listener);
    assert!(!servers.is_empty(), "no listener {listener}");
    config_at(&servers, settings)
}

pub(crate) fn config_at(servers: &str, settings: &[(&str, &str)]) -> ProducerConfig {
    let all = [("bootstrap.servers", servers)];
    let all = all.iter().chain(settings).copied();
    ProducerConfig::from_properties(all).unwrap().0
}

/// The settings that trust the brokers, and `more`.
pub(crate) async fn trusting<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let trust = ("ssl.truststore.certificates", site().await.authority.pem());
    more.iter().copied().chain([trust]).collect()
}

pub(crate) async fn connect(config: ProducerConfig) -> Result<Producer, StartError> {
    let producer = Producer::start(config)?;
    within(producer.connected()).await.map(|()| producer)
}

/// It starts, and what it sends arrives.
pub(crate) async fn works(config: ProducerConfig) -> Producer {
    let producer = connect(config).await.unwrap();
    sends(&producer, "t", 50).await;
    producer
}

pub(crate) async fn sends(producer: &Producer, topic: &str, count: usize) {
    let outcomes = within(produce(
        producer,
        &Topic::from(topic.to_owned()),
        &numbered(count),
    ))
    .await;
    assert_eq!(outcomes.len(), count);
    for outcome in outcomes {
        outcome.unwrap();
    }
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, future).await.expect("it hangs")
}

/// `sasl.jaas.config` for one of the modules with a name and password.
pub(crate) fn jaas(module: &str, (user, password): (&str, &str)) -> String {
    let password = password.replace('"', "\\\"");
    format!(
        "org.apache.kafka.common.security.{module} required username=\"{user}\" \
         password=\"{password}\";"
    )
}

/// A file that goes with the test process's directory.
pub(crate) fn file(name: &str, text: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = directory.join(format!("security-{}-{name}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

/// One of the stores of `src/store/tests`, made by Java's keytool or by OpenSSL.
pub(crate) fn stored(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    directory.join("src/store/tests/data").join(name)
}
