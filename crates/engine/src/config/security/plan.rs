//! The settings against each other, and what is to be done then.

#![cfg_attr(
    not(feature = "tls"),
    allow(dead_code, reason = "what needs TLS is refused without it")
)]

use super::{Endpoint, Mechanism, Security, TlsSettings, jaas::Module};
use crate::{ConfigError, Credentials, CredentialsProvider, Secret, TokenProvider};
use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    sync::Arc,
};

/// What a connection needs beyond a socket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) tls: Option<TlsSettings>,
    pub(crate) login: Option<Login>,
}

/// How we say who we are.
#[derive(Clone, Debug)]
pub(crate) enum Login {
    Plain {
        passwords: Passwords,
    },
    Scram {
        hash: ScramHash,
        passwords: Passwords,
        delegation_token: bool,
    },
    OAuth {
        tokens: Tokens,
        extensions: Vec<(String, String)>,
    },
    #[cfg_attr(
        not(feature = "gssapi"),
        allow(dead_code, reason = "what needs Kerberos is refused without it")
    )]
    Kerberos(Kerberos),
}

/// Whom we show tickets to, and whose.
#[cfg_attr(
    not(feature = "gssapi"),
    allow(dead_code, reason = "what needs Kerberos is refused without it")
)]
#[derive(Clone, Debug)]
pub(crate) struct Kerberos {
    /// What the brokers' principals begin with.
    pub(crate) service: String,
    pub(crate) principal: Option<Secret>,
    /// Checked to be the one that the library uses.
    pub(crate) keytab: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScramHash {
    Sha256,
    Sha512,
}

/// Where a name and its password come from.
#[derive(Clone)]
pub(crate) enum Passwords {
    Provider(Arc<dyn CredentialsProvider>),
    Settings(Credentials),
}

/// Where tokens come from.
#[derive(Clone)]
pub(crate) enum Tokens {
    Provider(Arc<dyn TokenProvider>),
    Oidc(Oidc),
}

/// The client credentials grant.
#[derive(Clone, Debug)]
pub(crate) struct Oidc {
    pub(crate) endpoint: Endpoint,
    pub(crate) client_id: Secret,
    pub(crate) client_secret: Secret,
    pub(crate) scope: Option<String>,
    pub(crate) url_encode: bool,
}

impl Security {
    /// # Errors
    /// The first setting that is missing, or that contradicts another.
    pub(crate) fn plan(&self) -> Result<Plan, ConfigError> {
        let tls = self.protocol.is_encrypted();
        let sasl = self.protocol.has_sasl();
        Ok(Plan {
            tls: tls.then(|| self.plan_tls()).transpose()?,
            login: sasl.then(|| self.plan_sasl()).transpose()?,
        })
    }

    /// What is allowed and worth a word in the log.
    pub(crate) fn warnings(&self) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        if self.protocol.has_sasl() && !self.protocol.is_encrypted() {
            warnings.push(
                "SASL without TLS: whoever is on the way can read and change all that is sent \
                 (set security.protocol=SASL_SSL)",
            );
        }
        if self.protocol.is_encrypted() && self.tls.is_custom() && !self.tls.is_untouched() {
            warnings.push(
                "settings of ssl.* have no effect: the producer was given a rustls configuration",
            );
        }
        if self.protocol.is_encrypted() && !self.tls.checks_hostname() {
            warnings.push("the names in brokers' certificates are not checked");
        }
        if !self.protocol.is_encrypted() && !self.tls.is_untouched() {
            warnings.push("settings of ssl.* have no effect: security.protocol does not use TLS");
        }
        if !self.protocol.has_sasl()
            && (self.sasl.password.is_some() || self.sasl.credentials.is_some())
        {
            warnings.push("settings of sasl.* have no effect: security.protocol does not use SASL");
        }
        warnings
    }

