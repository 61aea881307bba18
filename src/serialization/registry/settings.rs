//! How a registry is reached.

use super::RegistryError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{Uri, header::HeaderValue};
use std::{fmt, sync::Arc, time::Duration};

/// How a schema registry is reached.
///
/// | setting | default | |
/// |---|---|---|
/// | [`with_basic_auth`](Self::with_basic_auth), [`with_bearer_token`](Self::with_bearer_token) | none | credentials |
/// | [`with_tls_config`](Self::with_tls_config) | the system's roots | for `https` addresses |
/// | [`with_request_timeout`](Self::with_request_timeout) | 10 s | for each attempt |
/// | [`with_retries`](Self::with_retries) | 3 | attempts after the first, on addresses in turn |
/// | [`with_backoff`](Self::with_backoff) | 100 ms, doubling to 2 s | between attempts, less up to a half by chance |
/// | [`with_cache_capacity`](Self::with_cache_capacity) | 1,000 | schemas, ids and versions, each; 16 MiB at most |
#[derive(Clone)]
pub struct RegistrySettings {
    pub(super) addresses: Vec<String>,
    pub(super) credentials: Credentials,
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
    pub(super) timeout: Duration,
    pub(super) retries: u32,
    pub(super) backoff: (Duration, Duration),
    pub(super) cache: usize,
}

#[derive(Clone)]
pub(super) enum Credentials {
    None,
    Basic { user: String, password: String },
    Bearer { token: String },
}

impl RegistrySettings {
    /// A registry at these addresses, separated by commas: `http://` or `https://`, a host, if
    /// wanted a port and a path. The addresses are of one registry: an attempt that fails at one
    /// is repeated at the next.
    ///
    /// Credentials in an address are refused: whatever prints the address would print them.
    #[must_use]
    pub fn new(addresses: impl AsRef<str>) -> Self {
        let addresses = addresses.as_ref().split(',').map(str::trim);
        Self {
            addresses: addresses
                .filter(|address| !address.is_empty())
                .map(str::to_owned)
                .collect(),
            credentials: Credentials::None,
            tls: None,
            timeout: Duration::from_secs(10),
            retries: 3,
            backoff: (Duration::from_millis(100), Duration::from_secs(2)),
            cache: 1_000,
        }
    }

    /// A user name without a colon, and a password: the API key and secret of a cloud's registry.
    #[must_use]
    pub fn with_basic_auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        let (user, password) = (user.into(), password.into());
        self.credentials = Credentials::Basic { user, password };
        self
    }

    /// A token.
    #[must_use]
    pub fn with_bearer_token(mut self, token: impl Into<String>) -> Self {
        let token = token.into();
        self.credentials = Credentials::Bearer { token };
        self
    }

    /// TLS with roots or a client certificate of one's own.
    #[must_use]
    pub fn with_tls_config(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// For how long an attempt may take, connection and answer together. Default: 10 s.
    #[must_use]
    pub fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often a request is repeated when no registry answers, or one answers that it cannot now
    /// (5xx, 429). Default: 3.
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The pause before the first repetition, and the longest one. Defaults: 100 ms, 2 s.
    #[must_use]
    pub fn with_backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = (first, longest);
        self
    }

    /// How many schemas, ids and versions are kept, each. The oldest go first. Default: 1,000.
    #[must_use]
    pub fn with_cache_capacity(mut self, entries: usize) -> Self {
        self.cache = entries;
        self
    }

    /// The addresses, checked.
    pub(super) fn bases(&self) -> Result<Vec<Base>, RegistryError> {
        let bases: Vec<Base> = self
            .addresses
            .iter()
            .map(|address| Base::parse(address))
            .collect::<Result<_, _>>()?;
        if bases.is_empty() {
            return Err(invalid("the address of the schema registry", "is missing"));
        }
        Ok(bases)
    }

    /// The header that carries the credentials.
    pub(super) fn authorization(&self) -> Result<Option<HeaderValue>, RegistryError> {
        let text = match &self.credentials {
            Credentials::None => return Ok(None),
            Credentials::Basic { user, .. } if user.contains(':') => {
                return Err(invalid("the user name", "must not hold a colon"));
            }
            Credentials::Basic { user, password } => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
            }
            Credentials::Bearer { token } => format!("Bearer {token}"),
        };
        let mut value = HeaderValue::try_from(text)
            .map_err(|_| invalid("the token", "must be visible ASCII characters"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// What must not be in any message.
    pub(super) fn secrets(&self) -> Vec<String> {
        let secrets = match &self.credentials {
            Credentials::None => vec![],
            Credentials::Basic { user, password } => vec![
                STANDARD.encode(format!("{user}:{password}")),
                password.clone(),
            ],
            Credentials::Bearer { token } => vec![token.clone()],
        };
        secrets.into_iter().filter(|it| !it.is_empty()).collect()
    }
}

/// Shows no credentials.
impl fmt::Debug for RegistrySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credentials = match self.credentials {
            Credentials::None => "none",
            Credentials::Basic { .. } => "basic",
            Credentials::Bearer { .. } => "bearer",
        };
        let addresses: Vec<_> = self
            .addresses
            .iter()
            .map(|address| Base::parse(address).map_or("(invalid)".into(), |base| base.address))
            .collect();
        f.debug_struct("RegistrySettings")
            .field("addresses", &addresses)
            .field("credentials", &credentials)
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .field("backoff", &self.backoff)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

/// An address of a registry.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// As it is shown, without a slash at its end.
    pub(super) address: Arc<str>,
    pub(super) is_https: bool,
}

