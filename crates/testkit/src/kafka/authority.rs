//! A certificate authority that lives as long as a test.

use super::{Certificate, StartKafkaError};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use ring::digest::{SHA256, digest};

/// Makes certificates that only those accept who were told of it.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// If no key can be made.
    pub fn new(name: &str) -> Result<Self, StartKafkaError> {
        let mut params = params(name, &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(broken)?;
        let pem = params.self_signed(&key).map_err(broken)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            pem,
        })
    }

    /// Its own certificate in PEM: what others trust.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for these host names and addresses. `name` is its common name.
    ///
    /// # Errors
    /// If one of them cannot stand in a certificate.
    pub fn certify(&self, name: &str, hosts: &[&str]) -> Result<Certificate, StartKafkaError> {
        self.sign(params(name, hosts)?)
    }

    /// One that has expired.
    ///
    /// # Errors
    /// As [`certify`](Self::certify).
    pub fn certify_expired(
        &self,
        name: &str,
        hosts: &[&str],
    ) -> Result<Certificate, StartKafkaError> {
        let mut params = params(name, hosts)?;
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign(params)
    }

    /// A list, in PEM, of the certificates that it takes back, good for ever.
    ///
    /// # Errors
    /// If the list cannot be signed.
    pub fn revoke(&self, revoked: &[&Certificate]) -> Result<String, StartKafkaError> {
        self.revoke_until(4096, revoked)
    }

    /// Such a list whose time is over.
    ///
    /// # Errors
    /// As [`revoke`](Self::revoke).
    pub fn revoke_outdated(&self, revoked: &[&Certificate]) -> Result<String, StartKafkaError> {
        self.revoke_until(2020, revoked)
    }

    fn revoke_until(&self, year: i32, revoked: &[&Certificate]) -> Result<String, StartKafkaError> {
        let then = date_time_ymd(2019, 1, 1);
        let revoked_certs = revoked.iter().map(|certificate| RevokedCertParams {
            serial_number: serial(&certificate.key),
            revocation_time: then,
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: then,
            next_update: date_time_ymd(year, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).map_err(broken)?;
        list.pem().map_err(broken)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<Certificate, StartKafkaError> {
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().map_err(broken)?;
        let pem = key.serialize_pem();
        params.serial_number = Some(serial(&pem));
        let chain = params.signed_by(&key, &self.issuer).map_err(broken)?.pem();
        let key = pem;
        Ok(Certificate { chain, key })
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// A certificate's number, which can be told from its key.
fn serial(key: &str) -> SerialNumber {
    let digest = digest(&SHA256, key.as_bytes());
    // Of 16 bytes, and positive.
    let mut number: Vec<u8> = digest.as_ref().iter().take(16).copied().collect();
    if let Some(first) = number.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    SerialNumber::from(number)
}

fn params(name: &str, hosts: &[&str]) -> Result<CertificateParams, StartKafkaError> {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut params = CertificateParams::new(hosts).map_err(broken)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

fn broken(error: rcgen::Error) -> StartKafkaError {
    StartKafkaError::io("making a certificate")(std::io::Error::other(error))
}
