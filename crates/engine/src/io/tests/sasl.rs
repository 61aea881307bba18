use super::peer::{Asked, MODERN, SASL, answer, connected, read};
use crate::{
    AuthFailure, Credentials, CredentialsError, CredentialsFuture, CredentialsProvider,
    ProducerConfig, TokenFuture, TokenProvider,
    io::{connection::Connection, dial::ConnectErrorKind, secure::Secure},
};
use bytes::Bytes;
use kafka_protocol::{
    messages::{
        SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
        SaslHandshakeResponse,
    },
    protocol::StrBytes,
};
use std::{sync::Arc, time::Duration};
use tokio::io::DuplexStream;

const PASSWORD: &str = "canary-password";

/// Settings for PLAIN as alice, and `more` of them.
pub(in crate::io) fn alice(more: &[(&str, &str)]) -> ProducerConfig {
    let settings = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.allow.cleartext", "true"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "alice"),
        ("sasl.password", PASSWORD),
    ];
    let settings = settings.into_iter().chain(more.iter().copied());
    ProducerConfig::from_properties(settings).unwrap().0
}

fn login() -> Secure {
    Secure::of(&alice(&[])).unwrap()
}

async fn take_handshake(peer: &mut DuplexStream, response: &SaslHandshakeResponse) {
    let asked = read(peer).await;
    let request: SaslHandshakeRequest = asked.decode();
    assert_eq!(&*request.mechanism, "PLAIN");
    answer(peer, &asked, response).await;
}

async fn take_message(peer: &mut DuplexStream) -> (Asked, Bytes) {
    let asked = read(peer).await;
    let request: SaslAuthenticateRequest = asked.decode();
    (asked, request.auth_bytes)
}

async fn outcome(
    connection: &mut Connection<DuplexStream>,
    broker: impl Future<Output = ()>,
) -> Result<(), ConnectErrorKind> {
    let secure = login();
    let (outcome, ()) = tokio::join!(secure.authenticate(connection, super::LONG), broker);
    outcome
}

#[tokio::test(start_paused = true)]
async fn a_session_is_renewed_before_it_ends() {
    let (mut connection, mut peer) = connected(&SASL).await;
    let broker = async {
        take_handshake(&mut peer, &SaslHandshakeResponse::default()).await;
        let (asked, message) = take_message(&mut peer).await;
        assert_eq!(message, format!("\0alice\0{PASSWORD}").as_bytes());
        let response = SaslAuthenticateResponse::default().with_session_lifetime_ms(10_000);
        answer(&mut peer, &asked, &response).await;
    };
    outcome(&mut connection, broker).await.unwrap();
    assert!(connection.is_usable() && !connection.wants_renewal());
    tokio::time::advance(Duration::from_millis(7_400)).await;
    assert!(!connection.wants_renewal());
    tokio::time::advance(Duration::from_millis(1_200)).await;
    assert!(connection.wants_renewal());
}

#[tokio::test]
async fn a_session_without_an_end_is_never_renewed() {
    for lifetime in [0, -1, i64::MAX] {
        let (mut connection, mut peer) = connected(&SASL).await;
        let broker = async {
            take_handshake(&mut peer, &SaslHandshakeResponse::default()).await;
            let (asked, _) = take_message(&mut peer).await;
            let response = SaslAuthenticateResponse::default().with_session_lifetime_ms(lifetime);
            answer(&mut peer, &asked, &response).await;
        };
        outcome(&mut connection, broker).await.unwrap();
        assert!(!connection.wants_renewal(), "{lifetime}");
    }
}

