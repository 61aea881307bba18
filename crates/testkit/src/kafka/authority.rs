//! A certificate authority that lives as long as a test.

use super::{Certificate, StartKafkaError};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

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

    fn sign(&self, mut params: CertificateParams) -> Result<Certificate, StartKafkaError> {
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().map_err(broken)?;
        let chain = params.signed_by(&key, &self.issuer).map_err(broken)?.pem();
        let key = key.serialize_pem();
        Ok(Certificate { chain, key })
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
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
