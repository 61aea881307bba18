//! The keys of security, in the spellings of Java and of librdkafka.

use super::{
    Mechanism, SecurityProtocol, TlsSource, TlsVersions,
    jaas::{self, Module},
    krb5_module,
};
use crate::{
    ProducerConfig, Secret,
    config::read::{Applied, Refusal, boolean, rule},
};

pub(in crate::config) fn protocol(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.protocol = match value.to_ascii_uppercase().as_str() {
        "PLAINTEXT" => SecurityProtocol::Plaintext,
        "SSL" => SecurityProtocol::Ssl,
        "SASL_PLAINTEXT" => SecurityProtocol::SaslPlaintext,
        "SASL_SSL" => SecurityProtocol::SaslSsl,
        _ => return rule("must be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"),
    };
    Ok(None)
}

pub(in crate::config) fn mechanism(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.sasl.mechanism = Some(match value {
        "PLAIN" => Mechanism::Plain,
        "SCRAM-SHA-256" => Mechanism::ScramSha256,
        "SCRAM-SHA-512" => Mechanism::ScramSha512,
        "OAUTHBEARER" => Mechanism::OAuthBearer,
        "GSSAPI" => Mechanism::Gssapi,
        _ => return rule("must be PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or GSSAPI"),
    });
    Ok(None)
}

pub(in crate::config) fn jaas(config: &mut ProducerConfig, value: &str) -> Applied {
    let (module, options) = jaas::parse(value).or_else(rule)?;
    let mut sasl = config.security.sasl.clone();
    sasl.module = Some(module);
    if module == Module::Kerberos {
        let advice = krb5_module::apply(&mut sasl.kerberos, &options).or_else(rule)?;
        config.security.sasl = sasl;
        return Ok(advice);
    }
    let mut advice = None;
    for (name, value) in options {
        match (module, name.as_str()) {
            (Module::Plain | Module::Scram, "username") => sasl.username = Some(value),
            (Module::Plain | Module::Scram, "password") => sasl.password = Some(value),
            (Module::Scram, "tokenauth") => {
                sasl.delegation_token = value.expose().eq_ignore_ascii_case("true");
            }
            (Module::OAuth, "clientId") => sasl.oauth.client_id = Some(value),
            (Module::OAuth, "clientSecret") => sasl.oauth.client_secret = Some(value),
            (Module::OAuth, "scope") => sasl.oauth.scope = Some(value.expose().to_owned()),
            (Module::OAuth, name) if name.starts_with("extension_") => {
                let name = name.trim_start_matches("extension_").to_owned();
                let value = value.expose().to_owned();
                check_extension(&name, &value)?;
                sasl.oauth.extensions.retain(|(other, _)| *other != name);
                sasl.oauth.extensions.push((name, value));
            }
            (Module::OAuth, name) if name.starts_with("unsecuredLogin") => {
                return Err(Refusal::NotYet(
                    "tokens without a signature; a TokenProvider can make them",
                ));
            }
            _ => advice = Some("an option of its login module is not known here"),
        }
    }
    config.security.sasl = sasl;
    Ok(advice)
}

pub(in crate::config) fn username(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.sasl.username = some(value);
    Ok(None)
}

pub(in crate::config) fn password(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.sasl.password = some(value);
    Ok(None)
}

pub(in crate::config) fn client_id(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.sasl.oauth.client_id = some(value);
    Ok(None)
}

pub(in crate::config) fn client_secret(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.sasl.oauth.client_secret = some(value);
    Ok(None)
}

pub(in crate::config) fn scope(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.sasl.oauth.scope = text(value);
    Ok(None)
}

pub(in crate::config) fn token_endpoint(config: &mut ProducerConfig, value: &str) -> Applied {
    if !value.is_empty() {
        super::Endpoint::parse(value).or_else(rule)?;
    }
    config.security.sasl.oauth.token_endpoint = text(value);
    Ok(None)
}

pub(in crate::config) fn url_encode(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.sasl.oauth.url_encode_credentials = boolean(value)?;
    Ok(None)
}

pub(in crate::config) fn service_name(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.sasl.kerberos.service_name = text(value);
    Ok(None)
}

pub(in crate::config) fn principal(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.sasl.kerberos.principal = some(value);
    Ok(None)
}

pub(in crate::config) fn keytab(config: &mut ProducerConfig, value: &str) -> Applied {
    let file = value.strip_prefix("FILE:").unwrap_or(value);
    config.security.sasl.kerberos.keytab = text(file).map(Into::into);
    Ok(None)
}

/// `name=value`, separated by commas.
pub(in crate::config) fn extensions(config: &mut ProducerConfig, value: &str) -> Applied {
    let mut extensions = Vec::new();
    for pair in value.split(',').filter(|pair| !pair.trim().is_empty()) {
        let Some((name, value)) = pair.split_once('=') else {
            return rule("must have entries of the form name=value");
        };
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        check_extension(&name, &value)?;
        extensions.push((name, value));
    }
    config.security.sasl.oauth.extensions = extensions;
    Ok(None)
}

/// What the message of OAUTHBEARER (RFC 7628) can carry.
fn check_extension(name: &str, value: &str) -> Result<(), Refusal> {
    let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let visible = |byte: u8| matches!(byte, 0x20..=0x7e | b'\t' | b'\r' | b'\n');
    if name.is_empty() || !letters(name) || name == "auth" {
        return rule("must name extensions in letters only, none of them auth");
    }
    if !value.bytes().all(visible) {
        return rule("must give extensions printable values");
    }
    Ok(())
}

pub(in crate::config) fn method(_: &mut ProducerConfig, value: &str) -> Applied {
    match value {
        "default" | "oidc" => Ok(None),
        _ => rule("must be default or oidc"),
    }
}

