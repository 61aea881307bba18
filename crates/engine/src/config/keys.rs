//! Every key there is: Kafka 4.3's producer configuration and our own. One row each.

use super::{
    ProducerConfig, apply,
    read::{Applied, boolean, int, millis, millis_or_never, socket_buffer, whole},
    security::apply as secure,
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

/// Ours, and without a default.
const fn alias(name: Text, kind: Text, place: Place) -> ConfigKey {
    ConfigKey {
        name,
        kind,
        default: None,
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

const TICKETS: Text = "the system's Kerberos library gets tickets from the keytab and renews them by \
                       itself, when they are needed";
const ASSERTION: Text = "OAUTHBEARER with assertions (the JWT bearer grant)";
const REFRESH: Place = moot(
    "a token is fetched anew for a connection once four fifths of its life are over",
    &[],
);
const LOGIN_TIMES: Place = moot(
    "asking for a token is part of setting up a connection: see socket.connection.setup.timeout.ms \
     and reconnect.backoff.ms",
    &[],
);
const BROKERS_CHECK: Place = moot("tokens are checked by brokers only", &[]);
const JAVA_TLS: Place = moot("it configures Java's own TLS", &["", "SunX509", "PKIX"]);
const TRANSACTIONS: Place = later("transactions", &[]);
const METRICS: Place = moot("metrics are read from the producer, by its metrics()", &[]);
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
    key("config.providers", "LIST", "", Supported(apply::config_providers)),
    key("connections.max.idle.ms", "LONG", "540000", plain!(connections_max_idle, millis_or_never)),
    key("delivery.timeout.ms", "INT", "120000", Supported(apply::delivery_timeout)),
    key("enable.idempotence", "BOOLEAN", "true", Supported(apply::idempotence)),
    key("enable.metrics.push", "BOOLEAN", "true", moot("nothing is pushed to brokers; call the producer's metrics()", &["false"])),
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
    key("metric.reporters", "LIST", "org.apache.kafka.common.metrics.JmxReporter", moot("it names Java classes; call the producer's metrics()", &[""])),
    key("metrics.num.samples", "INT", "2", METRICS),
    key("metrics.recording.level", "STRING", "INFO", METRICS),
    key("metrics.sample.window.ms", "LONG", "30000", METRICS),
    key("partitioner.adaptive.partitioning.enable", "BOOLEAN", "true", plain!(partitioner_adaptive, boolean)),
    key("partitioner.availability.timeout.ms", "LONG", "0", plain!(partitioner_availability_timeout, millis, 0)),
    bare("partitioner.class", "CLASS", Supported(apply::partitioner_class)),
    key("partitioner.ignore.keys", "BOOLEAN", "false", plain!(partitioner_ignore_keys, boolean)),
    key("receive.buffer.bytes", "INT", "32768", plain!(receive_buffer_bytes, socket_buffer)),
    key("reconnect.backoff.max.ms", "LONG", "1000", plain!(reconnect_backoff_max, millis, 0)),
    key("reconnect.backoff.ms", "LONG", "50", plain!(reconnect_backoff, millis, 0)),
    key("request.timeout.ms", "INT", "30000", Supported(apply::request_timeout)),
    key("retries", "INT", "2147483647", Supported(apply::retries)),
    key("retry.backoff.max.ms", "LONG", "1000", plain!(retry_backoff_max, millis, 0)),
    key("retry.backoff.ms", "LONG", "100", plain!(retry_backoff, millis, 0)),
    bare("sasl.client.callback.handler.class", "CLASS", Supported(secure::callback_handler)),
    bare("sasl.jaas.config", "PASSWORD", Supported(secure::jaas)),
    key("sasl.kerberos.kinit.cmd", "STRING", "/usr/bin/kinit", moot("no command is ever run: the system's Kerberos library gets tickets from the keytab by itself", &["/usr/bin/kinit"])),
    key("sasl.kerberos.min.time.before.relogin", "LONG", "60000", moot(TICKETS, &["60000"])),
    bare("sasl.kerberos.service.name", "STRING", Supported(secure::service_name)),
    key("sasl.kerberos.ticket.renew.jitter", "DOUBLE", "0.05", moot(TICKETS, &["0.05"])),
    key("sasl.kerberos.ticket.renew.window.factor", "DOUBLE", "0.8", moot(TICKETS, &["0.8"])),
    bare("sasl.login.callback.handler.class", "CLASS", Supported(secure::callback_handler)),
    bare("sasl.login.class", "CLASS", Supported(secure::callback_handler)),
    bare("sasl.login.connect.timeout.ms", "INT", LOGIN_TIMES),
    bare("sasl.login.read.timeout.ms", "INT", LOGIN_TIMES),
    key("sasl.login.refresh.buffer.seconds", "SHORT", "300", REFRESH),
    key("sasl.login.refresh.min.period.seconds", "SHORT", "60", REFRESH),
    key("sasl.login.refresh.window.factor", "DOUBLE", "0.8", REFRESH),
    key("sasl.login.refresh.window.jitter", "DOUBLE", "0.05", REFRESH),
    key("sasl.login.retry.backoff.max.ms", "LONG", "10000", LOGIN_TIMES),
    key("sasl.login.retry.backoff.ms", "LONG", "100", LOGIN_TIMES),
    key("sasl.mechanism", "STRING", "GSSAPI", Supported(secure::mechanism)),
    key("sasl.oauthbearer.assertion.algorithm", "STRING", "RS256", later(ASSERTION, &["RS256"])),
    bare("sasl.oauthbearer.assertion.claim.aud", "STRING", later(ASSERTION, &[])),
    key("sasl.oauthbearer.assertion.claim.exp.seconds", "INT", "300", later(ASSERTION, &["300"])),
    bare("sasl.oauthbearer.assertion.claim.iss", "STRING", later(ASSERTION, &[])),
    key("sasl.oauthbearer.assertion.claim.jti.include", "BOOLEAN", "false", later(ASSERTION, &["false"])),
    key("sasl.oauthbearer.assertion.claim.nbf.seconds", "INT", "60", later(ASSERTION, &["60"])),
    bare("sasl.oauthbearer.assertion.claim.sub", "STRING", later(ASSERTION, &[])),
    bare("sasl.oauthbearer.assertion.file", "STRING", later(ASSERTION, &[])),
    bare("sasl.oauthbearer.assertion.private.key.file", "STRING", later(ASSERTION, &[])),
    bare("sasl.oauthbearer.assertion.private.key.passphrase", "PASSWORD", later(ASSERTION, &[])),
    bare("sasl.oauthbearer.assertion.template.file", "STRING", later(ASSERTION, &[])),
    bare("sasl.oauthbearer.client.credentials.client.id", "STRING", Supported(secure::client_id)),
    bare("sasl.oauthbearer.client.credentials.client.secret", "PASSWORD", Supported(secure::client_secret)),
    key("sasl.oauthbearer.clock.skew.seconds", "INT", "30", BROKERS_CHECK),
    key("sasl.oauthbearer.expected.audience", "LIST", "", BROKERS_CHECK),
    bare("sasl.oauthbearer.expected.issuer", "STRING", BROKERS_CHECK),
    key("sasl.oauthbearer.header.urlencode", "BOOLEAN", "false", Supported(secure::url_encode)),
    key("sasl.oauthbearer.jwks.endpoint.refresh.ms", "LONG", "3600000", BROKERS_CHECK),
    key("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", "LONG", "10000", BROKERS_CHECK),
    key("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", "LONG", "100", BROKERS_CHECK),
    bare("sasl.oauthbearer.jwks.endpoint.url", "STRING", BROKERS_CHECK),
    key("sasl.oauthbearer.jwt.retriever.class", "CLASS", "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever", Supported(secure::retriever)),
    key("sasl.oauthbearer.jwt.validator.class", "CLASS", "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator", moot("tokens are checked by brokers only", &["org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"])),
    bare("sasl.oauthbearer.scope", "STRING", Supported(secure::scope)),
    key("sasl.oauthbearer.scope.claim.name", "STRING", "scope", BROKERS_CHECK),
    key("sasl.oauthbearer.sub.claim.name", "STRING", "sub", BROKERS_CHECK),
    bare("sasl.oauthbearer.token.endpoint.url", "STRING", Supported(secure::token_endpoint)),
    key("security.protocol", "STRING", "PLAINTEXT", Supported(secure::protocol)),
    bare("security.providers", "STRING", moot("it names Java classes", &[""])),
    key("send.buffer.bytes", "INT", "131072", plain!(send_buffer_bytes, socket_buffer)),
    key("socket.connection.setup.timeout.max.ms", "LONG", "30000", plain!(connection_setup_timeout_max, millis, 0)),
    key("socket.connection.setup.timeout.ms", "LONG", "10000", plain!(connection_setup_timeout, millis, 0)),
    key("ssl.cipher.suites", "LIST", "", later("a choice of cipher suites", &[""])),
    key("ssl.enabled.protocols", "LIST", "TLSv1.2,TLSv1.3", Supported(secure::versions)),
    key("ssl.endpoint.identification.algorithm", "STRING", "https", Supported(secure::hostname_check)),
    bare("ssl.engine.factory.class", "CLASS", Supported(secure::engine_factory)),
    bare("ssl.key.password", "PASSWORD", Supported(secure::key_password)),
    key("ssl.keymanager.algorithm", "STRING", "SunX509", JAVA_TLS),
    bare("ssl.keystore.certificate.chain", "PASSWORD", Supported(secure::certificate_pem)),
    bare("ssl.keystore.key", "PASSWORD", Supported(secure::key_pem)),
    bare("ssl.keystore.location", "STRING", Supported(secure::keystore_location)),
    bare("ssl.keystore.password", "PASSWORD", Supported(secure::keystore_password)),
    key("ssl.keystore.type", "STRING", "JKS", Supported(secure::store_type)),
    key("ssl.protocol", "STRING", "TLSv1.3", moot("TLS 1.3 and 1.2 are spoken; ssl.enabled.protocols can leave one of them out", &["TLS", "TLSv1.3", "TLSv1.2"])),
    bare("ssl.provider", "STRING", JAVA_TLS),
    bare("ssl.secure.random.implementation", "STRING", JAVA_TLS),
    key("ssl.trustmanager.algorithm", "STRING", "PKIX", JAVA_TLS),
    bare("ssl.truststore.certificates", "PASSWORD", Supported(secure::roots_pem)),
    bare("ssl.truststore.location", "STRING", Supported(secure::roots_location)),
    bare("ssl.truststore.password", "PASSWORD", Supported(secure::roots_password)),
    key("ssl.truststore.type", "STRING", "JKS", Supported(secure::store_type)),
    key("transaction.timeout.ms", "INT", "60000", TRANSACTIONS),
    key("transaction.two.phase.commit.enable", "BOOLEAN", "false", TRANSACTIONS),
    bare("transactional.id", "STRING", TRANSACTIONS),
    bare("value.serializer", "CLASS", SERIALIZER),
    ours("batch.adaptive", "BOOLEAN", "true", Supported(apply::batch_adaptive)),
    ours("close.timeout.ms", "LONG", "60000", plain!(close_timeout, millis, 0)),
    ours("max.in.flight.per.partition", "INT", "5", Supported(apply::per_partition)),
    ours("pending.sends.max", "INT", "100000", plain!(pending_sends_max, int, 0)),
    ours("sasl.allow.cleartext", "BOOLEAN", "false", Supported(secure::allow_cleartext)),
    ours("ssl.allow.insecure", "BOOLEAN", "false", Supported(secure::allow_insecure)),
    ours("start.timeout.ms", "LONG", "30000", plain!(start_timeout, millis, 0)),
    // What librdkafka calls the keys of security.
    ours("enable.sasl.oauthbearer.unsecure.jwt", "BOOLEAN", "false", later("tokens without a signature; a TokenProvider can make them", &["false"])),
    ours("enable.ssl.certificate.verification", "BOOLEAN", "true", Supported(secure::certificate_check)),
    alias("sasl.kerberos.keytab", "STRING", Supported(secure::keytab)),
    alias("sasl.kerberos.principal", "STRING", Supported(secure::principal)),
    alias("sasl.mechanisms", "STRING", Supported(secure::mechanism)),
    alias("sasl.oauthbearer.client.id", "STRING", Supported(secure::client_id)),
    alias("sasl.oauthbearer.client.secret", "PASSWORD", Supported(secure::client_secret)),
    alias("sasl.oauthbearer.config", "STRING", later("tokens without a signature; a TokenProvider can make them", &[""])),
    alias("sasl.oauthbearer.extensions", "STRING", Supported(secure::extensions)),
    ours("sasl.oauthbearer.method", "STRING", "default", Supported(secure::method)),
    alias("sasl.password", "PASSWORD", Supported(secure::password)),
    alias("sasl.username", "STRING", Supported(secure::username)),
    alias("ssl.ca.location", "STRING", Supported(secure::roots_location)),
    alias("ssl.ca.pem", "STRING", Supported(secure::roots_pem)),
    alias("ssl.certificate.location", "STRING", Supported(secure::certificate_location)),
    alias("ssl.certificate.pem", "STRING", Supported(secure::certificate_pem)),
    alias("ssl.crl.location", "STRING", Supported(secure::revoked_location)),
    alias("ssl.key.location", "STRING", Supported(secure::key_location)),
    alias("ssl.key.pem", "PASSWORD", Supported(secure::key_pem)),
];
