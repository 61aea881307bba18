//! Keys of elliptic curves as Java stores them: without the public key, which RFC 5915 leaves optional
//! and ring insists on. The certificate has it.

use super::certificate::{Certificate, inside};
use pkcs8::der::{
    AnyRef, Decode, Encode, Reader, Result, Tag, TagNumber, Tagged, asn1::ObjectIdentifier,
};
use zeroize::Zeroizing;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const PUBLIC_KEY: Tag = Tag::ContextSpecific {
    constructed: true,
    number: TagNumber(1),
};

/// The key in PKCS#8 with the certificate's public key in it; `None` where nothing is missing, or it is
/// no such key.
pub(crate) fn complete(key: &[u8], certificate: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    try_complete(key, certificate).ok().flatten()
}

fn try_complete(key: &[u8], certificate: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let mut info = inside(AnyRef::from_der(key)?)?;
    let version = info.tlv_bytes()?;
    let algorithm = info.tlv_bytes()?;
    let kind: ObjectIdentifier = inside(AnyRef::from_der(algorithm)?)?.decode()?;
    let wrapped: AnyRef<'_> = info.decode()?;
    if kind != EC_PUBLIC_KEY || wrapped.tag() != Tag::OctetString {
        return Ok(None);
    }
    let inner = AnyRef::from_der(wrapped.value())?;
    let mut fields = inside(inner)?;
    while !fields.is_finished() {
        if fields.decode::<AnyRef<'_>>()?.tag() == PUBLIC_KEY {
            return Ok(None);
        }
    }
    let public = Certificate::read(certificate)?.public_key;
    let public = sequence(Tag::BitString, &[&[0], public])?;
    let public = sequence(PUBLIC_KEY, &[&public])?;
    let inner = sequence(Tag::Sequence, &[inner.value(), &public])?;
    let wrapped = sequence(Tag::OctetString, &[&inner])?;
    let whole = sequence(Tag::Sequence, &[version, algorithm, &wrapped])?;
    Ok(Some(whole))
}

fn sequence(tag: Tag, parts: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>> {
    let content = Zeroizing::new(parts.concat());
    Ok(Zeroizing::new(AnyRef::new(tag, &content)?.to_der()?))
}
