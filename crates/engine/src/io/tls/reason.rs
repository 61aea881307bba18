//! What a failed handshake means.

use crate::AuthFailure;
use rustls::{AlertDescription, CertificateError};
use std::io;

/// What an error of a stream means, if TLS caused it.
pub(in crate::io) fn failure(error: &io::Error, host: &str) -> Option<AuthFailure> {
    use rustls::Error;
    Some(match error.get_ref()?.downcast_ref::<Error>()? {
        Error::InvalidCertificate(error) => certificate_failure(error, host),
        Error::AlertReceived(alert) => alert_failure(*alert),
        Error::InvalidCertRevocationList(error) => AuthFailure::RevocationUnknown(
            format!("its authority's list is broken: {error:?}").into(),
        ),
        Error::InvalidMessage(_) => AuthFailure::NotTls,
        other => AuthFailure::Tls(other.to_string().into()),
    })
}

fn certificate_failure(error: &CertificateError, host: &str) -> AuthFailure {
    use CertificateError as Error;
    match error {
        Error::UnknownIssuer => AuthFailure::UnknownAuthority,
        Error::Expired | Error::ExpiredContext { .. } => AuthFailure::Expired,
        Error::NotValidYet | Error::NotValidYetContext { .. } => AuthFailure::NotYetValid,
        Error::NotValidForName | Error::NotValidForNameContext { .. } => AuthFailure::WrongName {
            dialled: host.into(),
        },
        Error::Revoked => AuthFailure::Revoked,
        Error::UnknownRevocationStatus => {
            AuthFailure::RevocationUnknown("there is no list of its authority".into())
        }
        Error::ExpiredRevocationList | Error::ExpiredRevocationListContext { .. } => {
            AuthFailure::RevocationUnknown("its authority's list is outdated".into())
        }
        other => AuthFailure::Certificate(other.to_string().into()),
    }
}

fn alert_failure(alert: AlertDescription) -> AuthFailure {
    use AlertDescription as Alert;
    match alert {
        Alert::NoCertificate
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::CertificateRequired
        | Alert::UnknownCA
        | Alert::AccessDenied => AuthFailure::ClientCertificate {
            alert: format!("{alert:?}").into(),
        },
        other => AuthFailure::Tls(format!("the broker ended it with {other:?}").into()),
    }
}
