//! Every key there is: Kafka 4.3's producer configuration and our own. One row each.

use super::{
    ProducerConfig, apply,
    read::{Applied, boolean, int, millis, millis_or_never, socket_buffer, whole},
};
use Place::Supported;

/// A key of the producer's configuration.
#[derive(Clone, Copy, Debug)]
pub struct ConfigKey {
    name: &'static str,
    kind: &'static str,
    default: Option<&'static str>,
    ours: bool,
    pub(super) place: Place,
}

impl ConfigKey {
    /// Every key, Kafka's first, each group by name.
    #[must_use]
    pub fn all() -> &'static [ConfigKey] {
        all()
    }

    /// Its name, such as `linger.ms`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its type, in the words of Kafka's documentation: `INT`, `LONG`, `STRING`, `BOOLEAN` ...
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Its default; `None` where there is none.
    #[must_use]
    pub fn default_value(&self) -> Option<&'static str> {
        self.default
    }

    /// Whether Kafka's own producer does not have it.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.ours
    }

    /// What becomes of it here.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        match self.place {
            Place::Supported(_) => KeyStatus::Supported,
            Place::Meaningless { advice, .. } => KeyStatus::Meaningless { advice },
            Place::NotYet { waits_for, .. } => KeyStatus::NotYet { waits_for },
        }
    }
}

/// What becomes of a key here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyStatus {
    /// It does what it does in Kafka's producer.
    Supported,
    /// It is accepted with a warning, and does nothing.
    Meaningless {
        /// Why, and what to use instead.
        advice: &'static str,
    },
    /// It is refused.
    NotYet {
        /// What has to exist first.
        waits_for: &'static str,
    },
}

/// Where a key is handled. A value in `unless` asks for what happens anyway.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Supported(fn(&mut ProducerConfig, &str) -> Applied),
    Meaningless {
        advice: &'static str,
        unless: &'static [&'static str],
    },
    NotYet {
        waits_for: &'static str,
        unless: &'static [&'static str],
    },
}

pub(super) fn all() -> &'static [ConfigKey] {
    KEYS
}

pub(super) fn find(name: &str) -> Option<&'static ConfigKey> {
    KEYS.iter().find(|key| key.name == name)
}

type Text = &'static str;

const fn key(name: Text, kind: Text, default: Text, place: Place) -> ConfigKey {
    ConfigKey {
        name,
        kind,
        default: Some(default),
        ours: false,
        place,
    }
}

/// One without a default.
const fn bare(name: Text, kind: Text, place: Place) -> ConfigKey {
    ConfigKey {
        name,
        kind,
        default: None,
        ours: false,
        place,
    }
}

const fn ours(name: Text, kind: Text, default: Text, place: Place) -> ConfigKey {
    ConfigKey {
        name,
        kind,
        default: Some(default),
        ours: true,
        place,
    }
}

const fn moot(advice: Text, unless: &'static [Text]) -> Place {
    Place::Meaningless { advice, unless }
}

const fn later(waits_for: Text, unless: &'static [Text]) -> Place {
    Place::NotYet { waits_for, unless }
}

/// A field that no other setting depends on: read by a function of `set` and its arguments.
macro_rules! plain {
    ($field:ident, $read:ident $(, $argument:expr)*) => {
        Supported(|config, value| {
            config.$field = $read(value $(, $argument)*)?;
            Ok(None)
        })
    };
}

const TLS: Place = later("TLS", &[]);
const SASL: Place = later("SASL", &[]);
const TRANSACTIONS: Place = later("transactions", &[]);
const METRICS: Place = moot(
    "metrics are read from the producer, by Producer::metrics",
    &[],
);
const SERIALIZER: Place = moot(
    "it names a Java class; serializers are given as values",
    &[],
);

