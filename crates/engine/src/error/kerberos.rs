//! What can go wrong between us and a KDC.

/// Why Kerberos gave no ticket for a broker.
///
/// It names no principal and no file. The library itself tells more: with the environment variable
/// `KRB5_TRACE=/dev/stderr` it says what it looks for, where, and whom it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KerberosFailure {
    /// There is nothing to say who we are with.
    #[error(
        "there is neither a ticket nor a key of ours (see KRB5CCNAME for tickets that kinit gets, and \
         KRB5_CLIENT_KTNAME for a keytab)"
    )]
    NoCredentials,
    /// There is a ticket, and no keytab to get another with.
    #[error("our ticket has expired (kinit gets another; with a keytab that happens by itself)")]
    TicketExpired,
    /// The KDC does not know us.
    #[error("the KDC does not know our principal")]
    UnknownPrincipal,
    /// The KDC has another key of ours.
    #[error("the KDC does not accept our key: is the keytab older than the latest key?")]
    WrongKey,
    /// The KDC knows us and gives us no ticket.
    #[error("the KDC gives our principal no ticket: it, or its key, is locked or has expired")]
    Refused,
    /// The KDC does not know the broker.
    #[error(
        "the KDC does not know the broker: there is no principal of the service's name \
         (sasl.kerberos.service.name) and the host's"
    )]
    UnknownService,
    /// None of the realm's KDCs answered in time, or they kept another connection waiting all the while.
    #[error("no KDC answers in time")]
    Unreachable,
    /// `krb5.conf` is broken, or says too little.
    #[error("krb5.conf is broken, or names no realm or no KDC (see KRB5_CONFIG)")]
    Configuration,
    /// The time here is not the time there.
    #[error("our clock and the KDC's differ by too much")]
    ClockSkew,
    /// Anything else, by the library's numbers.
    #[error(
        "the Kerberos library failed with major status {major:#x} and minor status {minor} \
         (KRB5_TRACE=/dev/stderr shows more)"
    )]
    Other {
        /// Of the GSS-API (RFC 2744, 3.9.1).
        major: u32,
        /// Of Kerberos.
        minor: i32,
    },
}

impl KerberosFailure {
    /// Whether it is certain to last until somebody mends something.
    pub(crate) fn is_certain(self) -> bool {
        !matches!(self, Self::Unreachable | Self::Other { .. })
    }
}
