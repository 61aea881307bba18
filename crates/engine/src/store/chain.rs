//! The certificates of a store: how they hang together, and which of them is a key's.

use super::{StoreError, certificate::Certificate, ec::complete, pbe::Work};
use rustls::{
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::collections::HashMap;
use zeroize::Zeroizing;

/// No chain is nearly as long.
const MAX_CHAIN: usize = 16;

/// What it takes to see whether two halves of a key fit, in rounds of hashing, at least.
const TRIAL: u32 = 1_000;

/// Certificates, each with the place of the one of who signed it.
#[derive(Debug, Default)]
pub(super) struct Certificates(Vec<(CertificateDer<'static>, Option<usize>)>);

impl Certificates {
    pub(super) fn new(certificates: Vec<CertificateDer<'static>>) -> Self {
        let names = |der| {
            let certificate = Certificate::read(der).ok()?;
            Some((certificate.subject.to_vec(), certificate.issuer.to_vec()))
        };
        let names: Vec<_> = certificates.iter().map(|der| names(der)).collect();
        let mut places = HashMap::new();
        for (place, names) in names.iter().enumerate() {
            if let Some((subject, _)) = names {
                places.entry(subject.as_slice()).or_insert(place);
            }
        }
        let signer = |names: &Option<(Vec<u8>, Vec<u8>)>| match names {
            Some((subject, issuer)) if subject != issuer => places.get(issuer.as_slice()).copied(),
            _ => None,
        };
        let signers: Vec<_> = names.iter().map(signer).collect();
        Self(certificates.into_iter().zip(signers).collect())
    }

    /// A certificate, then who signed it, and so on, as far as they are here.
    pub(super) fn chain(&self, own: usize) -> Vec<CertificateDer<'static>> {
        let mut places = Vec::new();
        let mut chain = Vec::new();
        let mut next = Some(own);
        // Authorities that signed each other lead back to where the chain has been.
        while let Some(place) = next.filter(|place| !places.contains(place)) {
            let Some((der, signer)) = self.0.get(place).filter(|_| chain.len() < MAX_CHAIN) else {
                break;
            };
            places.push(place);
            chain.push(der.clone());
            next = *signer;
        }
        chain
    }

    /// The chain of the certificate with this key's public half; empty if there is none.
    pub(super) fn chain_of_key(
        &self,
        key: &PrivateKeyDer<'static>,
        work: &mut Work,
    ) -> Result<Vec<CertificateDer<'static>>, StoreError> {
        let pair = any_supported_type(key).ok();
        let public = pair.as_ref().and_then(|pair| pair.public_key());
        for (place, (der, _)) in self.0.iter().enumerate() {
            let is_own = match &public {
                Some(public) => Certificate::read(der).is_ok_and(|it| it.key == public.as_ref()),
                // Java keeps no public half beside an elliptic key: each has to be tried.
                None => match complete(key.secret_der(), der) {
                    Some(complete) => {
                        work.spend(TRIAL)?;
                        fits(complete)
                    }
                    None => false,
                },
            };
            if is_own {
                return Ok(self.chain(place));
            }
        }
        Ok(Vec::new())
    }
}

fn fits(mut complete: Zeroizing<Vec<u8>>) -> bool {
    let key = PrivatePkcs8KeyDer::from(std::mem::take(&mut *complete));
    any_supported_type(&Zeroizing::new(PrivateKeyDer::from(key))).is_ok()
}
