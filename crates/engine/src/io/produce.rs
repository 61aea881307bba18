//! The task of one broker's produce connection: dial, write what the core drains, hand in what
//! comes back.

use super::{
    backoff::Backoff,
    bootstrap::connect,
    connection::{Connection, Parts},
    frame::{FrameError, correlation_id},
    produce_wire::{Expected, Format, Outgoing},
    resolve::Address,
    shared::{Shared, now},
    trace::Trace,
};
use crate::core::{Answer, RequestId};
use kafka_protocol::messages::ApiKey;
use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, futures::Notified},
    time::{Sleep, sleep},
};

/// How often a connection on hold looks whether its answers are overdue.
const HOLD: Duration = Duration::from_secs(1);

/// Serves one broker until the producer is dead.
pub(super) async fn run(shared: Arc<Shared>, broker: i32, link: Arc<Notify>) {
    let options = &shared.connect;
    let mut limits = options.setup_limits(fastrand::Rng::new());
    let mut pauses = options.reconnect_pauses(fastrand::Rng::new());
    let mut distrust: Option<String> = None;
    loop {
        link.notified().await;
        let Some(address) = address_of(&shared, broker) else {
            if shared.with(|core| core.is_dead()) {
                return;
            }
            continue;
        };
        let reason = match connect(&address, options, limits.next()).await {
            Ok(connection) => {
                limits.reset();
                distrust = None;
                match serve(&shared, broker, &link, &address, connection, &mut pauses).await {
                    Ok(()) => return,
                    Err(reason) => reason,
                }
            }
            Err(error) => {
                let line = error.line();
                // Time does not heal it, so it is not left to the debug log; but said once only.
                if error.is_distrust() && distrust.as_ref() != Some(&line) {
                    tracing::warn!(broker, reason = line, "no produce connection");
                    distrust = Some(line.clone());
                }
                line
            }
        };
        tracing::debug!(broker, address = %address, reason, "produce connection lost");
        let (needed, dead) =
            shared.with(|core| (core.disconnected(broker, &reason, now()), core.is_dead()));
        if dead {
            return;
        }
        sleep(pauses.next()).await;
        // With nothing to send it is dialled again when there is.
        if needed {
            link.notify_one();
        }
    }
}

fn address_of(shared: &Arc<Shared>, broker: i32) -> Option<Address> {
    shared.with(|core| {
        let alive = !core.is_dead();
        let view = core.brokers().find(|view| alive && view.id == broker);
        view.map(|view| Address::new(Arc::clone(&view.host), view.port))
    })
}

/// Serves one connection; `Ok` when the producer is dead, `Err` with what ended the connection.
async fn serve<S>(
    shared: &Arc<Shared>,
    broker: i32,
    link: &Notify,
    address: &Address,
    connection: Connection<S>,
    pauses: &mut Backoff,
) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let Some(version) = connection.versions().pick(ApiKey::Produce) else {
        return Err(format!("{address} takes no produce requests"));
    };
    let Some(parts) = connection.into_parts() else {
        return Err(format!("{address}: the handshake did not finish"));
    };
    let format = Format {
        version,
        client_id: Arc::clone(&parts.client_id),
        acks: shared.config.acks,
        timeout: shared.config.request_timeout,
    };
    let mut pipe = Pipe::new(parts);
    let mut timer = pin!(sleep(shared.config.connections_max_idle));
    let mut idle_since = now();
    loop {
        let idle_at = idle_since + shared.config.connections_max_idle;
        let hold = pipe.wants_renewal();
        if hold && pipe.is_quiet() {
            pipe = renew(shared, pipe)
                .await
                .map_err(|why| format!("{address}: {why}"))?;
            continue;
        }
        let again = match turn(shared, broker, address, &format, &mut pipe, hold) {
            Turn::Dead => return Ok(()),
            Turn::Overdue => {
                let limit = shared.config.request_timeout.as_millis();
                return Err(format!("{address}: no answer within {limit} ms"));
            }
            Turn::Again(at) => at.unwrap_or(idle_at),
        };
        let renewal = pipe.renewal().filter(|_| !hold);
        let again = renewal.map_or(again, |at| again.min(at));
        timer.as_mut().reset(tokio::time::Instant::from_std(again));
        let woken = {
            let mut notified = pin!(link.notified());
            poll_fn(|cx| pipe.poll(cx, notified.as_mut(), timer.as_mut())).await
        };
        match woken {
            Woken::Look => {}
            Woken::Timer => {
                if pipe.is_quiet() && idle_at <= now() {
                    return Err(format!("{address}: idle for connections.max.idle.ms"));
                }
            }
            Woken::Written(requests) => {
                idle_since = now();
                shared.written(broker, requests);
            }
            Woken::Frames(frames) => {
                idle_since = now();
                pauses.reset();
                pipe.hand_in(shared, broker, frames)
                    .map_err(|why| format!("{address}: {why}"))?;
            }
            Woken::Broken(why) => return Err(format!("{address}: {why}")),
        }
    }
}

