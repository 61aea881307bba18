//! Requests on a socket, without a client's help.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{
    Decodable, HeaderVersion, Request, StrBytes, encode_request_header_into_buffer,
};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Larger than any answer that is asked for here.
const LARGEST: usize = 16 << 20;

/// A connection to one broker that carries requests exactly as they are given.
///
/// It is for tests of brokers and of faults: it knows no versions, no leaders and no retries.
#[derive(Debug)]
pub struct RawConnection {
    stream: TcpStream,
    next_id: i32,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RawError {
    /// The connection failed or was closed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// Nothing came for 15 seconds.
    #[error("no answer within 15 s")]
    TimedOut,
    /// The answer belongs to another request.
    #[error("the answer is for request {found}, not for {expected}")]
    Correlation {
        /// The request that was sent.
        expected: i32,
        /// The one that was answered.
        found: i32,
    },
    /// The bytes are not what the version says.
    #[error("the message cannot be read or written: {0}")]
    Codec(String),
}

impl RawConnection {
    /// Connects.
    ///
    /// # Errors
    /// If nobody listens there.
    pub async fn connect(to: impl ToSocketAddrs) -> Result<Self, RawError> {
        let stream = timeout(PATIENCE, TcpStream::connect(to)).await;
        let stream = stream.map_err(|_| RawError::TimedOut)??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, next_id: 1 })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// If the connection fails, or the answer does not come or cannot be read.
    pub async fn call<Q: Request + Sync>(
        &mut self,
        request: &Q,
        version: i16,
    ) -> Result<Q::Response, RawError> {
        let id = self.send(request, version).await?;
        self.receive::<Q>(id, version).await
    }

    /// Sends a request; the id by which its answer is known.
    ///
    /// # Errors
    /// If the connection fails or the request does not exist in that version.
    pub async fn send<Q: Request + Sync>(
        &mut self,
        request: &Q,
        version: i16,
    ) -> Result<i32, RawError> {
        let id = self.next_id;
        self.next_id += 1;
        let header = RequestHeader::default()
            .with_request_api_key(Q::KEY)
            .with_request_api_version(version)
            .with_correlation_id(id)
            .with_client_id(Some(StrBytes::from_static_str("raw")));
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        encode_request_header_into_buffer(&mut frame, &header)
            .and_then(|()| request.encode(&mut frame, version))
            .map_err(|error| RawError::Codec(error.to_string()))?;
        let length = (frame.len() - 4) as u32;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.send_bytes(&frame).await?;
        Ok(id)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the connection fails.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), RawError> {
        let sent = timeout(PATIENCE, self.stream.write_all(bytes)).await;
        Ok(sent.map_err(|_| RawError::TimedOut)??)
    }

    /// Waits for the answer to the request `id`, which must be the next one to come.
    ///
    /// # Errors
    /// If the connection fails, or the answer does not come, is another's or cannot be read.
    pub async fn receive<Q: Request>(
        &mut self,
        id: i32,
        version: i16,
    ) -> Result<Q::Response, RawError> {
        let mut frame = self.receive_bytes().await?;
        let codec = |error: &dyn std::fmt::Display| RawError::Codec(error.to_string());
        let header = ResponseHeader::decode(&mut frame, Q::Response::header_version(version))
            .map_err(|error| codec(&error))?;
        if header.correlation_id != id {
            return Err(RawError::Correlation {
                expected: id,
                found: header.correlation_id,
            });
        }
        let response = Q::Response::decode(&mut frame, version).map_err(|error| codec(&error))?;
        if frame.is_empty() {
            Ok(response)
        } else {
            Err(RawError::Codec(format!("{} bytes too many", frame.len())))
        }
    }

    /// Waits for the next frame, whatever it is.
    ///
    /// # Errors
    /// If the connection fails or no frame comes.
    pub async fn receive_bytes(&mut self) -> Result<Bytes, RawError> {
        let stream = &mut self.stream;
        let frame = async {
            let length = usize::try_from(stream.read_i32().await?).map_err(io::Error::other)?;
            if length > LARGEST {
                return Err(io::Error::other("a frame of more than 16 MiB"));
            }
            let mut frame = vec![0; length];
            stream.read_exact(&mut frame).await?;
            Ok(frame.into())
        };
        Ok(timeout(PATIENCE, frame)
            .await
            .map_err(|_| RawError::TimedOut)??)
    }
}
