//! A schema as a compiled file, which the registry keeps where a client registered it so.
//!
//! Clients without the text of a `.proto` file, as Confluent's for Python and .NET, register a
//! `FileDescriptorProto` in Base64. Confluent's registry hands it out as text again, others as it is.

use super::proto_text::{MAX_DEPTH, Messages};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The bytes of such a file. Text of a `.proto` file with a message in it is never Base64.
pub(super) fn decode(schema: &str) -> Option<Vec<u8>> {
    STANDARD.decode(schema.trim()).ok()
}

/// The numbers of fields in `google/protobuf/descriptor.proto`.
mod number {
    pub(super) const FILE_PACKAGE: u64 = 2;
    pub(super) const FILE_MESSAGE: u64 = 4;
    pub(super) const MESSAGE_NAME: u64 = 1;
    pub(super) const MESSAGE_MESSAGE: u64 = 3;
}

/// The messages of a file. The entries of maps are messages here, and those who register such files
/// count them.
pub(super) fn messages(file: &[u8]) -> Result<Messages, &'static str> {
    let package = last_text(file, number::FILE_PACKAGE)?;
    let mut messages = Messages::of_package(package);
    let mut fields = Fields(file);
    while let Some((number, bytes)) = fields.next()? {
        if number == number::FILE_MESSAGE {
            add(&mut messages, None, bytes, 1)?;
        }
    }
    Ok(messages)
}

fn add(
    messages: &mut Messages,
    parent: Option<usize>,
    message: &[u8],
    depth: usize,
) -> Result<(), &'static str> {
    if depth > MAX_DEPTH {
        return Err("its messages are nested too deeply");
    }
    let at = messages.push(last_text(message, number::MESSAGE_NAME)?, parent);
    let mut fields = Fields(message);
    while let Some((number, bytes)) = fields.next()? {
        if number == number::MESSAGE_MESSAGE {
            add(messages, Some(at), bytes, depth + 1)?;
        }
    }
    Ok(())
}

/// A field of text; of several the last counts, and none is empty.
fn last_text(message: &[u8], wanted: u64) -> Result<&str, &'static str> {
    let mut text = "";
    let mut fields = Fields(message);
    while let Some((number, bytes)) = fields.next()? {
        if number == wanted {
            text = std::str::from_utf8(bytes).map_err(|_| BROKEN)?;
        }
    }
    Ok(text)
}

const BROKEN: &str = "it is neither a .proto file nor a compiled one";

/// The fields of a message that hold bytes, by number; others are passed over.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(u64, &'a [u8])>, &'static str> {
        while !self.0.is_empty() {
            let tag = self.varint()?;
            match tag & 7 {
                0 => drop(self.varint()?),
                1 => drop(self.take(8)?),
                2 => {
                    let length = self.varint()?;
                    return Ok(Some((tag >> 3, self.take(length)?)));
                }
                5 => drop(self.take(4)?),
                _ => return Err(BROKEN),
            }
        }
        Ok(None)
    }

    fn varint(&mut self) -> Result<u64, &'static str> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(BROKEN)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(BROKEN)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], &'static str> {
        let length = usize::try_from(length).map_err(|_| BROKEN)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(BROKEN)?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Confluent's client for Python registers for `syntax = "proto3"; package docs;
    /// message Test0 { message Inner { int32 a = 1; } } message Test1 { int32 a = 1; }`.
    const DOCS: &str = "Cgpkb2NzLnByb3RvEgRkb2NzIhsKBVRlc3QwGhIKBUlubmVyEgkKAWEYASABKAUiEgoFVGVz\
                        dDESCQoBYRgBIAEoBWIGcHJvdG8z";

    /// A field of fewer than 256 bytes.
    fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len()).unwrap();
        [&[tag, length | 0x80, length >> 7], bytes].concat()
    }

    #[test]
    fn messages_are_counted_where_they_are_declared() {
        let messages = messages(&decode(DOCS).unwrap()).unwrap();
        for (name, indexes) in [
            ("docs.Test0", &[0][..]),
            ("docs.Test0.Inner", &[0, 0]),
            ("docs.Test1", &[1]),
        ] {
            assert_eq!(messages.indexes(name).as_deref(), Some(indexes), "{name}");
            assert_eq!(messages.name(indexes).as_deref(), Some(name));
        }
    }

    #[test]
    fn a_name_behind_what_is_named_counts_and_so_does_the_last_of_two() {
        // message_type { nested_type { name: "B" } name: "x" name: "A" } package: "p"
        let file = b"\x22\x0b\x1a\x03\x0a\x01B\x0a\x01x\x0a\x01A\x12\x01p";
        let messages = messages(file).unwrap();
        assert_eq!(messages.name(&[0, 0]).as_deref(), Some("p.A.B"));
    }

    #[test]
    fn bytes_that_are_no_compiled_file_are_an_error_and_no_more() {
        let file = decode(DOCS).unwrap();
        for cut in 0..file.len() {
            let _ = messages(&file[..cut]);
            let _ = messages(&file[cut..]);
        }
        let mut deep = Vec::new();
        for _ in 0..=MAX_DEPTH {
            deep = field(0x1a, &deep);
        }
        let deep = field(0x22, &deep);
        for bytes in [
            &b"\x23"[..],
            b"\x22\x05\x0a",
            b"\x22\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x12\x01\xff",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            &deep,
        ] {
            assert!(messages(bytes).is_err(), "{bytes:?}");
        }
    }
}
