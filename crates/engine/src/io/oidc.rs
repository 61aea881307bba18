//! Tokens by OIDC's client credentials grant (RFC 6749, 4.4): one small request to a web server.

use super::{
    dial::{SocketOptions, dial},
    resolve::Address,
    stream::Stream,
    tls::Tls,
};
use crate::{ProducerConfig, Secret, TokenError, config::security::Oidc};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use std::{fmt::Write, io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Mutex,
    time::{Instant, timeout},
};
use zeroize::Zeroizing;

/// No answer with a token is nearly as long.
const MAX_ANSWER: u64 = 1 << 20;

/// A token is good for use up to this part of its life, and for need up to its end.
const FRESH: f64 = 0.8;

/// Gets tokens, and keeps the latest.
#[derive(Debug)]
pub(super) struct TokenClient {
    grant: Oidc,
    tls: Tls,
    socket: SocketOptions,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    token: Secret,
    fresh_until: Instant,
    good_until: Instant,
}

/// What a token endpoint answers with.
#[derive(Debug, PartialEq)]
struct Granted {
    token: Secret,
    lifetime: Option<Duration>,
}

/// After a failure the endpoint is left alone for so long, if there is a token that is still good.
const ASK_AGAIN: Duration = Duration::from_secs(10);

impl TokenClient {
    pub(super) fn new(grant: Oidc, config: &ProducerConfig) -> Self {
        Self {
            grant,
            tls: Tls::for_web(&config.security.tls),
            socket: SocketOptions::of(config),
            kept: Mutex::new(None),
        }
    }

    /// The token that is kept, or a new one. One request at a time, whoever asks; the wait for
    /// another's is part of `limit`.
    pub(super) async fn token(&self, limit: Duration) -> Result<Secret, TokenError> {
        let began = Instant::now();
        let late = || format!("none within {} ms", limit.as_millis());
        let Ok(mut kept) = timeout(limit, self.kept.lock()).await else {
            return Err(TokenError::new(format!("the token endpoint: {}", late())));
        };
        let now = Instant::now();
        if let Some(kept) = kept.as_ref().filter(|kept| now < kept.fresh_until) {
            return Ok(kept.token.clone());
        }
        let left = limit.saturating_sub(began.elapsed());
        let asked = timeout(left, self.ask(left)).await;
        let asked = asked.unwrap_or_else(|_| Err(late()));
        match (asked, &mut *kept) {
            (Ok(granted), _) => {
                let token = granted.token.clone();
                *kept = granted.lifetime.and_then(|lifetime| {
                    Some(Kept {
                        token: granted.token,
                        fresh_until: now.checked_add(lifetime.mul_f64(FRESH))?,
                        good_until: now.checked_add(lifetime)?,
                    })
                });
                Ok(token)
            }
            (Err(why), Some(kept)) if Instant::now() < kept.good_until => {
                tracing::warn!(why, "no new token; the old one is used while it lasts");
                // Else each connection in turn would wait for an endpoint that is away.
                kept.fresh_until = Instant::now() + ASK_AGAIN;
                Ok(kept.token.clone())
            }
            (Err(why), _) => Err(TokenError::new(format!("the token endpoint: {why}"))),
        }
    }

    async fn ask(&self, limit: Duration) -> Result<Granted, String> {
        let endpoint = &self.grant.endpoint;
        let address = Address::new(endpoint.host.as_str(), endpoint.port);
        let socket = dial(&address, self.socket, limit)
            .await
            .map_err(|error| error.line())?;
        let mut stream = if endpoint.encrypted {
            let secured = self.tls.connect(socket, &endpoint.host, limit).await;
            secured.map_err(|kind| kind.at(&address).line())?
        } else {
            Stream::Plain(socket)
        };
        let request = self.request(&address);
        let mut answer = Zeroizing::new(Vec::new());
        let exchange = async {
            stream.write_all(request.as_bytes()).await?;
            stream.flush().await?;
            let mut reader = stream.take(MAX_ANSWER);
            match reader.read_to_end(&mut answer).await {
                // Many servers end TLS without saying so. What was read tells whether it is whole.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
                other => other.map(drop),
            }
        };
        exchange
            .await
            .map_err(|error: io::Error| format!("the exchange failed: {error}"))?;
        let (status, body) = response(&answer)?;
        granted(status, &body)
    }

    fn request(&self, address: &Address) -> Zeroizing<String> {
        let grant = &self.grant;
        let part = |secret: &Secret| {
            Zeroizing::new(match grant.url_encode {
                true => form(secret.expose()),
                false => secret.expose().to_owned(),
            })
        };
        let pair = Zeroizing::new(format!(
            "{}:{}",
            *part(&grant.client_id),
            *part(&grant.client_secret)
        ));
        let credentials = Zeroizing::new(BASE64.encode(pair.as_bytes()));
        let scope = match &grant.scope {
            Some(scope) => format!("&scope={}", form(scope)),
            None => String::new(),
        };
        let body = format!("grant_type=client_credentials{scope}");
        Zeroizing::new(format!(
            "POST {} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            grant.endpoint.target,
            *credentials,
            body.len(),
        ))
    }
}

