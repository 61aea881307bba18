//! Makes PKCS#12 stores that no usual program makes; nothing in them is sealed.

use super::{CERTIFICATE_BAG, DATA, KEY_BAG, LOCAL_KEY_ID, X509};
use pkcs8::der::oid::ObjectIdentifier;
use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair};

pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let skipped = length.iter().take_while(|digit| **digit == 0).count();
    let length = match content.len() {
        short @ ..128 => vec![short as u8],
        _ => [&[0x80 | (4 - skipped) as u8], &length[skipped..]].concat(),
    };
    [&[tag][..], &length, &content].concat()
}

pub(crate) fn name(oid: ObjectIdentifier) -> Vec<u8> {
    tlv(6, &[oid.as_bytes()])
}

/// A bag with this `localKeyId`, if any.
fn bag(kind: ObjectIdentifier, value: &[u8], id: Option<&[u8]>) -> Vec<u8> {
    let attributes = id.map(|id| {
        let values = tlv(0x31, &[&tlv(4, &[id])]);
        tlv(0x31, &[&tlv(0x30, &[&name(LOCAL_KEY_ID), &values])])
    });
    let attributes = attributes.unwrap_or_default();
    tlv(0x30, &[&name(kind), &tlv(0xa0, &[value]), &attributes])
}

pub(crate) fn certificate(der: &[u8], id: Option<&[u8]>) -> Vec<u8> {
    let value = tlv(0xa0, &[&tlv(4, &[der])]);
    bag(CERTIFICATE_BAG, &tlv(0x30, &[&name(X509), &value]), id)
}

pub(crate) fn key(der: &[u8], id: Option<&[u8]>) -> Vec<u8> {
    bag(KEY_BAG, der, id)
}

pub(crate) fn store(bags: &[Vec<u8>]) -> Vec<u8> {
    let data = |content: &[u8]| {
        let content = tlv(0xa0, &[&tlv(4, &[content])]);
        tlv(0x30, &[&name(DATA), &content])
    };
    let safe = tlv(0x30, &[&bags.concat()]);
    let safes = tlv(0x30, &[&data(&safe)]);
    tlv(0x30, &[&[2, 1, 3], &data(&safes)])
}

pub(crate) struct Signed {
    pub(crate) der: Vec<u8>,
    pub(crate) key: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

pub(crate) fn sign(subject: &str, by: Option<&Signed>) -> Signed {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    let pair = KeyPair::generate().unwrap();
    let signed = match by {
        Some(by) => params.signed_by(&pair, &by.issuer),
        None => params.self_signed(&pair),
    };
    Signed {
        der: signed.unwrap().der().to_vec(),
        key: pair.serialize_der(),
        issuer: Issuer::new(params, pair),
    }
}
