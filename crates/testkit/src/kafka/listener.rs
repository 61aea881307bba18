//! More ways into a node than the plaintext ones: TLS, SASL, both.

use super::{KafkaCluster, join, node::Node};
use crate::kdc::REALM;
use std::path::Path;

const MODULES: &str = "org.apache.kafka.common.security.";

/// A listener of every node, for [`KafkaClusterBuilder::listener`](super::KafkaClusterBuilder::listener).
#[derive(Clone, Debug)]
pub struct Listener {
    pub(super) name: String,
    pub(super) protocol: &'static str,
    mechanisms: Vec<&'static str>,
    properties: Vec<(String, String)>,
}

/// A certificate and its private key, in PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub chain: String,
    /// Its key, as PKCS#8.
    pub key: String,
}

impl Listener {
    /// TLS, with this certificate.
    #[must_use]
    pub fn ssl(name: &str, certificate: &Certificate) -> Self {
        Self::new(name, "SSL").certificate(certificate)
    }

    /// TLS, with the key in one of Java's key stores.
    #[must_use]
    pub fn ssl_store(name: &str, store: &Path, password: &str) -> Self {
        Self::new(name, "SSL")
            .property("ssl.keystore.location", store.display().to_string())
            .property("ssl.keystore.password", password)
    }

    /// SASL in the clear.
    #[must_use]
    pub fn sasl_plaintext(name: &str) -> Self {
        Self::new(name, "SASL_PLAINTEXT")
    }

    /// SASL over TLS, with this certificate.
    #[must_use]
    pub fn sasl_ssl(name: &str, certificate: &Certificate) -> Self {
        Self::new(name, "SASL_SSL").certificate(certificate)
    }

    fn new(name: &str, protocol: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            protocol,
            mechanisms: Vec::new(),
            properties: Vec::new(),
        }
    }

    /// A broker property for this listener alone.
    #[must_use]
    pub fn property(mut self, key: &str, value: impl Into<String>) -> Self {
        self.properties.push((key.to_owned(), value.into()));
        self
    }

    fn certificate(self, certificate: &Certificate) -> Self {
        self.property("ssl.keystore.type", "PEM")
            .property("ssl.keystore.certificate.chain", &certificate.chain)
            .property("ssl.keystore.key", &certificate.key)
    }

    /// Wants a certificate of this authority from its clients.
    #[must_use]
    pub fn client_certificates(self, authority: &str) -> Self {
        self.property("ssl.client.auth", "required")
            .property("ssl.truststore.type", "PEM")
            .property("ssl.truststore.certificates", authority)
    }

    /// Wants a certificate of one of the authorities in this store from its clients.
    #[must_use]
    pub fn client_certificates_of(self, store: &Path, password: &str) -> Self {
        self.property("ssl.client.auth", "required")
            .property("ssl.truststore.location", store.display().to_string())
            .property("ssl.truststore.password", password)
    }

    /// Offers PLAIN to these users with their passwords.
    #[must_use]
    pub fn plain(mut self, users: &[(&str, &str)]) -> Self {
        self.mechanisms.push("PLAIN");
        let users: String = users
            .iter()
            .map(|(user, password)| format!(" user_{user}=\"{password}\""))
            .collect();
        let module = format!("{MODULES}plain.PlainLoginModule required{users};");
        self.property("plain.sasl.jaas.config", module)
    }

    /// Offers both kinds of SCRAM to the users of [`KafkaCluster::add_scram_user`].
    #[must_use]
    pub fn scram(mut self) -> Self {
        self.mechanisms.extend(["SCRAM-SHA-256", "SCRAM-SHA-512"]);
        let module = format!("{MODULES}scram.ScramLoginModule required;");
        self.property("scram-sha-256.sasl.jaas.config", &module)
            .property("scram-sha-512.sasl.jaas.config", module)
    }

    /// Offers OAUTHBEARER to whoever brings a token that nobody has to have signed.
    #[must_use]
    pub fn unsigned_tokens(mut self) -> Self {
        self.mechanisms.push("OAUTHBEARER");
        let module = format!(
            "{MODULES}oauthbearer.OAuthBearerLoginModule required \
             unsecuredLoginStringClaim_sub=\"broker\";"
        );
        self.property("oauthbearer.sasl.jaas.config", module)
    }

    /// Offers GSSAPI as this principal of a [`Kdc`](crate::kdc::Kdc), whose key is in the keytab. The
    /// nodes find the KDC by [`Kdc::jvm_option`](crate::kdc::Kdc::jvm_option).
    #[must_use]
    pub fn kerberos(mut self, principal: &str, keytab: &Path) -> Self {
        self.mechanisms.push("GSSAPI");
        let service = principal.split('/').next().unwrap_or_default();
        // A broker that only takes tickets needs none of its own.
        let module = format!(
            "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true \
             isInitiator=false doNotPrompt=true keyTab=\"{}\" principal=\"{principal}@{REALM}\";",
            keytab.display()
        );
        self.property("gssapi.sasl.jaas.config", module)
            .property("gssapi.sasl.kerberos.service.name", service)
            .property("sasl.kerberos.service.name", service)
    }

    /// Ends sessions after so many milliseconds, unless clients say again who they are (KIP-368).
    #[must_use]
    pub fn sessions_of(self, millis: u32) -> Self {
        self.property("connections.max.reauth.ms", millis.to_string())
    }

    /// Its properties under the names that a broker knows them by.
    pub(super) fn named_properties(&self) -> Vec<(String, String)> {
        let prefix = format!("listener.name.{}.", self.name.to_lowercase());
        let mut all: Vec<_> = self
            .properties
            .iter()
            .map(|(key, value)| (format!("{prefix}{key}"), value.clone()))
            .collect();
        if !self.mechanisms.is_empty() {
            let key = format!("{prefix}sasl.enabled.mechanisms");
            all.push((key, self.mechanisms.join(",")));
        }
        all
    }
}

impl KafkaCluster {
    /// What a client puts into `bootstrap.servers` to come in by the listener of this name; empty if
    /// there is none.
    #[must_use]
    pub fn listener_servers(&self, name: &str) -> String {
        join(self.nodes.iter().filter_map(|node| node.listener(name)))
    }
}

impl Node {
    fn listener(&self, name: &str) -> Option<std::net::SocketAddr> {
        let found = self.more.iter().find(|(other, _)| other == name)?;
        Some(found.1)
    }
}
