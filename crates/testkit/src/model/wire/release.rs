//! Which versions of which requests are offered.

use super::{Call, Malformed, Reply, Request};
use crate::model::code;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, InitProducerIdRequest, InitProducerIdResponse,
};

/// The Kafka release whose API versions a model cluster offers.
///
/// Only the requests that the model handles are offered at all, and of old versions only those that
/// Kafka 4 still has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// Kafka 3.9: Produce up to version 11, topics by name.
    V3_9,
    /// Kafka 4.3: Produce up to version 13, topics by id.
    #[default]
    V4_3,
}

const OFFERED: [(ApiKey, i16, [i16; 2]); 9] = [
    (ApiKey::Produce, 3, [11, 13]),
    (ApiKey::Fetch, 4, [17, 18]),
    (ApiKey::ListOffsets, 1, [9, 10]),
    (ApiKey::Metadata, 0, [12, 13]),
    (ApiKey::ApiVersions, 0, [4, 4]),
    (ApiKey::CreateTopics, 2, [7, 7]),
    (ApiKey::DeleteTopics, 1, [6, 6]),
    (ApiKey::InitProducerId, 0, [5, 5]),
    (ApiKey::CreatePartitions, 0, [3, 3]),
];

impl Release {
    /// The lowest and highest version of a request; `None` if it is not offered.
    #[must_use]
    pub fn versions(self, api: ApiKey) -> Option<(i16, i16)> {
        let (_, min, max) = OFFERED.iter().find(|(key, ..)| *key == api)?;
        Some((*min, max[self as usize]))
    }

    fn response(self) -> ApiVersionsResponse {
        let keys = OFFERED.iter().map(|(key, min, max)| {
            ApiVersion::default()
                .with_api_key(*key as i16)
                .with_min_version(*min)
                .with_max_version(max[self as usize])
        });
        ApiVersionsResponse::default().with_api_keys(keys.collect())
    }
}

/// A version of ApiVersions that this release does not know is answered in version 0.
pub(super) fn unsupported(request: &Request, release: Release) -> Result<Reply, Malformed> {
    let response = release
        .response()
        .with_error_code(code::UNSUPPORTED_VERSION);
    request.encode_as(&response, 0).map(Reply::Answer)
}

impl Call<'_> {
    pub(super) fn api_versions(&self, request: &ApiVersionsRequest) -> ApiVersionsResponse {
        let named = |name: &str| {
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            name.bytes().all(inner)
                && name.starts_with(|c: char| c.is_ascii_alphanumeric())
                && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        };
        let software = [
            &request.client_software_name,
            &request.client_software_version,
        ];
        let anonymous = self.version >= 3 && !software.iter().all(|name| named(name));
        let error = self
            .twist
            .error
            .or(anonymous.then_some(code::INVALID_REQUEST));
        self.face
            .release
            .response()
            .with_error_code(error.unwrap_or(code::NONE))
            .with_throttle_time_ms(self.twist.throttle_ms)
    }

    pub(super) fn init_producer_id(
        &mut self,
        request: &InitProducerIdRequest,
    ) -> InitProducerIdResponse {
        let response = InitProducerIdResponse::default()
            .with_throttle_time_ms(self.twist.throttle_ms)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        // Half an identity is a mistake in any client; transactions are not modelled yet.
        let half = (request.producer_id.0 == -1) != (request.producer_epoch == -1);
        let refused = half || request.transactional_id.is_some();
        match self
            .twist
            .error
            .or(refused.then_some(code::INVALID_REQUEST))
        {
            Some(code) => response.with_error_code(code),
            None => {
                let (id, epoch) = self.cluster.init_producer_id();
                response
                    .with_producer_id(id.into())
                    .with_producer_epoch(epoch)
            }
        }
    }
}