    fn plan_tls(&self) -> Result<TlsSettings, ConfigError> {
        if !cfg!(feature = "tls") {
            return disabled("security.protocol");
        }
        let tls = &self.tls;
        if tls.unchecked_by_property && tls.checks_hostname() {
            return Err(ConfigError::Contradiction {
                key: "ssl.endpoint.identification.algorithm",
                other: "ssl.allow.insecure",
                rule: "must be https: to accept certificates for any name call \
                       TlsSettings::dangerous_accept_any_hostname, or set ssl.allow.insecure=true \
                       beside it",
            });
        }
        match (&tls.certificate, &tls.key) {
            (Some(_), None) => invalid(
                "ssl.keystore.key",
                "must be given beside a certificate (in librdkafka's spelling: ssl.key.location)",
            ),
            (None, Some(_)) => invalid(
                "ssl.keystore.certificate.chain",
                "must be given beside a key (in librdkafka's spelling: ssl.certificate.location)",
            ),
            _ => Ok(tls.clone()),
        }
    }

    fn plan_sasl(&self) -> Result<Login, ConfigError> {
        let mechanism = self.sasl.mechanism.unwrap_or(Mechanism::Gssapi);
        let fits = match self.sasl.module {
            None => true,
            Some(Module::Plain) => mechanism == Mechanism::Plain,
            Some(Module::Scram) => {
                matches!(mechanism, Mechanism::ScramSha256 | Mechanism::ScramSha512)
            }
            Some(Module::OAuth) => mechanism == Mechanism::OAuthBearer,
            Some(Module::Kerberos) => mechanism == Mechanism::Gssapi,
        };
        if !fits {
            return Err(ConfigError::Contradiction {
                key: "sasl.jaas.config",
                other: "sasl.mechanism",
                rule: "names the login module of another sasl.mechanism",
            });
        }
        let readable = !self.protocol.is_encrypted() && !self.sasl.allow_cleartext;
        if readable && matches!(mechanism, Mechanism::Plain | Mechanism::OAuthBearer) {
            return Err(ConfigError::Contradiction {
                key: "sasl.mechanism",
                other: "security.protocol",
                rule: "sends a password or token that everybody on the way can read: set \
                       security.protocol=SASL_SSL, or sasl.allow.cleartext=true to accept that",
            });
        }
        let takes_passwords = matches!(
            mechanism,
            Mechanism::Plain | Mechanism::ScramSha256 | Mechanism::ScramSha512
        );
        if self.sasl.credentials.is_some() && !takes_passwords {
            return invalid(
                "sasl.mechanism",
                "must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, as the producer has a \
                 CredentialsProvider",
            );
        }
        match mechanism {
            Mechanism::Plain => self.plan_plain(),
            Mechanism::ScramSha256 => self.plan_scram(ScramHash::Sha256),
            Mechanism::ScramSha512 => self.plan_scram(ScramHash::Sha512),
            Mechanism::OAuthBearer => self.plan_oauth(),
            Mechanism::Gssapi => self.plan_kerberos(|name| std::env::var_os(name)),
        }
    }

    fn plan_plain(&self) -> Result<Login, ConfigError> {
        let passwords = self.passwords()?;
        if matches!(&passwords, Passwords::Settings(given) if given.has_zero()) {
            return invalid(
                "sasl.password",
                "and sasl.username must not hold a zero byte",
            );
        }
        Ok(Login::Plain { passwords })
    }

    fn plan_scram(&self, hash: ScramHash) -> Result<Login, ConfigError> {
        if !cfg!(feature = "tls") {
            return disabled("sasl.mechanism");
        }
        Ok(Login::Scram {
            hash,
            passwords: self.passwords()?,
            delegation_token: self.sasl.delegation_token,
        })
    }

