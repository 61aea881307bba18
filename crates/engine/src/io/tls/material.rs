//! Certificates, keys and lists, from files and texts: PEM, or Java's key stores.

use super::invalid;
use crate::{
    ConfigError, Secret, TlsSettings, TlsSource,
    store::{self, Format, Identity, MAX_LENGTH, Store, StoreError},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject,
};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};
use zeroize::Zeroizing;

pub(super) const ROOTS: &str = "ssl.truststore.location";
pub(super) const REVOKED: &str = "ssl.crl.location";
const ROOTS_PASSWORD: &str = "ssl.truststore.password";
const STORE: &str = "ssl.keystore.location";
const STORE_PASSWORD: &str = "ssl.keystore.password";
const CERTIFICATE: &str = "ssl.keystore.certificate.chain";
const KEY: &str = "ssl.keystore.key";
const KEY_PASSWORD: &str = "ssl.key.password";

/// How a sequence in DER begins.
const DER: &[u8] = &[0x30];

/// The certificates of those that are trusted.
pub(super) fn authorities(
    source: &TlsSource,
    settings: &TlsSettings,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let bytes = bytes(source, ROOTS)?;
    let Some(format) = Format::of(&bytes) else {
        return certificates(&bytes, ROOTS);
    };
    let store = read_store(
        format,
        &bytes,
        settings.roots_password.as_ref(),
        (ROOTS, ROOTS_PASSWORD),
    )?;
    let found = store.authorities();
    if found.is_empty() {
        return invalid(
            ROOTS,
            "names a store without an entry that is trusted: keytool -importcert makes one (and \
             openssl pkcs12 -export does with -jdktrust anyExtendedKeyUsage)",
        );
    }
    Ok(found)
}

/// Our certificates with their keys, and the setting that is at fault if they do not fit.
pub(super) fn identities(
    certificate: &TlsSource,
    key: &TlsSource,
    settings: &TlsSettings,
) -> Result<(Vec<Identity>, &'static str), ConfigError> {
    let certificate_bytes = bytes(certificate, CERTIFICATE)?;
    if let Some(format) = Format::of(&certificate_bytes).filter(|_| certificate == key) {
        return Ok((
            stored_identities(format, &certificate_bytes, settings)?,
            STORE,
        ));
    }
    let key_bytes = bytes(key, KEY)?;
    for (bytes, at_fault) in [(&certificate_bytes, CERTIFICATE), (&key_bytes, KEY)] {
        if Format::of(bytes).is_some() {
            return invalid(
                at_fault,
                "must be PEM: ssl.keystore.location names a JKS or PKCS#12 store, which then has \
                 certificate and key",
            );
        }
    }
    let chain = certificates(&certificate_bytes, CERTIFICATE)?;
    let key = private_key(&key_bytes, settings)?;
    Ok((vec![Identity { chain, key }], KEY))
}

fn stored_identities(
    format: Format,
    bytes: &[u8],
    settings: &TlsSettings,
) -> Result<Vec<Identity>, ConfigError> {
    let password = settings.keystore_password.as_ref();
    let store = read_store(format, bytes, password, (STORE, STORE_PASSWORD))?;
    let (key_password, at_fault) = match &settings.key_password {
        Some(password) => (Some(password), KEY_PASSWORD),
        None => (password, STORE_PASSWORD),
    };
    let mut identities = match store.identities(key_password) {
        Ok(identities) => identities,
        Err(StoreError::Password) => {
            return invalid(
                at_fault,
                "does not open a key of the store (a key with a password of its own takes \
                 ssl.key.password)",
            );
        }
        Err(error) => return store_failed(error, (STORE, at_fault)),
    };
    if identities.is_empty() {
        return invalid(STORE, "names a store without a private key");
    }
    // Nothing is said of them: Java leaves them out as well.
    identities.retain(|identity| !identity.chain.is_empty());
    if identities.is_empty() {
        return invalid(
            STORE,
            "names a store with a private key that has no certificate",
        );
    }
    Ok(identities)
}

fn read_store(
    format: Format,
    bytes: &[u8],
    password: Option<&Secret>,
    keys: (&'static str, &'static str),
) -> Result<Store, ConfigError> {
    Store::read(format, bytes, password).or_else(|error| store_failed(error, keys))
}

/// `keys` are those of the store and its password.
fn store_failed<T>(
    error: StoreError,
    (store, password): (&'static str, &'static str),
) -> Result<T, ConfigError> {
    match error {
        StoreError::NoPassword => invalid(password, "must be set: the store is encrypted"),
        StoreError::Password => invalid(
            password,
            "does not open the store (or the store was changed or damaged)",
        ),
        error => invalid(store, format!("names a store that {error}")),
    }
}

fn certificates(
    bytes: &[u8],
    key: &'static str,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => no_pem(bytes, key, "certificate"),
        Err(error) => invalid(key, format!("holds broken PEM ({error})")),
    }
}

fn private_key(
    bytes: &[u8],
    settings: &TlsSettings,
) -> Result<Zeroizing<PrivateKeyDer<'static>>, ConfigError> {
    const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
    const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
    let text = std::str::from_utf8(bytes).unwrap_or("");
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        return invalid(
            KEY,
            "is encrypted in OpenSSL's old way: openssl pkcs8 -topk8 -in OLD -out NEW converts it",
        );
    }
    let encrypted = text
        .split_once(BEGIN)
        .and_then(|(_, rest)| rest.split_once(END));
    if let Some((body, _)) = encrypted {
        return decrypt(body, settings);
    }
    let key = PrivateKeyDer::from_pem_slice(bytes).map(Zeroizing::new);
    key.or_else(|_| no_pem(bytes, KEY, "private key"))
}

