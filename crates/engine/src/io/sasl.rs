//! SASL on a connection: `SaslHandshake`, then as many `SaslAuthenticate` as the mechanism takes.

use super::{
    connection::{CallError, Connection},
    dial::ConnectErrorKind,
    frame::FrameError,
};
use crate::{
    AuthFailure, Credentials, CredentialsError, KafkaError, ProducerConfig, Secret, TokenError,
    config::security::{Login, Passwords, Tokens},
    contain::without_panic,
};
use bytes::Bytes;
use kafka_protocol::{
    messages::{SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest},
    protocol::StrBytes,
};
use std::{ops::Range, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout},
};
use zeroize::Zeroizing;

const UNSUPPORTED_SASL_MECHANISM: i16 = 33;
const ILLEGAL_SASL_STATE: i16 = 34;

/// Which part of a session may pass before it is renewed: early enough for what is then in flight to
/// be answered, and not at the same time for all connections.
const RENEW: Range<f64> = 0.75..0.85;

/// Says who we are.
#[derive(Debug)]
pub(super) struct Authenticator {
    login: Login,
    #[cfg(feature = "tls")]
    oidc: Option<super::oidc::TokenClient>,
    #[cfg(feature = "gssapi")]
    kerberos: Option<super::gssapi::Kerberos>,
}

impl Authenticator {
    #[cfg_attr(
        not(feature = "tls"),
        expect(unused_variables, reason = "only the token client needs settings")
    )]
    pub(super) fn new(login: Login, config: &ProducerConfig) -> Self {
        #[cfg(feature = "tls")]
        let oidc = match &login {
            Login::OAuth {
                tokens: Tokens::Oidc(grant),
                ..
            } => Some(super::oidc::TokenClient::new(grant.clone(), config)),
            _ => None,
        };
        #[cfg(feature = "gssapi")]
        let kerberos = match &login {
            Login::Kerberos(plan) => Some(super::gssapi::Kerberos::new(plan.clone())),
            _ => None,
        };
        Self {
            login,
            #[cfg(feature = "tls")]
            oidc,
            #[cfg(feature = "gssapi")]
            kerberos,
        }
    }

    /// Runs the exchange of the mechanism, at most `limit` for each step.
    pub(super) async fn authenticate<S>(
        &self,
        connection: &mut Connection<S>,
        limit: Duration,
    ) -> Result<(), ConnectErrorKind>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        match &self.login {
            Login::Plain { passwords } => {
                // Before the handshake, as with a token.
                let ours = credentials(passwords, limit).await?;
                if ours.has_zero() {
                    let why = "what was given holds a zero byte";
                    return Err(ConnectErrorKind::Auth(AuthFailure::Credentials(why.into())));
                }
                let text = format!("\0{}\0{}", ours.username.expose(), ours.password.expose());
                let message = Secret::new(text);
                let mut exchange = Exchange::start(connection, "PLAIN", limit).await?;
                let answer = exchange.send(&message, &ours.password).await?;
                exchange.done(&answer);
                Ok(())
            }
            #[cfg(feature = "tls")]
            Login::Scram {
                hash,
                passwords,
                delegation_token,
            } => {
                let ours = credentials(passwords, limit).await?;
                let scram = super::scram::Scram::new(
                    *hash,
                    &ours.username,
                    &ours.password,
                    *delegation_token,
                    nonce()?,
                );
                let name = match hash {
                    crate::config::security::ScramHash::Sha256 => "SCRAM-SHA-256",
                    crate::config::security::ScramHash::Sha512 => "SCRAM-SHA-512",
                };
                let exchange = Exchange::start(connection, name, limit).await?;
                exchange.scram(scram, &ours.password).await
            }
            #[cfg(not(feature = "tls"))]
            Login::Scram { .. } => Err(ConnectErrorKind::Unsupported(
                "SCRAM needs the cargo feature \"tls\"".into(),
            )),
            Login::OAuth { tokens, extensions } => {
                // Before the handshake: a broker waits for the rest of one only so long.
                let token = self.token(tokens, limit).await?;
                let message = bearer(&token, extensions)?;
                let exchange = Exchange::start(connection, "OAUTHBEARER", limit).await?;
                exchange.bearer(&message, &token).await
            }
            Login::Kerberos(_) => self.kerberos(connection, limit).await,
        }
    }

    #[cfg(feature = "gssapi")]
    async fn kerberos<S>(
        &self,
        connection: &mut Connection<S>,
        limit: Duration,
    ) -> Result<(), ConnectErrorKind>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let Some(kerberos) = &self.kerberos else {
            return Err(ConnectErrorKind::Unsupported("there is no Kerberos".into()));
        };
        // Before the handshake: a broker waits for the rest of one only so long.
        let (begun, token) = kerberos.begin(connection.host(), limit).await?;
        let exchange = Exchange::start(connection, "GSSAPI", limit).await?;
        exchange.kerberos(begun, token).await
    }

    #[cfg(not(feature = "gssapi"))]
    async fn kerberos<S: Send>(
        &self,
        _: &mut Connection<S>,
        _: Duration,
    ) -> Result<(), ConnectErrorKind> {
        let why = "GSSAPI needs the cargo feature \"gssapi\"";
        Err(ConnectErrorKind::Unsupported(why.into()))
    }

    async fn token(&self, tokens: &Tokens, limit: Duration) -> Result<Secret, ConnectErrorKind> {
        let failed = |why: String| ConnectErrorKind::Auth(AuthFailure::Token(why.into()));
        let found = match tokens {
            Tokens::Provider(provider) => {
                let token = without_panic(async { provider.token().await });
                let made = timeout(limit, token).await;
                made.map(|made| match made {
                    Some(made) => made.map(|token| token.value),
                    None => Err(TokenError::new("the token provider panicked")),
                })
            }
            #[cfg(feature = "tls")]
            Tokens::Oidc(_) => match &self.oidc {
                Some(client) => Ok(client.token(limit).await),
                None => return Err(failed("there is no token endpoint".into())),
            },
            #[cfg(not(feature = "tls"))]
            Tokens::Oidc(_) => return Err(failed("OIDC needs the cargo feature \"tls\"".into())),
        };
        match found {
            Ok(Ok(token)) => Ok(token),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed(format!("none within {} ms", limit.as_millis()))),
        }
    }
}

