use crate::io::frame::{FrameError, FrameReader, MAX_RESPONSE, frame_header, seal_frame};
use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, Waker},
};
use tokio::io::{AsyncRead, AsyncWriteExt, DuplexStream, ReadBuf, duplex};

async fn next(
    frames: &mut FrameReader,
    stream: &mut DuplexStream,
) -> Result<Option<Bytes>, FrameError> {
    poll_fn(|cx| frames.poll_frame(cx, stream)).await
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    frame
}

#[tokio::test]
async fn puts_a_frame_together_from_single_bytes() {
    let (mut ours, mut theirs) = duplex(1);
    let sent = [framed(b"first"), framed(b""), framed(&[7; 100])].concat();
    let write = async {
        theirs.write_all(&sent).await.unwrap();
        drop(theirs);
    };
    let read = async {
        let mut frames = FrameReader::default();
        assert_eq!(
            next(&mut frames, &mut ours).await.unwrap().unwrap(),
            "first"
        );
        assert_eq!(next(&mut frames, &mut ours).await.unwrap().unwrap(), "");
        assert_eq!(
            next(&mut frames, &mut ours).await.unwrap().unwrap(),
            [7; 100][..]
        );
        assert_eq!(next(&mut frames, &mut ours).await.unwrap(), None);
    };
    tokio::join!(write, read);
}

/// Counts reads, and gives all it has to each.
struct Counted(Vec<u8>, usize);

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.1 += 1;
        let size = buffer.remaining().min(self.0.len());
        buffer.put_slice(&self.0[..size]);
        self.0.drain(..size);
        Poll::Ready(Ok(()))
    }
}

#[test]
fn takes_many_frames_from_one_read() {
    let mut stream = Counted((0..100_u8).flat_map(|n| framed(&[n; 20])).collect(), 0);
    let mut frames = FrameReader::default();
    let cx = &mut Context::from_waker(Waker::noop());
    for n in 0..100 {
        let Poll::Ready(frame) = frames.poll_frame(cx, &mut stream) else {
            panic!("pending")
        };
        assert_eq!(frame.unwrap().unwrap(), [n; 20][..]);
    }
    assert_eq!(stream.1, 1);
}

#[test]
fn reads_frames_larger_than_its_buffer() {
    let body: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
    let mut stream = Counted([framed(&body), framed(b"next")].concat(), 0);
    let mut frames = FrameReader::default();
    let cx = &mut Context::from_waker(Waker::noop());
    for expected in [&body[..], b"next"] {
        let Poll::Ready(frame) = frames.poll_frame(cx, &mut stream) else {
            panic!("pending")
        };
        assert_eq!(frame.unwrap().unwrap(), expected);
    }
}

#[tokio::test]
async fn keeps_what_it_read_when_the_caller_goes_away() {
    let (mut ours, mut theirs) = duplex(64);
    let mut frames = FrameReader::default();
    let sent = framed(b"payload");
    for byte in &sent[..sent.len() - 1] {
        theirs.write_all(&[*byte]).await.unwrap();
        // Polled once, then dropped, at every position in the frame.
        let mut read = Box::pin(next(&mut frames, &mut ours));
        let polled = read.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    theirs.write_all(&sent[sent.len() - 1..]).await.unwrap();
    assert_eq!(
        next(&mut frames, &mut ours).await.unwrap().unwrap(),
        "payload"
    );
}

#[tokio::test]
async fn refuses_a_length_that_no_response_has() {
    let over = i32::try_from(MAX_RESPONSE).unwrap() + 1;
    for announced in [-1, i32::MIN, over, i32::MAX] {
        let (mut ours, mut theirs) = duplex(64);
        theirs.write_all(&announced.to_be_bytes()).await.unwrap();
        let outcome = next(&mut FrameReader::default(), &mut ours).await;
        let Err(FrameError::Length(length)) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(length, announced);
    }
}

#[tokio::test]
async fn tells_an_end_in_mid_frame_from_an_end() {
    for cut in 1..framed(b"payload").len() {
        let (mut ours, mut theirs) = duplex(64);
        theirs.write_all(&framed(b"payload")[..cut]).await.unwrap();
        drop(theirs);
        let outcome = next(&mut FrameReader::default(), &mut ours).await;
        assert!(matches!(outcome, Err(FrameError::Truncated)), "{outcome:?}");
    }
}

#[test]
fn writes_the_header_that_each_version_has() {
    let mut out = b"before".to_vec();
    let start = out.len();
    frame_header(ApiKey::Produce, 9, 0x0102_0304, "me", &mut out);
    out.extend_from_slice(b"body");
    seal_frame(&mut out, start, 10);
    // Length (with ten bytes sent from elsewhere), key, version, correlation id, client id, tags.
    let expected = b"\0\0\0\x1b\0\0\0\x09\x01\x02\x03\x04\0\x02me\0body";
    assert_eq!(out[start..], expected[..]);

    let mut out = Vec::new();
    frame_header(ApiKey::ApiVersions, 0, 5, "", &mut out);
    seal_frame(&mut out, 0, 0);
    assert_eq!(out, b"\0\0\0\x0a\0\x12\0\0\0\0\0\x05\0\0");
}

#[test]
fn shortens_a_client_id_that_the_header_cannot_hold() {
    let mut out = Vec::new();
    frame_header(ApiKey::Metadata, 9, 0, &"\u{e4}".repeat(20_000), &mut out);
    assert_eq!(out[12..14], 32_766_u16.to_be_bytes());
    assert!(std::str::from_utf8(&out[14..14 + 32_766]).is_ok());
    assert_eq!(out.len(), 14 + 32_766 + 1);
}
