//! Brokers that are not whom a ticket is for, or want what there is not: they are found out.

use crate::site::{Environment, config_at, connect, is_client, run_client, site};
use guanaco_engine::{AuthFailure, StartError};
use kafka_protocol::{
    messages::{
        ApiKey, ApiVersionsResponse, SaslAuthenticateRequest, SaslAuthenticateResponse,
        SaslHandshakeResponse, api_versions_response::ApiVersion,
    },
    protocol::{Decodable, Encodable, HeaderVersion, decode_request_header_from_buffer},
};
use libgssapi::context::{SecurityContext, ServerCtx};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What a broker says to each of a client's messages, until it has nothing more to say.
type Script = fn(&mut ServerCtx, &[u8], usize) -> Option<Vec<u8>>;

/// As a real one does, with this offer of layers.
fn offers(context: &mut ServerCtx, said: &[u8], turn: usize, offer: [u8; 4]) -> Option<Vec<u8>> {
    match turn {
        0 => Some(context.step(said, None).unwrap().unwrap().to_vec()),
        1 => Some(context.wrap(false, &offer).unwrap().to_vec()),
        2 => Some(Vec::new()),
        _ => None,
    }
}

/// Why a start fails with a broker that plays this.
async fn rule(script: Script) -> &'static str {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let servers = listener.local_addr().unwrap().to_string();
    let broker = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            play(stream, script).await;
        }
    });
    let outcome = connect(config_at(&servers, &[("start.timeout.ms", "5000")])).await;
    broker.abort();
    match outcome {
        Err(StartError::Auth {
            reason: AuthFailure::Unproven { mechanism, rule },
            ..
        }) => {
            assert_eq!(mechanism, "GSSAPI");
            rule
        }
        other => panic!("{other:?}"),
    }
}

/// Serves one connection until the client leaves.
async fn play(mut stream: TcpStream, script: Script) {
    let mut context = ServerCtx::new(None);
    let mut turn = 0;
    while let Ok(length) = stream.read_u32().await {
        let mut frame = vec![0; length.try_into().unwrap()];
        stream.read_exact(&mut frame).await.unwrap();
        let mut body = bytes::Bytes::from(frame);
        let header = decode_request_header_from_buffer(&mut body).unwrap();
        let version = header.request_api_version;
        let answer = match ApiKey::try_from(header.request_api_key).unwrap() {
            ApiKey::ApiVersions => encode(header.correlation_id, &versions(), version),
            ApiKey::SaslHandshake => encode(
                header.correlation_id,
                &SaslHandshakeResponse::default(),
                version,
            ),
            ApiKey::SaslAuthenticate => {
                let asked = SaslAuthenticateRequest::decode(&mut body, version).unwrap();
                let Some(said) = script(&mut context, &asked.auth_bytes, turn) else {
                    return;
                };
                turn += 1;
                let answer = SaslAuthenticateResponse::default().with_auth_bytes(said.into());
                encode(header.correlation_id, &answer, version)
            }
            // It got further than it may.
            _ => return,
        };
        stream.write_all(&answer).await.unwrap();
    }
}

fn versions() -> ApiVersionsResponse {
    let keys = [
        (ApiKey::Produce, 13),
        (ApiKey::Metadata, 13),
        (ApiKey::InitProducerId, 5),
        (ApiKey::ApiVersions, 4),
        (ApiKey::SaslHandshake, 1),
        (ApiKey::SaslAuthenticate, 2),
    ];
    let keys = keys.map(|(key, max)| {
        ApiVersion::default()
            .with_api_key(key as i16)
            .with_max_version(max)
    });
    ApiVersionsResponse::default().with_api_keys(keys.into())
}

fn encode<T: Encodable + HeaderVersion>(id: i32, response: &T, version: i16) -> Vec<u8> {
    let mut frame = vec![0; 4];
    frame.extend_from_slice(&id.to_be_bytes());
    if T::header_version(version) >= 1 {
        frame.push(0);
    }
    response.encode(&mut frame, version).unwrap();
    let length = u32::try_from(frame.len() - 4).unwrap();
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

/// The environment of a client that finds the broker's key, too: it plays both.
async fn both() -> Environment {
    let site = site().await;
    let mut environment = site.with_keytab(&site.alice);
    environment.push(("KRB5_KTNAME", site.broker.clone().into()));
    environment
}

const YES: &str = "impostors::a_broker_that_says_yes_to_everything";

#[tokio::test]
async fn a_broker_that_says_yes_to_everything() {
    if is_client(YES) {
        let found = rule(|_, _, _| Some(Vec::new())).await;
        assert!(found.contains("not of whom the ticket is for"), "{found}");
        return;
    }
    run_client(YES, both().await).await;
}

const ECHO: &str = "impostors::a_broker_that_gives_back_what_it_got";

#[tokio::test]
async fn a_broker_that_gives_back_what_it_got() {
    if is_client(ECHO) {
        let found = rule(|_, said, _| Some(said.to_vec())).await;
        assert!(found.contains("not of whom the ticket is for"), "{found}");
        return;
    }
    run_client(ECHO, both().await).await;
}

const CHANGED: &str = "impostors::an_offer_that_was_changed_on_the_way";

#[tokio::test]
async fn an_offer_that_was_changed_on_the_way() {
    if is_client(CHANGED) {
        let found = rule(|context, said, turn| {
            let mut answer = offers(context, said, turn, [1, 0, 0, 0])?;
            if turn == 1 {
                *answer.last_mut().unwrap() ^= 1;
            }
            Some(answer)
        });
        let found = found.await;
        assert!(
            found.contains("its offer of security layers is not of"),
            "{found}"
        );
        return;
    }
    run_client(CHANGED, both().await).await;
}

const LAYERS: &str = "impostors::a_broker_that_wants_a_security_layer";

#[tokio::test]
async fn a_broker_that_wants_a_security_layer() {
    if is_client(LAYERS) {
        let found = rule(|context, said, turn| offers(context, said, turn, [6, 1, 0, 0])).await;
        assert!(found.contains("QOP is not auth"), "{found}");
        return;
    }
    run_client(LAYERS, both().await).await;
}

const ENDLESS: &str = "impostors::a_broker_that_does_not_come_to_an_end";

#[tokio::test]
async fn a_broker_that_does_not_come_to_an_end() {
    if is_client(ENDLESS) {
        let found = rule(|context, said, turn| match turn {
            2 => Some(vec![1]),
            _ => offers(context, said, turn, [1, 0, 0, 0]),
        });
        assert!(found.await.contains("after the end"));
        return;
    }
    run_client(ENDLESS, both().await).await;
}