    fn passwords(&self) -> Result<Passwords, ConfigError> {
        let sasl = &self.sasl;
        match (&sasl.credentials, &sasl.username, &sasl.password) {
            (Some(provider), _, _) => Ok(Passwords::Provider(Arc::clone(provider))),
            (None, Some(username), Some(password)) => Ok(Passwords::Settings(Credentials::new(
                username.clone(),
                password.clone(),
            ))),
            _ => invalid(
                "sasl.jaas.config",
                "must give username and password (or set sasl.username and sasl.password, or give \
                 the producer a CredentialsProvider)",
            ),
        }
    }

    fn plan_oauth(&self) -> Result<Login, ConfigError> {
        let tokens = match &self.sasl.provider {
            Some(provider) => Tokens::Provider(Arc::clone(provider)),
            None => Tokens::Oidc(self.plan_oidc()?),
        };
        let extensions = self.sasl.oauth.extensions.clone();
        Ok(Login::OAuth { tokens, extensions })
    }

    fn plan_oidc(&self) -> Result<Oidc, ConfigError> {
        const URL: &str = "sasl.oauthbearer.token.endpoint.url";
        let oauth = &self.sasl.oauth;
        let Some(url) = &oauth.token_endpoint else {
            return invalid(URL, "must be set, unless the producer has a TokenProvider");
        };
        if !cfg!(feature = "tls") {
            return disabled(URL);
        }
        let endpoint = match Endpoint::parse(url) {
            Ok(endpoint) => endpoint,
            Err(rule) => return invalid(URL, rule),
        };
        if !endpoint.is_private() && !self.sasl.allow_cleartext {
            return invalid(
                URL,
                "must be https beyond this machine, or set sasl.allow.cleartext=true",
            );
        }
        match (&oauth.client_id, &oauth.client_secret) {
            (Some(client_id), Some(client_secret)) => Ok(Oidc {
                endpoint,
                client_id: client_id.clone(),
                client_secret: client_secret.clone(),
                scope: oauth.scope.clone(),
                url_encode: oauth.url_encode_credentials,
            }),
            (None, _) => invalid(
                "sasl.oauthbearer.client.credentials.client.id",
                "must be set (or clientId in sasl.jaas.config)",
            ),
            (_, None) => invalid(
                "sasl.oauthbearer.client.credentials.client.secret",
                "must be set (or clientSecret in sasl.jaas.config)",
            ),
        }
    }
}

impl Security {
    /// `variable` is the environment's, from which alone the library takes keytab and ticket cache.
    fn plan_kerberos(
        &self,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Login, ConfigError> {
        const SERVICE: &str = "sasl.kerberos.service.name";
        if !cfg!(feature = "gssapi") {
            return Err(ConfigError::Disabled {
                key: "sasl.mechanism",
                feature: "gssapi",
            });
        }
        let kerberos = &self.sasl.kerberos;
        let service = match (&kerberos.service_name, &kerberos.module_service) {
            (Some(one), Some(other)) if one != other => {
                return Err(ConfigError::Contradiction {
                    key: SERVICE,
                    other: "sasl.jaas.config",
                    rule: "must not differ from serviceName in sasl.jaas.config",
                });
            }
            (Some(service), _) | (None, Some(service)) => service.clone(),
            (None, None) => {
                return invalid(
                    SERVICE,
                    "must be set with sasl.mechanism=GSSAPI, which is the default of sasl.mechanism \
                     (or serviceName in sasl.jaas.config)",
                );
            }
        };
        let is_name = |text: &str| !text.contains(['@', '/', '\0']);
        if !is_name(&service) {
            return invalid(
                SERVICE,
                "must be the first part of the brokers' principals only, such as kafka",
            );
        }
        if kerberos.keytab.is_some() && kerberos.principal.is_none() {
            return invalid(
                "sasl.kerberos.principal",
                "must be set beside a keytab (or principal in sasl.jaas.config): else it would be \
                 whoever has a ticket in the cache",
            );
        }
        let names = |name, file: &OsStr| {
            let given = variable(name);
            given.is_some_and(|given| without_type(&given) == without_type(file))
        };
        if let Some(keytab) = &kerberos.keytab
            && !names("KRB5_CLIENT_KTNAME", keytab.as_os_str())
        {
            return invalid(
                "sasl.kerberos.keytab",
                "must be what the environment variable KRB5_CLIENT_KTNAME is set to where the process \
                 starts: the system's Kerberos library takes its keytab from there",
            );
        }
        if let Some(cache) = &kerberos.ticket_cache
            && !names("KRB5CCNAME", cache.as_ref())
        {
            return invalid(
                "sasl.jaas.config",
                "must name as ticketCache what the environment variable KRB5CCNAME is set to where \
                 the process starts: the system's Kerberos library takes its ticket cache from there",
            );
        }
        Ok(Login::Kerberos(Kerberos {
            service,
            principal: kerberos.principal.clone(),
            keytab: kerberos.keytab.clone(),
        }))
    }
}

/// `FILE:` is what names without a type have.
fn without_type(name: &OsStr) -> &[u8] {
    let bytes = name.as_encoded_bytes();
    bytes.strip_prefix(b"FILE:").unwrap_or(bytes)
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Provider(_) => "Provider",
            Self::Settings(_) => "Settings",
        })
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Provider(_) => "Provider",
            Self::Oidc(_) => "Oidc",
        })
    }
}

