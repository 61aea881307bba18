//! The key of a JSON object, found without building the object.

use super::BadReason;
use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{fmt, sync::Arc};

/// The value of `line`'s field `field`: of a string its content, of a number or a boolean its text.
///
/// `line` must be a part of `block`; so is the key, unless it had escapes to resolve.
pub(crate) fn key(block: &Bytes, line: &[u8], field: &Arc<str>) -> Result<Bytes, BadReason> {
    if line.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        // A check of its own: serde's message for it would quote the content.
        return match serde_json::from_slice::<IgnoredAny>(line) {
            Ok(_) => Err(BadReason::NotAnObject),
            Err(error) => Err(not_json(&error)),
        };
    }
    let mut json = serde_json::Deserializer::from_slice(line);
    let found = FieldOf(field)
        .deserialize(&mut json)
        .and_then(|found| json.end().map(|()| found));
    let raw = match found {
        Ok(Found::Once(raw)) => raw.get(),
        Ok(Found::Never) => return Err(BadReason::NoKeyField(Arc::clone(field))),
        Ok(Found::Twice) => return Err(BadReason::TwoKeyFields(Arc::clone(field))),
        Err(error) => return Err(not_json(&error)),
    };
    let kind = match raw.as_bytes() {
        [b'"', content @ .., b'"'] if !content.contains(&b'\\') => {
            return Ok(block.slice_ref(content));
        }
        [b'"', ..] => {
            return serde_json::from_str::<String>(raw)
                .map(Bytes::from)
                .map_err(|error| not_json(&error));
        }
        [b'n', ..] => "null",
        [b'{', ..] => "an object",
        [b'[', ..] => "an array",
        scalar => return Ok(block.slice_ref(scalar)),
    };
    Err(BadReason::NotAKey {
        field: Arc::clone(field),
        kind,
    })
}

fn not_json(error: &serde_json::Error) -> BadReason {
    let text = error.to_string();
    // "... at line 1 column 7": the line is always the first here, and would contradict ours.
    let what = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(what, _)| what);
    BadReason::NotJson {
        what: what.to_owned(),
        column: error.column(),
    }
}

enum Found<'a> {
    Never,
    Once(&'a RawValue),
    Twice,
}

/// Walks an object for one field.
struct FieldOf<'f>(&'f str);

impl<'de> DeserializeSeed<'de> for FieldOf<'_> {
    type Value = Found<'de>;
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Found<'de>, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FieldOf<'_> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Found<'de>, A::Error> {
        let mut found = Found::Never;
        while let Some(is_it) = object.next_key_seed(IsName(self.0))? {
            if !is_it {
                object.next_value::<IgnoredAny>()?;
            } else if matches!(found, Found::Never) {
                found = Found::Once(object.next_value()?);
            } else {
                object.next_value::<IgnoredAny>()?;
                found = Found::Twice;
            }
        }
        Ok(found)
    }
}

/// Whether a field's name is this one; compares in place.
struct IsName<'f>(&'f str);

impl<'de> DeserializeSeed<'de> for IsName<'_> {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }
    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(line: &str) -> Result<String, BadReason> {
        let block = Bytes::copy_from_slice(line.as_bytes());
        key(&block, &block, &"id".into()).map(|key| String::from_utf8(key.to_vec()).unwrap())
    }

    fn reason(line: &str) -> String {
        key_of(line).unwrap_err().to_string()
    }

    #[test]
    fn strings_numbers_and_booleans_are_keys() {
        assert_eq!(
            key_of(r#"{"a":{"id":1},"id":"C-1","z":[]}"#).unwrap(),
            "C-1"
        );
        assert_eq!(
            key_of(r#" { "id" : 12345678901234567890123 } "#).unwrap(),
            "12345678901234567890123"
        );
        assert_eq!(key_of(r#"{"id":-1.50e3}"#).unwrap(), "-1.50e3");
        assert_eq!(key_of(r#"{"id":true}"#).unwrap(), "true");
        assert_eq!(key_of(r#"{"id":""}"#).unwrap(), "");
    }

    #[test]
    fn escapes_are_resolved_in_the_key_and_in_its_name() {
        assert_eq!(key_of(r#"{"id":"a\"b\u00e9"}"#).unwrap(), "a\"b\u{e9}");
        assert_eq!(key_of(r#"{"\u0069d":"x"}"#).unwrap(), "x");
    }

    #[test]
    fn a_key_without_escapes_is_a_slice_of_its_block() {
        let block = Bytes::from_static(br#"{"id":"C-1"}"#);
        let key = key(&block, &block, &"id".into()).unwrap();
        assert_eq!(key.as_ptr(), block[7..].as_ptr());
    }

    #[test]
    fn what_is_no_key_is_named_by_its_kind() {
        assert_eq!(reason(r#"{"ID":1}"#), r#"no field "id" in it"#);
        assert_eq!(
            reason(r#"{"id":1,"id":1}"#),
            r#"the field "id" is in it twice"#
        );
        for (line, kind) in [
            (r#"{"id":null}"#, "null"),
            (r#"{"id":{}}"#, "an object"),
            (r#"{"id":[1]}"#, "an array"),
        ] {
            assert_eq!(
                reason(line),
                format!(
                    r#"its field "id" is {kind}; a key must be a string, a number or a boolean"#
                )
            );
        }
    }

    #[test]
    fn what_is_no_object_or_no_json_is_refused_without_quoting_it() {
        assert_eq!(key_of(r#"["secret"]"#), Err(BadReason::NotAnObject));
        assert_eq!(key_of(r#""secret""#), Err(BadReason::NotAnObject));
        for line in [
            "secret",
            r#"{"id":1"#,
            r#"{"id":1} secret"#,
            r#"{"id":secret}"#,
            "{'id':1}",
            "",
        ] {
            let reason = reason(line);
            assert!(reason.starts_with("not JSON: "), "{reason}");
            assert!(
                !reason.contains("secret") && !reason.contains(" line "),
                "{reason}"
            );
        }
        assert_eq!(
            reason(r#"{"id":1,}"#),
            "not JSON: trailing comma at column 9"
        );
    }

    #[test]
    fn a_line_that_is_broken_after_the_key_is_still_refused() {
        assert!(key_of(r#"{"id":1,"rest":[1,2}"#).is_err());
    }

    #[test]
    fn deep_nesting_needs_no_stack() {
        let deep = format!(
            r#"{{"a":{}{},"id":7}}"#,
            "[".repeat(200_000),
            "]".repeat(200_000)
        );
        assert_eq!(key_of(&deep).unwrap(), "7");
    }

    #[test]
    fn bytes_that_are_no_utf8_are_refused_in_the_key() {
        let block = Bytes::from_static(b"{\"id\":\"\xff\"}");
        assert!(matches!(
            key(&block, &block, &"id".into()),
            Err(BadReason::NotJson { .. })
        ));
    }
}
