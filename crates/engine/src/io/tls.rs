//! TLS by rustls: what is trusted, who we are, and what a failure means.

use super::{dial::ConnectErrorKind, stream::Stream};
use crate::{AuthFailure, ConfigError, Pem, TlsSettings, TlsVersions, config::security::Plan};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore,
    SignatureScheme, SupportedProtocolVersion,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{
        CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime, pem::PemObject,
    },
};
use std::{
    fs, io,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{net::TcpStream, sync::Mutex, time::timeout};
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

const ROOTS: &str = "ssl.truststore.location";
const CERTIFICATE: &str = "ssl.keystore.certificate.chain";
const KEY: &str = "ssl.keystore.key";

/// Makes encrypted streams; looks for changed files before each.
#[derive(Debug)]
pub(crate) struct Tls {
    settings: Arc<TlsSettings>,
    /// Whether the system's authorities are trusted beside those of the settings.
    system_too: bool,
    made: Mutex<Option<Made>>,
}

/// A configuration, and the files that it was made from as they were.
#[derive(Clone, Debug)]
struct Made {
    config: Arc<ClientConfig>,
    stamps: Vec<Stamp>,
}

/// When a file was changed, and its size; `None` where that cannot be told.
type Stamp = Option<(SystemTime, u64)>;

impl Tls {
    /// For brokers; `None` if the connections are not encrypted.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let settings = plan.tls.clone()?;
        Some(Self::new(settings, false))
    }

    /// For a web server: the system's authorities, and those of the settings.
    pub(super) fn for_web(settings: &TlsSettings) -> Self {
        let mut web = TlsSettings::default();
        web.roots = settings.roots.clone();
        web.versions = settings.versions;
        Self::new(web, true)
    }

    fn new(settings: TlsSettings, system_too: bool) -> Self {
        Self {
            settings: Arc::new(settings),
            system_too,
            made: Mutex::new(None),
        }
    }

    /// Does the handshake, in which the other side proves to be `host`.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
        limit: Duration,
    ) -> Result<Stream, ConnectErrorKind> {
        let config = self.config().await.map_err(ConnectErrorKind::Config)?;
        // The zone of a link-local address says how to get there, not who is there.
        let name = host.split('%').next().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| {
            ConnectErrorKind::Auth(AuthFailure::WrongName {
                dialled: host.into(),
            })
        })?;
        let handshake = TlsConnector::from(config).connect(name, stream);
        match timeout(limit, handshake).await {
            Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
            Ok(Err(error)) => Err(match failure(&error, host) {
                Some(failure) => ConnectErrorKind::Auth(failure),
                None => match error.into() {
                    ConnectErrorKind::Closed => ConnectErrorKind::Auth(AuthFailure::NotTls),
                    other => other,
                },
            }),
            Err(_) => Err(ConnectErrorKind::Timeout {
                step: "end of the TLS handshake",
                after: limit,
            }),
        }
    }

    /// The configuration from the files as they are now.
    async fn config(&self) -> Result<Arc<ClientConfig>, ConfigError> {
        if let Some(config) = self.settings.custom() {
            return Ok(Arc::clone(config));
        }
        let mut made = self.made.lock().await;
        let (settings, system_too) = (Arc::clone(&self.settings), self.system_too);
        let before = made.as_ref().map(|made| made.stamps.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let stamps = stamps(&settings);
            if before.as_ref() == Some(&stamps) {
                return Ok(None);
            }
            let config = Arc::new(client_config(&settings, system_too)?);
            Ok(Some(Made { config, stamps }))
        });
        let looked = looked
            .await
            .unwrap_or_else(|_| invalid(ROOTS, "could not be read: the runtime is gone"));
        match (looked, &mut *made) {
            (Ok(None), Some(made)) => Ok(Arc::clone(&made.config)),
            (Ok(Some(new)), slot) => Ok(Arc::clone(&slot.insert(new).config)),
            // Half-written, most likely: it is looked at again next time.
            (Err(error), Some(made)) => {
                tracing::warn!(%error, "changed certificates cannot be used; the old ones stay");
                Ok(Arc::clone(&made.config))
            }
            (Err(error), None) => Err(error),
            (Ok(None), None) => invalid(ROOTS, "could not be read"),
        }
    }
}

