//! Names and passwords for PLAIN and SCRAM, and who has them.

use crate::Secret;
use std::{fmt, future::Future, pin::Pin, sync::Arc};

/// A name and password on their way.
pub type CredentialsFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Credentials, CredentialsError>> + Send + 'a>>;

/// Has the name and password for PLAIN and SCRAM: any closure that returns a future does.
///
/// Asked for each new connection and each re-authentication, so a password that has changed counts from
/// the next of them on. What it gives is wiped once it was used. Time in it is time of the connection:
/// `socket.connection.setup.timeout.ms` bounds it, and 5 seconds of it where the session of the connection
/// that metadata is asked for by is renewed. A panic in it is a password that is not there.
///
/// # Cancel safety
/// The future is dropped when that time is over.
pub trait CredentialsProvider: Send + Sync + 'static {
    /// The name and password that are good now.
    fn credentials(&self) -> CredentialsFuture<'_>;
}

/// A name and its password.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Credentials {
    /// Who we are.
    pub username: Secret,
    /// What proves it.
    pub password: Secret,
}

/// Why there are no credentials. Its text is shown, so it must hold no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsError(Arc<str>);

impl Credentials {
    /// This name with this password.
    pub fn new(username: impl Into<Secret>, password: impl Into<Secret>) -> Self {
        Self {
            username: username.into(),
            password: password.into(),
        }
    }

    /// PLAIN separates its parts by zero bytes.
    pub(crate) fn has_zero(&self) -> bool {
        let has = |secret: &Secret| secret.expose().contains('\0');
        has(&self.username) || has(&self.password)
    }
}

impl CredentialsError {
    /// With its reason, which errors of the connection show.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into().into())
    }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CredentialsError {}

impl<F, T> CredentialsProvider for F
where
    F: Fn() -> T + Send + Sync + 'static,
    T: Future<Output = Result<Credentials, CredentialsError>> + Send + 'static,
{
    fn credentials(&self) -> CredentialsFuture<'_> {
        Box::pin(self())
    }
}
