//! What a registry knows, and its answers.

use super::http::Reply;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a new version of a subject must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compatibility {
    /// Readers with the new schema can read what was written with the last one. Checked for the
    /// fields of Avro records: none may get another type, and new ones have a default.
    #[default]
    Backward,
    /// Anything.
    None,
}

#[derive(Clone, Debug, PartialEq)]
struct Schema {
    kind: String,
    text: String,
    references: Vec<Value>,
}

#[derive(Debug)]
pub(super) struct Model {
    compatibility: Compatibility,
    /// The schema of id 1, 2, ...
    schemas: Vec<Schema>,
    /// The ids of a subject's versions 1, 2, ...
    subjects: BTreeMap<String, Vec<i32>>,
}

#[derive(Deserialize)]
struct Body {
    schema: String,
    #[serde(rename = "schemaType")]
    kind: Option<String>,
    #[serde(default)]
    references: Vec<Value>,
}

impl Model {
    pub(super) fn new(compatibility: Compatibility) -> Self {
        Self {
            compatibility,
            schemas: Vec::new(),
            subjects: BTreeMap::new(),
        }
    }

    pub(super) fn subjects(&self) -> Vec<String> {
        self.subjects.keys().cloned().collect()
    }

    pub(super) fn put(&mut self, subject: &str, kind: &str, text: &str) -> i32 {
        let schema = Schema {
            kind: kind.to_owned(),
            text: text.to_owned(),
            references: Vec::new(),
        };
        self.add(subject, schema)
    }

    pub(super) fn answer(&mut self, method: &str, target: &str, body: &[u8]) -> Reply {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parts: Vec<_> = path.split('/').skip(1).map(unescaped).collect();
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        let normalize = query.split('&').any(|part| part == "normalize=true");
        match (method, parts.as_slice()) {
            ("GET", ["subjects"]) => Reply::ok(&json!(self.subjects())),
            ("GET", ["subjects", subject, "versions", version]) => self.version(subject, version),
            ("POST", ["subjects", subject, "versions"]) => match schema(body, normalize) {
                Ok(schema) => self.register(subject, schema),
                Err(refused) => refused,
            },
            ("POST", ["subjects", subject]) => match schema(body, normalize) {
                Ok(schema) => self.lookup(subject, &schema),
                Err(refused) => refused,
            },
            ("GET", ["schemas", "ids", id]) => self.by_id(id),
            _ => Reply::error(404, 404, "HTTP 404 Not Found"),
        }
    }

    fn register(&mut self, subject: &str, schema: Schema) -> Reply {
        if let Some(id) = self.id_under(subject, &schema) {
            return Reply::ok(&json!({ "id": id }));
        }
        let latest = self.subjects.get(subject).and_then(|ids| ids.last());
        let latest = latest.and_then(|id| self.schema(*id));
        if self.compatibility == Compatibility::Backward
            && let Some(latest) = latest
            && let Some(problem) = incompatible(latest, &schema)
        {
            let message = format!(
                "Schema being registered is incompatible with an earlier schema for subject \
                 \"{subject}\", details: [{problem}]"
            );
            return Reply::error(409, 409, &message);
        }
        Reply::ok(&json!({ "id": self.add(subject, schema) }))
    }

    fn lookup(&self, subject: &str, schema: &Schema) -> Reply {
        let Some(ids) = self.subjects.get(subject) else {
            return no_subject(subject);
        };
        match ids.iter().position(|id| self.schema(*id) == Some(schema)) {
            Some(at) => self.told(subject, at),
            None => Reply::error(404, 40403, "Schema not found"),
        }
    }

    fn version(&self, subject: &str, version: &str) -> Reply {
        let Some(ids) = self.subjects.get(subject) else {
            return no_subject(subject);
        };
        let version = match version {
            "latest" => Some(ids.len()),
            number => number.parse().ok(),
        };
        match version {
            Some(number) if (1..=ids.len()).contains(&number) => self.told(subject, number - 1),
            Some(number) => Reply::error(404, 40402, &format!("Version {number} not found.")),
            None => Reply::error(
                422,
                42202,
                "The specified version is not a valid version id. Allowed values are between \
                 [1, 2^31-1] and the string \"latest\"",
            ),
        }
    }

