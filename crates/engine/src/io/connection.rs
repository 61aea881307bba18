//! One connection to one broker.

use super::{
    frame::{self, FrameError, FrameReader},
    shape::{Malformed, Shaped},
    versions::Versions,
};
use crate::KafkaError;
use bytes::Bytes;
use kafka_protocol::{messages::ApiKey, protocol::Request};
use std::{future::poll_fn, io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout},
};
use zeroize::Zeroize;

/// A byte stream on which the protocol's versions are settled.
///
/// [`call`](Self::call) does one request at a time; for many at once take it
/// [apart](Self::into_parts).
#[derive(Debug)]
pub(crate) struct Connection<S> {
    stream: S,
    frames: FrameReader,
    client_id: Arc<str>,
    /// The name or address that was dialled; empty where nobody has to know.
    host: Arc<str>,
    versions: Versions,
    next_correlation: i32,
    /// From the first byte of a request to the whole of its answer. A call that stops between
    /// leaves it set: its answer may still come, and must not be taken for the next one's.
    unfinished: bool,
    /// When to say again who we are; `None` if that is never needed.
    renew: Option<Instant>,
    out: Vec<u8>,
}

/// What a connection consists of.
#[derive(Debug)]
pub(crate) struct Parts<S> {
    pub(crate) stream: S,
    pub(crate) frames: FrameReader,
    pub(crate) client_id: Arc<str>,
    pub(crate) host: Arc<str>,
    /// The number for the next request; all before it were used.
    pub(crate) next_correlation: i32,
    pub(crate) versions: Versions,
    /// When to say again who we are; `None` if that is never needed.
    pub(crate) renew: Option<Instant>,
}

/// Why a call failed. After any but `Unsupported` and `Refused` the connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the connection has no agreed version of {0:?}")]
    Unsupported(ApiKey),
    #[error("no answer to {api:?} within {} ms", .after.as_millis())]
    Timeout { api: ApiKey, after: Duration },
    #[error("sending failed")]
    Io(#[source] io::Error),
    #[error("the broker closed the connection")]
    Closed,
    #[error(transparent)]
    Frame(FrameError),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("an answer to request {got} came where one to {expected} was due")]
    Correlation { expected: i32, got: i32 },
    #[error("an earlier call on the connection did not finish")]
    Unfinished,
    #[error("the request could not be encoded: {0}")]
    Encode(String),
    #[error("the broker refused: {0}")]
    Refused(KafkaError),
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    pub(super) fn fresh(stream: S, client_id: Arc<str>, versions: Versions) -> Self {
        Self {
            stream,
            frames: FrameReader::default(),
            client_id,
            host: "".into(),
            versions,
            next_correlation: 0,
            unfinished: false,
            renew: None,
            out: Vec::new(),
        }
    }

    /// Of what [`into_parts`](Self::into_parts) gave, when all requests on it are answered.
    pub(crate) fn from_parts(parts: Parts<S>) -> Self {
        Self {
            stream: parts.stream,
            frames: parts.frames,
            client_id: parts.client_id,
            host: parts.host,
            versions: parts.versions,
            next_correlation: parts.next_correlation,
            unfinished: false,
            renew: parts.renew,
            out: Vec::new(),
        }
    }

    pub(super) fn settle(&mut self, versions: Versions) {
        self.versions = versions;
    }

    pub(super) fn set_host(&mut self, host: Arc<str>) {
        self.host = host;
    }

    /// What was dialled: the name by which the broker has to prove itself.
    #[cfg(feature = "gssapi")]
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn renew_at(&mut self, at: Option<Instant>) {
        self.renew = at;
    }

    /// Whether it is time to say again who we are.
    pub(super) fn wants_renewal(&self) -> bool {
        self.renew.is_some_and(|at| at <= Instant::now())
    }

    /// Overwrites the bytes of the latest request, which had a secret in it.
    pub(super) fn wipe(&mut self) {
        self.out.zeroize();
    }

    /// Sends a request and waits for its answer, at most `limit`.
    ///
    /// # Cancel safety
    /// Dropped, it may or may not have sent the request; the connection refuses every later call.
    pub(crate) async fn call<R>(
        &mut self,
        request: &R,
        limit: Duration,
    ) -> Result<R::Response, CallError>
    where
        R: Request + Sync,
        R::Response: Shaped,
    {
        let api = api_of::<R>()?;
        let version = self.versions.pick(api).ok_or(CallError::Unsupported(api))?;
        let frame = match timeout(limit, self.round_trip(request, version)).await {
            Ok(frame) => frame?,
            Err(_) => return Err(CallError::Timeout { api, after: limit }),
        };
        frame::decode_response(frame, version).map_err(|malformed| {
            self.unfinished = true;
            malformed.into()
        })
    }

    /// Sends a request in a given version and waits for the frame that answers it.
    pub(super) async fn round_trip<R: Request + Sync>(
        &mut self,
        request: &R,
        version: i16,
    ) -> Result<Bytes, CallError> {
        let api = api_of::<R>()?;
        if self.unfinished {
            return Err(CallError::Unfinished);
        }
        let expected = self.next_correlation;
        self.out.clear();
        frame::frame_header(api, version, expected, &self.client_id, &mut self.out);
        request
            .encode(&mut self.out, version)
            .map_err(|error| CallError::Encode(error.to_string()))?;
        frame::seal_frame(&mut self.out, 0, 0);

        self.next_correlation = expected.wrapping_add(1);
        self.unfinished = true;
        self.stream
            .write_all(&self.out)
            .await
            .map_err(CallError::Io)?;
        self.stream.flush().await.map_err(CallError::Io)?;
        let frame = poll_fn(|cx| self.frames.poll_frame(cx, &mut self.stream)).await;
        let frame = frame.map_err(CallError::Frame)?.ok_or(CallError::Closed)?;
        let got = frame::correlation_id(&frame)?;
        if got != expected {
            return Err(CallError::Correlation { expected, got });
        }
        self.unfinished = false;
        Ok(frame)
    }

    /// Whether another call may be tried on it.
    pub(crate) fn is_usable(&self) -> bool {
        !self.unfinished
    }

    pub(crate) fn versions(&self) -> Versions {
        self.versions
    }

    /// For requests in flight at the same time: the stream, and what was read ahead of it. `None`
    /// where a call did not finish.
    pub(crate) fn into_parts(self) -> Option<Parts<S>> {
        self.is_usable().then_some(Parts {
            stream: self.stream,
            frames: self.frames,
            client_id: self.client_id,
            host: self.host,
            next_correlation: self.next_correlation,
            versions: self.versions,
            renew: self.renew,
        })
    }
}

fn api_of<R: Request>() -> Result<ApiKey, CallError> {
    ApiKey::try_from(R::KEY).map_err(|()| CallError::Encode(format!("no API has key {}", R::KEY)))
}
