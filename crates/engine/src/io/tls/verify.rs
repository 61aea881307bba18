//! Who is believed to be a broker, or a web server.

use super::{
    Other, invalid,
    material::{self, REVOKED, ROOTS},
};
use crate::{ConfigError, TlsSettings};
use rustls::{
    CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        VerifierBuilderError, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::sync::Arc;

/// What the settings ask of the other side's certificate.
pub(super) fn verifier(
    settings: &TlsSettings,
    other: Other,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
    let roots = Arc::new(roots(settings, other)?);
    let mut builder = WebPkiServerVerifier::builder_with_provider(roots, provider);
    if let Some(lists) = &settings.revoked {
        builder = builder
            .with_crls(material::revocation_lists(lists)?)
            .only_check_end_entity_revocation()
            .enforce_revocation_expiration();
        // The lists are of the brokers' authorities; a web server's may have none among them.
        if other == Other::WebServer {
            builder = builder.allow_unknown_revocation_status();
        }
    }
    let verifier = builder.build().or_else(|error| match error {
        VerifierBuilderError::InvalidCrl(error) => invalid(
            REVOKED,
            format!("holds a list that cannot be used ({error:?})"),
        ),
        error => invalid(ROOTS, format!("holds nothing to verify with ({error})")),
    })?;
    Ok(match settings.checks_hostname() {
        true => verifier,
        false => Arc::new(AnyName(verifier)),
    })
}

fn roots(settings: &TlsSettings, other: Other) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    if let Some(source) = &settings.roots {
        for certificate in material::authorities(source, settings)? {
            roots
                .add(certificate)
                .or_else(|error| invalid(ROOTS, format!("holds a broken certificate ({error})")))?;
        }
    }
    if settings.roots.is_none() || other == Other::WebServer {
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