/// Says again who we are (KIP-368), on a connection with nothing in flight: nothing can be lost or
/// overtaken by it, and what the core has meanwhile waits for one round trip or two.
async fn renew<S>(shared: &Shared, pipe: Pipe<S>) -> Result<Pipe<S>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut connection = Connection::from_parts(pipe.into_parts());
    let limit = shared.config.connection_setup_timeout;
    let renewed = shared.connect.secure.authenticate(&mut connection, limit);
    renewed
        .await
        .map_err(|error| format!("re-authentication failed: {error}"))?;
    let parts = connection.into_parts();
    parts
        .map(Pipe::new)
        .ok_or_else(|| "re-authentication did not finish".to_owned())
}

/// What a look at the core came to.
enum Turn {
    /// The producer is dead.
    Dead,
    /// A request's answer is late.
    Overdue,
    /// Look again then, at the latest.
    Again(Option<Instant>),
}

/// One look at the core: what it has to send is queued for the socket, unless that is on hold until
/// the last answers are there.
fn turn<S>(
    shared: &Arc<Shared>,
    broker: i32,
    address: &Address,
    format: &Format,
    pipe: &mut Pipe<S>,
    hold: bool,
) -> Turn {
    let drained = shared.with(|core| {
        let now = now();
        if core.is_dead() {
            Err(Turn::Dead)
        } else if core.is_overdue(broker, now) {
            Err(Turn::Overdue)
        } else if hold {
            Err(Turn::Again(Some(now + HOLD)))
        } else {
            Ok(core.drain(broker, now))
        }
    });
    let drained = match drained {
        Ok(drained) => drained,
        Err(end) => return end,
    };
    if let Some(request) = drained.request {
        let id = request.id;
        let trace = Trace::begin(&request, &format.client_id, broker, address);
        let (outgoing, expected) = format.encode(request, pipe.correlation);
        pipe.correlation = pipe.correlation.wrapping_add(1);
        if shared.answers() {
            pipe.outgoing.push_back((outgoing, None));
            pipe.expected.push_back((id, expected, trace));
        } else {
            pipe.outgoing.push_back((outgoing, Some((id, trace))));
        }
    }
    Turn::Again(drained.again)
}

impl Shared {
    fn written(self: &Arc<Self>, broker: i32, requests: Vec<(RequestId, Trace)>) {
        let now = now();
        let ids = requests.into_iter().map(|(id, trace)| {
            trace.written();
            id
        });
        let ids: Vec<_> = ids.collect();
        self.with(|core| {
            ids.into_iter().for_each(|id| core.written(broker, id, now));
        });
    }
}

/// A connection with requests in flight.
struct Pipe<S> {
    parts: Parts<S>,
    correlation: i32,
    /// To be written; with what is done then where nothing will answer (acks=0).
    outgoing: VecDeque<(Outgoing, Option<(RequestId, Trace)>)>,
    /// Written, but perhaps not to the socket yet: what is done once it is.
    flushing: Vec<(RequestId, Trace)>,
    expected: VecDeque<(RequestId, Expected, Trace)>,
}

enum Woken {
    Look,
    Timer,
    /// Requests that are done because they are written.
    Written(Vec<(RequestId, Trace)>),
    Frames(Vec<bytes::Bytes>),
    Broken(String),
}

impl<S> Pipe<S> {
    fn new(parts: Parts<S>) -> Self {
        Self {
            correlation: parts.next_correlation,
            parts,
            outgoing: VecDeque::new(),
            flushing: Vec::new(),
            expected: VecDeque::new(),
        }
    }

    fn into_parts(mut self) -> Parts<S> {
        self.parts.next_correlation = self.correlation;
        self.parts
    }