fn stamps(settings: &TlsSettings) -> Vec<Stamp> {
    let pems = [&settings.roots, &settings.certificate, &settings.key];
    let stamp = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    pems.into_iter()
        .flatten()
        .filter_map(|pem| match pem {
            Pem::File(path) => Some(stamp(path)),
            Pem::Text(_) => None,
        })
        .collect()
}

fn client_config(settings: &TlsSettings, system_too: bool) -> Result<ClientConfig, ConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::new(roots(settings, system_too)?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .build()
        .or_else(|error| invalid(ROOTS, format!("holds nothing to verify with ({error})")))?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(settings.versions))
        .or_else(|error| invalid("ssl.enabled.protocols", error.to_string()))?;
    let builder = if settings.checks_hostname() {
        builder.with_webpki_verifier(verifier)
    } else {
        let verifier = Arc::new(AnyName(verifier));
        builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
    };
    let (Some(certificate), Some(key)) = (&settings.certificate, &settings.key) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(certificate, CERTIFICATE)?;
    let key = private_key(key, settings)?;
    builder
        .with_client_auth_cert(chain, key)
        .or_else(|error| invalid(KEY, format!("does not fit the certificate ({error})")))
}

fn versions(versions: TlsVersions) -> &'static [&'static SupportedProtocolVersion] {
    static V1_2: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS12];
    static V1_3: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];
    match versions {
        TlsVersions::Both => rustls::ALL_VERSIONS,
        TlsVersions::V1_2 => &V1_2,
        TlsVersions::V1_3 => &V1_3,
    }
}

fn roots(settings: &TlsSettings, system_too: bool) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = &settings.roots {
        for certificate in certificates(pem, ROOTS)? {
            roots
                .add(certificate)
                .or_else(|error| invalid(ROOTS, format!("holds a broken certificate ({error})")))?;
        }
    }
    if settings.roots.is_none() || system_too {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
    }
    if roots.is_empty() {
        return invalid(
            ROOTS,
            "must be set: the system names no trusted authorities",
        );
    }
    Ok(roots)
}

fn certificates(pem: &Pem, key: &'static str) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let bytes = bytes(pem, key)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => invalid(key, no_pem(&bytes, "certificate")),
        Err(error) => invalid(key, format!("holds broken PEM ({error})")),
    }
}

fn private_key(pem: &Pem, settings: &TlsSettings) -> Result<PrivateKeyDer<'static>, ConfigError> {
    const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
    const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
    let bytes = bytes(pem, KEY)?;
    let text = std::str::from_utf8(&bytes).unwrap_or("");
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        return invalid(
            KEY,
            "is encrypted in OpenSSL's old way: openssl pkcs8 -topk8 -in OLD -out NEW converts it",
        );
    }
    let encrypted = text
        .split_once(BEGIN)
        .and_then(|(_, rest)| rest.split_once(END));
    if let Some((body, _)) = encrypted {
        return decrypt(body, settings);
    }
    PrivateKeyDer::from_pem_slice(&bytes).or_else(|_| invalid(KEY, no_pem(&bytes, "private key")))
}

/// Opens an encrypted PKCS#8 key.
fn decrypt(body: &str, settings: &TlsSettings) -> Result<PrivateKeyDer<'static>, ConfigError> {
    const PASSWORD: &str = "ssl.key.password";
    let Some(password) = &settings.key_password else {
        return invalid(PASSWORD, "must be set: the key is encrypted");
    };
    let body: String = body.split_whitespace().collect();
    let opened = BASE64.decode(body).ok().and_then(|der| {
        let info = pkcs8::EncryptedPrivateKeyInfoRef::try_from(&*der).ok()?;
        info.decrypt(password.expose()).ok()
    });
    match opened {
        Some(key) => Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into()),
        None => invalid(
            PASSWORD,
            "does not open the key (or it is encrypted in a way that is not known: openssl pkcs8 \
             -topk8 -v2 aes256 makes one that is)",
        ),
    }
}

fn bytes(pem: &Pem, key: &'static str) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    match pem {
        Pem::Text(text) => Ok(Zeroizing::new(text.expose().as_bytes().to_vec())),
        Pem::File(path) => match fs::read(path) {
            Ok(bytes) => Ok(Zeroizing::new(bytes)),
            Err(error) => invalid(key, format!("names a file that cannot be read ({error})")),
        },
    }
}

