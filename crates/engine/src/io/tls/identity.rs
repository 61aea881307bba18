//! Who we are: our certificates, and which of them a broker gets.

use super::{invalid, material};
use crate::{
    ConfigError, TlsSettings,
    store::{self, Identity},
};
use rustls::{
    SignatureScheme,
    client::ResolvesClientCert,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::CertifiedKey,
};
use std::sync::Arc;

/// Our certificates, the first of which is the one for brokers that do not say what they accept.
#[derive(Debug)]
struct Certificates(Vec<Arc<CertifiedKey>>);

/// What chooses among our certificates; `None` if we have none.
pub(super) fn resolver(
    settings: &TlsSettings,
    provider: &CryptoProvider,
) -> Result<Option<Arc<dyn ResolvesClientCert>>, ConfigError> {
    let (Some(certificate), Some(key)) = (&settings.certificate, &settings.key) else {
        return Ok(None);
    };
    let (identities, at_fault) = material::identities(certificate, key, settings)?;
    let certify = |Identity { chain, key }| {
        let key = with_public_key(&chain, key);
        CertifiedKey::from_der(chain, key, provider).or_else(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                invalid(at_fault, format!("does not fit the certificate ({error})"))
            }
            error => invalid(at_fault, format!("cannot be used ({error})")),
        })
    };
    let certified: Result<Vec<_>, _> = identities.into_iter().map(certify).collect();
    let certified = certified?.into_iter().map(Arc::new).collect();
    Ok(Some(Arc::new(Certificates(certified))))
}

/// As ring wants it.
fn with_public_key(
    chain: &[CertificateDer<'static>],
    key: PrivateKeyDer<'static>,
) -> PrivateKeyDer<'static> {
    let complete = match (&key, chain.first()) {
        (PrivateKeyDer::Pkcs8(key), Some(certificate)) => {
            store::complete(key.secret_pkcs8_der(), certificate)
        }
        _ => None,
    };
    match complete {
        Some(mut complete) => PrivatePkcs8KeyDer::from(std::mem::take(&mut *complete)).into(),
        None => key,
    }
}

impl ResolvesClientCert for Certificates {
    fn resolve(
        &self,
        authorities: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let can_sign = |it: &&Arc<CertifiedKey>| it.key.choose_scheme(schemes).is_some();
        let is_accepted = |it: &&Arc<CertifiedKey>| {
            it.cert
                .iter()
                .filter_map(|certificate| store::issuer(certificate))
                .any(|issuer| authorities.contains(&issuer))
        };
        let usable = || self.0.iter().filter(can_sign);
        // One that it may not accept makes it say so, none would be no answer.
        usable()
            .find(is_accepted)
            .or_else(|| usable().next())
            .cloned()
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}