    /// Whether it is time to say again who we are.
    fn wants_renewal(&self) -> bool {
        self.renewal().is_some_and(|at| at <= now())
    }

    fn renewal(&self) -> Option<Instant> {
        self.parts.renew.map(tokio::time::Instant::into_std)
    }

    fn is_quiet(&self) -> bool {
        self.outgoing.is_empty() && self.flushing.is_empty() && self.expected.is_empty()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Pipe<S> {
    /// Waits for the next thing to happen on the connection, writing on the side.
    ///
    /// Reads first: an answer makes room for the next request.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        notified: Pin<&mut Notified<'_>>,
        timer: Pin<&mut Sleep>,
    ) -> Poll<Woken> {
        let mut frames = Vec::new();
        let end = loop {
            match self.parts.frames.poll_frame(cx, &mut self.parts.stream) {
                Poll::Ready(Ok(Some(frame))) => frames.push(frame),
                Poll::Ready(Ok(None)) => break Some("the broker closed the connection".into()),
                Poll::Ready(Err(error)) => break Some(describe(&error)),
                Poll::Pending => break None,
            }
        };
        // What was answered before the end counts; the next look finds the end again.
        if !frames.is_empty() {
            return Poll::Ready(Woken::Frames(frames));
        }
        if let Some(why) = end {
            return Poll::Ready(Woken::Broken(why));
        }
        let mut done = Vec::new();
        if let Err(error) = self.write(cx, &mut done) {
            return Poll::Ready(Woken::Broken(format!("writing failed: {error}")));
        }
        if !done.is_empty() {
            return Poll::Ready(Woken::Written(done));
        }
        if notified.poll(cx).is_ready() {
            return Poll::Ready(Woken::Look);
        }
        timer.poll(cx).map(|()| Woken::Timer)
    }

    /// Writes what the socket takes; `done` gets the requests that nothing will answer.
    fn write(
        &mut self,
        cx: &mut Context<'_>,
        done: &mut Vec<(RequestId, Trace)>,
    ) -> io::Result<()> {
        while let Some((outgoing, unanswered)) = self.outgoing.front_mut() {
            let slices = outgoing.slices();
            let stream = Pin::new(&mut self.parts.stream);
            match stream.poll_write_vectored(cx, &slices) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(written)) => {
                    if outgoing.advance(written) {
                        self.flushing.extend(unanswered.take());
                        self.outgoing.pop_front();
                    }
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        // TLS may have taken bytes that the socket has not; a bare socket has nothing to flush.
        if let Poll::Ready(flushed) = Pin::new(&mut self.parts.stream).poll_flush(cx) {
            flushed?;
            done.append(&mut self.flushing);
        }
        Ok(())
    }

    /// Hands answers to the core, in the order of the requests.
    fn hand_in(
        &mut self,
        shared: &Arc<Shared>,
        broker: i32,
        frames: Vec<bytes::Bytes>,
    ) -> Result<(), String> {
        let mut answers = Vec::with_capacity(frames.len());
        let mut wrong = None;
        for frame in frames {
            match self.answer(frame) {
                Ok(answer) => answers.push(answer),
                Err(why) => {
                    wrong = Some(why);
                    break;
                }
            }
        }
        // Those before one that is wrong count.
        let in_order = shared.with(|core| {
            let now = now();
            answers
                .into_iter()
                .all(|(id, answer)| core.answered(broker, id, answer, now))
        });
        match wrong {
            Some(why) => Err(why),
            None if in_order => Ok(()),
            None => Err("an answer out of order".into()),
        }
    }

    /// The answer in a frame, and what it answers.
    fn answer(&mut self, frame: bytes::Bytes) -> Result<(RequestId, Answer), String> {
        let got = correlation_id(&frame).map_err(|error| error.to_string())?;
        let Some((id, expected, trace)) = self.expected.pop_front() else {
            return Err("an answer that nothing asked for".into());
        };
        if got != expected.correlation {
            return Err(format!(
                "an answer to {got} instead of {}",
                expected.correlation
            ));
        }
        let answer = expected.decode(frame).map_err(|error| error.to_string())?;
        trace.answered(&answer);
        Ok((id, answer))
    }
}

fn describe(error: &FrameError) -> String {
    match error {
        FrameError::Io(error) => format!("reading failed: {error}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
