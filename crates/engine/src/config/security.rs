//! Who the brokers are, who we are, and that nobody listens: TLS and SASL.

pub(super) mod apply;
mod endpoint;
mod jaas;
mod krb5_module;
mod plan;

pub(crate) use endpoint::Endpoint;
#[cfg(feature = "gssapi")]
pub(crate) use plan::Kerberos;
pub(crate) use plan::{Login, Passwords, Tokens};
#[cfg(feature = "tls")]
pub(crate) use plan::{Oidc, Plan, ScramHash};

use crate::{CredentialsProvider, Secret, TokenProvider};
use std::{path::PathBuf, sync::Arc};

/// Encryption and authentication. `docs/security.md` shows each kind.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Security {
    /// `security.protocol` (PLAINTEXT)
    pub protocol: SecurityProtocol,
    /// The keys of `ssl.*`
    pub tls: TlsSettings,
    /// The keys of `sasl.*`
    pub sasl: SaslSettings,
}

/// `security.protocol`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    #[default]
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL in the clear.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

/// How brokers prove who they are, and how we do by a certificate.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TlsSettings {
    /// `ssl.truststore.*`, `ssl.ca.*`: certificates of the authorities that are trusted (`None`: those
    /// that the system trusts). Of a store those that Java trusts: its entries of certificates, and the
    /// certificates of its keys. Only one that may sign others (`CA:TRUE`, and `keyCertSign` if it says
    /// what its key is for) vouches for brokers; any is accepted from a broker that has exactly it, for
    /// its names and its time.
    pub roots: Option<TlsSource>,
    /// `ssl.truststore.password`: checks a store's seal, and opens it if it is encrypted. PEM has none.
    pub roots_password: Option<Secret>,
    /// `ssl.keystore.*`, `ssl.certificate.*`: our certificate, then those up to its authority.
    pub certificate: Option<TlsSource>,
    /// `ssl.keystore.*`, `ssl.key.*`: the private key of our certificate. Where a store has the
    /// certificate, the same store. Of several keys in it a broker gets the certificate of one that
    /// it says it accepts.
    pub key: Option<TlsSource>,
    /// `ssl.keystore.password`: checks the seal of the store that certificate and key are in, and opens
    /// it if it is encrypted. PEM has none.
    pub keystore_password: Option<Secret>,
    /// `ssl.key.password`: what an encrypted PKCS#8 key is opened with, or the keys of a store (`None`:
    /// those by the store's password).
    pub key_password: Option<Secret>,
    /// `ssl.crl.location`: lists of certificates that their authorities have revoked, in PEM, or one in
    /// DER (`None`: nothing is known of any). With lists, a broker's certificate must be one that its
    /// authority's list, not yet outdated, does not name. Certificates of authorities between the
    /// broker's and a trusted one are not looked up. Of an authority's lists the newest counts. A broker's
    /// certificate that is itself among `roots`, without its authority, is refused only if a list names it.
    pub revoked: Option<TlsSource>,
    /// `ssl.enabled.protocols`
    pub versions: TlsVersions,
    /// `ssl.allow.insecure` (ours; false): lets a property switch the check of names off.
    pub allow_insecure: bool,
    /// `ssl.endpoint.identification.algorithm` was set to nothing.
    unchecked_by_property: bool,
    unchecked_by_call: bool,
    #[cfg(feature = "tls")]
    custom: Option<Custom>,
}

/// Which versions of TLS may be spoken. Older ones than 1.2 never are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 only.
    V1_2,
    /// 1.3 only.
    V1_3,
}

/// Where certificates, a key or lists are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsSource {
    /// In a file, read again for a new connection whenever it has changed. It is PEM, or one of Java's
    /// key stores, JKS or PKCS#12: what it begins with tells.
    File(PathBuf),
    /// In this text, in PEM.
    Pem(Secret),
}

/// Who we are.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct SaslSettings {
    /// `sasl.mechanism` (`None`: Kafka's default, GSSAPI)
    pub mechanism: Option<Mechanism>,
    /// `sasl.username`, or that of `sasl.jaas.config`
    pub username: Option<Secret>,
    /// `sasl.password`, or that of `sasl.jaas.config`
    pub password: Option<Secret>,
    /// Whether the name and password are those of a delegation token (`tokenauth` of
    /// `ScramLoginModule`).
    pub delegation_token: bool,
    /// The keys of `sasl.oauthbearer.*`
    pub oauth: OAuthSettings,
    /// The keys of `sasl.kerberos.*`
    pub kerberos: KerberosSettings,
    /// `sasl.allow.cleartext` (ours; false): passwords and tokens may go over connections that are not
    /// encrypted.
    pub allow_cleartext: bool,
    module: Option<jaas::Module>,
    provider: Option<Arc<dyn TokenProvider>>,
    credentials: Option<Arc<dyn CredentialsProvider>>,
}

/// `sasl.mechanism`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mechanism {
    /// PLAIN: the password itself.
    Plain,
    /// SCRAM-SHA-256: a proof of the password, and one of the broker's.
    ScramSha256,
    /// SCRAM-SHA-512: the same with the longer hash.
    ScramSha512,
    /// OAUTHBEARER: a token.
    OAuthBearer,
    /// GSSAPI: a ticket of Kerberos. Takes the cargo feature `gssapi`.
    Gssapi,
}

