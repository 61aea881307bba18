//! Who is believed to be a broker, or a web server.

use super::{
    Other, invalid,
    lists::{self, List},
    material::{self, ROOTS},
};
use crate::{ConfigError, TlsSettings, store::Certificate};
use rustls::{
    CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        VerifierBuilderError, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use std::{sync::Arc, time::Duration};

/// What the settings ask of the other side's certificate.
pub(super) fn verifier(
    settings: &TlsSettings,
    other: Other,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
    let trusted = Trusted::of(settings, other)?;
    let lists = match &settings.revoked {
        Some(source) => lists::newest(source)?,
        None => Vec::new(),
    };
    let algorithms = provider.signature_verification_algorithms;
    Ok(Arc::new(Verifier {
        authorities: by_authorities(trusted.authorities, &lists, other, provider)?,
        themselves: trusted.themselves,
        lists,
        algorithms,
        checks_name: settings.checks_hostname(),
    }))
}

/// Rustls's own verifier; `None` without any authority.
fn by_authorities(
    roots: RootCertStore,
    lists: &[List],
    other: Other,
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<WebPkiServerVerifier>>, ConfigError> {
    if roots.is_empty() {
        return Ok(None);
    }
    let mut builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    if !lists.is_empty() {
        builder = builder
            .with_crls(lists.iter().map(|list| list.der.clone()))
            .only_check_end_entity_revocation()
            .enforce_revocation_expiration();
        // The lists are of the brokers' authorities; a web server's may have none among them.
        if other == Other::WebServer {
            builder = builder.allow_unknown_revocation_status();
        }
    }
    match builder.build() {
        Ok(verifier) => Ok(Some(verifier)),
        Err(VerifierBuilderError::InvalidCrl(error)) => invalid(
            material::REVOKED,
            format!("holds a list that cannot be used ({error:?})"),
        ),
        Err(error) => invalid(ROOTS, format!("holds nothing to verify with ({error})")),
    }
}

/// Whom the settings trust.
struct Trusted {
    /// Those who may vouch for others.
    authorities: RootCertStore,
    /// All that are named: each is trusted where the other side itself has it.
    themselves: Vec<CertificateDer<'static>>,
}

impl Trusted {
    /// Not every certificate that somebody trusts is an authority's: rustls takes whatever it is given
    /// for one, and whoever has the key of a single server could vouch for all others.
    fn of(settings: &TlsSettings, other: Other) -> Result<Self, ConfigError> {
        let mut authorities = RootCertStore::empty();
        let mut themselves = Vec::new();
        if let Some(source) = &settings.roots {
            themselves = material::authorities(source, settings)?;
        }
        for certificate in &themselves {
            let may_sign = Certificate::read(certificate).and_then(|it| it.may_sign());
            match may_sign {
                Ok(true) => authorities.add(certificate.clone()).or_else(broken)?,
                Ok(false) => {}
                Err(error) => broken(error)?,
            }
        }
        if settings.roots.is_none() || other == Other::WebServer {
            let found = rustls_native_certs::load_native_certs();
            authorities.add_parsable_certificates(found.certs);
        }
        if authorities.is_empty() && themselves.is_empty() {
            return invalid(
                ROOTS,
                "must be set: the system names no trusted authorities",
            );
        }
        Ok(Self {
            authorities,
            themselves,
        })
    }
}

fn broken(error: impl std::fmt::Display) -> Result<(), ConfigError> {
    invalid(ROOTS, format!("holds a broken certificate ({error})"))
}

/// Asks rustls whether an authority vouches for a certificate, and knows those that are trusted
/// themselves.
#[derive(Debug)]
struct Verifier {
    authorities: Option<Arc<WebPkiServerVerifier>>,
    themselves: Vec<CertificateDer<'static>>,
    lists: Vec<List>,
    algorithms: WebPkiSupportedAlgorithms,
    checks_name: bool,
}

impl Verifier {
    /// Checks a certificate that is trusted itself, as far as that leaves something to check.
    fn verify_itself(
        &self,
        end_entity: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let unreadable = |_| CertificateError::BadEncoding;
        let certificate = Certificate::read(end_entity).map_err(unreadable)?;
        let (from, until) = certificate.validity().map_err(unreadable)?;
        let time = now;
        let now = Duration::from_secs(time.as_secs());
        if now < from {
            let not_before = UnixTime::since_unix_epoch(from);
            return Err(CertificateError::NotValidYetContext { time, not_before }.into());
        }
        if now > until {
            let not_after = UnixTime::since_unix_epoch(until);
            return Err(CertificateError::ExpiredContext { time, not_after }.into());
        }
        if self.lists.iter().any(|list| list.names(&certificate)) {
            return Err(CertificateError::Revoked.into());
        }
        if self.checks_name {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        }
        Ok(())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{
            ExpiredRevocationList, ExpiredRevocationListContext, NotValidForName,
            NotValidForNameContext, Revoked, UnknownIssuer, UnknownRevocationStatus,
        };
        use rustls::Error::{InvalidCertRevocationList, InvalidCertificate};
        let verified = match &self.authorities {
            Some(authorities) => authorities.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            None => Err(UnknownIssuer.into()),
        };
        match verified {
            // The name is looked at last, when the chain is known to be good.
            Err(InvalidCertificate(NotValidForName | NotValidForNameContext { .. }))
                if !self.checks_name =>
            {
                Ok(ServerCertVerified::assertion())
            }
            // What an authority's list says counts for those that are trusted themselves, too.
            Err(
                InvalidCertificate(
                    Revoked
                    | UnknownRevocationStatus
                    | ExpiredRevocationList
                    | ExpiredRevocationListContext { .. },
                )
                | InvalidCertRevocationList(_),
            ) => verified,
            Err(_) if self.themselves.iter().any(|it| it == end_entity) => {
                self.verify_itself(end_entity, server_name, now)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