fn invalid<T>(key: &'static str, rule: &'static str) -> Result<T, ConfigError> {
    Err(ConfigError::Invalid {
        key,
        rule: rule.into(),
    })
}

fn disabled<T>(key: &'static str) -> Result<T, ConfigError> {
    Err(ConfigError::Disabled {
        key,
        feature: "tls",
    })
}

#[cfg(all(test, feature = "gssapi"))]
mod tests {
    use super::Security;
    use std::ffi::OsString;

    fn planned(keytab: &str, cache: &str, variables: &[(&str, &str)]) -> Result<(), String> {
        let mut security = Security::default();
        let kerberos = &mut security.sasl.kerberos;
        kerberos.service_name = Some("kafka".into());
        kerberos.principal = Some("app@EXAMPLE.COM".into());
        kerberos.keytab = (!keytab.is_empty()).then(|| keytab.into());
        kerberos.ticket_cache = (!cache.is_empty()).then(|| cache.into());
        let variable = |name: &str| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let login = security.plan_kerberos(variable);
        login.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn a_keytab_and_a_ticket_cache_are_those_of_the_environment() {
        const KEYTAB: &str = "KRB5_CLIENT_KTNAME";
        const CACHE: &str = "KRB5CCNAME";
        for (keytab, cache, variables) in [
            ("", "", &[][..]),
            ("", "", &[(KEYTAB, "/k"), (CACHE, "/c")]),
            ("/k", "", &[(KEYTAB, "/k")]),
            ("/k", "", &[(KEYTAB, "FILE:/k")]),
            ("/k", "FILE:/c", &[(KEYTAB, "/k"), (CACHE, "/c")]),
            ("", "KCM:", &[(CACHE, "KCM:")]),
        ] {
            assert_eq!(planned(keytab, cache, variables), Ok(()), "{variables:?}");
        }
        for (keytab, cache, variables, part) in [
            ("/k", "", &[][..], "KRB5_CLIENT_KTNAME"),
            ("/k", "", &[(KEYTAB, "/other")], "KRB5_CLIENT_KTNAME"),
            ("/k", "", &[(CACHE, "/k")], "KRB5_CLIENT_KTNAME"),
            ("", "/c", &[(CACHE, "KCM:/c")], "KRB5CCNAME"),
            ("/k", "/c", &[(KEYTAB, "/k")], "KRB5CCNAME"),
        ] {
            let error = planned(keytab, cache, variables).unwrap_err();
            assert!(error.contains(part), "{variables:?}: {error}");
        }
    }
}
