//! Tokens for OAUTHBEARER, and who makes them.

use crate::Secret;
use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

/// A token on its way.
pub type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<Token, TokenError>> + Send + 'a>>;

/// Makes tokens for OAUTHBEARER: any closure that returns a future does.
///
/// Asked for each new connection and each re-authentication, so it should keep a token that is still
/// good. Time in it is time of the connection: `socket.connection.setup.timeout.ms` bounds it. A
/// panic in it is a token that is not there.
///
/// # Cancel safety
/// The future is dropped when that time is over.
pub trait TokenProvider: Send + Sync + 'static {
    /// A token that is good now.
    fn token(&self) -> TokenFuture<'_>;
}

/// A bearer token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Token {
    /// The token as it goes to the broker.
    pub value: Secret,
    /// For how long it is good, where that is known.
    pub lifetime: Option<Duration>,
}

/// Why there is no token. Its text is shown, so it must hold no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError(Arc<str>);

impl Token {
    /// One of which nothing else is known.
    pub fn new(value: impl Into<Secret>) -> Self {
        Self {
            value: value.into(),
            lifetime: None,
        }
    }
}

impl TokenError {
    /// With its reason, which errors of the connection show.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into().into())
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TokenError {}

impl<F, T> TokenProvider for F
where
    F: Fn() -> T + Send + Sync + 'static,
    T: Future<Output = Result<Token, TokenError>> + Send + 'static,
{
    fn token(&self) -> TokenFuture<'_> {
        Box::pin(self())
    }
}