/// Opens an encrypted PKCS#8 key.
fn decrypt(
    body: &str,
    settings: &TlsSettings,
) -> Result<Zeroizing<PrivateKeyDer<'static>>, ConfigError> {
    let Some(password) = &settings.key_password else {
        return invalid(KEY_PASSWORD, "must be set: the key is encrypted");
    };
    let body: String = body.split_whitespace().collect();
    let der = BASE64
        .decode(body)
        .or_else(|_| invalid(KEY, "holds broken PEM"))?;
    let opened = store::open_pkcs8(&der, Some(password.expose()), &mut Default::default());
    match opened {
        Ok(mut key) => {
            let key = PrivatePkcs8KeyDer::from(std::mem::take(&mut *key));
            Ok(Zeroizing::new(key.into()))
        }
        Err(StoreError::Password) => invalid(KEY_PASSWORD, "does not open the key"),
        Err(error) => invalid(
            KEY,
            format!(
                "holds a key that {error} (openssl pkcs8 -topk8 -v2 aes256 makes one that can be used)"
            ),
        ),
    }
}

/// Lists of revoked certificates: PEM, or a single one in DER.
pub(super) fn revocation_lists(
    source: &TlsSource,
) -> Result<Vec<CertificateRevocationListDer<'static>>, ConfigError> {
    let bytes = bytes(source, REVOKED)?;
    if bytes.starts_with(DER) {
        return Ok(vec![CertificateRevocationListDer::from(bytes.to_vec())]);
    }
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => invalid(
            REVOKED,
            "holds no list of revoked certificates (X509 CRL) in PEM or DER",
        ),
        Err(error) => invalid(REVOKED, format!("holds broken PEM ({error})")),
    }
}

fn bytes(source: &TlsSource, key: &'static str) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    match source {
        TlsSource::Pem(text) => Ok(Zeroizing::new(text.expose().as_bytes().to_vec())),
        TlsSource::File(path) => match read(path) {
            Ok(bytes) if bytes.len() > MAX_LENGTH => {
                invalid(key, "names a file that is longer than 16 MiB")
            }
            Ok(bytes) => Ok(bytes),
            Err(error) => invalid(key, format!("names a file that cannot be read ({error})")),
        },
    }
}

/// No more of a file than shows that it is too long.
fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let most = MAX_LENGTH + 1;
    let metadata = fs::metadata(path)?;
    // A pipe or a device might have no end, or never begin.
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let length = usize::try_from(metadata.len()).unwrap_or(most).min(most);
    // As it grew, it would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1));
    let file = File::open(path)?;
    file.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// It has no such thing in PEM, and is no store that there is.
fn no_pem<T>(bytes: &[u8], key: &'static str, thing: &str) -> Result<T, ConfigError> {
    const JCEKS: &[u8] = &[0xce, 0xce, 0xce, 0xce];
    if bytes.starts_with(JCEKS) {
        return invalid(
            key,
            "is a JCEKS store: keytool -importkeystore -srckeystore OLD -srcstoretype JCEKS \
             -destkeystore NEW -deststoretype PKCS12 makes one that can be read",
        );
    }
    if bytes.starts_with(DER) {
        return invalid(
            key,
            "is neither PEM nor a JKS or PKCS#12 store (which must be DER)",
        );
    }
    invalid(key, format!("holds no {thing} in PEM"))
}

#[cfg(test)]
mod tests {
    use super::super::{Other, client::client_config};
    use crate::{Secret, TlsSettings, TlsSource};

    const CERTIFICATE: &str = include_str!("../tests/data/client.crt");
    /// Opened by `opensesame`.
    const ENCRYPTED: &str = include_str!("../tests/data/client-encrypted.key");

    fn with_key(key: &str, password: Option<&str>) -> Result<(), String> {
        let pem = |text: &str| Some(TlsSource::Pem(Secret::new(text)));
        let mut settings = TlsSettings::default();
        settings.roots = pem(CERTIFICATE);
        settings.certificate = pem(CERTIFICATE);
        settings.key = pem(key);
        settings.key_password = password.map(Secret::new);
        let made = client_config(&settings, Other::Broker);
        made.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn an_encrypted_key_opens_with_its_password_only() {
        assert_eq!(with_key(ENCRYPTED, Some("opensesame")), Ok(()));
        for (password, part) in [
            (Some("open barley"), "does not open the key"),
            (None, "the key is encrypted"),
        ] {
            let error = with_key(ENCRYPTED, password).unwrap_err();
            assert!(
                error.starts_with("ssl.key.password") && error.contains(part),
                "{error}"
            );
        }
    }

    #[test]
    fn a_key_that_is_none_or_of_another_kind_is_named() {
        let old = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
        for (key, part) in [(old, "openssl pkcs8 -topk8"), ("nothing", "no private key")] {
            let error = with_key(key, None).unwrap_err();
            assert!(
                error.starts_with("ssl.keystore.key") && error.contains(part),
                "{error}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_or_has_no_end_is_refused_at_once() {
        use super::authorities;
        use std::{fs::File, process::Command, sync::mpsc, thread, time::Duration};
        let path =
            |name| std::env::temp_dir().join(format!("guanaco-{name}-{}", std::process::id()));
        let (pipe, long) = (path("pipe"), path("long"));
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        File::create(&long)
            .unwrap()
            .set_len((16 << 20) + 1)
            .unwrap();
        for (path, part) in [(pipe, "no regular file"), (long, "longer than 16 MiB")] {
            let (sender, receiver) = mpsc::channel();
            let source = TlsSource::File(path.clone());
            thread::spawn(move || sender.send(authorities(&source, &TlsSettings::default())));
            let read = receiver.recv_timeout(Duration::from_secs(10));
            std::fs::remove_file(&path).unwrap();
            let error = read.expect("it came to an end").unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