pub(in crate::config) fn retriever(_: &mut ProducerConfig, value: &str) -> Applied {
    match value.strip_prefix("org.apache.kafka.common.security.oauthbearer.") {
        Some("DefaultJwtRetriever" | "ClientCredentialsJwtRetriever") => Ok(None),
        Some("JwtBearerJwtRetriever") => Err(Refusal::NotYet(
            "OAUTHBEARER with assertions (the JWT bearer grant)",
        )),
        _ => java_class(value),
    }
}

pub(in crate::config) fn callback_handler(_: &mut ProducerConfig, value: &str) -> Applied {
    const OAUTH: &str = "org.apache.kafka.common.security.oauthbearer.";
    let name = value.strip_prefix(OAUTH).unwrap_or(value);
    match name.strip_prefix("secured.").unwrap_or(name) {
        // What it does is done anyway.
        "OAuthBearerLoginCallbackHandler" => Ok(None),
        _ => java_class(value),
    }
}

fn java_class(value: &str) -> Applied {
    match value {
        "" => Ok(None),
        _ => rule("names a Java class; give the producer a TokenProvider instead"),
    }
}

pub(in crate::config) fn allow_cleartext(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.sasl.allow_cleartext = boolean(value)?;
    Ok(None)
}

pub(in crate::config) fn allow_insecure(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.tls.allow_insecure = boolean(value)?;
    Ok(None)
}

pub(in crate::config) fn hostname_check(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.tls.unchecked_by_property = match value.to_ascii_lowercase().as_str() {
        "https" => false,
        "" | "none" => true,
        _ => return rule("must be https"),
    };
    Ok(None)
}

pub(in crate::config) fn certificate_check(_: &mut ProducerConfig, value: &str) -> Applied {
    match boolean(value)? {
        true => Ok(None),
        false => rule(
            "must be true: set ssl.ca.location to the authority of the brokers' certificates instead",
        ),
    }
}

pub(in crate::config) fn versions(config: &mut ProducerConfig, value: &str) -> Applied {
    let named: Vec<_> = value.split(',').map(str::trim).collect();
    if !named.iter().all(|name| name.starts_with("TLSv1")) {
        return rule("must name TLSv1.3, TLSv1.2 or both");
    }
    config.security.tls.versions = match (named.contains(&"TLSv1.2"), named.contains(&"TLSv1.3")) {
        (true, true) => TlsVersions::Both,
        (true, false) => TlsVersions::V1_2,
        (false, true) => TlsVersions::V1_3,
        (false, false) => return rule("must name TLSv1.3, TLSv1.2 or both"),
    };
    let older = named
        .iter()
        .any(|name| !["TLSv1.2", "TLSv1.3"].contains(name));
    Ok(older.then_some("versions of TLS before 1.2 are never spoken"))
}

pub(in crate::config) fn engine_factory(_: &mut ProducerConfig, value: &str) -> Applied {
    match value {
        "" => Ok(None),
        _ => rule("names a Java class; give TlsSettings a rustls::ClientConfig instead"),
    }
}

pub(in crate::config) fn key_password(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.tls.key_password = some(value);
    Ok(None)
}

pub(in crate::config) fn roots_location(config: &mut ProducerConfig, value: &str) -> Applied {
    // librdkafka's word for what the system trusts.
    config.security.tls.roots = file(value).filter(|_| value != "probe");
    Ok(None)
}

pub(in crate::config) fn roots_pem(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.tls.roots = pem(value)?;
    Ok(None)
}

pub(in crate::config) fn revoked_location(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.tls.revoked = file(value);
    Ok(value
        .is_empty()
        .then_some("it is empty, so no certificate counts as revoked"))
}

/// Java's store of both: certificate and key in one file.
pub(in crate::config) fn keystore_location(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.tls.certificate = file(value);
    config.security.tls.key = file(value);
    Ok(None)
}

pub(in crate::config) fn certificate_location(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.tls.certificate = file(value);
    Ok(None)
}

pub(in crate::config) fn certificate_pem(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.tls.certificate = pem(value)?;
    Ok(None)
}

pub(in crate::config) fn key_location(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.tls.key = file(value);
    Ok(None)
}

pub(in crate::config) fn key_pem(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.tls.key = pem(value)?;
    Ok(None)
}

pub(in crate::config) fn roots_password(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.tls.roots_password = some(value);
    Ok(None)
}

pub(in crate::config) fn keystore_password(config: &mut ProducerConfig, value: &str) -> Applied {
    config.security.tls.keystore_password = some(value);
    Ok(None)
}

/// The file itself tells what it is. Java as well reads either kind of store under both names, of which
/// the first is the default.
pub(in crate::config) fn store_type(_: &mut ProducerConfig, value: &str) -> Applied {
    match value.to_ascii_uppercase().as_str() {
        "PEM" | "JKS" | "PKCS12" => Ok(None),
        _ => rule("must be PEM, JKS or PKCS12"),
    }
}

fn some(value: &str) -> Option<Secret> {
    (!value.is_empty()).then(|| Secret::new(value))
}

fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

fn file(value: &str) -> Option<TlsSource> {
    (!value.is_empty()).then(|| TlsSource::File(value.into()))
}

fn pem(value: &str) -> Result<Option<TlsSource>, Refusal> {
    // Line ends come as two characters from files whose reader leaves the escapes to us.
    let text = Secret::new(value.replace("\\n", "\n"));
    match text.expose() {
        "" => Ok(None),
        text if !text.contains("-----BEGIN ") => {
            rule("must be PEM: -----BEGIN ...----- and the lines behind it")
        }
        _ => Ok(Some(TlsSource::Pem(text))),
    }
}
