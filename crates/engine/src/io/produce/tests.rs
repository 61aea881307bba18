use super::*;
use crate::io::{
    bootstrap::ConnectOptions,
    tests::{
        peer::{SASL, connected},
        sasl::alice,
    },
    versions::Versions,
};
use std::task::Waker;
use tokio::{io::ReadBuf, runtime::Handle};

/// Gives bytes and then ends; takes everything, and has it sent when it is told so.
#[derive(Default)]
struct Scripted {
    input: Vec<u8>,
    ended: bool,
    sent: bool,
}

impl AsyncRead for Scripted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.input.is_empty() && !self.ended {
            return Poll::Pending;
        }
        buffer.put_slice(&std::mem::take(&mut self.input));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.sent {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn pipe(stream: Scripted) -> Pipe<Scripted> {
    let connection = Connection::fresh(stream, "test".into(), Versions::none());
    Pipe::new(connection.into_parts().expect("nothing is unfinished"))
}

/// One look, with nobody who wakes it and no time that passes.
fn look(pipe: &mut Pipe<Scripted>) -> Poll<Woken> {
    let cx = &mut Context::from_waker(Waker::noop());
    let link = Notify::new();
    let mut timer = pin!(sleep(std::time::Duration::from_secs(3_600)));
    pipe.poll(cx, pin!(link.notified()), timer.as_mut())
}

#[tokio::test]
async fn answers_that_came_before_the_end_of_a_connection_count() {
    let mut pipe = pipe(Scripted {
        input: [
            &3_u32.to_be_bytes()[..],
            b"one",
            &3_u32.to_be_bytes(),
            b"two",
        ]
        .concat(),
        ended: true,
        sent: true,
    });
    match look(&mut pipe) {
        Poll::Ready(Woken::Frames(frames)) => assert_eq!(frames, ["one", "two"]),
        _ => panic!("two answers came"),
    }
    assert!(matches!(look(&mut pipe), Poll::Ready(Woken::Broken(_))));
}

#[tokio::test]
async fn what_nothing_answers_is_done_when_the_socket_has_it() {
    let mut pipe = pipe(Scripted::default());
    let format = Format {
        version: 9,
        client_id: "test".into(),
        acks: crate::Acks::None,
        timeout: std::time::Duration::from_secs(1),
    };
    let request = crate::core::ProduceRequest {
        id: 7,
        parts: Vec::new(),
    };
    let trace = Trace::begin(&request, "test", 1, &Address::new("test", 1));
    let (outgoing, _) = format.encode(request, 0);
    pipe.outgoing.push_back((outgoing, Some((7, trace))));
    assert!(look(&mut pipe).is_pending(), "TLS holds it");
    assert!(!pipe.is_quiet());
    pipe.parts.stream.sent = true;
    match look(&mut pipe) {
        Poll::Ready(Woken::Written(done)) => assert_eq!(done[0].0, 7),
        _ => panic!("it is written"),
    }
    assert!(pipe.is_quiet());
}

#[tokio::test(start_paused = true)]
async fn who_we_are_is_answered_as_soon_as_on_a_new_connection_or_that_is_its_end() {
    let config = alice(&[
        ("request.timeout.ms", "30000"),
        ("socket.connection.setup.timeout.ms", "3000"),
    ]);
    let options = ConnectOptions::of(&config).unwrap();
    let shared = Shared::new(Arc::new(config), options, None, Handle::current());
    let (connection, _silent) = connected(&SASL).await;
    let pipe = Pipe::new(connection.into_parts().expect("nothing is unfinished"));
    let why = renew(&shared, pipe).await.err().expect("nobody answers");
    assert!(why.contains("within 3000 ms"), "{why}");
}
