//! TOML.

use super::{
    Format, LoadError, Origin,
    tree::{Leaf, List, Node, Table},
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Reads a text. Nothing in it refers to anything else.
pub(super) fn read(text: &str, origin: &Origin) -> Result<Table, LoadError> {
    let lines = Lines { text, origin };
    // The parser's message quotes the line, which may hold a secret.
    let parsed = DeTable::parse(text).map_err(|error| LoadError::Syntax {
        at: error
            .span()
            .map_or(origin.clone(), |span| lines.at(span.start)),
        format: Format::Toml,
        what: None,
    })?;
    Ok(lines.table(parsed.get_ref()))
}

struct Lines<'a> {
    text: &'a str,
    origin: &'a Origin,
}

impl Lines<'_> {
    fn at(&self, byte: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(byte);
        self.origin
            .at(1 + before.filter(|&&it| it == b'\n').count())
    }

    /// The parser bounds the depth.
    fn table(&self, table: &DeTable<'_>) -> Table {
        let fields = table.iter().map(|(name, value)| {
            let name = name.get_ref().to_string();
            (name, self.node(value))
        });
        fields.collect()
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let origin = self.at(value.span().start);
        let text = match value.get_ref() {
            DeValue::Table(table) => return Node::Table(self.table(table)),
            DeValue::Array(items) => {
                let items = items.iter().map(|item| self.node(item)).collect();
                return Node::List(List { items, origin });
            }
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => decimal(number.as_str(), number.radix()),
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Boolean(value) => value.to_string(),
            DeValue::Datetime(time) => time.to_string(),
        };
        Node::Leaf(Leaf::text(text, origin))
    }
}

/// Kafka's keys take decimal numbers only.
fn decimal(digits: &str, radix: u32) -> String {
    match i128::from_str_radix(digits, radix) {
        Ok(number) => number.to_string(),
        Err(_) => digits.to_owned(),
    }
}
