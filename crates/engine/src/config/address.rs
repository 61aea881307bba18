//! `host:port`, as in `bootstrap.servers`.

const RULE: &str = "must be host:port";

/// Splits `host:port`, or `[IPv6]:port`, whose host is returned without its brackets.
///
/// Whether the host exists is for the resolver to say.
///
/// # Errors
/// The rule that the text breaks.
pub(crate) fn split(text: &str) -> Result<(&str, u16), &'static str> {
    if text.contains("//") {
        return Err("must be host:port, without a scheme before it");
    }
    let (host, port) = text.rsplit_once(':').ok_or(RULE)?;
    let host = match host.strip_prefix('[') {
        Some(inner) => {
            let inner = inner
                .strip_suffix(']')
                .ok_or("has a bracket that is not closed")?;
            let (address, zone) = inner.split_once('%').map_or((inner, "0"), |split| split);
            if address.parse::<std::net::Ipv6Addr>().is_err() || !is_name(zone) {
                return Err("has something in brackets that is not an IPv6 address");
            }
            inner
        }
        None if host.contains(':') => {
            return Err("must have an IPv6 address in brackets: [::1]:9092");
        }
        None if host.is_empty() => return Err("has no host"),
        None if host.len() > 253 || !is_name(host) => {
            return Err("has a host with characters that no host name has");
        }
        None => host,
    };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok((host, port)),
        _ => Err("must have a port from 1 to 65535"),
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn hosts_and_ports_come_apart() {
        assert_eq!(split("localhost:9092"), Ok(("localhost", 9092)));
        assert_eq!(
            split("kafka-1.my_net.example:1"),
            Ok(("kafka-1.my_net.example", 1))
        );
        assert_eq!(split("10.0.0.1:65535"), Ok(("10.0.0.1", 65535)));
        assert_eq!(split("[::1]:9092"), Ok(("::1", 9092)));
        assert_eq!(split("[fe80::1%eth0]:9092"), Ok(("fe80::1%eth0", 9092)));
    }

    #[test]
    fn what_is_not_an_address_is_refused_by_rule() {
        for (text, rule) in [
            ("", "host:port"),
            ("localhost", "host:port"),
            ("PLAINTEXT://localhost:9092", "scheme"),
            (":9092", "no host"),
            ("localhost:", "port"),
            ("localhost:0", "port"),
            ("localhost:+5", "port"),
            ("localhost:65536", "port"),
            ("localhost:9092/x", "port"),
            ("local host:9092", "characters"),
            ("::1:9092", "brackets"),
            ("[::1:9092", "not closed"),
            ("[::zz]:9092", "not an IPv6"),
            ("[::1%]:9092", "not an IPv6"),
            ("[localhost]:9092", "not an IPv6"),
        ] {
            let broken = split(text).unwrap_err();
            assert!(broken.contains(rule), "{text}: {broken}");
        }
        assert!(split(&format!("{}:9092", "a".repeat(254))).is_err());
    }
}
