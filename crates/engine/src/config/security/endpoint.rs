//! The address of a token endpoint.

use std::net::IpAddr;

/// An `http` or `https` URL, in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) encrypted: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path and query.
    pub(crate) target: String,
}

impl Endpoint {
    /// # Errors
    /// The rule that the text breaks.
    pub(crate) fn parse(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or("must be an https URL")?;
        let encrypted = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err("must be an https URL"),
        };
        let rest = rest.split('#').next().unwrap_or("");
        let (authority, target) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        if authority.contains('@') {
            return Err("must not hold a user or password");
        }
        let default = if encrypted { "443" } else { "80" };
        let full = match authority.rsplit_once(':') {
            Some((_, port)) if !port.ends_with(']') => authority.to_owned(),
            _ => format!("{authority}:{default}"),
        };
        let (host, port) = crate::config::address::split(&full)
            .map_err(|_| "must have a host, and a port if any")?;
        if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("must not have blanks in its path");
        }
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self {
            encrypted,
            host: host.to_owned(),
            port,
            target: format!("{slash}{target}"),
        })
    }

    /// Whether what is sent there can be read by nobody else.
    pub(crate) fn is_private(&self) -> bool {
        let loopback = |host: &str| host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        self.encrypted || self.host.eq_ignore_ascii_case("localhost") || loopback(&self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    #[test]
    fn urls_come_apart() {
        for (url, expected) in [
            ("https://idp.example", (true, "idp.example", 443, "/")),
            (
                "HTTP://127.0.0.1:8080/t?x=1",
                (false, "127.0.0.1", 8080, "/t?x=1"),
            ),
            ("https://[::1]/token#part", (true, "::1", 443, "/token")),
            ("https://[::1]:44?x", (true, "::1", 44, "/?x")),
        ] {
            let found = Endpoint::parse(url).unwrap();
            let parts = (found.encrypted, &*found.host, found.port, &*found.target);
            assert_eq!(parts, expected, "{url}");
        }
    }

    #[test]
    fn only_this_machine_is_private_without_encryption() {
        for (url, private) in [
            ("https://idp.example/", true),
            ("http://localhost/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]/", true),
            ("http://idp.example/", false),
            ("http://localhost.example/", false),
        ] {
            assert_eq!(Endpoint::parse(url).unwrap().is_private(), private, "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in [
            "",
            "idp.example",
            "ftp://a/",
            "file:///etc/passwd",
            "https://u:p@a/",
            "https:///x",
            "https://a/b c",
        ] {
            assert!(Endpoint::parse(url).is_err(), "{url}");
        }
    }
}
