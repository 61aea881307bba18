//! What a registry can be asked.

use super::{
    RegistryError, RegistrySettings, Schema, SchemaKind, SchemaReference, SubjectVersion,
    cache::Cache,
    http::{Answer, Call, Http},
};
use bytes::Bytes;
use hyper::Method;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{collections::HashMap, fmt, fmt::Write as _, sync::Arc};

/// A schema takes so many others at most, counted through all of them.
const MAX_REFERENCED: usize = 256;

/// A Confluent-compatible schema registry. Clones share their connections and what they know.
///
/// Ids and schemas never change in a registry, so an answer is kept (see
/// [`RegistrySettings::with_cache_capacity`]), and callers who ask the same at once share one
/// request. What may change, the latest version of a subject, is asked for each time.
///
/// All methods must be awaited inside a tokio runtime. Names are looked up off its threads.
///
/// # Cancel safety
/// Dropping a future of these methods gives up the request; a schema may be registered nonetheless,
/// and registering it again gives the same id.
#[derive(Clone)]
pub struct SchemaRegistry(Arc<Inner>);

struct Inner {
    http: Http,
    registered: Cache<Named, i32>,
    schemas: Cache<i32, Schema>,
    versions: Cache<(Arc<str>, i32), SubjectVersion>,
}

/// A schema under a subject, and whether it is to be registered, and normalized.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Named {
    subject: Arc<str>,
    schema: Schema,
    register: bool,
    normalize: bool,
}

impl SchemaRegistry {
    /// A client. Nothing is dialled; for `https` addresses the system's root certificates are read,
    /// unless the settings bring their own.
    ///
    /// # Errors
    /// [`RegistryError::Settings`] where an address, a credential or the system's certificates
    /// cannot be used.
    pub fn new(settings: &RegistrySettings) -> Result<Self, RegistryError> {
        let capacity = settings.cache;
        Ok(Self(Arc::new(Inner {
            http: Http::new(settings)?,
            registered: Cache::new(capacity, |named, _| {
                named.subject.len() + weight(&named.schema)
            }),
            schemas: Cache::new(capacity, |_, schema| weight(schema)),
            versions: Cache::new(capacity, |(subject, _), version| {
                subject.len() + weight(&version.schema)
            }),
        })))
    }

    /// Registers a schema under a subject and gives its id; if it is registered already, its id.
    ///
    /// With `normalize`, texts that differ in form only are one schema.
    ///
    /// # Errors
    /// [`RegistryError`]: among them `Incompatible` and `InvalidSchema`, the registry's two reasons
    /// to refuse it.
    pub async fn register(
        &self,
        subject: &str,
        schema: &Schema,
        normalize: bool,
    ) -> Result<i32, RegistryError> {
        self.named(subject, schema, true, normalize).await
    }

    /// The id of a schema that must be registered under the subject.
    ///
    /// # Errors
    /// [`RegistryError`]: among them `UnknownSubject` and `NotRegistered`.
    pub async fn lookup(
        &self,
        subject: &str,
        schema: &Schema,
        normalize: bool,
    ) -> Result<i32, RegistryError> {
        self.named(subject, schema, false, normalize).await
    }

    /// The newest version of a subject. Always asks.
    ///
    /// # Errors
    /// [`RegistryError`]: among them `UnknownSubject`.
    pub async fn latest(&self, subject: &str) -> Result<SubjectVersion, RegistryError> {
        self.subject_version(subject, "latest").await
    }

    /// A version of a subject.
    ///
    /// # Errors
    /// [`RegistryError`]: among them `UnknownSubject` and `UnknownVersion`.
    pub async fn version(
        &self,
        subject: &str,
        version: i32,
    ) -> Result<SubjectVersion, RegistryError> {
        let key = (Arc::from(subject), version);
        let ask = || self.subject_version(subject, version);
        self.0.versions.get(&key, ask).await
    }

    /// The schema of an id.
    ///
    /// # Errors
    /// [`RegistryError`]: among them `UnknownId`.
    pub async fn schema(&self, id: i32) -> Result<Schema, RegistryError> {
        let ask = || async {
            let call = get(format!("/schemas/ids/{id}"));
            let answer = self.0.http.ask(&call).await?;
            match answer.error().0 {
                40403 => Err(RegistryError::UnknownId { id }),
                _ => self
                    .read::<WireSchema>(&call, "", &answer)?
                    .schema(|problem| protocol(&answer, &call, problem)),
            }
        };
        self.0.schemas.get(&id, ask).await
    }

    /// All schemas that a schema refers to, directly or through others, each once, in no order.
    ///
    /// # Errors
    /// [`RegistryError`]: among them `References`, if there are too many of them.
    pub async fn references(&self, schema: &Schema) -> Result<Vec<Schema>, RegistryError> {
        let mut found = HashMap::new();
        let mut next = schema.references().to_vec();
        while let Some(reference) = next.pop() {
            if found.contains_key(&reference) {
                continue;
            }
            if found.len() == MAX_REFERENCED {
                let problem = "there are more than 256";
                return Err(RegistryError::References { problem });
            }
            let version = self.version(&reference.subject, reference.version).await?;
            next.extend_from_slice(version.schema.references());
            found.insert(reference, version.schema);
        }
        Ok(found.into_values().collect())
    }

