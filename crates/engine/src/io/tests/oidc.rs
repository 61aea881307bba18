use super::LONG;
use crate::{
    ProducerConfig,
    config::security::{Login, Tokens},
    io::oidc::TokenClient,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::Instant,
};

/// What the endpoint does, and how often it was asked.
#[derive(Default)]
struct Endpoint {
    away: AtomicBool,
    asked: AtomicUsize,
}

impl Endpoint {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn is_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// Grants another token to everyone, each for 1,000 s; hangs up while it is away.
    async fn serve(&self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let asked = self.asked.fetch_add(1, Ordering::Relaxed);
            if !self.away.load(Ordering::Relaxed) {
                grant(stream, asked).await;
            }
        }
    }
}

async fn grant(mut stream: TcpStream, number: usize) {
    let mut request = Vec::new();
    while !request.ends_with(b"grant_type=client_credentials") {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
    }
    let body = format!(r#"{{"access_token":"token.{number}","expires_in":1000}}"#);
    let answer = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await.unwrap();
}

async fn listen() -> (TcpListener, TokenClient) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("http://{address}/token");
    let settings = [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.token.endpoint.url", &url),
        ("sasl.oauthbearer.client.credentials.client.id", "alice"),
        (
            "sasl.oauthbearer.client.credentials.client.secret",
            "secret",
        ),
    ];
    let (config, _) = ProducerConfig::from_properties(settings).unwrap();
    let Some(Login::OAuth {
        tokens: Tokens::Oidc(grant),
        ..
    }) = config.security.plan().unwrap().login
    else {
        panic!("there is an endpoint");
    };
    (listener, TokenClient::new(grant, &config))
}

/// Lets time pass at once, but for none of what is going on.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn an_endpoint_that_is_away_is_left_alone_for_a_while_if_there_is_a_token() {
    let (listener, client) = listen().await;
    let endpoint = Arc::new(Endpoint::default());
    let server = Arc::clone(&endpoint);
    tokio::spawn(async move { server.serve(listener).await });
    let token = client.token(LONG).await.unwrap();
    pass(Duration::from_secs(850)).await;
    endpoint.is_away(true);
    for _ in 0..3 {
        assert_eq!(client.token(LONG).await.as_ref(), Ok(&token));
    }
    assert_eq!(endpoint.asked(), 2);
    endpoint.is_away(false);
    pass(Duration::from_secs(10)).await;
    assert_ne!(client.token(LONG).await.as_ref(), Ok(&token));
    assert_eq!(endpoint.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_anothers_question_waits_no_longer_than_for_his_own() {
    // Nobody takes what comes to it.
    let (_listener, client) = listen().await;
    let second = Duration::from_secs(1);
    for first in [second, 10 * second] {
        let began = Instant::now();
        let waits = async {
            client.token(second).await.expect_err("there is no answer");
            began.elapsed()
        };
        let (none, waited) = tokio::join!(client.token(first), waits);
        assert!(none.is_err());
        assert!(waited < 2 * second, "{waited:?} behind {first:?}");
    }
}
