use super::{
    LONG,
    peer::{MODERN, answer, connected, frame, offer, read, welcome},
};
use crate::io::{dial::ConnectErrorKind, versions::handshake};
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    time::Instant,
};

const UNSUPPORTED_VERSION: i16 = 35;

/// What the handshake makes of a peer that reads the request and writes `reply`, then closes.
async fn against(reply: &[u8]) -> ConnectErrorKind {
    let (ours, mut theirs) = duplex(1 << 16);
    let peer = async {
        read(&mut theirs).await;
        theirs.write_all(reply).await.unwrap();
        drop(theirs);
    };
    let (outcome, ()) = tokio::join!(handshake(ours, "test".into(), LONG), peer);
    outcome.expect_err("that is no broker")
}

#[tokio::test]
async fn picks_the_highest_version_that_both_sides_speak() {
    let (connection, _peer) = connected(&[
        (ApiKey::Produce, 3, 10),
        (ApiKey::Metadata, 12, 99),
        (ApiKey::InitProducerId, 0, 4),
        (ApiKey::ApiVersions, 0, 3),
        (ApiKey::Fetch, 0, 17),
    ])
    .await;
    let versions = connection.versions();
    assert_eq!(versions.pick(ApiKey::Produce), Some(10));
    assert_eq!(versions.pick(ApiKey::Metadata), Some(13));
    assert_eq!(versions.pick(ApiKey::InitProducerId), Some(4));
    assert_eq!(versions.pick(ApiKey::Fetch), None);
}

#[tokio::test]
async fn introduces_itself_by_name_and_version() {
    let (ours, mut theirs) = duplex(1 << 16);
    let peer = async {
        let asked = read(&mut theirs).await;
        assert_eq!(asked.header.request_api_version, 4);
        assert_eq!(asked.header.client_id.as_deref(), Some("my-client"));
        let request: ApiVersionsRequest = asked.decode();
        assert_eq!(&*request.client_software_name, "guanaco");
        assert_eq!(&*request.client_software_version, env!("CARGO_PKG_VERSION"));
        answer(&mut theirs, &asked, &offer(&MODERN)).await;
    };
    let (outcome, ()) = tokio::join!(handshake(ours, "my-client".into(), LONG), peer);
    assert!(outcome.unwrap().is_usable());
}

#[tokio::test]
async fn asks_again_in_a_version_that_the_broker_knows() {
    // What the refusal says about ApiVersions, and the version to ask in next.
    for (refusal, expected) in [
        (offer(&[(ApiKey::ApiVersions, 0, 3)]), 3),
        (offer(&[(ApiKey::ApiVersions, 0, 2)]), 2),
        (ApiVersionsResponse::default(), 0),
    ] {
        let refusal = refusal.with_error_code(UNSUPPORTED_VERSION);
        let (ours, mut theirs) = duplex(1 << 16);
        let peer = async {
            let asked = read(&mut theirs).await;
            let refusal = frame(asked.header.correlation_id, &refusal, 0);
            theirs.write_all(&refusal).await.unwrap();
            let asked = read(&mut theirs).await;
            assert_eq!(asked.header.request_api_version, expected);
            answer(&mut theirs, &asked, &offer(&MODERN)).await;
        };
        let (outcome, ()) = tokio::join!(handshake(ours, "test".into(), LONG), peer);
        assert_eq!(outcome.unwrap().versions().pick(ApiKey::Produce), Some(13));
    }
}

#[tokio::test]
async fn gives_up_when_the_second_version_is_refused_too() {
    let refusal = ApiVersionsResponse::default().with_error_code(UNSUPPORTED_VERSION);
    let (ours, mut theirs) = duplex(1 << 16);
    let peer = async {
        for _ in 0..2 {
            let asked = read(&mut theirs).await;
            let refusal = frame(asked.header.correlation_id, &refusal, 0);
            theirs.write_all(&refusal).await.unwrap();
        }
    };
    let (outcome, ()) = tokio::join!(handshake(ours, "test".into(), LONG), peer);
    let Err(ConnectErrorKind::Rejected(error)) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(error.code(), UNSUPPORTED_VERSION);
}

#[tokio::test]
async fn names_what_a_broker_that_is_too_old_lacks() {
    let kafka_2_4 = [
        (ApiKey::Produce, 0, 8),
        (ApiKey::Metadata, 0, 9),
        (ApiKey::ApiVersions, 0, 3),
    ];
    let (ours, mut theirs) = duplex(1 << 16);
    let (outcome, ()) = tokio::join!(
        handshake(ours, "test".into(), LONG),
        welcome(&mut theirs, &kafka_2_4)
    );
    assert_eq!(
        outcome.unwrap_err().to_string(),
        "it speaks Produce in versions 0 to 8 (this client: 9 to 13), no InitProducerId; \
         needed is Kafka 2.8 or newer"
    );
}

#[tokio::test]
async fn recognizes_peers_that_are_not_kafka() {
    for (reply, hint) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "it speaks HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "it speaks SSH"),
        (b"\xff\xff\xff\xff garbage", "no Kafka frame"),
        (b"+OK redis-like text that goes on", "no Kafka frame"),
        (b"\0\0\0\x02ab", "no Kafka response"),
        (b"\0\0\0\x08\0\0\0\x63oops", "no Kafka response"),
        (b"\0\0\0\x06\0\0\0\0\0\0", "none to ApiVersions"),
        (
            b"\0\0\0\x0b\0\0\0\0\0\0\xff\xff\xff\xff\x0f",
            "none to ApiVersions",
        ),
        (b"\0\0\0\x08abcd", "no Kafka response"),
    ] {
        let error = against(reply).await;
        let ConnectErrorKind::NotKafka(what) = error else {
            panic!("{reply:?}: {error:?}")
        };
        assert!(what.contains(hint), "{reply:?}: {what}");
    }
}

#[tokio::test]
async fn says_that_a_peer_closed_instead_of_answering() {
    let error = against(b"").await;
    assert!(matches!(error, ConnectErrorKind::Closed), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn does_not_wait_for_a_silent_peer_beyond_its_limit() {
    let limit = Duration::from_secs(10);
    let (ours, mut theirs) = duplex(1 << 16);
    // A few bytes do not count as an answer.
    theirs.write_all(b"\0\0").await.unwrap();
    let started = Instant::now();
    let error = handshake(ours, "test".into(), limit).await.unwrap_err();
    assert_eq!(started.elapsed(), limit);
    assert!(
        matches!(error, ConnectErrorKind::Timeout { after, .. } if after == limit),
        "{error:?}"
    );
    // And it has let go of the connection.
    theirs.read_to_end(&mut Vec::new()).await.unwrap();
}
