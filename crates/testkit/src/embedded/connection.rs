//! One connection: requests in, one at a time, responses out in the same order.

use super::broker::Shared;
use super::faults::{Action, Caught};
use super::frames::Frames;
use crate::model::wire::{Reply, Request, Twist};
use bytes::{BufMut, Bytes, BytesMut};
use std::io;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// Responses that may wait for a slow way or a slow reader before requests have to.
const UNSENT: usize = 1024;

#[derive(Debug)]
pub(super) struct Connection {
    broker: i32,
    shared: Arc<Shared>,
    frozen: watch::Receiver<bool>,
    /// After a lost response none may follow.
    mute: bool,
}

struct Response {
    due: Instant,
    bytes: Bytes,
}

/// Whether the connection lives on after a request.
#[derive(PartialEq, Eq)]
enum Then {
    Next,
    /// Close it when the responses before are out.
    Close,
}

impl Connection {
    pub(super) fn new(broker: i32, shared: Arc<Shared>, frozen: watch::Receiver<bool>) -> Self {
        Self {
            broker,
            shared,
            frozen,
            mute: false,
        }
    }

    pub(super) async fn serve(self, stream: TcpStream) {
        let _open = self.shared.open();
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let (from, to) = stream.into_split();
        let (responses, unsent) = mpsc::channel(UNSENT);
        let write = write(to, unsent, self.frozen.clone());
        // A client that reads no more may still have a request on its way, held by a fault.
        let (written, ()) = tokio::join!(write, self.read(from, responses));
        if let Err(error) = written {
            tracing::debug!(%error, "a connection broke");
        }
    }

    async fn read(mut self, from: OwnedReadHalf, responses: mpsc::Sender<Response>) {
        let mut frames = Frames::new(from);
        loop {
            let frame = match frames.next().await {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "closing a connection");
                    return;
                }
            };
            let came = Instant::now();
            thawed(&mut self.frozen).await;
            let request = match Request::parse(frame) {
                Ok(request) => request,
                Err(error) => {
                    tracing::debug!(%error, "closing a connection");
                    return;
                }
            };
            self.shared.count(request.api);
            let caught = self.shared.faults.catch(self.broker, request.api);
            if caught
                .as_ref()
                .is_some_and(|caught| matches!(caught.action, Action::DropRequest))
            {
                frames.discard().await;
                return;
            }
            if self.handle(&request, caught, came, &responses).await == Then::Close {
                return;
            }
        }
    }

    async fn handle(
        &mut self,
        request: &Request,
        caught: Option<Caught>,
        came: Instant,
        responses: &mpsc::Sender<Response>,
    ) -> Then {
        let mut twist = Twist::default();
        let action = caught.as_ref().map(|caught| caught.action);
        match (action, &caught) {
            (Some(Action::Delay(time)), _) => sleep(time).await,
            (Some(Action::Hold), Some(caught)) => caught.released().await,
            (Some(Action::CloseBefore), _) => return Then::Close,
            (Some(Action::Error(code)), _) => twist.error = Some(code),
            (Some(Action::Throttle(time)), _) => {
                twist.throttle_ms = i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
            }
            _ => {}
        }
        thawed(&mut self.frozen).await;
        let mut response = match self.apply(request, twist).await {
            Reply::Answer(bytes) | Reply::Wait { so_far: bytes, .. } => bytes,
            Reply::Silence => return Then::Next,
            Reply::Close => return Then::Close,
        };
        let mut then = Then::Next;
        match (action, &caught) {
            (Some(Action::DelayResponse(time)), _) => sleep(time).await,
            (Some(Action::HoldResponse), Some(caught)) => caught.released().await,
            (Some(Action::CloseAfterApply), _) => return Then::Close,
            (Some(Action::DropResponse), _) => self.mute = true,
            (Some(Action::GarbageResponse), _) => response = self.garbage(request),
            (Some(Action::ForeignResponse), _) => response = foreign(&response, request),
            (Some(Action::CutResponse), _) => {
                response.truncate(response.len() / 2);
                then = Then::Close;
            }
            _ => {}
        }
        if !self.mute {
            let due = came + self.shared.latency;
            if responses
                .send(Response {
                    due,
                    bytes: response,
                })
                .await
                .is_err()
            {
                return Then::Close;
            }
        }
        if let Some(Action::Throttle(time)) = action {
            sleep(time).await;
        }
        then
    }

    /// Lets the cluster answer, as soon as a fetch has what it waits for.
    async fn apply(&self, request: &Request, twist: Twist) -> Reply {
        let mut deadline = None;
        loop {
            let mut changes = self.shared.changes.subscribe();
            let reply = match self.shared.answer(self.broker, request, twist) {
                Ok(reply) => reply,
                Err(error) => {
                    tracing::debug!(%error, "closing a connection");
                    Reply::Close
                }
            };
            let Reply::Wait { ms, .. } = &reply else {
                return reply;
            };
            let wait = std::time::Duration::from_millis(u64::from(*ms));
            let until = *deadline.get_or_insert_with(|| Instant::now() + wait);
            if !matches!(timeout_at(until, changes.changed()).await, Ok(Ok(()))) {
                return reply;
            }
        }
    }

    fn garbage(&self, request: &Request) -> Bytes {
        let mut body = [0; 100];
        self.shared.fill(&mut body);
        let mut out = BytesMut::with_capacity(8 + body.len());
        out.put_u32(4 + body.len() as u32);
        out.put_i32(request.correlation_id);
        out.extend_from_slice(&body);
        out.freeze()
    }
}

/// The response under the correlation id of another request.
fn foreign(response: &[u8], request: &Request) -> Bytes {
    let mut out = BytesMut::from(response);
    // Every response begins with its length and its correlation id.
    if let Some(id) = out.get_mut(4..8) {
        id.copy_from_slice(&request.correlation_id.wrapping_add(1_000).to_be_bytes());
    }
    out.freeze()
}

async fn write(
    mut to: OwnedWriteHalf,
    mut unsent: mpsc::Receiver<Response>,
    mut frozen: watch::Receiver<bool>,
) -> io::Result<()> {
    while let Some(Response { due, bytes }) = unsent.recv().await {
        if due > Instant::now() {
            sleep_until(due).await;
        }
        thawed(&mut frozen).await;
        to.write_all(&bytes).await?;
    }
    Ok(())
}

/// Waits while the broker is frozen.
async fn thawed(frozen: &mut watch::Receiver<bool>) {
    // The sender is gone only when the broker is, and then this task is too.
    let _ = frozen.wait_for(|frozen| !frozen).await;
}
