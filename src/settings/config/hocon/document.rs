//! Layers as parts of one document, in which the later of two values counts as in any document.
//!
//! The parser can lay one tree over another as well, but loses what refers to its own former value
//! on the way: `+=`, or `client.id = ${client.id}-eu` over a file with that id. In one document it
//! follows them. So a text becomes one that can stand between others: without the braces around all
//! of it, and with the full path where it includes a file from beside itself.

use super::super::{
    LoadError,
    tree::{Leaf, Node, Table, Value},
};
use hocon::{Token, TokenKind};
use std::{collections::BTreeMap, path::Path, slice};

/// What takes the place of a token.
enum Edit {
    /// Of a brace around all of the text.
    Nothing,
    /// Of the name of a file.
    Include(String),
}

/// A text that the parser has accepted, as a part of a document. `directory` is where it includes
/// files from. Every line keeps its number.
pub(super) fn of_text(text: &str, directory: Option<&Path>) -> Result<String, LoadError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tokens = hocon::tokenize(text).unwrap_or_default();
    let mut edits = BTreeMap::new();
    for brace in braces_around(&tokens) {
        edits.insert((brace.line, brace.col), Edit::Nothing);
    }
    if let Some(directory) = directory {
        for name in included_from_beside(&tokens) {
            let path = directory.join(&name.value);
            let full = path.to_str().ok_or_else(|| LoadError::Include {
                file: path.display().to_string().into(),
            })?;
            let edit = Edit::Include(format!("file({})", quoted(full)));
            edits.insert((name.line, name.col), edit);
        }
    }
    Ok(edited(text, &edits))
}

fn edited(text: &str, edits: &BTreeMap<(usize, usize), Edit>) -> String {
    let mut part = String::with_capacity(text.len());
    let (mut line, mut column) = (1, 1);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match edits.get(&(line, column)) {
            Some(Edit::Nothing) => {}
            Some(Edit::Include(path)) => {
                part.push_str(path);
                column += to_end_of_string(&mut chars);
            }
            None => part.push(c),
        }
        (line, column) = match c {
            '\n' => (line + 1, 1),
            _ => (line, column + 1),
        };
    }
    part.push('\n');
    part
}

/// Passes over the rest of a quoted string, and counts it.
fn to_end_of_string(chars: &mut std::str::Chars<'_>) -> usize {
    let mut count = 0;
    while let Some(c) = chars.next() {
        count += 1;
        match c {
            '"' => break,
            '\\' => count += usize::from(chars.next().is_some()),
            _ => {}
        }
    }
    count
}

fn braces_around(tokens: &[Token]) -> Vec<&Token> {
    let mut within = tokens
        .iter()
        .filter(|token| !matches!(token.kind, TokenKind::Newline | TokenKind::Eof));
    match within.next() {
        Some(first) if first.kind == TokenKind::LBrace => [Some(first), within.next_back()]
            .into_iter()
            .flatten()
            .collect(),
        _ => Vec::new(),
    }
}

/// The names in `include "name"` and `include required("name")`, which are looked for beside the
/// text, unlike those in `file("name")`.
fn included_from_beside(tokens: &[Token]) -> Vec<&Token> {
    let mut names = Vec::new();
    // Whether each bracket that is open is a brace: `include` in a list is a word.
    let mut open = vec![true];
    // Whether a field may begin, and whether a value is still to come.
    let (mut begins, mut awaited) = (true, false);
    let mut rest = tokens.iter();
    while let Some(token) = rest.next() {
        let in_object = open.last() == Some(&true);
        match token.kind {
            TokenKind::Unquoted if token.value == "include" && begins && in_object => {
                names.extend(name_from_beside(&mut rest));
                (begins, awaited) = (false, false);
            }
            TokenKind::LBrace => {
                open.push(true);
                (begins, awaited) = (true, false);
            }
            TokenKind::LBracket => {
                open.push(false);
                (begins, awaited) = (false, false);
            }
            TokenKind::RBrace | TokenKind::RBracket => {
                open.pop();
                (begins, awaited) = (false, false);
            }
            TokenKind::Comma => (begins, awaited) = (true, false),
            TokenKind::Newline => begins |= !awaited,
            TokenKind::Equals | TokenKind::Colon | TokenKind::PlusEquals => {
                (begins, awaited) = (false, true);
            }
            _ => (begins, awaited) = (false, false),
        }
    }
    names
}

