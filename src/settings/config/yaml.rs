//! YAML: one document of mappings, sequences and scalars, whose text is taken as it is written.
//! Anchors, aliases and tags are refused.

use super::{
    Format, LoadError, Origin,
    section::KAFKA,
    tree::{self, Leaf, List, MAX_DEPTH, Node, Table},
};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput};

/// Reads a text. Names with dots stand for tables in tables.
pub(super) fn read(text: &str, origin: &Origin) -> Result<Table, LoadError> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        origin,
    };
    let mut document = None;
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => break,
            (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd, _) => {}
            (event, at) if document.is_none() => {
                document = Some((reader.node(event, at, 0, false)?, at))
            }
            (_, at) => return Err(reader.broken(&at, "more than one document")),
        }
    }
    match document {
        None | Some((None, _)) => Ok(Table::new()),
        Some((Some(Node::Table(table)), _)) => Ok(table),
        Some((_, at)) => Err(reader.broken(&at, "it holds no settings")),
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    origin: &'a Origin,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Marker), LoadError> {
        match self.events.next() {
            Some(Ok((event, span))) => Ok((event, span.start)),
            // The parser's message may quote the text, which may be a secret.
            Some(Err(error)) => Err(LoadError::Syntax {
                at: self.origin.at(error.marker().line()),
                format: Format::Yaml,
                what: None,
            }),
            None => Ok((Event::StreamEnd, Marker::default())),
        }
    }

    /// What begins with this event; nothing, if it is null.
    fn node(
        &mut self,
        event: Event<'a>,
        at: Marker,
        depth: usize,
        whole: bool,
    ) -> Result<Option<Node>, LoadError> {
        if depth > MAX_DEPTH {
            return Err(self.broken(&at, "tables are nested too deeply"));
        }
        Ok(Some(match event {
            Event::Scalar(text, style, 0, None) => {
                let is_null = matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                if style == ScalarStyle::Plain && is_null {
                    return Ok(None);
                }
                Node::Leaf(Leaf::text(text, self.origin.at(at.line())))
            }
            Event::SequenceStart(0, None) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, at) => items.extend(self.node(event, at, depth + 1, whole)?),
                    }
                }
                let origin = self.origin.at(at.line());
                Node::List(List { items, origin })
            }
            Event::MappingStart(0, None) => Node::Table(self.table(depth, whole)?),
            _ => return Err(self.broken(&at, "anchors, aliases and tags are not understood")),
        }))
    }

    fn table(&mut self, depth: usize, whole: bool) -> Result<Table, LoadError> {
        let mut table = Table::new();
        loop {
            let name = match self.next()? {
                (Event::MappingEnd, _) => return Ok(table),
                (Event::Scalar(name, _, 0, None), _) => name,
                (_, at) => return Err(self.broken(&at, "a name must be plain text")),
            };
            // Kafka's keys stay whole: one may begin with the whole of another.
            let path: Vec<&str> = match whole {
                true => vec![&name],
                false => name.split('.').collect(),
            };
            let whole = whole || path.last() == Some(&KAFKA);
            let (event, value_at) = self.next()?;
            if let Some(node) = self.node(event, value_at, depth + path.len(), whole)? {
                tree::insert(&mut table, &path, node);
            }
        }
    }

    fn broken(&self, at: &Marker, what: &'static str) -> LoadError {
        LoadError::Syntax {
            at: self.origin.at(at.line()),
            format: Format::Yaml,
            what: Some(what),
        }
    }
}
