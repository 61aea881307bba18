//! JKS, Java's own format (`sun.security.provider.JavaKeyStore`): entries one after the other, and a
//! digest of them all and the password.

use super::{
    Entry, Sealed, Store, StoreError, certificate::inside, room_for_certificate, room_for_key,
};
use pkcs8::{
    AlgorithmIdentifierRef,
    der::{AnyRef, Decode, Reader, asn1::OctetStringRef, oid::ObjectIdentifier},
};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY as SHA1};
use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

const MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
/// Stirred into the digest, for whatever reason.
const WHITENER: &[u8] = b"Mighty Aphrodite";
const KEY: u32 = 1;
const CERTIFICATE: u32 = 2;

const DIGEST: usize = 20;

/// Sun's protector of keys.
const PROTECTOR: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.42.2.17.1.1");

pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

pub(super) fn read(bytes: &[u8], password: Option<&str>) -> Result<Store, StoreError> {
    let (body, digest) = bytes
        .split_last_chunk::<DIGEST>()
        .ok_or(StoreError::Damaged("it ends too early"))?;
    let mut fields = Fields(body);
    let _magic = fields.take(MAGIC.len())?;
    let version = fields.number()?;
    if !(1..=2).contains(&version) {
        return Err(StoreError::Damaged("its version"));
    }
    let mut store = Store::default();
    let mut certificates = 0;
    for _ in 0..fields.number()? {
        let kind = fields.number()?;
        let _alias = fields.text()?;
        let _made = fields.take(8)?;
        match kind {
            KEY => {
                room_for_key(store.keys.len())?;
                let key = Sealed::Sun(fields.long()?.to_vec());
                let mut chain = Vec::new();
                for _ in 0..fields.number()? {
                    room_for_certificate(certificates)?;
                    certificates += 1;
                    chain.push(fields.certificate(version)?);
                }
                store.keys.push(Entry { chain, key });
            }
            CERTIFICATE => {
                room_for_certificate(certificates)?;
                certificates += 1;
                store.trusted.push(fields.certificate(version)?);
            }
            _ => return Err(StoreError::Damaged("the kind of an entry")),
        }
    }
    if !fields.0.is_empty() {
        return Err(StoreError::Damaged("its length"));
    }
    if let Some(password) = password {
        let mut context = Context::new(&SHA1);
        context.update(&two_bytes_each(password));
        context.update(WHITENER);
        context.update(body);
        if context.finish().as_ref() != digest {
            return Err(StoreError::Password);
        }
    }
    Ok(store)
}

/// Opens a key: it is covered by a stream of digests, each of the password and the one before.
pub(super) fn open_key(der: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    const BROKEN: StoreError = StoreError::Damaged("a private key in it");
    let read = || {
        let mut info = inside(AnyRef::from_der(der)?)?;
        let algorithm = AlgorithmIdentifierRef::decode(&mut info)?;
        let sealed: &OctetStringRef = info.decode()?;
        pkcs8::der::Result::Ok((algorithm.oid, sealed.as_bytes()))
    };
    let (algorithm, sealed) = read().map_err(|_| BROKEN)?;
    if algorithm != PROTECTOR {
        return Err(StoreError::Unknown("a key by another cipher than JKS has"));
    }
    let (salt, sealed) = sealed.split_first_chunk::<DIGEST>().ok_or(BROKEN)?;
    let (covered, check) = sealed.split_last_chunk::<DIGEST>().ok_or(BROKEN)?;
    let password = two_bytes_each(password);
    let hash = |part: &[u8]| {
        let mut context = Context::new(&SHA1);
        context.update(&password);
        context.update(part);
        context.finish()
    };
    let mut key = Zeroizing::new(covered.to_vec());
    let mut cover = hash(salt);
    for part in key.chunks_mut(DIGEST) {
        for (byte, cover) in part.iter_mut().zip(cover.as_ref()) {
            *byte ^= cover;
        }
        cover = hash(cover.as_ref());
    }
    match hash(&key).as_ref() == check {
        true => Ok(key),
        false => Err(StoreError::Password),
    }
}

/// A password as Java's characters.
fn two_bytes_each(password: &str) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(password.len() * 2));
    bytes.extend(password.encode_utf16().flat_map(u16::to_be_bytes));
    bytes
}

/// What is still to be read.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], StoreError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(StoreError::Damaged("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, StoreError> {
        let bytes = self.take(4)?;
        Ok(bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    fn text(&mut self) -> Result<&'a [u8], StoreError> {
        let length = self.take(2)?;
        let length = length
            .iter()
            .fold(0, |number, byte| number << 8 | usize::from(*byte));
        self.take(length)
    }

    fn long(&mut self) -> Result<&'a [u8], StoreError> {
        let length = self.number()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn certificate(&mut self, version: u32) -> Result<CertificateDer<'static>, StoreError> {
        // Only the second version says of what kind it is.
        if version == 2 && self.text()? != b"X.509" {
            return Err(StoreError::Damaged("the kind of a certificate"));
        }
        Ok(CertificateDer::from(self.long()?.to_vec()))
    }
}
