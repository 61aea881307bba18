//! PKCS#12 (RFC 7292) with a password, as far as Java's stores and OpenSSL's go.

use super::{
    Entry, Sealed, Store, StoreError,
    certificate::inside,
    chain::Certificates,
    pbe::{self, Purpose, Work, derive},
    room_for_certificate, room_for_key,
};
use pkcs8::{
    AlgorithmIdentifierRef,
    der::{
        AnyRef, Decode, Reader, SliceReader, Tag, Tagged, asn1::OctetStringRef,
        oid::ObjectIdentifier,
    },
};
use ring::{digest, hmac};
use rustls::pki_types::CertificateDer;
use std::collections::HashMap;
use zeroize::Zeroizing;

const fn oid(name: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(name)
}

const DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.6");
const KEY_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.3");
const X509: ObjectIdentifier = oid("1.2.840.113549.1.9.22.1");
const LOCAL_KEY_ID: ObjectIdentifier = oid("1.2.840.113549.1.9.21");
/// Oracle's: that a certificate is an entry of its own, which is trusted.
const TRUSTED_KEY_USAGE: ObjectIdentifier = oid("2.16.840.1.113894.746875.1.1");
/// RFC 9579: a seal by PBKDF2, which Java 17 does not know either.
const PBMAC1: ObjectIdentifier = oid("1.2.840.113549.1.5.14");

/// All that is looked for in a store, in its order.
#[derive(Default)]
struct Found {
    keys: Vec<(Option<Vec<u8>>, Sealed)>,
    certificates: Vec<Bag>,
}

struct Bag {
    der: Vec<u8>,
    key: Option<Vec<u8>>,
    trusted: bool,
}

impl From<pkcs8::der::Error> for StoreError {
    fn from(_: pkcs8::der::Error) -> Self {
        Self::Damaged("its structure (or it is BER, not DER)")
    }
}

/// Whether it begins as one does: with its version, 3.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    let mut reader = match SliceReader::new(bytes) {
        Ok(reader) => reader,
        Err(_) => return false,
    };
    let header = pkcs8::der::Header::decode(&mut reader);
    header.is_ok_and(|header| header.tag() == Tag::Sequence)
        && matches!(reader.decode::<u8>(), Ok(3))
}

pub(super) fn read(bytes: &[u8], password: Option<&str>) -> Result<Store, StoreError> {
    let mut work = Work::default();
    let mut outer = inside(AnyRef::from_der(bytes)?)?;
    let _version: u8 = outer.decode()?;
    let (kind, content) = content_info(outer.decode()?)?;
    if kind != DATA {
        return Err(StoreError::Unknown("by a signature instead of a password"));
    }
    let safes = octets(content)?;
    if let (Some(password), false) = (password, outer.is_finished()) {
        check_seal(outer.decode()?, safes, password, &mut work)?;
    }
    let mut found = Found::default();
    let mut safes = inside(AnyRef::from_der(safes)?)?;
    while !safes.is_finished() {
        let (kind, content) = content_info(safes.decode()?)?;
        match kind {
            DATA => found.read_bags(octets(content)?)?,
            ENCRYPTED_DATA => found.read_bags(&open_safe(content, password, &mut work)?)?,
            _ => return Err(StoreError::Unknown("for a certificate, not by a password")),
        }
    }
    Ok(found.into_store(work))
}

/// The password, and that nothing was changed since.
fn check_seal(
    seal: AnyRef<'_>,
    safes: &[u8],
    password: &str,
    work: &mut Work,
) -> Result<(), StoreError> {
    let mut seal = inside(seal)?;
    let mut info = inside(seal.decode()?)?;
    let algorithm = AlgorithmIdentifierRef::decode(&mut info)?.oid;
    let expected: &OctetStringRef = info.decode()?;
    let salt: &OctetStringRef = seal.decode()?;
    let rounds = match seal.is_finished() {
        true => 1,
        false => seal.decode()?,
    };
    let (hash, mac) = match algorithm {
        _ if algorithm == oid("1.3.14.3.2.26") => (
            &digest::SHA1_FOR_LEGACY_USE_ONLY,
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        ),
        _ if algorithm == oid("2.16.840.1.101.3.4.2.1") => (&digest::SHA256, hmac::HMAC_SHA256),
        _ if algorithm == oid("2.16.840.1.101.3.4.2.2") => (&digest::SHA384, hmac::HMAC_SHA384),
        _ if algorithm == oid("2.16.840.1.101.3.4.2.3") => (&digest::SHA512, hmac::HMAC_SHA512),
        PBMAC1 => return Err(StoreError::Unknown("its integrity by PBMAC1")),
        _ => return Err(StoreError::Unknown("its integrity by a hash of its own")),
    };
    work.spend(rounds)?;
    let mut key = Zeroizing::new(vec![0; hash.output_len()]);
    derive(
        hash,
        Purpose::Seal,
        password,
        salt.as_bytes(),
        rounds,
        &mut key,
    );
    hmac::verify(&hmac::Key::new(mac, &key), safes, expected.as_bytes())
        .map_err(|_| StoreError::Password)
}

