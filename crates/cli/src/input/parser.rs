//! One line to key and value, and back.

use super::{BadLine, BadReason, Item, Line, json};
use bytes::Bytes;
use memchr::memmem::Finder;
use std::{io, sync::Arc};

/// How a line holds its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// It has none: the line is the value.
    Lines,
    /// Key, delimiter, value.
    Keyed(Vec<u8>),
    /// The line is a JSON object, and the value; this field is the key.
    Ndjson(Arc<str>),
}

/// Parses lines of one format.
#[derive(Clone, Debug)]
pub(crate) struct Parser {
    format: Format,
    empty_as_null: bool,
    delimiter: Finder<'static>,
}

impl Parser {
    pub(crate) fn new(format: Format, empty_as_null: bool) -> Self {
        let delimiter = match &format {
            Format::Keyed(delimiter) => Finder::new(delimiter).into_owned(),
            Format::Lines | Format::Ndjson(_) => Finder::new(b"").into_owned(),
        };
        Self {
            format,
            empty_as_null,
            delimiter,
        }
    }

    /// Parses `text`, a part of `block` without its line end.
    pub(crate) fn parse(&self, block: &Bytes, text: &[u8], number: u64) -> Item {
        let parsed = match &self.format {
            Format::Lines => Ok((None, text)),
            Format::Keyed(delimiter) => match self.delimiter.find(text) {
                Some(at) => Ok((
                    Some(block.slice_ref(&text[..at])),
                    &text[at + delimiter.len()..],
                )),
                None => Err(BadReason::NoDelimiter),
            },
            Format::Ndjson(_) if text.iter().all(u8::is_ascii_whitespace) => return Item::Blank,
            Format::Ndjson(field) => json::key(block, text, field).map(|key| (Some(key), text)),
        };
        let keep = |bytes: &[u8]| !(self.empty_as_null && bytes.is_empty());
        match parsed {
            Ok((key, value)) => Item::Line(Line {
                number,
                key: key.filter(|key| keep(key)),
                value: keep(value).then(|| block.slice_ref(value)),
            }),
            Err(reason) => Item::Bad(Box::new(BadLine {
                number,
                reason,
                text: block.slice_ref(text),
            })),
        }
    }

    /// Writes a line as it came in.
    pub(crate) fn write_back(
        &self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        out: &mut impl io::Write,
    ) -> io::Result<()> {
        if let Format::Keyed(delimiter) = &self.format {
            out.write_all(key.unwrap_or_default())?;
            out.write_all(delimiter)?;
        }
        out.write_all(value.unwrap_or_default())?;
        out.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(parser: &Parser, text: &str) -> Result<(Option<String>, Option<String>), BadReason> {
        let block = Bytes::copy_from_slice(text.as_bytes());
        let string =
            |bytes: Option<Bytes>| bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        match parser.parse(&block, &block, 1) {
            Item::Line(line) => Ok((string(line.key), string(line.value))),
            Item::Bad(bad) => Err(bad.reason),
            other => panic!("{other:?}"),
        }
    }

    fn pair(
        key: Option<&str>,
        value: Option<&str>,
    ) -> Result<(Option<String>, Option<String>), BadReason> {
        Ok((key.map(str::to_owned), value.map(str::to_owned)))
    }

    fn keyed(delimiter: &str, empty_as_null: bool) -> Parser {
        Parser::new(Format::Keyed(delimiter.into()), empty_as_null)
    }

    #[test]
    fn a_plain_line_is_the_value() {
        let lines = Parser::new(Format::Lines, false);
        assert_eq!(parse(&lines, "a:b"), pair(None, Some("a:b")));
        assert_eq!(parse(&lines, ""), pair(None, Some("")));
    }

    #[test]
    fn an_empty_line_is_a_null_value_where_that_is_asked_for() {
        assert_eq!(
            parse(&Parser::new(Format::Lines, true), ""),
            pair(None, None)
        );
        assert_eq!(parse(&keyed(":", true), "k:"), pair(Some("k"), None));
        assert_eq!(parse(&keyed(":", true), ":v"), pair(None, Some("v")));
        assert_eq!(parse(&keyed(":", false), ":"), pair(Some(""), Some("")));
    }

    #[test]
    fn the_first_delimiter_splits() {
        assert_eq!(
            parse(&keyed(":", false), "k:v:w"),
            pair(Some("k"), Some("v:w"))
        );
        assert_eq!(
            parse(&keyed("=>", false), "k=>>v"),
            pair(Some("k"), Some(">v"))
        );
        assert_eq!(
            parse(&keyed("=>", false), "k=v"),
            Err(BadReason::NoDelimiter)
        );
    }

    #[test]
    fn a_blank_line_between_objects_is_no_record() {
        let ndjson = Parser::new(Format::Ndjson("id".into()), false);
        let block = Bytes::from_static(b" \t");
        assert!(matches!(ndjson.parse(&block, &block, 1), Item::Blank));
        assert_eq!(
            parse(&ndjson, r#"{"id":1}"#),
            pair(Some("1"), Some(r#"{"id":1}"#))
        );
    }

    #[test]
    fn what_was_parsed_is_written_back_as_it_came() {
        let ndjson = Parser::new(Format::Ndjson("id".into()), false);
        let lines = Parser::new(Format::Lines, true);
        for (parser, text) in [
            (&lines, "abc"),
            (&lines, ""),
            (&keyed("=>", false), "k=>v=>w"),
            (&keyed("=>", true), "=>"),
            (&ndjson, r#"{"id":"\u0041","x":1}"#),
        ] {
            let block = Bytes::copy_from_slice(text.as_bytes());
            let Item::Line(line) = parser.parse(&block, &block, 1) else {
                panic!("{text}")
            };
            let mut out = Vec::new();
            parser
                .write_back(line.key.as_deref(), line.value.as_deref(), &mut out)
                .unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), format!("{text}\n"));
        }
    }
}
