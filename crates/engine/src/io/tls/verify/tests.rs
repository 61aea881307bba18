use super::*;
use crate::{Secret, TlsSource};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;

const HOST: &str = "broker.example";
const SERIAL: u64 = 77;

struct Signed {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn params(ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
    params.is_ca = ca;
    params.serial_number = Some(SerialNumber::from(SERIAL));
    params
}

fn named(name: &str, mut params: CertificateParams) -> CertificateParams {
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    params
}

fn sign(params: CertificateParams, by: Option<&Signed>) -> Signed {
    let key = KeyPair::generate().unwrap();
    let certificate = match by {
        Some(by) => params.signed_by(&key, &by.issuer),
        None => params.self_signed(&key),
    };
    Signed {
        pem: certificate.unwrap().pem(),
        issuer: Issuer::new(params, key),
    }
}

fn authority() -> Signed {
    let any = IsCa::Ca(BasicConstraints::Unconstrained);
    sign(named("authority", params(any)), None)
}

/// A list of `year`, with our serial on it or not.
fn list(by: &Signed, year: i32, number: u64, names: bool) -> String {
    let revoked = RevokedCertParams {
        serial_number: SerialNumber::from(SERIAL),
        revocation_time: date_time_ymd(2019, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(year, 1, 1),
        next_update: date_time_ymd(4096, 1, 1),
        crl_number: SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: names.then_some(revoked).into_iter().collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(&by.issuer).unwrap().pem().unwrap()
}

fn trusting(roots: &str, lists: &[String]) -> TlsSettings {
    let mut settings = TlsSettings::default();
    settings.roots = Some(TlsSource::Pem(Secret::new(roots)));
    if !lists.is_empty() {
        settings.revoked = Some(TlsSource::Pem(Secret::new(lists.concat())));
    }
    settings
}

fn judge_of(settings: &TlsSettings, broker: &Signed, host: &str) -> Result<(), rustls::Error> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = verifier(settings, Other::Broker, ring).unwrap();
    let certificate = CertificateDer::from_pem_slice(broker.pem.as_bytes()).unwrap();
    let host = ServerName::try_from(host).unwrap().to_owned();
    let verified = verifier.verify_server_cert(&certificate, &[], &host, &[], UnixTime::now());
    verified.map(drop)
}

fn judge(settings: &TlsSettings, broker: &Signed) -> Result<(), rustls::Error> {
    judge_of(settings, broker, HOST)
}

fn refused(error: CertificateError) -> Result<(), rustls::Error> {
    Err(rustls::Error::InvalidCertificate(error))
}

#[test]
fn who_is_trusted_but_no_authority_vouches_for_nobody_else() {
    let mut signs_nothing = params(IsCa::Ca(BasicConstraints::Unconstrained));
    signs_nothing.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    for kind in [
        params(IsCa::NoCa),
        params(IsCa::ExplicitNoCa),
        signs_nothing,
    ] {
        let leaf = sign(named("leaf", kind), None);
        let rogue = sign(named("rogue", params(IsCa::NoCa)), Some(&leaf));
        let settings = trusting(&leaf.pem, &[]);
        assert_eq!(
            judge(&settings, &rogue),
            refused(CertificateError::UnknownIssuer)
        );
    }
}

#[test]
fn an_authority_vouches_for_others() {
    let authority = authority();
    let broker = sign(named("broker", params(IsCa::NoCa)), Some(&authority));
    assert_eq!(judge(&trusting(&authority.pem, &[]), &broker), Ok(()));
}

#[test]
fn a_trusted_certificate_is_a_brokers_own_if_it_is_the_very_same() {
    let leaf = sign(named("leaf", params(IsCa::NoCa)), None);
    // What openssl req -x509 makes.
    let both = sign(
        named("both", params(IsCa::Ca(BasicConstraints::Unconstrained))),
        None,
    );
    let settings = trusting(&format!("{}{}", leaf.pem, both.pem), &[]);
    assert_eq!(judge(&settings, &leaf), Ok(()));
    assert_eq!(judge(&settings, &both), Ok(()));
    let same_name = sign(named("leaf", params(IsCa::NoCa)), None);
    assert!(judge(&settings, &same_name).is_err());
}

#[test]
fn a_trusted_certificate_is_for_its_names_only() {
    let leaf = sign(named("leaf", params(IsCa::NoCa)), None);
    let mut settings = trusting(&leaf.pem, &[]);
    assert!(matches!(
        judge_of(&settings, &leaf, "other.example"),
        Err(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForNameContext { .. }
        ))
    ));
    settings.dangerous_accept_any_hostname();
    assert_eq!(judge_of(&settings, &leaf, "other.example"), Ok(()));
}

#[test]
fn a_trusted_certificate_is_for_its_time_only() {
    let (mut over, mut early) = (params(IsCa::NoCa), params(IsCa::NoCa));
    over.not_after = date_time_ymd(2020, 1, 1);
    early.not_before = date_time_ymd(3000, 1, 1);
    let (over, early) = (sign(over, None), sign(early, None));
    let settings = trusting(&format!("{}{}", over.pem, early.pem), &[]);
    assert!(matches!(
        judge(&settings, &over),
        Err(rustls::Error::InvalidCertificate(
            CertificateError::ExpiredContext { .. }
        ))
    ));
    assert!(matches!(
        judge(&settings, &early),
        Err(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYetContext { .. }
        ))
    ));
}

#[test]
fn a_trusted_certificate_that_a_list_names_is_refused_whoever_else_is_trusted() {
    let authority = authority();
    let broker = sign(named("broker", params(IsCa::NoCa)), Some(&authority));
    let both = format!("{}{}", authority.pem, broker.pem);
    for (roots, names, expected) in [
        (&broker.pem, true, refused(CertificateError::Revoked)),
        (&broker.pem, false, Ok(())),
        (&both, true, refused(CertificateError::Revoked)),
        (&both, false, Ok(())),
    ] {
        let settings = trusting(roots, &[list(&authority, 2020, 1, names)]);
        assert_eq!(judge(&settings, &broker), expected);
    }
    // Where its authority is trusted as well, that one's list has to be there.
    let others = list(
        &sign(named("others", params(IsCa::NoCa)), None),
        2020,
        1,
        false,
    );
    let unknown = refused(CertificateError::UnknownRevocationStatus);
    assert_eq!(
        judge(&trusting(&both, std::slice::from_ref(&others)), &broker),
        unknown
    );
    assert_eq!(judge(&trusting(&broker.pem, &[others]), &broker), Ok(()));
}

#[test]
fn of_two_lists_of_one_authority_the_newer_counts_wherever_it_stands() {
    let authority = authority();
    let broker = sign(named("broker", params(IsCa::NoCa)), Some(&authority));
    for newer in [(2021, 1), (2020, 300)] {
        let old = list(&authority, 2020, 2, false);
        let new = list(&authority, newer.0, newer.1, true);
        for lists in [[old.clone(), new.clone()], [new, old]] {
            let settings = trusting(&authority.pem, &lists);
            assert_eq!(
                judge(&settings, &broker),
                refused(CertificateError::Revoked)
            );
        }
    }
    // And as it takes certificates back, it may give them back (certificateHold).
    let lists = [(2020, true), (2021, false)].map(|(year, names)| list(&authority, year, 1, names));
    assert_eq!(judge(&trusting(&authority.pem, &lists), &broker), Ok(()));
}
