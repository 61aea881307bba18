//! The KDC and the cluster that all tests share, and the processes of their clients.

#[path = "../behaviour/support/records.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod records;
#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "../behaviour/support/sample.rs"]
mod sample;

use sample::Sample;

use guanaco_engine::{Producer, ProducerConfig, StartError, Topic};
use guanaco_testkit::{
    kafka::{Authority, KafkaCluster, Listener},
    kdc::Kdc,
};
use std::{
    ffi::OsString,
    future::Future,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{process::Command, sync::OnceCell};

/// Nothing that is waited for takes longer, on a busy machine either.
const BOUND: Duration = Duration::from_secs(60);

/// Says to a process which test's client it is.
const CLIENT: &str = "GUANACO_KERBEROS_CLIENT";
/// What a client has to know of the site.
const AUTHORITY: &str = "GUANACO_KERBEROS_AUTHORITY";
const LISTENERS: [&str; 4] = ["SASL", "SASL_TLS", "SHORT", "STALE"];

/// What a client's Kerberos library finds in its environment.
pub(crate) type Environment = Vec<(&'static str, OsString)>;

pub(crate) struct Site {
    pub(crate) cluster: KafkaCluster,
    pub(crate) kdc: Kdc,
    /// Of a principal that may do everything.
    pub(crate) alice: PathBuf,
    /// Of the brokers.
    pub(crate) broker: PathBuf,
    authority: String,
}

impl Site {
    async fn start() -> Self {
        let kdc = Kdc::start().await.unwrap();
        let keytab = kdc.keytab("kafka/127.0.0.1").await.unwrap();
        let stale = kdc.keytab("stale/127.0.0.1").await.unwrap();
        kdc.change_key("stale/127.0.0.1").await.unwrap();
        let alice = kdc.keytab("alice").await.unwrap();
        let authority = Authority::new("guanaco-tests").unwrap();
        let certificate = authority.certify("broker", &["127.0.0.1"]).unwrap();
        let kafka = |listener: Listener| listener.kerberos("kafka/127.0.0.1", &keytab);
        let cluster = KafkaCluster::builder()
            .jvm_option(kdc.jvm_option())
            .listener(kafka(Listener::sasl_plaintext("SASL")))
            .listener(kafka(Listener::sasl_ssl("SASL_TLS", &certificate)))
            .listener(kafka(Listener::sasl_plaintext("SHORT")).sessions_of(3_000))
            .listener(Listener::sasl_plaintext("STALE").kerberos("stale/127.0.0.1", &stale))
            .start()
            .await
            .unwrap();
        Self {
            cluster,
            kdc,
            alice,
            broker: keytab,
            authority: authority.pem().to_owned(),
        }
    }

    /// The environment of somebody with a keytab.
    pub(crate) fn with_keytab(&self, keytab: &Path) -> Environment {
        vec![
            ("KRB5_CONFIG", self.kdc.config().into()),
            ("KRB5_CLIENT_KTNAME", keytab.into()),
            ("KRB5CCNAME", "MEMORY:".into()),
        ]
    }

    /// The environment of somebody with tickets and no keytab.
    pub(crate) fn with_tickets(&self, cache: &Path) -> Environment {
        let mut environment = self.with_keytab(Path::new("/no/such/keytab"));
        environment.push(("KRB5CCNAME", cache.into()));
        environment
    }
}

pub(crate) async fn site() -> &'static Site {
    static SITE: OnceCell<Site> = OnceCell::const_new();
    SITE.get_or_init(Site::start).await
}

/// Whether this process is the client of the test of this name.
pub(crate) fn is_client(test: &str) -> bool {
    std::env::var(CLIENT).is_ok_and(|client| client == test)
}

/// Runs the test of this name in a process with this environment, in which it is a client.
pub(crate) async fn run_client(test: &str, environment: Environment) {
    let site = site().await;
    let servers = LISTENERS.map(|name| (name, site.cluster.listener_servers(name)));
    let client = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CLIENT, test)
        .env(AUTHORITY, &site.authority)
        .envs(servers)
        .envs(environment)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = within(client).await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    // A name that is no test's ends well, too.
    let ran = said.contains("1 passed");
    assert!(output.status.success() && ran, "{test}: {said}");
}

/// A producer's settings for one of the listeners, in a client.
pub(crate) fn config(listener: &str, settings: &[(&str, &str)]) -> ProducerConfig {
    config_at(&std::env::var(listener).unwrap(), settings)
}

pub(crate) fn config_at(servers: &str, settings: &[(&str, &str)]) -> ProducerConfig {
    let all = [
        ("bootstrap.servers", servers),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "GSSAPI"),
        ("sasl.kerberos.service.name", "kafka"),
        ("linger.ms", "0"),
    ];
    let all = all.into_iter().chain(settings.iter().copied());
    ProducerConfig::from_properties(all).unwrap().0
}

/// The authority of the brokers' certificates, in a client.
pub(crate) fn authority() -> String {
    std::env::var(AUTHORITY).unwrap()
}

pub(crate) async fn connect(config: ProducerConfig) -> Result<Producer, StartError> {
    let producer = Producer::start(config)?;
    within(producer.connected()).await.map(|()| producer)
}

/// Records arrive, one after the other; says where.
pub(crate) async fn sends(producer: &Producer, topic: &str, count: usize) -> Vec<Option<i64>> {
    let topic = Topic::from(topic.to_owned());
    let outcomes = within(records::produce(producer, &topic, &sample::numbered(count))).await;
    assert_eq!(outcomes.len(), count);
    let offset = |outcome: Result<guanaco_engine::Ack, _>| outcome.unwrap().offset;
    outcomes.into_iter().map(offset).collect()
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, future).await.expect("it hangs")
}
