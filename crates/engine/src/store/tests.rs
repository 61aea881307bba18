//! Stores made by `tests/make`: Java 17's, some as Java 8 makes them, and OpenSSL's.

use super::*;
use crate::Secret;
use rustls::{pki_types::pem::PemObject, sign::CertifiedKey};

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("tests/data/", $name)).as_slice()
    };
}

const ROOT: &[u8] = data!("root.pem");
const CLIENT: &[u8] = data!("client.pem");

/// Every store with keys, and the password of the keys.
const KEYS: [(&str, &[u8], &str); 5] = [
    ("client.p12", data!("client.p12"), "changeit"),
    ("client-java8.p12", data!("client-java8.p12"), "changeit"),
    ("client.jks", data!("client.jks"), "changeit-key"),
    ("openssl.p12", data!("openssl.p12"), "changeit"),
    ("openssl-1.p12", data!("openssl-1.p12"), "changeit"),
];

/// Every store of trusted authorities.
const TRUST: [(&str, &[u8]); 4] = [
    ("trust.p12", data!("trust.p12")),
    ("trust-java8.p12", data!("trust-java8.p12")),
    ("trust-open.p12", data!("trust-open.p12")),
    ("trust.jks", data!("trust.jks")),
];

fn read(bytes: &[u8], password: Option<&str>) -> Result<Store, StoreError> {
    let format = Format::of(bytes).ok_or(StoreError::Damaged("not recognised"))?;
    Store::read(format, bytes, password.map(Secret::new).as_ref())
}

fn identities(bytes: &[u8], store: &str, key: &str) -> Result<Vec<Identity>, StoreError> {
    read(bytes, Some(store))?.identities(Some(&Secret::new(key)))
}

fn pem(text: &[u8]) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(text).unwrap()
}

/// Whether key and certificate belong together.
fn fits(Identity { chain, key }: Identity) -> bool {
    let ring = rustls::crypto::ring::default_provider();
    let key = match complete(key.secret_der(), &chain[0]) {
        Some(complete) => PrivatePkcs8KeyDer::from(complete.to_vec()).into(),
        None => key.clone_key(),
    };
    CertifiedKey::from_der(chain, key, &ring).is_ok_and(|key| key.keys_match().is_ok())
}

#[test]
fn trusted_entries_are_read_from_every_kind_of_store() {
    for (name, bytes) in TRUST {
        let found = read(bytes, Some("changeit")).unwrap().authorities();
        assert_eq!(found.len(), 2, "{name}");
        assert!(found.contains(&pem(ROOT)), "{name}");
    }
}

#[test]
fn keys_are_read_with_their_chains_from_every_kind_of_store() {
    for (name, bytes, password) in KEYS {
        let found = identities(bytes, "changeit", password).unwrap();
        let client = found.iter().filter(|it| it.chain[0] == pem(CLIENT));
        let chains: Vec<_> = client.map(|it| it.chain.len()).collect();
        // The client, the authority in between, the root.
        assert_eq!(chains, [3], "{name}");
        let last = |it: &Identity| it.chain.last() == Some(&pem(ROOT));
        assert_eq!(found.iter().filter(|it| last(it)).count(), 1, "{name}");
        assert_eq!(found.len(), if name.starts_with("client") { 2 } else { 1 });
        assert!(found.into_iter().all(fits), "{name}");
    }
}

#[test]
fn a_key_that_nothing_protects_is_read_without_a_password() {
    let store = read(data!("openssl-open.p12"), None).unwrap();
    let found = store.identities(None).unwrap();
    assert_eq!(found[0].chain.len(), 3);
    assert!(found.into_iter().all(fits));
}

#[test]
fn certificates_that_came_along_with_a_key_are_not_trusted() {
    // Java's store has a trusted entry and two keys, OpenSSL's one key: the chains are not asked for.
    for (name, bytes, count) in [
        ("client.p12", data!("client.p12"), 3),
        ("client.jks", data!("client.jks"), 3),
        ("openssl.p12", data!("openssl.p12"), 1),
    ] {
        let found = read(bytes, Some("changeit")).unwrap().authorities();
        assert_eq!(found.len(), count, "{name}");
        assert!(found.contains(&pem(CLIENT)), "{name}");
        assert_eq!(found.contains(&pem(ROOT)), count == 3, "{name}");
    }
}

#[test]
fn a_wrong_password_opens_no_store() {
    let stores = TRUST
        .into_iter()
        .chain(KEYS.map(|(name, it, _)| (name, it)));
    for (name, bytes) in stores.filter(|(name, _)| *name != "trust-open.p12") {
        let refused = read(bytes, Some("change it")).unwrap_err();
        assert_eq!(refused, StoreError::Password, "{name}");
    }
}

#[test]
fn a_wrong_password_opens_no_key() {
    for (name, bytes, _) in KEYS {
        let refused = identities(bytes, "changeit", "change it").unwrap_err();
        assert_eq!(refused, StoreError::Password, "{name}");
        let refused = read(bytes, Some("changeit")).unwrap().identities(None);
        assert_eq!(refused.unwrap_err(), StoreError::NoPassword, "{name}");
    }
}

#[test]
fn without_a_password_only_what_is_encrypted_stays_closed() {
    for (name, bytes) in TRUST {
        let found = read(bytes, None).map(|store| store.authorities().len());
        match name {
            "trust.jks" | "trust-open.p12" => assert_eq!(found, Ok(2), "{name}"),
            _ => assert_eq!(found, Err(StoreError::NoPassword), "{name}"),
        }
    }
}

