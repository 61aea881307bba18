//! A request and its answer, over whichever address of the registry works.

use super::{RegistryError, RegistrySettings, settings::Base};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use std::{
    error::Error as StdError,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{runtime, time};

/// No schema is as large; what is larger is not read.
const MAX_ANSWER: usize = 4 << 20;

/// The type that all registries of this interface understand.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.schemaregistry.v1+json");

/// The way to a registry.
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    bases: Vec<Base>,
    /// Which of the addresses worked last.
    working: AtomicUsize,
    authorization: Option<HeaderValue>,
    secrets: Vec<String>,
    timeout: Duration,
    retries: u32,
    backoff: (Duration, Duration),
}

/// Something to ask for.
pub(super) struct Call {
    pub(super) method: Method,
    /// Path and query, from a slash on.
    pub(super) path: String,
    pub(super) body: Bytes,
}

/// What a registry says.
pub(super) struct Answer {
    pub(super) address: Arc<str>,
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// Why an attempt brought no answer.
enum Miss {
    Failed(Arc<dyn StdError + Send + Sync>),
    TimedOut,
    TooLarge,
}

impl Http {
    pub(super) fn new(settings: &RegistrySettings) -> Result<Self, RegistryError> {
        let bases = settings.bases()?;
        let tls = tls(settings, bases.iter().any(|base| base.is_https))?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            bases,
            working: AtomicUsize::new(0),
            authorization: settings.authorization()?,
            secrets: settings.secrets(),
            timeout: settings.timeout,
            retries: settings.retries,
            backoff: settings.backoff,
        })
    }

    /// Asks until a registry answers something that asking again would not change. All calls may
    /// be repeated: registering what is registered gives the same id.
    pub(super) async fn ask(&self, call: &Call) -> Result<Answer, RegistryError> {
        if runtime::Handle::try_current().is_err() {
            return Err(RegistryError::NoRuntime);
        }
        let first = self.working.load(Ordering::Relaxed);
        let mut pause = self.backoff.0;
        let mut attempts = 0;
        loop {
            let index = first.wrapping_add(attempts as usize) % self.bases.len();
            let base = &self.bases[index];
            attempts += 1;
            let attempt = self.attempt(base, call).await;
            let again = match &attempt {
                Ok(answer) => is_passing(answer.status),
                Err(Miss::Failed(_) | Miss::TimedOut) => true,
                Err(Miss::TooLarge) => false,
            };
            if !again {
                self.working.store(index, Ordering::Relaxed);
            }
            if !again || attempts > self.retries {
                return self.conclude(attempt, base, call, attempts);
            }
            // Clients that failed together must not come back together.
            time::sleep(pause.mul_f32(1.0 - fastrand::f32() / 2.0)).await;
            pause = (pause * 2).min(self.backoff.1);
        }
    }

    /// Text of the registry's, fit to be shown: short, without control characters and secrets.
    pub(super) fn shown(&self, text: &str) -> Arc<str> {
        const LONGEST: usize = 300;
        let mut text: String = text
            .chars()
            .map(|char| if char.is_control() { ' ' } else { char })
            .collect();
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "***");
        }
        if text.chars().count() > LONGEST {
            text = text.chars().take(LONGEST).chain(['…']).collect();
        }
        text.into()
    }

    async fn attempt(&self, base: &Base, call: &Call) -> Result<Answer, Miss> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", base.address, call.path))
            .header(ACCEPT, MEDIA_TYPE);
        if !call.body.is_empty() {
            request = request.header(CONTENT_TYPE, MEDIA_TYPE);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request
            .body(Full::new(call.body.clone()))
            .map_err(|error| Miss::Failed(Arc::new(error)))?;
        let exchange = async {
            let response = self.client.request(request).await;
            let response = response.map_err(|error| Miss::Failed(Arc::new(error)))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER)
                .collect()
                .await;
            match body {
                Ok(body) => Ok(Answer {
                    address: Arc::clone(&base.address),
                    status,
                    body: body.to_bytes(),
                }),
                Err(error) if error.is::<LengthLimitError>() => Err(Miss::TooLarge),
                Err(error) => Err(Miss::Failed(error.into())),
            }
        };
        time::timeout(self.timeout, exchange)
            .await
            .unwrap_or(Err(Miss::TimedOut))
    }

    fn conclude(
        &self,
        attempt: Result<Answer, Miss>,
        base: &Base,
        call: &Call,
        attempts: u32,
    ) -> Result<Answer, RegistryError> {
        let address = Arc::clone(&base.address);
        match attempt {
            Ok(answer) if is_passing(answer.status) => Err(RegistryError::Unavailable {
                address,
                attempts,
                status: answer.status.as_u16(),
                message: self.shown(&answer.message()),
            }),
            Ok(answer) => Ok(answer),
            Err(Miss::TimedOut) => Err(RegistryError::TimedOut {
                address,
                attempts,
                waited: self.timeout,
            }),
            Err(Miss::Failed(source)) => Err(RegistryError::Unreachable {
                address,
                attempts,
                source,
            }),
            Err(Miss::TooLarge) => Err(RegistryError::Protocol {
                address,
                what: call.to_string().into(),
                problem: format!("it is longer than {MAX_ANSWER} bytes").into(),
            }),
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<_> = self.bases.iter().map(|base| &base.address).collect();
        f.debug_struct("Http")
            .field("addresses", &addresses)
            .field("authorized", &self.authorization.is_some())
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// What an error says, beside its code.
    pub(super) fn message(&self) -> String {
        self.error().1
    }

    /// The registry's own error code and message; 0 and nothing where the body is not an error's.
    pub(super) fn error(&self) -> (u32, String) {
        #[derive(serde::Deserialize)]
        struct Body {
            error_code: u32,
            #[serde(default)]
            message: String,
        }
        match serde_json::from_slice(&self.body) {
            Ok(Body {
                error_code,
                message,
            }) => (error_code, message),
            Err(_) => (0, String::new()),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Whether a registry that says so may say something else soon.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
}

/// The TLS side. The system's roots are read only where an address needs them.
fn tls(settings: &RegistrySettings, needed: bool) -> Result<rustls::ClientConfig, RegistryError> {
    if let Some(own) = &settings.tls {
        let mut own = rustls::ClientConfig::clone(own);
        // The connector offers HTTP/1.1 by itself, and takes no list that says otherwise.
        own.alpn_protocols.clear();
        return Ok(own);
    }
    let unusable = RegistryError::Settings {
        setting: "TLS for the schema registry",
        rule: "needs root certificates, and the system has none that can be read: use with_tls_config",
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| unusable.clone())?;
    let builder = if needed {
        builder.with_native_roots().map_err(|_| unusable)?
    } else {
        builder.with_root_certificates(rustls::RootCertStore::empty())
    };
    Ok(builder.with_no_client_auth())
}