#[rustfmt::skip]
static KEYS: &[ConfigKey] = &[
    key("acks", "STRING", "all", Supported(apply::acks)),
    key("batch.size", "INT", "16384", Supported(apply::batch_size)),
    bare("bootstrap.servers", "LIST", Supported(apply::bootstrap_servers)),
    key("buffer.memory", "LONG", "33554432", plain!(buffer_memory, whole, 1, i64::MAX)),
    key("client.dns.lookup", "STRING", "use_all_dns_ips", Supported(apply::dns_lookup)),
    key("client.id", "STRING", "", Supported(apply::client_id)),
    key("compression.gzip.level", "INT", "-1", Supported(apply::gzip_level)),
    key("compression.lz4.level", "INT", "9", Supported(apply::lz4_level)),
    key("compression.type", "STRING", "none", Supported(apply::compression)),
    key("compression.zstd.level", "INT", "3", Supported(apply::zstd_level)),
    key("config.providers", "LIST", "", later("config providers", &[""])),
    key("connections.max.idle.ms", "LONG", "540000", plain!(connections_max_idle, millis_or_never)),
    key("delivery.timeout.ms", "INT", "120000", Supported(apply::delivery_timeout)),
    key("enable.idempotence", "BOOLEAN", "true", Supported(apply::idempotence)),
    key("enable.metrics.push", "BOOLEAN", "true", moot("nothing is pushed to brokers; read Producer::metrics", &["false"])),
    key("interceptor.classes", "LIST", "", moot("it names Java classes; map the stream before the producer instead", &[""])),
    bare("key.serializer", "CLASS", SERIALIZER),
    key("linger.ms", "LONG", "5", Supported(apply::linger)),
    key("max.block.ms", "LONG", "60000", plain!(max_block, millis, 0)),
    key("max.in.flight.requests.per.connection", "INT", "5", plain!(max_in_flight, int, 1)),
    key("max.request.size", "INT", "1048576", plain!(max_request_size, int, 1)),
    key("metadata.max.age.ms", "LONG", "300000", plain!(metadata_max_age, millis, 0)),
    key("metadata.max.idle.ms", "LONG", "300000", plain!(metadata_max_idle, millis, 5_000)),
    key("metadata.recovery.rebootstrap.trigger.ms", "LONG", "300000", moot("bootstrap.servers are asked again as soon as no known broker answers", &[])),
    key("metadata.recovery.strategy", "STRING", "rebootstrap", moot("bootstrap.servers are always asked again when no known broker answers", &["rebootstrap"])),
    key("metric.reporters", "LIST", "org.apache.kafka.common.metrics.JmxReporter", moot("it names Java classes; read Producer::metrics", &[""])),
    key("metrics.num.samples", "INT", "2", METRICS),
    key("metrics.recording.level", "STRING", "INFO", METRICS),
    key("metrics.sample.window.ms", "LONG", "30000", METRICS),
    key("partitioner.adaptive.partitioning.enable", "BOOLEAN", "true", plain!(partitioner_adaptive, boolean)),
    key("partitioner.availability.timeout.ms", "LONG", "0", later("partitioning by availability", &["0"])),
    bare("partitioner.class", "CLASS", Supported(apply::partitioner_class)),
    key("partitioner.ignore.keys", "BOOLEAN", "false", plain!(partitioner_ignore_keys, boolean)),
    key("receive.buffer.bytes", "INT", "32768", plain!(receive_buffer_bytes, socket_buffer)),
    key("reconnect.backoff.max.ms", "LONG", "1000", plain!(reconnect_backoff_max, millis, 0)),
    key("reconnect.backoff.ms", "LONG", "50", plain!(reconnect_backoff, millis, 0)),
    key("request.timeout.ms", "INT", "30000", Supported(apply::request_timeout)),
    key("retries", "INT", "2147483647", Supported(apply::retries)),
    key("retry.backoff.max.ms", "LONG", "1000", plain!(retry_backoff_max, millis, 0)),
    key("retry.backoff.ms", "LONG", "100", plain!(retry_backoff, millis, 0)),
    bare("sasl.client.callback.handler.class", "CLASS", SASL),
    bare("sasl.jaas.config", "PASSWORD", SASL),
    key("sasl.kerberos.kinit.cmd", "STRING", "/usr/bin/kinit", SASL),
    key("sasl.kerberos.min.time.before.relogin", "LONG", "60000", SASL),
    bare("sasl.kerberos.service.name", "STRING", SASL),
    key("sasl.kerberos.ticket.renew.jitter", "DOUBLE", "0.05", SASL),
    key("sasl.kerberos.ticket.renew.window.factor", "DOUBLE", "0.8", SASL),
    bare("sasl.login.callback.handler.class", "CLASS", SASL),
    bare("sasl.login.class", "CLASS", SASL),
    bare("sasl.login.connect.timeout.ms", "INT", SASL),
    bare("sasl.login.read.timeout.ms", "INT", SASL),
    key("sasl.login.refresh.buffer.seconds", "SHORT", "300", SASL),
    key("sasl.login.refresh.min.period.seconds", "SHORT", "60", SASL),
    key("sasl.login.refresh.window.factor", "DOUBLE", "0.8", SASL),
    key("sasl.login.refresh.window.jitter", "DOUBLE", "0.05", SASL),
    key("sasl.login.retry.backoff.max.ms", "LONG", "10000", SASL),
    key("sasl.login.retry.backoff.ms", "LONG", "100", SASL),
    key("sasl.mechanism", "STRING", "GSSAPI", SASL),
    key("sasl.oauthbearer.assertion.algorithm", "STRING", "RS256", SASL),
    bare("sasl.oauthbearer.assertion.claim.aud", "STRING", SASL),
    key("sasl.oauthbearer.assertion.claim.exp.seconds", "INT", "300", SASL),
    bare("sasl.oauthbearer.assertion.claim.iss", "STRING", SASL),
    key("sasl.oauthbearer.assertion.claim.jti.include", "BOOLEAN", "false", SASL),
    key("sasl.oauthbearer.assertion.claim.nbf.seconds", "INT", "60", SASL),
    bare("sasl.oauthbearer.assertion.claim.sub", "STRING", SASL),
    bare("sasl.oauthbearer.assertion.file", "STRING", SASL),
    bare("sasl.oauthbearer.assertion.private.key.file", "STRING", SASL),
    bare("sasl.oauthbearer.assertion.private.key.passphrase", "PASSWORD", SASL),
    bare("sasl.oauthbearer.assertion.template.file", "STRING", SASL),
    bare("sasl.oauthbearer.client.credentials.client.id", "STRING", SASL),
    bare("sasl.oauthbearer.client.credentials.client.secret", "PASSWORD", SASL),
    key("sasl.oauthbearer.clock.skew.seconds", "INT", "30", SASL),
    key("sasl.oauthbearer.expected.audience", "LIST", "", SASL),
    bare("sasl.oauthbearer.expected.issuer", "STRING", SASL),
    key("sasl.oauthbearer.header.urlencode", "BOOLEAN", "false", SASL),
    key("sasl.oauthbearer.jwks.endpoint.refresh.ms", "LONG", "3600000", SASL),
    key("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", "LONG", "10000", SASL),
    key("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", "LONG", "100", SASL),
    bare("sasl.oauthbearer.jwks.endpoint.url", "STRING", SASL),
    key("sasl.oauthbearer.jwt.retriever.class", "CLASS", "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever", SASL),
    key("sasl.oauthbearer.jwt.validator.class", "CLASS", "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator", SASL),
    bare("sasl.oauthbearer.scope", "STRING", SASL),
    key("sasl.oauthbearer.scope.claim.name", "STRING", "scope", SASL),
    key("sasl.oauthbearer.sub.claim.name", "STRING", "sub", SASL),
    bare("sasl.oauthbearer.token.endpoint.url", "STRING", SASL),
    key("security.protocol", "STRING", "PLAINTEXT", Supported(apply::security_protocol)),
    bare("security.providers", "STRING", moot("it names Java classes", &[""])),
    key("send.buffer.bytes", "INT", "131072", plain!(send_buffer_bytes, socket_buffer)),
    key("socket.connection.setup.timeout.max.ms", "LONG", "30000", plain!(connection_setup_timeout_max, millis, 0)),
    key("socket.connection.setup.timeout.ms", "LONG", "10000", plain!(connection_setup_timeout, millis, 0)),
    key("ssl.cipher.suites", "LIST", "", TLS),
    key("ssl.enabled.protocols", "LIST", "TLSv1.2,TLSv1.3", TLS),
    key("ssl.endpoint.identification.algorithm", "STRING", "https", TLS),
    bare("ssl.engine.factory.class", "CLASS", TLS),
    bare("ssl.key.password", "PASSWORD", TLS),
    key("ssl.keymanager.algorithm", "STRING", "SunX509", TLS),
    bare("ssl.keystore.certificate.chain", "PASSWORD", TLS),
    bare("ssl.keystore.key", "PASSWORD", TLS),
    bare("ssl.keystore.location", "STRING", TLS),
    bare("ssl.keystore.password", "PASSWORD", TLS),
    key("ssl.keystore.type", "STRING", "JKS", TLS),
    key("ssl.protocol", "STRING", "TLSv1.3", TLS),
    bare("ssl.provider", "STRING", TLS),
    bare("ssl.secure.random.implementation", "STRING", TLS),
    key("ssl.trustmanager.algorithm", "STRING", "PKIX", TLS),
    bare("ssl.truststore.certificates", "PASSWORD", TLS),
    bare("ssl.truststore.location", "STRING", TLS),
    bare("ssl.truststore.password", "PASSWORD", TLS),
    key("ssl.truststore.type", "STRING", "JKS", TLS),
    key("transaction.timeout.ms", "INT", "60000", TRANSACTIONS),
    key("transaction.two.phase.commit.enable", "BOOLEAN", "false", TRANSACTIONS),
    bare("transactional.id", "STRING", TRANSACTIONS),
    bare("value.serializer", "CLASS", SERIALIZER),
    ours("batch.adaptive", "BOOLEAN", "true", Supported(apply::batch_adaptive)),
    ours("close.timeout.ms", "LONG", "60000", plain!(close_timeout, millis, 0)),
    ours("max.in.flight.per.partition", "INT", "5", Supported(apply::per_partition)),
    ours("pending.sends.max", "INT", "100000", plain!(pending_sends_max, int, 0)),
    ours("start.timeout.ms", "LONG", "30000", plain!(start_timeout, millis, 0)),
];
