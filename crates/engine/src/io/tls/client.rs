//! The settings as what rustls works by.

use super::{Other, identity, invalid, verify};
use crate::{ConfigError, TlsSettings, TlsVersions};
use rustls::{ClientConfig, SupportedProtocolVersion, client::Resumption};
use std::sync::Arc;

pub(super) fn client_config(
    settings: &TlsSettings,
    other: Other,
) -> Result<ClientConfig, ConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = verify::verifier(settings, other, Arc::clone(&provider))?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(settings.versions))
        .or_else(|error| invalid("ssl.enabled.protocols", error.to_string()))?
        // Rustls's own verifier, or one that asks it.
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity::resolver(settings)? {
        Some(resolver) => builder.with_client_cert_resolver(resolver),
        None => builder.with_no_client_auth(),
    };
    if settings.revoked.is_some() {
        // A session that goes on is not verified again, so a list could be outdated by then.
        config.resumption = Resumption::disabled();
    }
    Ok(config)
}

fn versions(versions: TlsVersions) -> &'static [&'static SupportedProtocolVersion] {
    static V1_2: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS12];
    static V1_3: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];
    match versions {
        TlsVersions::Both => rustls::ALL_VERSIONS,
        TlsVersions::V1_2 => &V1_2,
        TlsVersions::V1_3 => &V1_3,
    }
}