/// As forms encode text.
fn form(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            _ if byte.is_ascii_alphanumeric() => out.push(byte.into()),
            // Writing to a string cannot fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
        out
    })
}

/// Status and body of a whole HTTP/1.1 response.
fn response(bytes: &[u8]) -> Result<(u16, Zeroizing<Vec<u8>>), String> {
    const CUT: &str = "its answer was cut off";
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut head = httparse::Response::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Err(CUT.into()),
        Err(_) => return Err("its answer is no HTTP".into()),
    };
    let status = head.code.unwrap_or(0);
    let header = |name: &str| {
        let found = head
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok().map(str::trim)
    };
    let body = &bytes[length..];
    if header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return Ok((status, chunks(body).ok_or(CUT)?));
    }
    let body = match header("content-length") {
        Some(length) => {
            let length: usize = length.parse().map_err(|_| "its answer is no HTTP")?;
            body.get(..length).ok_or(CUT)?
        }
        None => body,
    };
    Ok((status, Zeroizing::new(body.to_vec())))
}

/// The chunks of a body, put together; `None` if the last one is missing.
fn chunks(mut body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut whole = Zeroizing::new(Vec::with_capacity(body.len()));
    loop {
        let httparse::Status::Complete((start, size)) = httparse::parse_chunk_size(body).ok()?
        else {
            return None;
        };
        if size == 0 {
            return Some(whole);
        }
        let size = usize::try_from(size).ok()?;
        let end = start.checked_add(size)?;
        whole.extend_from_slice(body.get(start..end)?);
        body = body.get(end..)?.strip_prefix(b"\r\n")?;
    }
}

/// The token in an answer. Of a refusal only the code is passed on: a server may repeat what it got.
fn granted(status: u16, body: &[u8]) -> Result<Granted, String> {
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    if status != 200 {
        let code = json["error"].as_str().filter(|code| {
            let letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            code.len() < 50 && code.bytes().all(letter)
        });
        return Err(match code {
            Some(code) => format!("it answered with status {status} ({code})"),
            None => format!("it answered with status {status}"),
        });
    }
    match json["access_token"].as_str() {
        Some(token) if !token.is_empty() => Ok(Granted {
            token: Secret::new(token),
            lifetime: json["expires_in"].as_u64().map(Duration::from_secs),
        }),
        _ => Err("its answer has no access_token".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Granted, chunks, form, granted, response};
    use crate::Secret;
    use std::time::Duration;

    #[test]
    fn a_body_comes_whole_by_length_by_chunks_or_by_the_end() {
        for text in [
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}more",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n{}",
        ] {
            let (status, body) = response(text.as_bytes()).unwrap();
            assert_eq!((status, &body[..]), (200, &b"{}"[..]), "{text}");
        }
    }

    #[test]
    fn what_is_cut_off_or_no_http_is_told_from_an_answer() {
        for (text, part) in [
            ("", "cut off"),
            ("HTTP/1.1 200 OK\r\n", "cut off"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", "cut off"),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", "no HTTP"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
                "cut off",
            ),
            ("SSH-2.0\r\n\r\n", "no HTTP"),
        ] {
            let found = response(text.as_bytes()).unwrap_err();
            assert!(found.contains(part), "{text}: {found}");
        }
        assert!(chunks(b"ffffffffffffffff\r\n").is_none());
    }

    #[test]
    fn a_refusal_repeats_nothing_but_a_code() {
        let cases = [
            (
                401,
                r#"{"error":"invalid_client"}"#,
                "it answered with status 401 (invalid_client)",
            ),
            (
                400,
                r#"{"error":"Canary 1"}"#,
                "it answered with status 400",
            ),
            (302, "canary", "it answered with status 302"),
            (
                200,
                r#"{"token":"canary"}"#,
                "its answer has no access_token",
            ),
            (200, "canary", "its answer has no access_token"),
        ];
        for (status, body, expected) in cases {
            assert_eq!(granted(status, body.as_bytes()), Err(expected.to_owned()));
        }
    }

    #[test]
    fn a_token_comes_with_its_lifetime() {
        let body = br#"{"access_token":"a.b.c","token_type":"Bearer","expires_in":300}"#;
        let expected = Granted {
            token: Secret::new("a.b.c"),
            lifetime: Some(Duration::from_secs(300)),
        };
        assert_eq!(granted(200, body), Ok(expected));
    }

    #[test]
    fn forms_take_any_text() {
        assert_eq!(form("a b&c=ü~"), "a%20b%26c%3D%C3%BC~");
    }
}
