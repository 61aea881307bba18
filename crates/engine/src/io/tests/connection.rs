use super::{
    LONG,
    peer::{MODERN, answer, connected, frame, read},
};
use crate::io::{
    connection::{CallError, Connection},
    frame::FrameError,
};
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, MetadataRequest};
use std::{future::poll_fn, task::Poll, time::Duration};
use tokio::{
    io::{AsyncWriteExt, DuplexStream, duplex},
    time::Instant,
};

async fn ask(connection: &mut Connection<DuplexStream>, limit: Duration) -> Result<i64, CallError> {
    let response = connection
        .call(&InitProducerIdRequest::default(), limit)
        .await?;
    Ok(response.producer_id.0)
}

fn reply(id: i64) -> InitProducerIdResponse {
    InitProducerIdResponse::default().with_producer_id(id.into())
}

#[tokio::test]
async fn matches_answers_to_calls_one_after_another() {
    let (mut connection, mut peer) = connected(&MODERN).await;
    for id in 0..3 {
        let serve = async {
            let asked = read(&mut peer).await;
            assert_eq!(asked.header.request_api_version, 5);
            answer(&mut peer, &asked, &reply(id)).await;
        };
        let (outcome, ()) = tokio::join!(ask(&mut connection, LONG), serve);
        assert_eq!(outcome.unwrap(), id);
    }
}

#[tokio::test]
async fn refuses_an_answer_to_another_request() {
    let (mut connection, mut peer) = connected(&MODERN).await;
    let serve = async {
        let asked = read(&mut peer).await;
        let wrong = frame(asked.header.correlation_id - 1, &reply(9), 5);
        peer.write_all(&wrong).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(ask(&mut connection, LONG), serve);
    assert!(
        matches!(
            outcome,
            Err(CallError::Correlation {
                expected: 1,
                got: 0
            })
        ),
        "{outcome:?}"
    );
    assert!(!connection.is_usable());
}

#[tokio::test(start_paused = true)]
async fn never_takes_a_late_answer_for_the_next_calls() {
    let (mut connection, mut peer) = connected(&MODERN).await;
    let limit = Duration::from_secs(30);
    let started = Instant::now();
    let outcome = ask(&mut connection, limit).await;
    assert!(
        matches!(outcome, Err(CallError::Timeout { .. })),
        "{outcome:?}"
    );
    assert_eq!(started.elapsed(), limit);

    let asked = read(&mut peer).await;
    answer(&mut peer, &asked, &reply(1)).await;
    let outcome = ask(&mut connection, limit).await;
    assert!(matches!(outcome, Err(CallError::Unfinished)), "{outcome:?}");
    assert!(connection.into_parts().is_none());
}

#[tokio::test]
async fn is_of_no_more_use_after_a_call_was_dropped_at_any_await() {
    // A pipe of a few bytes makes the call stop while writing, a wide one while reading.
    for width in [1, 8, 1 << 16] {
        let (ours, mut theirs) = duplex(width);
        let welcome = super::peer::welcome(&mut theirs, &MODERN);
        let hands = crate::io::versions::handshake(ours, "test".into(), LONG);
        let (connection, ()) = tokio::join!(hands, welcome);
        let mut connection = connection.unwrap();

        let mut call = Box::pin(ask(&mut connection, LONG));
        poll_fn(|cx| {
            assert!(call.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(call);
        let outcome = ask(&mut connection, LONG).await;
        assert!(matches!(outcome, Err(CallError::Unfinished)), "{outcome:?}");
    }
}

#[tokio::test]
async fn is_still_usable_when_a_call_was_never_polled_or_not_sent() {
    let (mut connection, _peer) = connected(&MODERN).await;
    drop(ask(&mut connection, LONG));
    // Version 13 has no place for this field, so the request cannot be encoded.
    let request = MetadataRequest::default().with_include_cluster_authorized_operations(true);
    let outcome = connection.call(&request, LONG).await;
    assert!(matches!(outcome, Err(CallError::Encode(_))), "{outcome:?}");
    assert!(connection.is_usable());
    assert!(connection.into_parts().is_some());
}

#[tokio::test]
async fn reports_how_an_answer_is_broken() {
    let valid = frame(1, &reply(1), 5);
    let end = valid.len() - 1;
    for (sent, expected) in [
        (&b""[..], "the broker closed the connection"),
        (
            &valid[..end],
            "the connection was closed in the middle of an answer",
        ),
        (
            b"\x7f\xff\xff\xff",
            "an answer of 2147483647 bytes was announced",
        ),
        (b"\0\0\0\x03abc", "malformed answer: it has no header"),
        (
            b"\0\0\0\x06\0\0\0\x01\0\0",
            "malformed answer: it ends too early",
        ),
    ] {
        let (mut connection, mut peer) = connected(&MODERN).await;
        let serve = async {
            read(&mut peer).await;
            peer.write_all(sent).await.unwrap();
            drop(peer);
        };
        let (outcome, ()) = tokio::join!(ask(&mut connection, LONG), serve);
        assert_eq!(outcome.unwrap_err().to_string(), expected);
        assert!(!connection.is_usable());
    }
}

#[tokio::test]
async fn reports_a_peer_that_is_gone_before_the_call() {
    let (mut connection, peer) = connected(&MODERN).await;
    drop(peer);
    let outcome = ask(&mut connection, LONG).await;
    assert!(
        matches!(
            outcome,
            Err(CallError::Io(_) | CallError::Closed | CallError::Frame(_))
        ),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn hands_over_what_was_read_ahead() {
    let (mut connection, mut peer) = connected(&MODERN).await;
    let serve = async {
        let asked = read(&mut peer).await;
        let number = asked.header.correlation_id;
        let both = [frame(number, &reply(1), 5), frame(77, &reply(2), 5)].concat();
        peer.write_all(&both).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(ask(&mut connection, LONG), serve);
    assert_eq!(outcome.unwrap(), 1);

    let mut parts = connection.into_parts().unwrap();
    assert_eq!((parts.next_correlation, &*parts.client_id), (2, "test"));
    drop(peer);
    let early = poll_fn(|cx| parts.frames.poll_frame(cx, &mut parts.stream)).await;
    assert_eq!(early.unwrap().unwrap()[..4], 77_i32.to_be_bytes());
    let end = poll_fn(|cx| parts.frames.poll_frame(cx, &mut parts.stream)).await;
    assert!(matches!(end, Ok(None)), "{end:?}");
}

#[test]
fn shows_the_cause_of_a_read_failure_as_its_source() {
    let error = FrameError::Io(std::io::Error::other("cable cut"));
    let error = CallError::Frame(error);
    assert_eq!(error.to_string(), "reading failed");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "cable cut");
}