/// The name and password that are good now.
async fn credentials(
    passwords: &Passwords,
    limit: Duration,
) -> Result<Credentials, ConnectErrorKind> {
    let provider = match passwords {
        Passwords::Settings(credentials) => return Ok(credentials.clone()),
        Passwords::Provider(provider) => provider,
    };
    let asked = without_panic(async { provider.credentials().await });
    let why = match timeout(limit, asked).await {
        Ok(Some(Ok(credentials))) => return Ok(credentials),
        Ok(Some(Err(error))) => error,
        Ok(None) => CredentialsError::new("the credentials provider panicked"),
        Err(_) => CredentialsError::new(format!("none within {} ms", limit.as_millis())),
    };
    let why = why.to_string().into();
    Err(ConnectErrorKind::Auth(AuthFailure::Credentials(why)))
}

/// An exchange that has begun.
struct Exchange<'a, S> {
    connection: &'a mut Connection<S>,
    mechanism: &'static str,
    limit: Duration,
    /// When the latest message was sent: a session lasts no less than from then.
    sent: Instant,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin + Send> Exchange<'a, S> {
    async fn start(
        connection: &'a mut Connection<S>,
        mechanism: &'static str,
        limit: Duration,
    ) -> Result<Self, ConnectErrorKind> {
        let request =
            SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(mechanism));
        let answer = connection.call(&request, limit).await.map_err(lost)?;
        match answer.error_code {
            0 => Ok(Self {
                connection,
                mechanism,
                limit,
                sent: Instant::now(),
            }),
            UNSUPPORTED_SASL_MECHANISM => {
                let offered: Vec<_> = answer.mechanisms.iter().map(|name| &**name).collect();
                Err(ConnectErrorKind::Auth(AuthFailure::Mechanism {
                    asked: mechanism,
                    offered: match offered.is_empty() {
                        true => "nothing else".into(),
                        false => offered.join(", ").into(),
                    },
                }))
            }
            ILLEGAL_SASL_STATE => Err(ConnectErrorKind::Auth(AuthFailure::NoSasl)),
            code => Err(refused(code, None)),
        }
    }

    /// Sends a message and returns the answer, unless the broker refuses. A broker that shows us our
    /// own secret in its words is not quoted.
    async fn send(
        &mut self,
        message: &Secret,
        secret: &Secret,
    ) -> Result<SaslAuthenticateResponse, ConnectErrorKind> {
        let bytes = Zeroizing::new(message.expose().as_bytes().to_vec());
        let shows = |text: &str| !secret.expose().is_empty() && text.contains(secret.expose());
        self.send_bytes(Bytes::from_owner(bytes), shows).await
    }

    /// The same for a message that is no text; the broker's words are not quoted if they show what
    /// must not be seen.
    async fn send_bytes(
        &mut self,
        message: Bytes,
        shows: impl Fn(&str) -> bool,
    ) -> Result<SaslAuthenticateResponse, ConnectErrorKind> {
        let request = SaslAuthenticateRequest::default().with_auth_bytes(message);
        self.sent = Instant::now();
        let answer = self.connection.call(&request, self.limit).await;
        self.connection.wipe();
        let answer = answer.map_err(lost)?;
        if answer.error_code == 0 {
            return Ok(answer);
        }
        let words = answer.error_message.as_deref().filter(|text| !shows(text));
        Err(refused(answer.error_code, words))
    }

    #[cfg(feature = "tls")]
    async fn scram(
        mut self,
        scram: super::scram::Scram,
        password: &Secret,
    ) -> Result<(), ConnectErrorKind> {
        let mechanism = self.mechanism;
        let broke = |rule| ConnectErrorKind::Auth(AuthFailure::Unproven { mechanism, rule });
        let challenge = self.send(&scram.first(), password).await?.auth_bytes;
        // Some thousand rounds of a hash: nothing for a thread that serves sockets.
        let proven = tokio::task::spawn_blocking(move || scram.prove(&challenge));
        let proven = proven
            .await
            .map_err(|error| ConnectErrorKind::Io(std::io::Error::other(error)))?
            .map_err(broke)?;
        let answer = self.send(proven.message(), password).await?;
        proven.verify(&answer.auth_bytes).map_err(broke)?;
        self.done(&answer);
        Ok(())
    }

    #[cfg(feature = "gssapi")]
    async fn kerberos(
        mut self,
        mut exchange: super::gssapi::GssExchange,
        mut token: Vec<u8>,
    ) -> Result<(), ConnectErrorKind> {
        use super::gssapi::Next;
        loop {
            let answer = self.send_bytes(token.into(), |_| false).await?;
            match exchange.answer(answer.auth_bytes.clone()).await? {
                Next::Send(next, message) => (exchange, token) = (next, message),
                Next::Done => {
                    self.done(&answer);
                    return Ok(());
                }
            }
        }
    }

    async fn bearer(mut self, message: &Secret, token: &Secret) -> Result<(), ConnectErrorKind> {
        let answer = self.send(message, token).await?;
        if answer.auth_bytes.is_empty() {
            self.done(&answer);
            return Ok(());
        }
        // It says what it does not like, and waits for a sign that we have heard it before it
        // refuses (RFC 7628, 3.2.3).
        match self.send(&Secret::new("\u{1}"), token).await {
            Err(refusal) => Err(refusal),
            Ok(_) => Err(ConnectErrorKind::Auth(AuthFailure::Unproven {
                mechanism: self.mechanism,
                rule: "it neither takes nor refuses the token",
            })),
        }
    }

    fn done(&mut self, answer: &SaslAuthenticateResponse) {
        let lifetime = u64::try_from(answer.session_lifetime_ms).unwrap_or(0);
        let renew = (lifetime > 0).then(|| {
            let part = RENEW.start + (RENEW.end - RENEW.start) * fastrand::f64();
            // A lifetime of 292 million years is one that never ends.
            self.sent
                .checked_add(Duration::from_millis(lifetime).mul_f64(part))
        });
        self.connection.renew_at(renew.flatten());
    }
}

