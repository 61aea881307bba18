//! Stores that no usual program makes, built by hand; nothing in them is sealed.

use super::super::{Format, Identity, Store, StoreError};
use super::*;
use crate::Secret;
use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair};
use std::time::{Duration, Instant};

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let skipped = length.iter().take_while(|digit| **digit == 0).count();
    let length = match content.len() {
        short @ ..128 => vec![short as u8],
        _ => [&[0x80 | (4 - skipped) as u8], &length[skipped..]].concat(),
    };
    [&[tag][..], &length, &content].concat()
}

fn name(oid: ObjectIdentifier) -> Vec<u8> {
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

fn certificate(der: &[u8], id: Option<&[u8]>) -> Vec<u8> {
    let value = tlv(0xa0, &[&tlv(4, &[der])]);
    bag(CERTIFICATE_BAG, &tlv(0x30, &[&name(X509), &value]), id)
}

fn key(der: &[u8], id: Option<&[u8]>) -> Vec<u8> {
    bag(KEY_BAG, der, id)
}

fn read(bags: &[Vec<u8>]) -> Result<Store, StoreError> {
    let data = |content: &[u8]| {
        let content = tlv(0xa0, &[&tlv(4, &[content])]);
        tlv(0x30, &[&name(DATA), &content])
    };
    let safe = tlv(0x30, &[&bags.concat()]);
    let safes = tlv(0x30, &[&data(&safe)]);
    let store = tlv(0x30, &[&[2, 1, 3], &data(&safes)]);
    Store::read(Format::of(&store).unwrap(), &store, None)
}

fn identities(bags: &[Vec<u8>]) -> Vec<Identity> {
    read(bags).unwrap().identities(None).unwrap()
}

struct Signed {
    der: Vec<u8>,
    key: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn sign(subject: &str, by: Option<&Signed>) -> Signed {
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

#[test]
fn a_key_that_no_mark_leads_from_gets_the_certificate_of_its_public_key() {
    let authority = sign("authority", None);
    let client = sign("client", Some(&authority));
    for (of_key, of_certificate) in [
        (None, None),
        (Some(&b"K"[..]), None),
        (None, Some(&b"C"[..])),
        (Some(b"K"), Some(b"C")),
    ] {
        let found = identities(&[
            certificate(&authority.der, None),
            certificate(&client.der, of_certificate),
            key(&client.key, of_key),
        ]);
        let chain: Vec<_> = found[0].chain.iter().map(|it| it.to_vec()).collect();
        assert_eq!(chain, [client.der.clone(), authority.der.clone()]);
    }
}

#[test]
fn several_keys_without_marks_get_a_certificate_each() {
    let signed = ["a", "b", "c"].map(|name| sign(name, None));
    let bags = signed
        .iter()
        .flat_map(|it| [key(&it.key, None), certificate(&it.der, None)]);
    let found = identities(&bags.collect::<Vec<_>>());
    for (found, expected) in found.iter().zip(&signed) {
        assert_eq!(found.chain.first().map(|it| &**it), Some(&*expected.der));
    }
}

#[test]
fn a_key_that_java_stored_without_its_public_half_finds_its_certificate_as_well() {
    let store = include_bytes!("../tests/data/client.p12");
    let password = Secret::new("changeit");
    let store = Store::read(Format::Pkcs12, store, Some(&password)).unwrap();
    for marked in store.identities(Some(&password)).unwrap() {
        let other = sign("other", None);
        let found = identities(&[
            certificate(&other.der, None),
            certificate(&marked.chain[0], None),
            key(marked.key.secret_der(), None),
        ]);
        assert_eq!(found[0].chain, marked.chain[..1]);
    }
}

#[test]
fn a_key_without_its_certificate_gets_no_other_one() {
    let (authority, client) = (sign("authority", None), sign("client", None));
    let bags = [certificate(&authority.der, None), key(&client.key, None)];
    assert_eq!(identities(&bags)[0].chain, []);
}

#[test]
fn only_certificates_that_surely_belong_to_a_key_are_trusted_for_it() {
    let (authority, client) = (sign("authority", None), sign("client", None));
    for (id, count) in [(None, 0), (Some(&b"K"[..]), 1)] {
        let store = read(&[
            certificate(&authority.der, None),
            certificate(&client.der, id),
            key(&client.key, Some(b"K")),
        ]);
        let found = store.unwrap().authorities();
        assert_eq!(found.len(), count);
        assert!(found.iter().all(|it| **it == *client.der));
    }
}

#[test]
fn a_chain_ends_where_it_would_begin_again() {
    let (a, b) = (sign("a", None), sign("b", None));
    let (a_by_b, b_by_a) = (sign("a", Some(&b)), sign("b", Some(&a)));
    let found = identities(&[
        certificate(&a_by_b.der, Some(b"K")),
        certificate(&b_by_a.der, None),
        key(&a_by_b.key, Some(b"K")),
    ]);
    assert_eq!(found[0].chain.len(), 2);
}

#[test]
fn a_store_with_more_than_anybody_has_is_refused_at_once() {
    let one = sign("one", None);
    let began = Instant::now();
    for bags in [
        vec![key(&one.key, None); 65],
        vec![certificate(&one.der, None); 1001],
    ] {
        let error = read(&bags).unwrap_err().to_string();
        assert!(error.contains("more"), "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    let most = [
        vec![key(&one.key, Some(b"K")); 64],
        vec![certificate(&one.der, Some(b"K")); 1000],
    ];
    assert_eq!(identities(&most.concat()).len(), 64);
}