fn open_safe(
    content: AnyRef<'_>,
    password: Option<&str>,
    work: &mut Work,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut encrypted = inside(content)?;
    let _version: u8 = encrypted.decode()?;
    let mut info = inside(encrypted.decode()?)?;
    let _kind: ObjectIdentifier = info.decode()?;
    let algorithm = AlgorithmIdentifierRef::decode(&mut info)?;
    // [0] in the place of its own tag.
    let sealed: AnyRef<'_> = info.decode()?;
    pbe::open(algorithm, sealed.value(), password, work)
}

impl Found {
    fn read_bags(&mut self, bags: &[u8]) -> Result<(), StoreError> {
        let mut bags = inside(AnyRef::from_der(bags)?)?;
        while !bags.is_finished() {
            let mut bag = inside(bags.decode()?)?;
            let kind: ObjectIdentifier = bag.decode()?;
            let value = explicit(bag.decode()?)?;
            let (key, trusted) = match bag.is_finished() {
                true => (None, false),
                false => attributes(bag.decode()?)?,
            };
            match kind {
                KEY_BAG => {
                    room_for_key(self.keys.len())?;
                    let clear = Sealed::Clear(Zeroizing::new(whole(value)?));
                    self.keys.push((key, clear));
                }
                SHROUDED_KEY_BAG => {
                    room_for_key(self.keys.len())?;
                    self.keys.push((key, Sealed::Pkcs8(whole(value)?)));
                }
                CERTIFICATE_BAG => {
                    let mut fields = inside(value)?;
                    if fields.decode::<ObjectIdentifier>()? == X509 {
                        room_for_certificate(self.certificates.len())?;
                        let der = octets(explicit(fields.decode()?)?)?.to_vec();
                        self.certificates.push(Bag { der, key, trusted });
                    }
                }
                // Secrets, lists: nothing for TLS.
                _ => {}
            }
        }
        Ok(())
    }

    fn into_store(self, work: Work) -> Store {
        let (mut all, mut trusted, mut marked) = (Vec::new(), Vec::new(), HashMap::new());
        for (place, bag) in self.certificates.into_iter().enumerate() {
            let der = CertificateDer::from(bag.der);
            if bag.trusted {
                trusted.push(der.clone());
            }
            if let Some(id) = bag.key {
                marked.entry(id).or_insert(place);
            }
            all.push(der);
        }
        let certificates = Certificates::new(all);
        let entry = |(id, key): (Option<Vec<u8>>, Sealed)| {
            let own = id.and_then(|id| marked.get(&id).copied());
            // Some writers mark nothing: then the key itself must tell, once it is open.
            let chain = own.map_or_else(Vec::new, |own| certificates.chain(own));
            Entry { chain, key }
        };
        let keys = self.keys.into_iter().map(entry).collect();
        Store {
            trusted,
            keys,
            certificates,
            work,
        }
    }
}

/// Which key it is of, and whether it is trusted.
fn attributes(set: AnyRef<'_>) -> Result<(Option<Vec<u8>>, bool), StoreError> {
    set.tag().assert_eq(Tag::Set)?;
    let mut set = SliceReader::new(set.value())?;
    let (mut key, mut trusted) = (None, false);
    while !set.is_finished() {
        let mut attribute = inside(set.decode()?)?;
        match attribute.decode::<ObjectIdentifier>()? {
            LOCAL_KEY_ID => {
                let values: AnyRef<'_> = attribute.decode()?;
                key = Some(octets(AnyRef::from_der(values.value())?)?.to_vec());
            }
            TRUSTED_KEY_USAGE => trusted = true,
            _ => {}
        }
    }
    Ok((key, trusted))
}

fn content_info(info: AnyRef<'_>) -> Result<(ObjectIdentifier, AnyRef<'_>), StoreError> {
    let mut info = inside(info)?;
    let kind = info.decode()?;
    Ok((kind, explicit(info.decode()?)?))
}

/// What is inside of a tag [0].
fn explicit(tagged: AnyRef<'_>) -> Result<AnyRef<'_>, StoreError> {
    match tagged.tag() {
        Tag::ContextSpecific {
            constructed: true, ..
        } => Ok(AnyRef::from_der(tagged.value())?),
        _ => Err(StoreError::Damaged("its structure")),
    }
}

fn octets(string: AnyRef<'_>) -> Result<&[u8], StoreError> {
    string.tag().assert_eq(Tag::OctetString)?;
    Ok(string.value())
}

/// Header and all.
fn whole(value: AnyRef<'_>) -> Result<Vec<u8>, StoreError> {
    use pkcs8::der::Encode;
    Ok(value.to_der()?)
}

#[cfg(test)]
pub(crate) mod made;
#[cfg(test)]
mod tests;
