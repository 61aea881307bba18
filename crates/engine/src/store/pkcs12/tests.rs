//! Stores that no usual program makes.

use super::super::{Format, Identity, Store, StoreError};
use super::made::{certificate, key, sign, store};
use crate::Secret;
use std::time::{Duration, Instant};

fn read(bags: &[Vec<u8>]) -> Result<Store, StoreError> {
    let store = store(bags);
    Store::read(Format::of(&store).unwrap(), &store, None)
}

fn identities(bags: &[Vec<u8>]) -> Vec<Identity> {
    read(bags).unwrap().identities(None).unwrap()
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
