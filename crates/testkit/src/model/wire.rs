//! The model behind Kafka's wire protocol: a request frame in, a response frame out.
//!
//! Still without sockets and clocks, so that a simulated network can carry the same bytes as the
//! embedded broker's connections.

mod produce;
mod read;
mod release;
mod topics;

pub use release::Release;

use super::Cluster;
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};

/// What clients are told of a cluster beside its topics: names, addresses and versions.
#[derive(Clone, Debug)]
pub struct Face {
    /// The cluster's id.
    pub cluster_id: String,
    /// Which release's API versions are offered.
    pub release: Release,
    /// Host and port of the brokers, of id 1 first.
    pub addresses: Vec<(String, u16)>,
}

/// A request that came over a connection.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is asked.
    pub api: ApiKey,
    /// In which version.
    pub version: i16,
    /// What the response has to repeat.
    pub correlation_id: i32,
    /// How the client calls itself.
    pub client_id: Option<String>,
    body: Bytes,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The response, length prefix included.
    Answer(Bytes),
    /// A fetch found less than it wants. Ask again when there is more; after that many milliseconds
    /// this is the response.
    Wait {
        /// The client's `max.wait`.
        ms: u32,
        /// The response as it is now.
        so_far: Bytes,
    },
    /// No response: `acks=0`.
    Silence,
    /// The broker closes the connection: a version that it does not speak, or an error with
    /// `acks=0`.
    Close,
}

/// Changes to how a request is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Twist {
    /// Answer with this error code for everything that the request names, and apply nothing.
    pub error: Option<i16>,
    /// `throttle_time_ms` of the response.
    pub throttle_ms: i32,
}

/// Bytes that are no request, or none of a kind that the model knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a request that the model understands: {0}")]
pub struct Malformed(String);

impl Request {
    /// Reads the header of a frame (without its length prefix).
    ///
    /// # Errors
    /// If it is cut short, or for an API key without a name.
    pub fn parse(mut frame: Bytes) -> Result<Self, Malformed> {
        let Some(start) = frame.first_chunk::<4>() else {
            return Err(Malformed(format!("a frame of {} bytes", frame.len())));
        };
        let key = i16::from_be_bytes([start[0], start[1]]);
        let version = i16::from_be_bytes([start[2], start[3]]);
        let api = ApiKey::try_from(key).map_err(|()| Malformed(format!("API key {key}")))?;
        let header = RequestHeader::decode(&mut frame, api.request_header_version(version))
            .map_err(|error| Malformed(format!("{api:?} {version} header: {error}")))?;
        Ok(Self {
            api,
            version,
            correlation_id: header.correlation_id,
            client_id: header.client_id.map(|id| id.to_string()),
            body: frame,
        })
    }

    fn decode<Q: Decodable>(&self) -> Result<Q, Malformed> {
        Q::decode(&mut self.body.clone(), self.version).map_err(|error| self.malformed(&error))
    }

    fn encode<R: Encodable + HeaderVersion>(&self, response: &R) -> Result<Bytes, Malformed> {
        self.encode_as(response, self.version)
    }

    fn encode_as<R: Encodable + HeaderVersion>(
        &self,
        response: &R,
        version: i16,
    ) -> Result<Bytes, Malformed> {
        let header = ResponseHeader::default().with_correlation_id(self.correlation_id);
        let mut out = BytesMut::with_capacity(256);
        out.put_i32(0);
        header
            .encode(&mut out, R::header_version(version))
            .and_then(|()| response.encode(&mut out, version))
            .map_err(|error| self.malformed(&error))?;
        let length = (out.len() - 4) as u32;
        out[..4].copy_from_slice(&length.to_be_bytes());
        Ok(out.freeze())
    }

    fn malformed(&self, error: &dyn std::fmt::Display) -> Malformed {
        Malformed(format!("{:?} {}: {error}", self.api, self.version))
    }
}

impl Face {
    /// Lets a broker handle a request.
    ///
    /// # Errors
    /// If the bytes are not what the header says; a broker would close the connection.
    pub fn answer(
        &self,
        cluster: &mut Cluster,
        broker: i32,
        request: &Request,
        twist: Twist,
        now: i64,
    ) -> Result<Reply, Malformed> {
        let offered = self.release.versions(request.api);
        if !offered.is_some_and(|(min, max)| (min..=max).contains(&request.version)) {
            return match request.api {
                ApiKey::ApiVersions => release::unsupported(request, self.release),
                _ => Ok(Reply::Close),
            };
        }
        let mut call = Call {
            face: self,
            cluster,
            broker,
            twist,
            version: request.version,
            now,
        };
        match request.api {
            ApiKey::Produce => return call.produce(request),
            ApiKey::Fetch => return call.fetch(request),
            ApiKey::ListOffsets => request.encode(&call.list_offsets(request.decode()?)),
            ApiKey::Metadata => request.encode(&call.metadata(request.decode()?)),
            ApiKey::ApiVersions => request.encode(&call.api_versions(&request.decode()?)),
            ApiKey::InitProducerId => request.encode(&call.init_producer_id(&request.decode()?)),
            ApiKey::CreateTopics => request.encode(&call.create_topics(request.decode()?)),
            ApiKey::DeleteTopics => request.encode(&call.delete_topics(request.decode()?)),
            ApiKey::CreatePartitions => request.encode(&call.create_partitions(request.decode()?)),
            other => Err(Malformed(format!("{other:?} is offered but not handled"))),
        }
        .map(Reply::Answer)
    }
}

/// One request under way.
struct Call<'a> {
    face: &'a Face,
    cluster: &'a mut Cluster,
    broker: i32,
    twist: Twist,
    version: i16,
    now: i64,
}

impl Call<'_> {
    /// Where a broker listens; `None` if there is none of that id.
    fn address(&self, broker: i32) -> Option<(StrBytes, i32)> {
        let at = usize::try_from(broker - 1).ok()?;
        let (host, port) = self.face.addresses.get(at)?;
        Some((StrBytes::from_string(host.clone()), i32::from(*port)))
    }
}