/// The name behind `include`.
fn name_from_beside<'a>(rest: &mut slice::Iter<'a, Token>) -> Option<&'a Token> {
    let mut of_file = false;
    for token in rest {
        match token.kind {
            TokenKind::Newline => {}
            TokenKind::Unquoted => of_file |= token.value.contains("file"),
            TokenKind::QuotedString => return (!of_file).then_some(token),
            _ => return None,
        }
    }
    None
}

/// A table of another format as a part of a document: a line a value. Nothing in it refers to
/// anything.
pub(super) fn of_table(table: &Table) -> String {
    let mut part = String::new();
    add_table(&mut part, "", table);
    part
}

fn add_table(part: &mut String, prefix: &str, table: &Table) {
    for (name, node) in table {
        let path = match prefix {
            "" => quoted(name),
            _ => format!("{prefix}.{}", quoted(name)),
        };
        match node {
            Node::Table(inner) if !inner.is_empty() => add_table(part, &path, inner),
            _ => {
                part.push_str(&path);
                part.push('=');
                add_value(part, node);
                part.push('\n');
            }
        }
    }
}

fn add_value(part: &mut String, node: &Node) {
    match node {
        Node::Table(table) => {
            part.push('{');
            for (name, node) in table {
                part.push_str(&quoted(name));
                part.push(':');
                add_value(part, node);
                part.push(',');
            }
            part.push('}');
        }
        Node::List(list) => {
            part.push('[');
            for item in &list.items {
                add_value(part, item);
                part.push(',');
            }
            part.push(']');
        }
        Node::Leaf(Leaf {
            value: Value::Text(text),
            ..
        }) => part.push_str(&quoted(text)),
        Node::Leaf(_) => part.push_str("null"),
    }
}

/// A string as JSON has it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\0'..='\x1f' => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> String {
        of_text(text, Some(Path::new("/etc/shop"))).unwrap()
    }

    #[test]
    fn braces_around_a_text_are_left_out_and_no_others() {
        for (text, expected) in [
            ("a = {}", "a = {}\n"),
            ("{}", "\n"),
            ("# {\n { a { b = 1 } } # }", "# {\n  a { b = 1 }  # }\n"),
            ("\u{feff}{\"a\": \"}\"\n}\n", "\"a\": \"}\"\n\n\n"),
        ] {
            assert_eq!(part(text), expected, "{text}");
        }
    }

    #[test]
    fn a_file_from_beside_has_its_full_path() {
        for (text, expected) in [
            ("include \"x\"", "include file(\"/etc/shop/x\")\n"),
            ("{include\n\"x\"}", "include\nfile(\"/etc/shop/x\")\n"),
            (
                "a { b = 1, include required(\"x\"), c = 2 }",
                "a { b = 1, include required(file(\"/etc/shop/x\")), c = 2 }\n",
            ),
            (
                "a = [{ include \"x\" }, include \"x\"]",
                "a = [{ include file(\"/etc/shop/x\") }, include \"x\"]\n",
            ),
            (
                "\u{e9} = \u{e9}\ninclude \"q\\\"\u{e9}\" # \"\nb = 1",
                "\u{e9} = \u{e9}\ninclude file(\"/etc/shop/q\\\"\u{e9}\") # \"\nb = 1\n",
            ),
            ("include \"/x\"", "include file(\"/x\")\n"),
        ] {
            assert_eq!(part(text), expected, "{text}");
        }
    }

    #[test]
    fn what_only_looks_as_if_it_included_a_file_stays() {
        for text in [
            "include file(\"x\")",
            "include file (\"x\")",
            "include required(file(\"x\"))",
            "a = include \"x\"",
            "a =\n  include \"x\"",
            "a = b include \"x\"",
            "\"include\" = \"x\"",
            "a = \"\"\"\ninclude \"x\"\n\"\"\"",
            "# include \"x\"",
        ] {
            assert_eq!(part(text), format!("{text}\n"));
        }
    }

    #[test]
    fn text_of_another_format_stays_as_it_is() {
        let text = "\"\\ ${x} \n\r\t\u{0}\u{7f}\u{e9} # // {";
        let origin = super::super::Origin::Default;
        let leaf = Node::Leaf(Leaf::text(text, origin));
        let table = Table::from([(text.to_owned(), leaf)]);
        let read = hocon::parse(&of_table(&table)).unwrap();
        let value = read.get(&quoted_path(text)).unwrap();
        assert_eq!(value.as_str(), Some(text));
    }

    /// As the parser wants a path that it is asked for.
    fn quoted_path(name: &str) -> String {
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    }
}
