//! What both sides can speak: the first exchange on every connection.

use super::{
    connection::{CallError, Connection},
    dial::ConnectErrorKind,
    frame::{self, FrameError},
};
use crate::{AuthFailure, KafkaError};
use kafka_protocol::{
    messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse},
    protocol::StrBytes,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

/// The requests that we send, with the versions of each that we speak.
///
/// The last ones are optional: only somebody who uses SASL needs them.
///
/// Produce 9 sets the oldest broker: Kafka 2.8. Its last version is 13, as are those of the others
/// the last that the codec knows.
const OURS: [(ApiKey, i16, i16); 6] = [
    (ApiKey::Produce, 9, 13),
    (ApiKey::Metadata, 9, 13),
    (ApiKey::InitProducerId, 3, 5),
    (ApiKey::ApiVersions, 0, NEWEST_HANDSHAKE),
    (ApiKey::SaslHandshake, 1, 1),
    (ApiKey::SaslAuthenticate, 2, 2),
];
const OPTIONAL: [ApiKey; 2] = [ApiKey::SaslHandshake, ApiKey::SaslAuthenticate];
/// Stands for an optional request that the broker does not know.
const ABSENT: i16 = -1;
const NEWEST_HANDSHAKE: i16 = 4;
const OLDEST_KAFKA: &str = "2.8";

const UNSUPPORTED_VERSION: i16 = 35;

/// The version to use for each of our requests on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Versions([i16; OURS.len()]);

impl Versions {
    /// Of a connection whose version nobody asks for.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self([ABSENT; OURS.len()])
    }

    /// The highest version of `api` that both sides speak; `None` for one that we never send, or
    /// that is optional and the broker does not know.
    pub(crate) fn pick(&self, api: ApiKey) -> Option<i16> {
        let index = OURS.iter().position(|(ours, ..)| *ours == api)?;
        Some(self.0[index]).filter(|version| *version != ABSENT)
    }

    /// From what the broker offers; else the text that says what it lacks.
    fn negotiate(offer: &ApiVersionsResponse) -> Result<Self, String> {
        let mut picked = [0; OURS.len()];
        let mut lacking = Vec::new();
        for (slot, (api, min, max)) in picked.iter_mut().zip(OURS) {
            let theirs = offered(offer, api);
            match theirs {
                Some((low, high)) if low <= max && min <= high => *slot = max.min(high),
                _ if OPTIONAL.contains(&api) => *slot = ABSENT,
                Some((low, high)) => lacking.push(format!(
                    "{api:?} in versions {low} to {high} (this client: {min} to {max})"
                )),
                None => lacking.push(format!("no {api:?}")),
            }
        }
        if lacking.is_empty() {
            return Ok(Self(picked));
        }
        let lacking = lacking.join(", ");
        Err(format!(
            "it speaks {lacking}; needed is Kafka {OLDEST_KAFKA} or newer"
        ))
    }
}

fn offered(offer: &ApiVersionsResponse, api: ApiKey) -> Option<(i16, i16)> {
    let entry = offer
        .api_keys
        .iter()
        .find(|entry| entry.api_key == api as i16)?;
    Some((entry.min_version, entry.max_version))
}

/// Turns a fresh byte stream (plain or TLS) into a connection whose versions are settled.
pub(crate) async fn handshake<S>(
    stream: S,
    client_id: Arc<str>,
    limit: Duration,
) -> Result<Connection<S>, ConnectErrorKind>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    match timeout(limit, exchange(stream, client_id)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ConnectErrorKind::Timeout {
            step: "answer of a broker",
            after: limit,
        }),
    }
}

async fn exchange<S>(stream: S, client_id: Arc<str>) -> Result<Connection<S>, ConnectErrorKind>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut connection = Connection::fresh(stream, client_id, Versions([0; OURS.len()]));
    let mut offer = ask(&mut connection, NEWEST_HANDSHAKE).await?;
    if offer.error_code == UNSUPPORTED_VERSION {
        // Brokers since 2.4 say which version they would have understood; version 0 is
        // understood by all.
        let theirs = offered(&offer, ApiKey::ApiVersions).map_or(0, |(_, high)| high);
        offer = ask(&mut connection, theirs.clamp(0, NEWEST_HANDSHAKE)).await?;
    }
    if let Some(error) = KafkaError::from_code(offer.error_code, None) {
        return Err(ConnectErrorKind::Rejected(error));
    }
    let versions = Versions::negotiate(&offer).map_err(ConnectErrorKind::Unsupported)?;
    connection.settle(versions);
    Ok(connection)
}

async fn ask<S>(
    connection: &mut Connection<S>,
    version: i16,
) -> Result<ApiVersionsResponse, ConnectErrorKind>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut request = ApiVersionsRequest::default();
    if version >= 3 {
        request.client_software_name = StrBytes::from_static_str("guanaco");
        request.client_software_version = StrBytes::from_static_str(env!("CARGO_PKG_VERSION"));
    }
    let frame = connection
        .round_trip(&request, version)
        .await
        .map_err(not_kafka)?;
    let decode = |version| {
        frame::decode_response::<ApiVersionsResponse>(frame.clone(), version)
            .map_err(|_| ConnectErrorKind::NotKafka("its answer is none to ApiVersions"))
    };
    // A broker that does not know the version answers in version 0, whose error code stands at
    // the same place: right behind the correlation id.
    let refused = frame.get(4..6) == Some(&UNSUPPORTED_VERSION.to_be_bytes());
    decode(if refused { 0 } else { version })
}

/// In the first exchange, whatever breaks the protocol means that it is not Kafka at all.
fn not_kafka(error: CallError) -> ConnectErrorKind {
    match error {
        CallError::Io(error) => error.into(),
        CallError::Frame(FrameError::Io(error)) => error.into(),
        CallError::Closed => ConnectErrorKind::Closed,
        CallError::Frame(FrameError::Length(length)) => {
            ConnectErrorKind::NotKafka(match length.to_be_bytes() {
                [0x15 | 0x16, 3, ..] => return ConnectErrorKind::Auth(AuthFailure::NeedsTls),
                [b'H', b'T', b'T', b'P'] => "it speaks HTTP",
                [b'S', b'S', b'H', b'-'] => "it speaks SSH",
                _ => "its answer is no Kafka frame",
            })
        }
        _ => ConnectErrorKind::NotKafka("its answer is no Kafka response"),
    }
}
