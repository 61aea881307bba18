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
    let (mut certified, mut unusable) = (Vec::new(), None);
    for identity in identities {
        match certify(identity) {
            Ok(it) => certified.push(Arc::new(it)),
            Err(error) => unusable = unusable.or(Some(error)),
        }
    }
    match unusable {
        // As in Java, a key of a kind that TLS has no use for stays unused.
        Some(error) if !certified.is_empty() => {
            tracing::debug!(%error, "a key of the store cannot be used and is left out");
        }
        Some(error @ rustls::Error::InconsistentKeys(_)) => {
            return invalid(at_fault, format!("does not fit the certificate ({error})"));
        }
        Some(error) => return invalid(at_fault, format!("cannot be used ({error})")),
        None => {}
    }
    Ok(Some(Arc::new(Certificates(certified))))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Secret, TlsSource,
        store::made::{certificate, key, sign, store},
    };

    /// Whom the broker meets, from a store of such bags.
    fn met(name: &str, bags: &[Vec<u8>]) -> Result<Vec<u8>, String> {
        let path = std::env::temp_dir().join(format!("guanaco-{name}-{}.p12", std::process::id()));
        std::fs::write(&path, store(bags)).unwrap();
        let mut settings = TlsSettings::default();
        settings.certificate = Some(TlsSource::File(path.clone()));
        settings.key = settings.certificate.clone();
        settings.key_password = Some(Secret::new("changeit"));
        let resolver = resolver(&settings);
        std::fs::remove_file(&path).unwrap();
        let resolver = resolver.map_err(|error| error.to_string())?.unwrap();
        let met = resolver.resolve(&[], &[SignatureScheme::ECDSA_NISTP256_SHA256]);
        Ok(met.unwrap().cert[0].to_vec())
    }

    #[test]
    fn keys_that_are_of_no_use_do_not_keep_others_from_use() {
        let (lonely, mut odd, good) = (sign("lonely", None), sign("odd", None), sign("good", None));
        // Another curve, which ring does not know.
        let curve = [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
        let place = odd.key.windows(8).position(|it| it == curve).unwrap();
        odd.key[place + 7] = 6;
        let of_no_use = [
            key(&lonely.key, None),
            key(&odd.key, Some(b"odd")),
            certificate(&odd.der, Some(b"odd")),
        ];
        let of_use = [
            key(&good.key, Some(b"good")),
            certificate(&good.der, Some(b"good")),
        ];
        let bags = [&of_no_use[..], &of_use[..]].concat();
        assert_eq!(met("one-of-use", &bags), Ok(good.der));
        let error = met("none-of-use", &of_no_use).unwrap_err();
        assert!(error.contains("cannot be used"), "{error}");
        let error = met("no-certificate", &of_no_use[..1]).unwrap_err();
        assert!(error.contains("has no certificate"), "{error}");
    }
}
