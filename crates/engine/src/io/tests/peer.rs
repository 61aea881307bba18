//! The broker's side of a connection, one step at a time.

use crate::io::{connection::Connection, versions::handshake};
use bytes::Bytes;
use kafka_protocol::{
    messages::{ApiKey, ApiVersionsResponse, RequestHeader, api_versions_response::ApiVersion},
    protocol::{Decodable, Encodable, HeaderVersion},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};

/// A request as a broker reads it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) header: RequestHeader,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn decode<T: Decodable>(&self) -> T {
        T::decode(&mut self.body.clone(), self.header.request_api_version).expect("our own request")
    }
}

/// Reads one request.
pub(crate) async fn read<S: AsyncRead + Unpin + Send>(stream: &mut S) -> Asked {
    let length = stream.read_i32().await.expect("a request");
    let mut frame = vec![0; usize::try_from(length).expect("a positive length")];
    stream
        .read_exact(&mut frame)
        .await
        .expect("the whole request");
    let mut body = Bytes::from(frame);
    let header = kafka_protocol::protocol::decode_request_header_from_buffer(&mut body)
        .expect("a header of the version that the API has");
    Asked { header, body }
}

/// A response with its length.
pub(crate) fn frame<T: Encodable + HeaderVersion>(
    correlation_id: i32,
    response: &T,
    version: i16,
) -> Vec<u8> {
    let mut frame = vec![0; 4];
    frame.extend_from_slice(&correlation_id.to_be_bytes());
    if T::header_version(version) >= 1 {
        frame.push(0);
    }
    response
        .encode(&mut frame, version)
        .expect("a response that its version allows");
    let length = i32::try_from(frame.len() - 4).expect("a short response");
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

/// Answers a request.
pub(crate) async fn answer<S, T>(stream: &mut S, asked: &Asked, response: &T)
where
    S: AsyncWrite + Unpin + Send,
    T: Encodable + HeaderVersion + Sync,
{
    let header = &asked.header;
    let frame = frame(header.correlation_id, response, header.request_api_version);
    stream
        .write_all(&frame)
        .await
        .expect("a client that still reads");
}

/// What a broker offers of the APIs that we use.
pub(crate) fn offer(ranges: &[(ApiKey, i16, i16)]) -> ApiVersionsResponse {
    let range = |&(api, min, max): &(ApiKey, i16, i16)| {
        ApiVersion::default()
            .with_api_key(api as i16)
            .with_min_version(min)
            .with_max_version(max)
    };
    ApiVersionsResponse::default().with_api_keys(ranges.iter().map(range).collect())
}

/// As Kafka 4.3 does.
pub(crate) const MODERN: [(ApiKey, i16, i16); 4] = [
    (ApiKey::Produce, 0, 13),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::InitProducerId, 0, 6),
    (ApiKey::ApiVersions, 0, 4),
];

/// The same, by one that wants to know who we are.
pub(crate) const SASL: [(ApiKey, i16, i16); 6] = [
    MODERN[0],
    MODERN[1],
    MODERN[2],
    MODERN[3],
    (ApiKey::SaslHandshake, 0, 1),
    (ApiKey::SaslAuthenticate, 0, 2),
];

/// Reads the first request of a connection and answers with `ranges`.
pub(crate) async fn welcome<S>(stream: &mut S, ranges: &[(ApiKey, i16, i16)])
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let asked = read(stream).await;
    assert_eq!(asked.header.request_api_key, ApiKey::ApiVersions as i16);
    answer(stream, &asked, &offer(ranges)).await;
}

/// A ready connection and its peer.
pub(crate) async fn connected(
    ranges: &[(ApiKey, i16, i16)],
) -> (Connection<DuplexStream>, DuplexStream) {
    let (ours, theirs) = duplex(1 << 16);
    connected_over(ours, theirs, ranges).await
}

/// The two ends of a stream as a ready connection and its peer.
pub(crate) async fn connected_over<S, T>(
    ours: S,
    mut theirs: T,
    ranges: &[(ApiKey, i16, i16)],
) -> (Connection<S>, T)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    T: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (connection, ()) = tokio::join!(
        handshake(ours, "test".into(), super::LONG),
        welcome(&mut theirs, ranges)
    );
    let connection = connection.expect("a broker that speaks all we need");
    (connection, theirs)
}