/// Where a token comes from: OIDC's client credentials grant.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OAuthSettings {
    /// `sasl.oauthbearer.token.endpoint.url`: `https`, or `http` to this machine.
    pub token_endpoint: Option<String>,
    /// `sasl.oauthbearer.client.credentials.client.id`
    pub client_id: Option<Secret>,
    /// `sasl.oauthbearer.client.credentials.client.secret`
    pub client_secret: Option<Secret>,
    /// `sasl.oauthbearer.scope`
    pub scope: Option<String>,
    /// `sasl.oauthbearer.header.urlencode` (false): client id and secret are URL-encoded in the request,
    /// as RFC 6749 asks for and some servers do not expect.
    pub url_encode_credentials: bool,
    /// `sasl.oauthbearer.extensions`, or `extension_*` of `sasl.jaas.config`: sent with the token.
    pub extensions: Vec<(String, String)>,
}

/// Who the brokers are to Kerberos, and who we are. Where it differs from what the system's library
/// takes from its environment, it is an error when the producer starts: see `docs/security.md`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct KerberosSettings {
    /// `sasl.kerberos.service.name`, or `serviceName` of `sasl.jaas.config`: what the brokers'
    /// principals begin with, `kafka` in most places. It has no default.
    pub service_name: Option<String>,
    /// `sasl.kerberos.principal`, or that of `sasl.jaas.config`: who we are, such as `app` or
    /// `app@EXAMPLE.COM` (`None`: whom the tickets, or else the keytab, are for)
    pub principal: Option<Secret>,
    /// `sasl.kerberos.keytab`, or `keyTab` of `sasl.jaas.config`: the file with our key. It must be
    /// the one that the environment variable `KRB5_CLIENT_KTNAME` names (`None`: whichever that is).
    pub keytab: Option<PathBuf>,
    /// `ticketCache` of `sasl.jaas.config`: where our tickets are, a file or `TYPE:NAME`. It must be
    /// what the environment variable `KRB5CCNAME` says (`None`: whatever that is).
    pub ticket_cache: Option<String>,
    /// `serviceName` of `sasl.jaas.config`, which must not differ from the setting.
    module_service: Option<String>,
}

impl TlsSettings {
    /// Accepts a certificate of a trusted authority whatever name it is for.
    ///
    /// Whoever has *any* certificate of one of these authorities can then pose as a broker. With the
    /// system's authorities that is nearly everybody.
    pub fn dangerous_accept_any_hostname(&mut self) {
        self.unchecked_by_call = true;
    }

    /// Uses this configuration as it is, instead of one made from the settings: for keys in hardware,
    /// verifiers of one's own and the like.
    ///
    /// What it accepts is accepted, and its files are not watched.
    #[cfg(feature = "tls")]
    pub fn set_rustls_config(&mut self, config: Arc<rustls::ClientConfig>) {
        self.custom = Some(Custom(config));
    }

    /// Whether the name in a broker's certificate must be the one that was dialled.
    #[must_use]
    pub fn checks_hostname(&self) -> bool {
        let by_property = self.unchecked_by_property && self.allow_insecure;
        !(self.unchecked_by_call || by_property)
    }

    #[cfg(feature = "tls")]
    pub(crate) fn custom(&self) -> Option<&Arc<rustls::ClientConfig>> {
        self.custom.as_ref().map(|Custom(config)| config)
    }

    fn is_custom(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.custom.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    fn is_untouched(&self) -> bool {
        [&self.roots, &self.revoked, &self.certificate, &self.key]
            .into_iter()
            .all(Option::is_none)
    }
}

impl SaslSettings {
    /// Gets name and password for PLAIN and SCRAM from here, for each new connection and each renewal
    /// of a session, instead of from `sasl.username` and `sasl.password` or `sasl.jaas.config`. The
    /// mechanism is still to be set.
    pub fn set_credentials_provider(&mut self, provider: Arc<dyn CredentialsProvider>) {
        self.credentials = Some(provider);
    }

    /// Gets tokens from here instead of from `sasl.oauthbearer.*`. Sets the mechanism to OAUTHBEARER.
    pub fn set_token_provider(&mut self, provider: Arc<dyn TokenProvider>) {
        self.mechanism = Some(Mechanism::OAuthBearer);
        self.provider = Some(provider);
    }
}

impl std::fmt::Debug for SaslSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SaslSettings")
            .field("mechanism", &self.mechanism)
            .field("username", &self.username)
            .field("password", &self.password)
            .field("delegation_token", &self.delegation_token)
            .field("oauth", &self.oauth)
            .field("kerberos", &self.kerberos)
            .field("allow_cleartext", &self.allow_cleartext)
            .field("module", &self.module)
            .field("provider", &self.provider.is_some())
            .field("credentials", &self.credentials.is_some())
            .finish()
    }
}

impl SecurityProtocol {
    /// Whether connections are encrypted.
    #[must_use]
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Whether we say who we are by SASL.
    #[must_use]
    pub fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

impl Mechanism {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::Gssapi => "GSSAPI",
        }
    }
}

#[cfg(feature = "tls")]
#[derive(Clone)]
struct Custom(Arc<rustls::ClientConfig>);

/// Its own `Debug` is long and none of ours.
#[cfg(feature = "tls")]
impl std::fmt::Debug for Custom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rustls::ClientConfig")
    }
}