/// What it is instead of PEM with such a thing in it.
fn no_pem(bytes: &[u8], thing: &str) -> String {
    const JKS: &[u8] = &[0xfe, 0xed, 0xfe, 0xed];
    const DER: &[u8] = &[0x30];
    if bytes.starts_with(JKS) || bytes.starts_with(DER) {
        return "must be PEM, and is a JKS or PKCS#12 store: convert it by keytool -list -rfc \
                -keystore STORE (certificates) or openssl pkcs12 -in STORE (keys)"
            .into();
    }
    format!("holds no {thing} in PEM")
}

/// Checks everything about a certificate but whose it is.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        let verified =
            self.0
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is looked at last, when the chain is known to be good.
            Err(rustls::Error::InvalidCertificate(
                NotValidForName | NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// What an error of a stream means, if TLS caused it.
pub(super) fn failure(error: &io::Error, host: &str) -> Option<AuthFailure> {
    use rustls::Error;
    Some(match error.get_ref()?.downcast_ref::<Error>()? {
        Error::InvalidCertificate(error) => certificate_failure(error, host),
        Error::AlertReceived(alert) => alert_failure(*alert),
        Error::InvalidMessage(_) => AuthFailure::NotTls,
        other => AuthFailure::Tls(other.to_string().into()),
    })
}

fn certificate_failure(error: &CertificateError, host: &str) -> AuthFailure {
    use CertificateError as Error;
    match error {
        Error::UnknownIssuer => AuthFailure::UnknownAuthority,
        Error::Expired | Error::ExpiredContext { .. } => AuthFailure::Expired,
        Error::NotValidYet | Error::NotValidYetContext { .. } => AuthFailure::NotYetValid,
        Error::NotValidForName | Error::NotValidForNameContext { .. } => AuthFailure::WrongName {
            dialled: host.into(),
        },
        other => AuthFailure::Certificate(other.to_string().into()),
    }
}

fn alert_failure(alert: AlertDescription) -> AuthFailure {
    use AlertDescription as Alert;
    match alert {
        Alert::NoCertificate
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::CertificateRequired
        | Alert::UnknownCA
        | Alert::AccessDenied => AuthFailure::ClientCertificate {
            alert: format!("{alert:?}").into(),
        },
        other => AuthFailure::Tls(format!("the broker ended it with {other:?}").into()),
    }
}

fn invalid<T>(
    key: &'static str,
    rule: impl Into<std::borrow::Cow<'static, str>>,
) -> Result<T, ConfigError> {
    Err(ConfigError::Invalid {
        key,
        rule: rule.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::client_config;
    use crate::{Pem, Secret, TlsSettings};

    const CERTIFICATE: &str = include_str!("tests/data/client.crt");
    /// Opened by `opensesame`.
    const ENCRYPTED: &str = include_str!("tests/data/client-encrypted.key");

    fn with_key(key: &str, password: Option<&str>) -> Result<(), String> {
        let pem = |text: &str| Some(Pem::Text(Secret::new(text)));
        let mut settings = TlsSettings::default();
        settings.roots = pem(CERTIFICATE);
        settings.certificate = pem(CERTIFICATE);
        settings.key = pem(key);
        settings.key_password = password.map(Secret::new);
        let made = client_config(&settings, false);
        made.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn an_encrypted_key_opens_with_its_password_only() {
        assert_eq!(with_key(ENCRYPTED, Some("opensesame")), Ok(()));
        for (password, part) in [
            (Some("open barley"), "does not open the key"),
            (None, "the key is encrypted"),
        ] {
            let error = with_key(ENCRYPTED, password).unwrap_err();
            assert!(
                error.starts_with("ssl.key.password") && error.contains(part),
                "{error}"
            );
        }
    }

    #[test]
    fn a_key_that_is_none_or_of_another_kind_is_named() {
        let old = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
        for (key, part) in [(old, "openssl pkcs8 -topk8"), ("nothing", "no private key")] {
            let error = with_key(key, None).unwrap_err();
            assert!(
                error.starts_with("ssl.keystore.key") && error.contains(part),
                "{error}"
            );
        }
    }
}