/// The message of OAUTHBEARER (RFC 7628).
fn bearer(token: &Secret, extensions: &[(String, String)]) -> Result<Secret, ConnectErrorKind> {
    let legal = |byte: u8| byte.is_ascii_graphic();
    if token.expose().is_empty() || !token.expose().bytes().all(legal) {
        let why = "what was given as one has other characters than a token has";
        return Err(ConnectErrorKind::Auth(AuthFailure::Token(why.into())));
    }
    let mut message = Zeroizing::new(String::with_capacity(token.expose().len() + 256));
    message.push_str("n,,\u{1}auth=Bearer ");
    message.push_str(token.expose());
    for (name, value) in extensions {
        message.push('\u{1}');
        message.push_str(name);
        message.push('=');
        message.push_str(value);
    }
    message.push_str("\u{1}\u{1}");
    Ok(Secret::new(message.as_str()))
}

/// Something that no two exchanges have in common.
#[cfg(feature = "tls")]
fn nonce() -> Result<String, ConnectErrorKind> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; 24];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| ConnectErrorKind::Io(std::io::Error::other("no random numbers")))?;
    Ok(STANDARD.encode(bytes))
}

fn refused(code: i16, words: Option<&str>) -> ConnectErrorKind {
    match KafkaError::from_code(code, words) {
        Some(error) => ConnectErrorKind::Auth(AuthFailure::Refused(error)),
        None => ConnectErrorKind::NotKafka("it refuses without an error"),
    }
}

fn lost(error: CallError) -> ConnectErrorKind {
    match error {
        CallError::Io(error) | CallError::Frame(FrameError::Io(error)) => error.into(),
        CallError::Closed | CallError::Frame(FrameError::Truncated) => ConnectErrorKind::Closed,
        CallError::Timeout { after, .. } => ConnectErrorKind::Timeout {
            step: "answer in the SASL exchange",
            after,
        },
        CallError::Unsupported(api) => ConnectErrorKind::Unsupported(format!("it has no {api:?}")),
        _ => ConnectErrorKind::NotKafka("its answer in the SASL exchange cannot be read"),
    }
}
