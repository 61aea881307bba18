//! One request at a time to one broker: enough to administer and to read back.

use super::ClusterError;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{RequestHeader, ResponseHeader},
    protocol::{Decodable, HeaderVersion, Request, StrBytes, encode_request_header_into_buffer},
};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A connection that sends a request and waits for its answer.
///
/// It is no Kafka client: it knows no leaders, retries nothing and has the caller name the version.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    correlation: i32,
    patience: Duration,
}

impl Connection {
    /// Dials a broker. `patience` bounds the dialling and later each call.
    ///
    /// # Errors
    /// If it cannot be reached in that time.
    pub async fn open(address: SocketAddr, patience: Duration) -> Result<Self, ClusterError> {
        let action = || format!("connecting to {address}");
        let stream = timeout(patience, TcpStream::connect(address))
            .await
            .map_err(|_| ClusterError::TimedOut {
                action: action(),
                waited: patience,
                last: "no answer".into(),
            })?
            .map_err(ClusterError::io(action()))?;
        stream
            .set_nodelay(true)
            .map_err(ClusterError::io(action()))?;
        Ok(Self {
            stream,
            address,
            correlation: 0,
            patience,
        })
    }

    /// Sends one request in the version given and reads its answer. After an error the connection is of no more use.
    ///
    /// # Errors
    /// If the connection fails, the answer does not come in time or cannot be read. Error codes in it are the
    /// caller's to look at.
    pub async fn call<R: Request + Sync>(
        &mut self,
        request: &R,
        version: i16,
    ) -> Result<R::Response, ClusterError> {
        let frame = self.encode(request, version)?;
        let body = self.exchange::<R>(&frame).await?;
        self.decode::<R>(body, version)
    }

    fn encode<R: Request>(&mut self, request: &R, version: i16) -> Result<BytesMut, ClusterError> {
        self.correlation += 1;
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(StrBytes::from_static_str("guanaco-testkit")));
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        encode_request_header_into_buffer(&mut frame, &header)
            .and_then(|()| request.encode(&mut frame, version))
            .map_err(|error| {
                self.unreadable::<R>(format!("the request cannot be encoded: {error}"))
            })?;
        let size = i32::try_from(frame.len() - 4)
            .map_err(|_| self.unreadable::<R>("the request is larger than 2 GiB".into()))?;
        frame[..4].copy_from_slice(&size.to_be_bytes());
        Ok(frame)
    }

    async fn exchange<R: Request>(&mut self, frame: &[u8]) -> Result<Bytes, ClusterError> {
        let stream = &mut self.stream;
        let exchange = async {
            stream.write_all(frame).await?;
            let size = stream.read_i32().await?;
            let size = usize::try_from(size).map_err(std::io::Error::other)?;
            let mut body = BytesMut::zeroed(size);
            stream.read_exact(&mut body).await?;
            Ok(body.freeze())
        };
        match timeout(self.patience, exchange).await {
            Ok(answer) => answer.map_err(ClusterError::io(self.action::<R>())),
            Err(_) => Err(ClusterError::TimedOut {
                action: self.action::<R>(),
                waited: self.patience,
                last: "no answer".into(),
            }),
        }
    }

    fn decode<R: Request>(
        &self,
        mut body: Bytes,
        version: i16,
    ) -> Result<R::Response, ClusterError> {
        let header = ResponseHeader::decode(&mut body, R::Response::header_version(version))
            .map_err(|error| self.unreadable::<R>(error.to_string()))?;
        if header.correlation_id != self.correlation {
            let found = header.correlation_id;
            return Err(self.unreadable::<R>(format!(
                "correlation id {found} instead of {}",
                self.correlation
            )));
        }
        let response = R::Response::decode(&mut body, version)
            .map_err(|error| self.unreadable::<R>(error.to_string()))?;
        if body.has_remaining() {
            return Err(self.unreadable::<R>(format!("{} bytes too many", body.remaining())));
        }
        Ok(response)
    }

    fn action<R: Request>(&self) -> String {
        let name = std::any::type_name::<R>();
        format!(
            "{} to {}",
            name.rsplit("::").next().unwrap_or(name),
            self.address
        )
    }

    fn unreadable<R: Request>(&self, reason: String) -> ClusterError {
        ClusterError::Unreadable {
            action: self.action::<R>(),
            reason,
        }
    }
}
