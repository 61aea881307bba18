//! Who we are: our certificates, and which of them a broker gets.

use super::{invalid, material};
use crate::{
    ConfigError, TlsSettings,
    store::{self, Identity},
};
use rustls::{
    InconsistentKeys, SignatureScheme,
    client::ResolvesClientCert,
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::CertifiedKey,
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Our certificates, the first of which is the one for brokers that do not say what they accept.
#[derive(Debug)]
struct Certificates(Vec<Arc<CertifiedKey>>);

/// What chooses among our certificates; `None` if we have none.
pub(super) fn resolver(
    settings: &TlsSettings,
) -> Result<Option<Arc<dyn ResolvesClientCert>>, ConfigError> {
    let (Some(certificate), Some(key)) = (&settings.certificate, &settings.key) else {
        return Ok(None);
    };
    let (identities, at_fault) = material::identities(certificate, key, settings)?;
    let certified: Result<Vec<_>, _> = identities
        .into_iter()
        .map(|identity| certify(identity).map(Arc::new))
        .collect();
    match certified {
        Ok(certified) => Ok(Some(Arc::new(Certificates(certified)))),
        Err(error @ rustls::Error::InconsistentKeys(_)) => {
            invalid(at_fault, format!("does not fit the certificate ({error})"))
        }
        Err(error) => invalid(at_fault, format!("cannot be used ({error})")),
    }
}

/// As `CertifiedKey::from_der`, which drops the key without wiping it.
fn certify(Identity { chain, key }: Identity) -> Result<CertifiedKey, rustls::Error> {
    let key = any_supported_type(&with_public_key(&chain, key))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(error) => Err(error),
    }
}

/// As ring wants it.
fn with_public_key(
    chain: &[CertificateDer<'static>],
    key: Zeroizing<PrivateKeyDer<'static>>,
) -> Zeroizing<PrivateKeyDer<'static>> {
    let complete = match (&*key, chain.first()) {
        (PrivateKeyDer::Pkcs8(key), Some(certificate)) => {
            store::complete(key.secret_pkcs8_der(), certificate)
        }
        _ => None,
    };
    match complete {
        Some(mut complete) => {
            let complete = PrivatePkcs8KeyDer::from(std::mem::take(&mut *complete));
            Zeroizing::new(complete.into())
        }
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