#[tokio::test]
async fn a_broker_that_repeats_the_password_is_not_quoted() {
    for (words, quoted) in [("wrong password", true), ("no canary-password", false)] {
        let (mut connection, mut peer) = connected(&SASL).await;
        let broker = async {
            take_handshake(&mut peer, &SaslHandshakeResponse::default()).await;
            let (asked, _) = take_message(&mut peer).await;
            let response = SaslAuthenticateResponse::default()
                .with_error_code(58)
                .with_error_message(Some(StrBytes::from_static_str(words)));
            answer(&mut peer, &asked, &response).await;
        };
        match outcome(&mut connection, broker).await.unwrap_err() {
            ConnectErrorKind::Auth(AuthFailure::Refused(error)) => {
                assert_eq!(error.code(), 58);
                assert_eq!(error.message().is_some(), quoted);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_mechanism_that_is_not_offered_is_named_with_those_that_are() {
    let (mut connection, mut peer) = connected(&SASL).await;
    let refusal = SaslHandshakeResponse::default()
        .with_error_code(33)
        .with_mechanisms(vec![StrBytes::from_static_str("GSSAPI")]);
    let error = outcome(&mut connection, take_handshake(&mut peer, &refusal)).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "it does not offer PLAIN, but GSSAPI"
    );
}

#[tokio::test]
async fn a_broker_without_sasl_is_told_apart() {
    let (mut connection, _peer) = connected(&MODERN).await;
    let error = outcome(&mut connection, async {}).await.unwrap_err();
    assert_eq!(error.to_string(), "it has no SaslHandshake");
}

#[tokio::test]
async fn a_token_provider_that_panics_is_a_failure_of_its_own() {
    /// Panics when it is asked, or when it is waited for.
    struct Panics {
        at_once: bool,
    }
    impl TokenProvider for Panics {
        fn token(&self) -> TokenFuture<'_> {
            assert!(!self.at_once, "at once");
            Box::pin(async { panic!("later") })
        }
    }
    for at_once in [true, false] {
        let (mut connection, _peer) = connected(&SASL).await;
        let settings = [
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.allow.cleartext", "true"),
        ];
        let (mut config, _) = ProducerConfig::from_properties(settings).unwrap();
        let provider = Arc::new(Panics { at_once });
        config.security.sasl.set_token_provider(provider);
        let secure = Secure::of(&config).unwrap();
        let outcome = secure.authenticate(&mut connection, super::LONG).await;
        match outcome.unwrap_err() {
            ConnectErrorKind::Auth(AuthFailure::Token(why)) => {
                assert_eq!(&*why, "the token provider panicked");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// What comes of asking such a provider.
async fn asked(provider: impl CredentialsProvider, limit: Duration) -> String {
    let (mut connection, _peer) = connected(&SASL).await;
    let settings = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.allow.cleartext", "true"),
    ];
    let (mut config, _) = ProducerConfig::from_properties(settings).unwrap();
    let provider = Arc::new(provider);
    config.security.sasl.set_credentials_provider(provider);
    let secure = Secure::of(&config).unwrap();
    match secure
        .authenticate(&mut connection, limit)
        .await
        .unwrap_err()
    {
        ConnectErrorKind::Auth(AuthFailure::Credentials(why)) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_credentials_provider_that_has_none_is_a_failure_of_its_own() {
    /// Panics when it is asked.
    struct Panics;
    impl CredentialsProvider for Panics {
        fn credentials(&self) -> CredentialsFuture<'_> {
            panic!("at once")
        }
    }
    let panicked = "the credentials provider panicked";
    assert_eq!(asked(Panics, super::LONG).await, panicked);
    let later = || async { panic!("later") };
    assert_eq!(asked(later, super::LONG).await, panicked);
    let sealed = || async { Err(CredentialsError::new("the vault is sealed")) };
    assert_eq!(asked(sealed, super::LONG).await, "the vault is sealed");
    let zero = || async { Ok(Credentials::new("bob", "a\0b")) };
    assert_eq!(
        asked(zero, super::LONG).await,
        "what was given holds a zero byte"
    );
}

#[tokio::test(start_paused = true)]
async fn a_credentials_provider_has_only_the_time_of_the_connection() {
    let never = || std::future::pending();
    let limit = Duration::from_millis(700);
    assert_eq!(asked(never, limit).await, "none within 700 ms");
}
