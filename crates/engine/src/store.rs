//! Key stores of Java, JKS and PKCS#12: bytes in, certificates and keys out. Their bytes are believed
//! as little as a broker's.

mod certificate;
mod chain;
mod ec;
mod jks;
mod pbe;
mod pkcs12;

pub(crate) use certificate::{Certificate, each_extension, inside, issuer, time};
pub(crate) use ec::complete;
pub(crate) use pbe::open_pkcs8;
#[cfg(test)]
pub(crate) use pkcs12::made;

use crate::Secret;
use chain::Certificates;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

/// What a store is in, told from how it begins: Java reads both under the name of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Jks,
    Pkcs12,
}

/// A store that was read; its keys are still sealed.
#[derive(Debug, Default)]
pub(crate) struct Store {
    trusted: Vec<CertificateDer<'static>>,
    keys: Vec<Entry>,
    /// Where keys without a certificate may find it.
    certificates: Certificates,
    work: pbe::Work,
}

/// A private key and its certificates, the key's own first; none where nothing says which is its own.
#[derive(Debug)]
struct Entry {
    chain: Vec<CertificateDer<'static>>,
    key: Sealed,
}

enum Sealed {
    /// What JKS makes of a key.
    Sun(Vec<u8>),
    /// An `EncryptedPrivateKeyInfo`.
    Pkcs8(Vec<u8>),
    /// A `PrivateKeyInfo` that nothing protects but what it lay in.
    Clear(Zeroizing<Vec<u8>>),
}

/// A certificate with those up to its authority, and its private key.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: Zeroizing<PrivateKeyDer<'static>>,
}

/// Why a store cannot be used. Holds nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("must be set: it is encrypted")]
    NoPassword,
    #[error("does not open it (or it is damaged)")]
    Password,
    #[error("is damaged: {0}")]
    Damaged(&'static str),
    #[error(
        "is sealed in a way that is not known here: {0} (keytool -importkeystore -srckeystore OLD \
         -destkeystore NEW -deststoretype PKCS12 makes one that is)"
    )]
    Unknown(&'static str),
    #[error("has more {0}")]
    TooMany(&'static str),
    #[error("wants more rounds of hashing for its password than can be in earnest")]
    Work,
}

/// No store is nearly as long.
pub(crate) const MAX_LENGTH: usize = 16 << 20;

const MAX_KEYS: usize = 64;
const MAX_CERTIFICATES: usize = 1_000;

impl Format {
    /// `None` for whatever is no store, PEM for example.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        if jks::is_one(bytes) {
            Some(Self::Jks)
        } else if pkcs12::is_one(bytes) {
            Some(Self::Pkcs12)
        } else {
            None
        }
    }
}

impl Store {
    /// Checks the store's seal, if there is a password, as Java does: a JKS store without one is
    /// taken as it is, and a PKCS#12 store need not have a seal.
    ///
    /// # Errors
    /// If the password is wrong or missing, or the store damaged.
    pub(crate) fn read(
        format: Format,
        bytes: &[u8],
        password: Option<&Secret>,
    ) -> Result<Self, StoreError> {
        if bytes.len() > MAX_LENGTH {
            return Err(StoreError::Damaged("it is longer than 16 MiB"));
        }
        let password = password.map(Secret::expose);
        match format {
            Format::Jks => jks::read(bytes, password),
            Format::Pkcs12 => pkcs12::read(bytes, password),
        }
    }

    /// What is trusted because of it: its entries of certificates, and the certificates of its keys.
    /// Certificates that came along with others are not.
    pub(crate) fn authorities(self) -> Vec<CertificateDer<'static>> {
        let own = |entry: Entry| entry.chain.into_iter().next();
        let own = self.keys.into_iter().filter_map(own);
        self.trusted.into_iter().chain(own).collect()
    }

    /// Its keys, opened by one password, with their certificates.
    ///
    /// A key that has no certificate in the store has an empty chain.
    ///
    /// # Errors
    /// If the password does not open all of them.
    pub(crate) fn identities(
        mut self,
        password: Option<&Secret>,
    ) -> Result<Vec<Identity>, StoreError> {
        let password = password.map(Secret::expose);
        let open = |entry: Entry| {
            let mut key = match entry.key {
                Sealed::Clear(key) => key,
                Sealed::Sun(sealed) => {
                    jks::open_key(&sealed, password.ok_or(StoreError::NoPassword)?)?
                }
                Sealed::Pkcs8(sealed) => pbe::open_pkcs8(&sealed, password, &mut self.work)?,
            };
            let key = PrivatePkcs8KeyDer::from(std::mem::take(&mut *key));
            let key = Zeroizing::new(PrivateKeyDer::from(key));
            let chain = match entry.chain.is_empty() {
                true => self.certificates.chain_of_key(&key, &mut self.work)?,
                false => entry.chain,
            };
            Ok(Identity { chain, key })
        };
        self.keys.into_iter().map(open).collect()
    }
}

/// That there is room for one more key; or certificate, below.
fn room_for_key(keys: usize) -> Result<(), StoreError> {
    match keys < MAX_KEYS {
        true => Ok(()),
        false => Err(StoreError::TooMany("than 64 private keys")),
    }
}

fn room_for_certificate(certificates: usize) -> Result<(), StoreError> {
    match certificates < MAX_CERTIFICATES {
        true => Ok(()),
        false => Err(StoreError::TooMany("than 1,000 certificates")),
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests;
