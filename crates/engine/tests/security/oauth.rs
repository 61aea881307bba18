//! Tokens: from a provider, from an endpoint, and from neither.

use crate::support::{config, connect, file, site, trusting, within, works};
use guanaco_engine::{AuthFailure, StartError, Token, TokenError};
use guanaco_testkit::kafka::{Authority, Certificate};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};

/// A token that the brokers here believe without a signature.
pub(crate) fn unsigned(user: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let now = SystemTime::now();
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let claims = format!(r#"{{"sub":"{user}","iat":{now},"exp":{}}}"#, now + 3_600);
    let [head, claims] = [r#"{"alg":"none"}"#, &claims].map(|it| URL_SAFE_NO_PAD.encode(it));
    format!("{head}.{claims}.")
}

const OAUTH: [(&str, &str); 2] = [
    ("security.protocol", "SASL_SSL"),
    ("sasl.mechanism", "OAUTHBEARER"),
];

#[tokio::test]
async fn a_providers_token_is_accepted() {
    let mut config = config("SASL_TLS", &trusting(&OAUTH[..1]).await).await;
    let provider = || async { Ok(Token::new(unsigned("alice"))) };
    config.security.sasl.set_token_provider(Arc::new(provider));
    works(config).await;
}

#[tokio::test]
async fn a_token_that_the_broker_does_not_take_ends_the_start() {
    let mut config = config("SASL_TLS", &trusting(&OAUTH[..1]).await).await;
    let provider = || async { Ok(Token::new("canary.of.token")) };
    config.security.sasl.set_token_provider(Arc::new(provider));
    match connect(config).await {
        Err(StartError::Auth {
            reason: AuthFailure::Refused(error),
            ..
        }) => assert!(!error.to_string().contains("canary"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_provider_that_has_none_is_asked_until_the_start_times_out() {
    let settings = [OAUTH[0], ("start.timeout.ms", "1500")];
    let mut config = config("SASL_TLS", &trusting(&settings).await).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let provider = move || {
        count.fetch_add(1, Ordering::Relaxed);
        async { Err::<Token, _>(TokenError::new("the vault is sealed")) }
    };
    config.security.sasl.set_token_provider(Arc::new(provider));
    match connect(config).await {
        Err(StartError::Auth {
            reason: AuthFailure::Token(why),
            ..
        }) => assert_eq!(&*why, "the vault is sealed"),
        other => panic!("{other:?}"),
    }
    assert!(asked.load(Ordering::Relaxed) > 1);
}

/// Answers each request on a stream with a token, if it is as it must be.
async fn grant<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    let mut request = Vec::new();
    while !request.ends_with(b"scope=orders%20write") {
        let read = stream.read_buf(&mut request).await.unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&request));
    }
    let request = String::from_utf8(request).unwrap();
    assert!(request.starts_with("POST /token?tenant=1 HTTP/1.1\r\n"));
    assert!(request.contains("grant_type=client_credentials&"));
    // canary-id:canary-secret
    let (status, body) = match request.contains("Basic Y2FuYXJ5LWlkOmNhbmFyeS1zZWNyZXQ=\r\n") {
        true => (
            "200 OK",
            format!(
                r#"{{"access_token":"{}","expires_in":3600}}"#,
                unsigned("alice")
            ),
        ),
        false => ("401 No", r#"{"error":"invalid_client"}"#.to_owned()),
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.ok();
}

/// A token endpoint's URL, and how often it was asked.
async fn endpoint(encrypted: bool) -> (String, Arc<AtomicUsize>) {
    let authority = &site().await.authority;
    let certificate = authority.certify("idp", &["localhost"]).unwrap();
    endpoint_with(&certificate, encrypted).await
}

async fn endpoint_with(certificate: &Certificate, encrypted: bool) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let chain = CertificateDer::from_pem_slice(certificate.chain.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    let tls = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            match encrypted {
                true => {
                    // Whoever does not trust us hangs up in the middle of this.
                    if let Ok(mut stream) = tls.accept(stream).await {
                        grant(&mut stream).await;
                    }
                }
                false => grant(&mut stream).await,
            }
        }
    });
    let scheme = if encrypted { "https" } else { "http" };
    (format!("{scheme}://localhost:{port}/token?tenant=1"), asked)
}

#[tokio::test]
async fn an_endpoints_token_is_accepted_and_kept_for_all_connections() {
    for encrypted in [true, false] {
        let (url, asked) = endpoint(encrypted).await;
        let java = [
            OAUTH[0],
            OAUTH[1],
            ("sasl.oauthbearer.token.endpoint.url", &url),
            (
                "sasl.jaas.config",
                "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
                 clientId=\"canary-id\" clientSecret=\"canary-secret\" scope=\"orders write\" \
                 extension_tenant=\"a\";",
            ),
        ];
        works(config("SASL_TLS", &trusting(&java).await).await).await;
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_named_without_the_secret() {
    let (url, _) = endpoint(false).await;
    let librdkafka = [
        OAUTH[0],
        ("sasl.mechanisms", "OAUTHBEARER"),
        ("sasl.oauthbearer.method", "oidc"),
        ("sasl.oauthbearer.token.endpoint.url", &url),
        ("sasl.oauthbearer.client.id", "canary-id"),
        ("sasl.oauthbearer.client.secret", "canary-wrong"),
        ("sasl.oauthbearer.scope", "orders write"),
        ("start.timeout.ms", "1500"),
    ];
    match connect(config("SASL_TLS", &trusting(&librdkafka).await).await).await {
        Err(StartError::Auth {
            reason: AuthFailure::Token(why),
            ..
        }) => {
            assert!(why.contains("status 401 (invalid_client)"), "{why}");
            assert!(!why.contains("canary"), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

/// Trusts an authority, whatever else the settings say.
fn for_brokers(authority: &[u8]) -> Arc<rustls::ClientConfig> {
    let mut store = rustls::RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(authority).unwrap();
    store.add(authority).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let custom = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    Arc::new(custom)
}

#[tokio::test]
async fn an_endpoint_whose_certificate_was_revoked_gets_no_secret() {
    let authority = &site().await.authority;
    let idp = authority.certify("idp", &["localhost"]).unwrap();
    let (url, _) = endpoint_with(&idp, true).await;
    let with_list = async |name: &str, list: String| {
        let list = file(name, &list);
        let settings = [
            OAUTH[0],
            OAUTH[1],
            ("sasl.oauthbearer.token.endpoint.url", url.as_str()),
            ("sasl.oauthbearer.client.id", "canary-id"),
            ("sasl.oauthbearer.client.secret", "canary-secret"),
            ("sasl.oauthbearer.scope", "orders write"),
            ("start.timeout.ms", "2500"),
            ("ssl.crl.location", list.to_str().unwrap()),
        ];
        let mut config = config("SASL_TLS", &trusting(&settings).await).await;
        // The list is for the endpoint alone.
        let pem = authority.pem().as_bytes();
        config.security.tls.set_rustls_config(for_brokers(pem));
        connect(config).await
    };
    // As a rule it is of an authority that has no list among those of the brokers'.
    let others = Authority::new("others").unwrap().revoke(&[]).unwrap();
    with_list("idp-others.crl", others).await.unwrap();
    let refused = with_list("idp.crl", authority.revoke(&[&idp]).unwrap());
    match refused.await {
        Err(StartError::Auth {
            reason: AuthFailure::Token(why),
            ..
        }) => assert!(why.contains("was revoked"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_endpoint_with_an_unknown_certificate_gets_no_secret() {
    let (url, _) = endpoint(true).await;
    // The brokers' authority is trusted for them alone: here it is in no setting.
    let roots = file("others.pem", site().await.authority.pem());
    let mut config = config(
        "SASL_TLS",
        &[
            OAUTH[0],
            OAUTH[1],
            ("sasl.oauthbearer.token.endpoint.url", &url),
            ("sasl.oauthbearer.client.id", "canary-id"),
            ("sasl.oauthbearer.client.secret", "canary-secret"),
            ("start.timeout.ms", "2500"),
        ],
    )
    .await;
    let pem = std::fs::read(roots).unwrap();
    config.security.tls.set_rustls_config(for_brokers(&pem));
    match within(connect(config)).await {
        Err(StartError::Auth {
            reason: AuthFailure::Token(why),
            ..
        }) => assert!(why.contains("not trusted"), "{why}"),
        other => panic!("{other:?}"),
    }
}