#[test]
fn a_password_beyond_ascii_is_taken_as_java_takes_it() {
    // Of RFC 7292, B.2, by OpenSSL: openssl kdf -keylen 24 -kdfopt digest:SHA1 -kdfopt hexpass:00e4d83dde110000
    // -kdfopt hexsalt:0102030405060708 -kdfopt iter:1000 -kdfopt id:1 PKCS12KDF
    let mut key = [0; 24];
    let sha1 = &ring::digest::SHA1_FOR_LEGACY_USE_ONLY;
    let salt = [1, 2, 3, 4, 5, 6, 7, 8];
    pbe::derive(
        sha1,
        pbe::Purpose::Key,
        "\u{e4}\u{1f611}",
        &salt,
        1000,
        &mut key,
    );
    let expected = "E4646FDF8A1EAD236C6E3651D081F4AD5820AA4C418CFF69";
    let found: String = key.iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_store_that_ends_anywhere_is_an_error() {
    for (name, bytes) in [
        ("trust.jks", data!("trust.jks")),
        ("trust.p12", data!("trust.p12")),
    ] {
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end], None).is_err(), "{name} up to {end}");
        }
    }
}

#[test]
fn damage_anywhere_is_noticed_by_the_seal() {
    // Opening costs some ten thousand rounds of hashing, so not for every byte.
    for (name, bytes, step) in [
        ("trust.jks", data!("trust.jks"), 1),
        ("trust-java8.p12", data!("trust-java8.p12"), 97),
    ] {
        for place in (0..bytes.len()).step_by(step) {
            let mut damaged = bytes.to_vec();
            damaged[place] ^= 1;
            assert!(
                read(&damaged, Some("changeit")).is_err(),
                "{name} at {place}"
            );
        }
    }
}

#[test]
fn no_damage_makes_a_reader_panic_or_work_for_ever() {
    let mut random = fastrand::Rng::with_seed(7);
    let stores = [
        data!("client.jks"),
        data!("openssl-open.p12"),
        data!("trust-open.p12"),
    ];
    for bytes in stores {
        for _ in 0..3_000 {
            let mut damaged = bytes.to_vec();
            for _ in 0..random.usize(1..4) {
                let place = random.usize(..damaged.len());
                damaged[place] = random.u8(..);
            }
            // Without a password nothing but the structure is looked at, to the end.
            if let Ok(store) = read(&damaged, None) {
                let _ = store.identities(Some(&Secret::new("changeit-key")));
            }
        }
    }
}

#[test]
fn a_store_that_wants_too_many_rounds_is_refused_before_the_first() {
    // Triple DES by a salt of eight bytes and 0xff_ffff rounds.
    let oid = [
        0x06, 0x0a, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x03,
    ];
    let salt = [0x04, 0x08, 1, 2, 3, 4, 5, 6, 7, 8];
    let rounds = [0x02, 0x04, 0x00, 0xff, 0xff, 0xff];
    let der = [&[0x30, 0x1e], &oid[..], &[0x30, 0x10], &salt, &rounds].concat();
    let algorithm = pkcs8::AlgorithmIdentifierRef::try_from(&*der).unwrap();
    let mut work = pbe::Work::default();
    let refused = pbe::open(algorithm, &[0; 8], Some("changeit"), &mut work);
    assert_eq!(refused.unwrap_err(), StoreError::Work);
}

/// What scrypt with these parameters, N, r and p, makes of opening something.
fn by_scrypt(costs: [u64; 3]) -> StoreError {
    use made::{name, tlv};
    let oid = pkcs8::der::oid::ObjectIdentifier::new_unwrap;
    let number = |it: &u64| {
        tlv(
            2,
            &[&[0], &it.to_be_bytes()[it.leading_zeros() as usize / 8..]],
        )
    };
    let costs = match costs.map(|it| {
        if it == 0 {
            tlv(2, &[&[0]])
        } else {
            number(&it)
        }
    }) {
        [n, r, p] => [n, r, p].map(|it| match it[..] {
            // As short as DER has it.
            [2, length, 0, first, ..] if first < 0x80 => [&[2, length - 1], &it[3..]].concat(),
            _ => it,
        }),
    };
    let salt = tlv(4, &[b"12345678"]);
    let kdf = tlv(0x30, &[&salt, &costs[0], &costs[1], &costs[2]]);
    let kdf = tlv(0x30, &[&name(oid("1.3.6.1.4.1.11591.4.11")), &kdf]);
    let aes = name(oid("2.16.840.1.101.3.4.1.42"));
    let cipher = tlv(0x30, &[&aes, &tlv(4, &[&[0; 16]])]);
    let pbes2 = name(oid("1.2.840.113549.1.5.13"));
    let der = tlv(0x30, &[&pbes2, &tlv(0x30, &[&kdf, &cipher])]);
    let algorithm = pkcs8::AlgorithmIdentifierRef::try_from(&*der).unwrap();
    let mut work = pbe::Work::default();
    pbe::open(algorithm, &[0; 16], Some("changeit"), &mut work).unwrap_err()
}

#[test]
fn scrypt_that_wants_too_much_is_refused_before_it_begins() {
    assert_eq!(by_scrypt([16, 8, 1]), StoreError::Password);
    // The memory of N, and that of p.
    assert_eq!(by_scrypt([1 << 16, 8, 1]), StoreError::Work);
    assert_eq!(by_scrypt([2, 32_000, 16]), StoreError::Work);
    for none in [0, 1] {
        assert!(matches!(by_scrypt([none, 8, 1]), StoreError::Damaged(_)));
    }
}