    async fn named(
        &self,
        subject: &str,
        schema: &Schema,
        register: bool,
        normalize: bool,
    ) -> Result<i32, RegistryError> {
        let named = Named {
            subject: subject.into(),
            schema: schema.clone(),
            register,
            normalize,
        };
        let ask = || async {
            let call = named.call();
            let answer = self.0.http.ask(&call).await?;
            Ok(self.read::<WireId>(&call, subject, &answer)?.id)
        };
        self.0.registered.get(&named, ask).await
    }

    async fn subject_version(
        &self,
        subject: &str,
        version: impl fmt::Display + Send,
    ) -> Result<SubjectVersion, RegistryError> {
        let call = get(format!("/subjects/{}/versions/{version}", escaped(subject)));
        let answer = self.0.http.ask(&call).await?;
        if answer.error().0 == 40402 {
            return Err(RegistryError::UnknownVersion {
                subject: subject.into(),
                version: version.to_string().into(),
            });
        }
        let wire: WireVersion = self.read(&call, subject, &answer)?;
        Ok(SubjectVersion {
            id: wire.id,
            version: wire.version,
            schema: wire
                .schema
                .schema(|problem| protocol(&answer, &call, problem))?,
        })
    }

    /// The answer, if it is a good one.
    fn read<T: DeserializeOwned>(
        &self,
        call: &Call,
        subject: &str,
        answer: &Answer,
    ) -> Result<T, RegistryError> {
        let status = answer.status;
        if status.is_success() {
            let wire = serde_json::from_slice(&answer.body);
            // What serde says can quote the answer, which may be anybody's.
            return wire
                .map_err(|_| protocol(answer, call, "it is not the JSON that was expected"));
        }
        let (code, message) = answer.error();
        let (subject, message) = (Arc::from(subject), self.0.http.shown(&message));
        Err(match (status.as_u16(), code) {
            (401 | 403, _) => RegistryError::Unauthorized {
                address: Arc::clone(&answer.address),
                what: call.to_string().into(),
                status: status.as_u16(),
            },
            (409, _) => RegistryError::Incompatible { subject, message },
            (422, _) => RegistryError::InvalidSchema { subject, message },
            (404, 40401) => RegistryError::UnknownSubject { subject },
            (404, 40403) => RegistryError::NotRegistered { subject },
            _ => protocol(answer, call, &format!("status {status}: {message}")),
        })
    }
}

impl fmt::Debug for SchemaRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchemaRegistry")
            .field("http", &self.0.http)
            .finish_non_exhaustive()
    }
}

impl Named {
    fn call(&self) -> Call {
        let body = serde_json::to_vec(&WireRequest {
            schema: self.schema.text(),
            // Old registries know no other language and not the field.
            kind: (self.schema.kind() != SchemaKind::Avro).then(|| self.schema.kind().name()),
            references: self.schema.references(),
        });
        let body = body.expect("text, numbers and lists of them are always JSON");
        let mut path = format!("/subjects/{}", escaped(&self.subject));
        if self.register {
            path.push_str("/versions");
        }
        if self.normalize {
            path.push_str("?normalize=true");
        }
        Call {
            method: Method::POST,
            path,
            body: body.into(),
        }
    }
}

#[derive(Serialize)]
struct WireRequest<'a> {
    schema: &'a str,
    #[serde(rename = "schemaType", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    references: &'a [SchemaReference],
}

#[derive(Deserialize)]
struct WireId {
    id: i32,
}

#[derive(Deserialize)]
struct WireSchema {
    schema: Arc<str>,
    #[serde(rename = "schemaType")]
    kind: Option<String>,
    references: Option<Vec<SchemaReference>>,
}

#[derive(Deserialize)]
struct WireVersion {
    id: i32,
    version: i32,
    #[serde(flatten)]
    schema: WireSchema,
}

impl WireSchema {
    fn schema(self, problem: impl FnOnce(&str) -> RegistryError) -> Result<Schema, RegistryError> {
        let Some(kind) = SchemaKind::from_name(self.kind.as_deref()) else {
            return Err(problem(
                "its schema type is not one of AVRO, JSON and PROTOBUF",
            ));
        };
        let schema = Schema::new(kind, self.schema);
        Ok(schema.with_references(self.references.unwrap_or_default()))
    }
}

fn get(path: String) -> Call {
    Call {
        method: Method::GET,
        path,
        body: Bytes::new(),
    }
}

fn protocol(answer: &Answer, call: &Call, problem: &str) -> RegistryError {
    RegistryError::Protocol {
        address: Arc::clone(&answer.address),
        what: call.to_string().into(),
        problem: problem.into(),
    }
}

/// The memory that a schema takes, about.
fn weight(schema: &Schema) -> usize {
    let references = schema.references().iter();
    let references = references.map(|it| it.name.len() + it.subject.len() + 64);
    schema.text().len() + references.sum::<usize>() + 128
}

/// A subject as one part of a path.
fn escaped(subject: &str) -> String {
    let mut escaped = String::with_capacity(subject.len());
    for byte in subject.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => {
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_part_of_the_path() {
        assert_eq!(escaped("shop.Order-value_1~"), "shop.Order-value_1~");
        assert_eq!(escaped("../a b/?ä"), "..%2Fa%20b%2F%3F%C3%A4");
    }
}