    fn by_id(&self, id: &str) -> Reply {
        let schema = id.parse().ok().and_then(|id| self.schema(id));
        match schema {
            Some(schema) => Reply::ok(&body_of(schema, json!({}))),
            None => Reply::error(404, 40403, &format!("Schema {id} not found")),
        }
    }

    fn told(&self, subject: &str, at: usize) -> Reply {
        let id = self.subjects[subject][at];
        let Some(schema) = self.schema(id) else {
            return Reply::error(500, 50001, "Error in the backend data store");
        };
        let about = json!({ "subject": subject, "version": at + 1, "id": id });
        Reply::ok(&body_of(schema, about))
    }

    fn schema(&self, id: i32) -> Option<&Schema> {
        let at = usize::try_from(id).ok()?.checked_sub(1)?;
        self.schemas.get(at)
    }

    fn id_under(&self, subject: &str, schema: &Schema) -> Option<i32> {
        let ids = self.subjects.get(subject)?;
        ids.iter()
            .copied()
            .find(|id| self.schema(*id) == Some(schema))
    }

    /// The same schema has the same id under every subject.
    fn add(&mut self, subject: &str, schema: Schema) -> i32 {
        let at = self.schemas.iter().position(|known| *known == schema);
        let at = at.unwrap_or_else(|| {
            self.schemas.push(schema);
            self.schemas.len() - 1
        });
        let id = i32::try_from(at + 1).unwrap_or(i32::MAX);
        self.subjects
            .entry(subject.to_owned())
            .or_default()
            .push(id);
        id
    }
}

/// A schema of a request; the type and no references are left out of answers, as registries do.
fn body_of(schema: &Schema, mut body: Value) -> Value {
    body["schema"] = schema.text.clone().into();
    if schema.kind != "AVRO" {
        body["schemaType"] = schema.kind.clone().into();
    }
    if !schema.references.is_empty() {
        body["references"] = schema.references.clone().into();
    }
    body
}

fn schema(body: &[u8], normalize: bool) -> Result<Schema, Reply> {
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| Reply::error(422, 42201, &format!("Invalid request: {error}")))?;
    let kind = body.kind.unwrap_or_else(|| "AVRO".to_owned());
    let is_json = kind != "PROTOBUF";
    if is_json && serde_json::from_str::<Value>(&body.schema).is_err() {
        let message = "Either the input schema or one its references is invalid";
        return Err(Reply::error(422, 42201, message));
    }
    let text = match normalize {
        true => body.schema.split_whitespace().collect::<Vec<_>>().join(" "),
        false => body.schema,
    };
    Ok(Schema {
        kind,
        text,
        references: body.references,
    })
}

/// Why a reader with the new schema cannot read what was written with the old one.
fn incompatible(old: &Schema, new: &Schema) -> Option<String> {
    if old.kind != new.kind {
        return Some(format!(
            "{{oldSchemaType:{}, newSchemaType:{}}}",
            old.kind, new.kind
        ));
    }
    if new.kind != "AVRO" {
        return None;
    }
    let (old, new): (Value, Value) = (
        serde_json::from_str(&old.text).ok()?,
        serde_json::from_str(&new.text).ok()?,
    );
    let fields = new["fields"].as_array()?;
    let old_fields = old["fields"].as_array()?;
    fields.iter().find_map(|field| {
        let name = &field["name"];
        match old_fields.iter().find(|old| old["name"] == *name) {
            Some(old) if old["type"] != field["type"] => {
                Some(format!("{{errorType:'TYPE_MISMATCH', field:{name}}}"))
            }
            None if field.get("default").is_none() => Some(format!(
                "{{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', field:{name}}}"
            )),
            _ => None,
        }
    })
}

fn no_subject(subject: &str) -> Reply {
    Reply::error(404, 40401, &format!("Subject '{subject}' not found."))
}

fn unescaped(part: &str) -> String {
    let mut bytes = part.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        let hex = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match byte {
            b'%' => match (hex(bytes.next()), hex(bytes.next())) {
                (Some(high), Some(low)) => out.extend(u8::try_from(high * 16 + low).ok()),
                _ => out.push(b'%'),
            },
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