impl Base {
    fn parse(address: &str) -> Result<Self, RegistryError> {
        let setting = "an address of the schema registry";
        let wrong = || invalid(setting, "must be http://host:port or https://host:port");
        let uri: Uri = address.parse().map_err(|_| wrong())?;
        let is_https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        if authority.as_str().contains('@') {
            let rule = "must not hold credentials: use with_basic_auth";
            return Err(invalid(setting, rule));
        }
        if uri.query().is_some() {
            return Err(invalid(setting, "must not have a query"));
        }
        Ok(Self {
            address: address.trim_end_matches('/').into(),
            is_https,
        })
    }
}

fn invalid(setting: &'static str, rule: &'static str) -> RegistryError {
    RegistryError::Settings { setting, rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_never_shown_with_credentials() {
        for wrong in [
            "",
            ",",
            "localhost:8081",
            "ftp://a",
            "http://",
            "http://user:canary@a:1",
            "http://a?b=canary",
        ] {
            let settings = RegistrySettings::new(wrong);
            let error = settings.bases().unwrap_err();
            let shown = format!("{error} {error:?} {settings:?}");
            assert!(!shown.contains("canary"), "{shown}");
        }
        let bases = RegistrySettings::new("http://a:1/, https://b/registry/").bases();
        let bases: Vec<_> = bases
            .unwrap()
            .into_iter()
            .map(|base| base.address)
            .collect();
        assert_eq!(
            bases,
            ["http://a:1".into(), Arc::<str>::from("https://b/registry")]
        );
    }

    #[test]
    fn credentials_are_sent_and_not_shown() {
        let basic = RegistrySettings::new("http://a").with_basic_auth("Aladdin", "open sesame");
        let header = basic.authorization().unwrap().unwrap();
        // The example of RFC 7617.
        assert_eq!(
            header.to_str().unwrap(),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
        assert!(!format!("{basic:?} {header:?}").contains("sesame"));
        let bearer = RegistrySettings::new("http://a").with_bearer_token("canary");
        assert!(!format!("{bearer:?}").contains("canary"));
        for broken in [
            RegistrySettings::new("http://a").with_basic_auth("a:b", "canary"),
            RegistrySettings::new("http://a").with_bearer_token("canary\n"),
        ] {
            let error = broken.authorization().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }
}
