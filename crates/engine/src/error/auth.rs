//! What can go wrong between two sides that do not know each other yet.

use super::{KafkaError, KerberosFailure};
use std::sync::Arc;

/// Why a broker and this client did not come to trust each other. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthFailure {
    /// Nobody who is trusted vouches for its certificate.
    #[error(
        "its certificate is of an authority that is not trusted (name it by ssl.truststore.location)"
    )]
    UnknownAuthority,
    /// Its certificate was good once.
    #[error("its certificate has expired")]
    Expired,
    /// Its certificate will be good some day; or a clock is wrong.
    #[error("its certificate is not valid yet")]
    NotYetValid,
    /// Its certificate is good, but for somebody else.
    #[error("its certificate is not for the name {dialled:?}, by which it was dialled")]
    WrongName {
        /// The name or address.
        dialled: Arc<str>,
    },
    /// Its authority took its certificate back.
    #[error("its certificate was revoked by its authority")]
    Revoked,
    /// `ssl.crl.location` is set, and its lists do not tell whether its certificate was revoked.
    #[error("whether its certificate was revoked cannot be told: {0} (see ssl.crl.location)")]
    RevocationUnknown(Arc<str>),
    /// Its certificate is not acceptable for another reason.
    #[error("its certificate is not acceptable: {0}")]
    Certificate(Arc<str>),
    /// It wants a certificate of ours, or does not accept the one it got.
    #[error(
        "it wants a client certificate that it accepts (see ssl.keystore.location); it said \
         {alert:?}"
    )]
    ClientCertificate {
        /// The alert that it sent, by its name in RFC 8446.
        alert: Arc<str>,
    },
    /// The answer to our TLS handshake is none.
    #[error(
        "it does not answer the TLS handshake (is it a plaintext listener? then security.protocol is \
         PLAINTEXT or SASL_PLAINTEXT)"
    )]
    NotTls,
    /// The answer to our plaintext is TLS.
    #[error("it speaks TLS: set security.protocol to SSL or SASL_SSL")]
    NeedsTls,
    /// No version, cipher or signature in common, or TLS was broken on the way.
    #[error("the TLS handshake failed: {0}")]
    Tls(Arc<str>),
    /// It hung up at the first request that only somebody known may make.
    #[error(
        "it closes the connection at the first request (does it want SASL? then set \
         security.protocol to SASL_SSL)"
    )]
    NeedsSasl,
    /// Its listener has no SASL.
    #[error("its listener has no SASL: set security.protocol to SSL or PLAINTEXT")]
    NoSasl,
    /// It does not know the mechanism.
    #[error("it does not offer {asked}, but {offered}")]
    Mechanism {
        /// `sasl.mechanism`
        asked: &'static str,
        /// What it offers instead.
        offered: Arc<str>,
    },
    /// It does not accept the credentials.
    #[error("it refused the credentials: {0}")]
    Refused(KafkaError),
    /// It could not prove itself: that it knows our password too, or that a ticket is for it. It is not
    /// who it claims to be.
    #[error("it broke the rules of {mechanism}: {rule}")]
    Unproven {
        /// The mechanism.
        mechanism: &'static str,
        /// The rule.
        rule: &'static str,
    },
    /// There is no name and password to show.
    #[error("there are no credentials: {0}")]
    Credentials(Arc<str>),
    /// There is no token to show.
    #[error("there is no token: {0}")]
    Token(Arc<str>),
    /// There is no ticket to show.
    #[error("there is no ticket for it: {0}")]
    Kerberos(KerberosFailure),
}

impl AuthFailure {
    /// Whether asking the same broker again cannot help, as it said so itself.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Mechanism { .. })
    }

    /// Whether it is certain what is wrong; where not, it may be a broker on its way up or down, or
    /// somebody who is away that has our token, ticket or password.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        match self {
            Self::NotTls
            | Self::NeedsSasl
            | Self::Tls(_)
            | Self::Credentials(_)
            | Self::Token(_) => false,
            Self::Kerberos(failure) => failure.is_certain(),
            _ => true,
        }
    }
}
