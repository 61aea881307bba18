//! Certificates, keys and lists, from files and texts.

use super::invalid;
use crate::{ConfigError, Pem, TlsSettings};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject,
};
use std::fs;
use zeroize::Zeroizing;

/// How a sequence in DER begins.
const DER: &[u8] = &[0x30];

pub(super) fn certificates(
    pem: &Pem,
    key: &'static str,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let bytes = bytes(pem, key)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => invalid(key, no_pem(&bytes, "certificate")),
        Err(error) => invalid(key, format!("holds broken PEM ({error})")),
    }
}

pub(super) fn private_key(
    pem: &Pem,
    key: &'static str,
    settings: &TlsSettings,
) -> Result<PrivateKeyDer<'static>, ConfigError> {
    const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
    const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
    let bytes = bytes(pem, key)?;
    let text = std::str::from_utf8(&bytes).unwrap_or("");
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        return invalid(
            key,
            "is encrypted in OpenSSL's old way: openssl pkcs8 -topk8 -in OLD -out NEW converts it",
        );
    }
    let encrypted = text
        .split_once(BEGIN)
        .and_then(|(_, rest)| rest.split_once(END));
    if let Some((body, _)) = encrypted {
        return decrypt(body, settings);
    }
    PrivateKeyDer::from_pem_slice(&bytes).or_else(|_| invalid(key, no_pem(&bytes, "private key")))
}

/// Lists of revoked certificates: PEM, or a single one in DER.
pub(super) fn revocation_lists(
    pem: &Pem,
    key: &'static str,
) -> Result<Vec<CertificateRevocationListDer<'static>>, ConfigError> {
    let bytes = bytes(pem, key)?;
    if bytes.starts_with(DER) {
        return Ok(vec![CertificateRevocationListDer::from(bytes.to_vec())]);
    }
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => invalid(
            key,
            "holds no list of revoked certificates (X509 CRL) in PEM or DER",
        ),
        Err(error) => invalid(key, format!("holds broken PEM ({error})")),
    }
}

/// Opens an encrypted PKCS#8 key.
fn decrypt(body: &str, settings: &TlsSettings) -> Result<PrivateKeyDer<'static>, ConfigError> {
    const PASSWORD: &str = "ssl.key.password";
    let Some(password) = &settings.key_password else {
        return invalid(PASSWORD, "must be set: the key is encrypted");
    };
    let body: String = body.split_whitespace().collect();
    let opened = BASE64.decode(body).ok().and_then(|der| {
        let info = pkcs8::EncryptedPrivateKeyInfoRef::try_from(&*der).ok()?;
        info.decrypt(password.expose()).ok()
    });
    match opened {
        Some(key) => Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into()),
        None => invalid(
            PASSWORD,
            "does not open the key (or it is encrypted in a way that is not known: openssl pkcs8 \
             -topk8 -v2 aes256 makes one that is)",
        ),
    }
}

fn bytes(pem: &Pem, key: &'static str) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    match pem {
        Pem::Text(text) => Ok(Zeroizing::new(text.expose().as_bytes().to_vec())),
        Pem::File(path) => match fs::read(path) {
            Ok(bytes) => Ok(Zeroizing::new(bytes)),
            Err(error) => invalid(key, format!("names a file that cannot be read ({error})")),
        },
    }
}

/// What it is instead of PEM with such a thing in it.
fn no_pem(bytes: &[u8], thing: &str) -> String {
    const JKS: &[u8] = &[0xfe, 0xed, 0xfe, 0xed];
    if bytes.starts_with(JKS) || bytes.starts_with(DER) {
        return "must be PEM, and is a JKS or PKCS#12 store: convert it by keytool -list -rfc \
                -keystore STORE (certificates) or openssl pkcs12 -in STORE (keys)"
            .into();
    }
    format!("holds no {thing} in PEM")
}

#[cfg(test)]
mod tests {
    use super::super::{Other, client::client_config};
    use crate::{Pem, Secret, TlsSettings};

    const CERTIFICATE: &str = include_str!("../tests/data/client.crt");
    /// Opened by `opensesame`.
    const ENCRYPTED: &str = include_str!("../tests/data/client-encrypted.key");

    fn with_key(key: &str, password: Option<&str>) -> Result<(), String> {
        let pem = |text: &str| Some(Pem::Text(Secret::new(text)));
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
}
