//! Which line of which file gives a setting its value.
//!
//! The parser's result does not say. So the same tokens are walked once more, only for the names,
//! and a setting is looked for from the last line to the first, through substitutions: for
//! `orders.producer = ${guanaco.producer} { parallelism = 5 }` the parallelism is from here, and
//! everything else from wherever `guanaco.producer` has it.

use super::super::{
    env::Variables,
    origin::Origin,
    tree::{List, Node, Table},
};
use guanaco_engine::properties;
use hocon::{Token, TokenKind};
use std::{cell::Cell, iter::Peekable, path::Path, vec};

/// Bounds on the work for one setting, as optional substitutions can refer to each other without an
/// end: how many may be followed in a row, and how many definitions may be looked at in all.
const MAX_CHAIN: usize = 32;
const MAX_MATCHES: usize = 10_000;

/// Includes within includes; the parser refuses cycles before they come here.
const MAX_INCLUDES: usize = 32;

/// The definitions of all layers.
pub(super) struct Places<'a> {
    variables: &'a Variables,
    /// In the order in which later ones win, with the number of their layer.
    definitions: Vec<(usize, &'a Definition)>,
}

/// Where a setting has its value from.
pub(super) struct Place {
    pub(super) origin: Origin,
    /// The layer that has the last word on it. What it says may be that another has the value.
    pub(super) layer: usize,
}

/// One `path = value` or `path { .. }`.
#[derive(Clone)]
pub(super) struct Definition {
    path: Vec<String>,
    at: Origin,
    /// What its value refers to.
    references: Vec<Vec<String>>,
    /// Where its text is included: its references are looked for below that first.
    scope: Vec<String>,
    /// Whether its value is nothing but an optional substitution.
    optional: bool,
}

/// The names of a text that the parser has accepted, and of its includes.
pub(super) fn of_text(text: &str, origin: &Origin, directory: Option<&Path>) -> Vec<Definition> {
    let mut definitions = Vec::new();
    add_text(&mut definitions, &[], text, origin, directory, 0);
    definitions
}

fn add_text(
    definitions: &mut Vec<Definition>,
    prefix: &[String],
    text: &str,
    origin: &Origin,
    directory: Option<&Path>,
    depth: usize,
) {
    let Ok(tokens) = hocon::tokenize(text) else {
        return;
    };
    let mut walk = Walk {
        tokens: tokens.into_iter().peekable(),
        definitions,
        scope: prefix,
        origin,
        directory,
        depth,
    };
    walk.fields(prefix);
}

/// The names of another format's tables.
pub(super) fn of_table(table: &Table) -> Vec<Definition> {
    let mut definitions = Vec::new();
    add_table(&mut definitions, &mut Vec::new(), table);
    definitions
}

fn add_table(definitions: &mut Vec<Definition>, path: &mut Vec<String>, table: &Table) {
    for (name, node) in table {
        path.push(name.clone());
        match node {
            Node::Table(inner) => add_table(definitions, path, inner),
            Node::List(List { origin, .. }) => {
                definitions.push(Definition::plain(path.clone(), origin.clone()));
            }
            Node::Leaf(leaf) => {
                definitions.push(Definition::plain(path.clone(), leaf.origin.clone()));
            }
        }
        path.pop();
    }
}

impl Definition {
    /// One that refers to nothing.
    fn plain(path: Vec<String>, at: Origin) -> Self {
        Self {
            path,
            at,
            references: Vec::new(),
            scope: Vec::new(),
            optional: false,
        }
    }
}

impl<'a> Places<'a> {
    pub(super) fn new(variables: &'a Variables) -> Self {
        Self {
            variables,
            definitions: Vec::new(),
        }
    }

    /// Adds a layer, over those that are here.
    pub(super) fn add(&mut self, layer: usize, definitions: &'a [Definition]) {
        let definitions = definitions.iter().map(|definition| (layer, definition));
        self.definitions.extend(definitions);
    }

    /// Where the setting at `path` has its value from, if it is in any of the layers. Where that
    /// takes too long to tell, it is the place that leads there.
    pub(super) fn place(&self, path: &[String]) -> Option<Place> {
        let nearest = || {
            let mut definitions = self.definitions.iter();
            let above = definitions.rfind(|(_, it)| path.starts_with(&it.path));
            above.map(|&(layer, definition)| Place {
                origin: definition.at.clone(),
                layer,
            })
        };
        self.search(path, 0, &Cell::new(MAX_MATCHES))
            .or_else(nearest)
    }

    /// Which definition refers to `reference`, or to anything if that is empty: the one at `place`,
    /// or one in that line of a file.
    pub(super) fn referring(
        &self,
        reference: &str,
        place: Option<&Origin>,
        line: usize,
    ) -> Option<Origin> {
        let refers = |definition: &Definition| {
            let mut references = definition.references.iter();
            references.any(|names| reference.is_empty() || names.join(".") == reference)
        };
        let all = self.definitions.iter().rev();
        let all: Vec<&Origin> = all
            .filter(|(_, definition)| refers(definition))
            .map(|(_, definition)| &definition.at)
            .collect();
        let there = all.iter().find(|at| Some(**at) == place);
        let in_line = || all.iter().find(|at| at.line() == Some(line));
        there.or_else(in_line).map(|at| (*at).clone())
    }

    /// What the setting at `path` refers to, where that is plain to see.
    pub(super) fn reference(&self, path: &[String]) -> Option<String> {
        let mut definitions = self.definitions.iter();
        let (_, definition) = definitions.rfind(|(_, it)| it.path == path)?;
        Some(definition.references.first()?.join("."))
    }

    /// How many substitutions there are.
    pub(super) fn references(&self) -> usize {
        let all = self.definitions.iter();
        all.map(|(_, it)| it.references.len()).sum()
    }

    fn search(&self, path: &[String], chain: usize, left: &Cell<usize>) -> Option<Place> {
        if chain > MAX_CHAIN {
            return None;
        }
        for &(layer, definition) in self.definitions.iter().rev() {
            let Some(rest) = path.strip_prefix(definition.path.as_slice()) else {
                continue;
            };
            left.set(left.get().checked_sub(1)?);
            let targets = definition.references.iter().rev().flat_map(|reference| {
                let scoped = [&definition.scope, reference.as_slice(), rest].concat();
                let global = [reference.as_slice(), rest].concat();
                [scoped, global]
            });
            let found = match rest {
                [] => self.of_value(definition, targets, chain, left),
                _ => targets
                    .filter(|target| target != path)
                    .find_map(|target| self.search(&target, chain + 1, left))
                    .map(|place| place.origin),
            };
            if let Some(origin) = found {
                return Some(Place { origin, layer });
            }
        }
        None
    }

    /// Of a value that is given right here, unless it is a substitution that stands for nothing.
    fn of_value(
        &self,
        definition: &Definition,
        targets: impl Iterator<Item = Vec<String>>,
        chain: usize,
        left: &Cell<usize>,
    ) -> Option<Origin> {
        if !definition.optional {
            return Some(self.with_variable(definition));
        }
        let mut others = targets.filter(|target| *target != definition.path);
        if others.any(|target| self.search(&target, chain + 1, left).is_some()) {
            return Some(definition.at.clone());
        }
        let of_variable = self.with_variable(definition);
        matches!(
            &of_variable,
            Origin::File {
                variable: Some(_),
                ..
            }
        )
        .then_some(of_variable)
    }

    /// The place, with the variable that the value comes from if that is all there is to it.
    fn with_variable(&self, definition: &Definition) -> Origin {
        let mut at = definition.at.clone();
        if let (Origin::File { variable, .. }, [reference]) =
            (&mut at, definition.references.as_slice())
        {
            let name = reference.join(".");
            let is_set = self.definitions.iter();
            let is_set = is_set.map(|(_, it)| it).any(|it| it.path == *reference);
            if !is_set && self.variables.get(&name).is_some() {
                *variable = Some(name.into());
            }
        }
        at
    }
}

/// One text's tokens. It has been parsed already, so what makes no sense is passed over.
struct Walk<'a> {
    tokens: Peekable<vec::IntoIter<Token>>,
    definitions: &'a mut Vec<Definition>,
    scope: &'a [String],
    origin: &'a Origin,
    directory: Option<&'a Path>,
    depth: usize,
}

impl Walk<'_> {
    /// Everything up to the end of the object, or of the text.
    fn fields(&mut self, prefix: &[String]) {
        while let Some(token) = self.tokens.peek() {
            match token.kind {
                TokenKind::RBrace | TokenKind::Eof => break,
                TokenKind::Unquoted if token.value == "include" => self.include(prefix),
                TokenKind::Unquoted | TokenKind::QuotedString => self.field(prefix),
                // The braces that a text may have around all of it.
                TokenKind::LBrace => {
                    self.tokens.next();
                    self.fields(prefix);
                    self.tokens.next();
                }
                _ => drop(self.tokens.next()),
            }
        }
    }

    fn field(&mut self, prefix: &[String]) {
        let line = self.tokens.peek().map_or(0, |token| token.line);
        let mut path = prefix.to_vec();
        path.extend(self.key());
        self.tokens
            .next_if(|token| !matches!(token.kind, TokenKind::LBrace));
        while self
            .tokens
            .next_if(|token| token.kind == TokenKind::Newline)
            .is_some()
        {}

        let index = self.definitions.len();
        self.definitions.push(Definition {
            scope: self.scope.to_vec(),
            ..Definition::plain(path.clone(), self.origin.at(line))
        });
        let mut pieces = 0;
        let mut references = Vec::new();
        let mut optional = false;
        while let Some(token) = self.tokens.peek() {
            match token.kind {
                TokenKind::Newline | TokenKind::Comma | TokenKind::RBrace | TokenKind::Eof => break,
                TokenKind::LBrace => {
                    self.tokens.next();
                    self.fields(&path);
                }
                TokenKind::LBracket => self.list(&mut references),
                _ => {}
            }
            if let Some(token) = self.tokens.next()
                && let Some(substitution) = token.subst
            {
                optional = substitution.optional;
                let segments = substitution.segments.into_iter();
                references.push(segments.map(|segment| segment.text).collect());
            }
            pieces += 1;
        }
        let definition = &mut self.definitions[index];
        definition.optional = optional && pieces == 1;
        definition.references = references;
    }

    /// The names of a key, up to the sign or brace behind it.
    fn key(&mut self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        // Whether the next token goes on with the last name.
        let mut open = false;
        let is_key =
            |token: &Token| matches!(token.kind, TokenKind::Unquoted | TokenKind::QuotedString);
        while let Some(token) = self.tokens.next_if(is_key) {
            let dotted = token.kind == TokenKind::Unquoted;
            let pieces: Vec<&str> = match dotted {
                true => token.value.split('.').collect(),
                false => vec![token.value.as_str()],
            };
            for (number, piece) in pieces.iter().enumerate() {
                match names.last_mut() {
                    Some(last) if open && number == 0 && !piece.is_empty() => {
                        last.push_str(&token.preceding_whitespace);
                        last.push_str(piece);
                    }
                    _ if dotted && piece.is_empty() => {}
                    _ => names.push((*piece).to_owned()),
                }
            }
            open = !(dotted && token.value.ends_with('.'));
        }
        names
    }

    /// What the items of a list refer to. The last bracket is left for the caller.
    fn list(&mut self, references: &mut Vec<Vec<String>>) {
        let mut depth = 0;
        while let Some(token) = self.tokens.peek() {
            match token.kind {
                TokenKind::LBracket => depth += 1,
                TokenKind::RBracket => depth -= 1,
                TokenKind::Eof => return,
                _ => {}
            }
            if depth == 0 {
                return;
            }
            if let Some(token) = self.tokens.next()
                && let Some(substitution) = token.subst
            {
                let segments = substitution.segments.into_iter();
                references.push(segments.map(|segment| segment.text).collect());
            }
        }
    }

    /// `include "a"`, `include file("a")`, `include required(..)`: looked for where the parser does.
    fn include(&mut self, prefix: &[String]) {
        self.tokens.next();
        let mut from_here = false;
        let mut name = None;
        while let Some(token) = self
            .tokens
            .next_if(|token| matches!(token.kind, TokenKind::Unquoted | TokenKind::QuotedString))
        {
            match token.kind {
                TokenKind::QuotedString => name = Some(token.value),
                _ => from_here |= token.value.contains("file"),
            }
        }
        let Some(name) = name.filter(|_| self.depth < MAX_INCLUDES) else {
            return;
        };
        let path = match self.directory {
            Some(directory) if !from_here => directory.join(name),
            _ => name.into(),
        };
        let candidates = match path.extension() {
            Some(_) => vec![path],
            None => ["properties", "json", "conf"]
                .map(|it| path.with_extension(it))
                .to_vec(),
        };
        for file in candidates {
            let Ok(text) = std::fs::read_to_string(&file) else {
                continue;
            };
            let origin = Origin::of_file(&file);
            match file.extension() {
                Some(ending) if ending == "properties" => {
                    self.properties(prefix, &text, &origin);
                }
                _ => add_text(
                    self.definitions,
                    prefix,
                    &text,
                    &origin,
                    file.parent(),
                    self.depth + 1,
                ),
            }
        }
    }

    fn properties(&mut self, prefix: &[String], text: &str, origin: &Origin) {
        let pairs = properties::parse(text).unwrap_or_default();
        let definitions = pairs.into_iter().map(|pair| {
            let names = pair.key.split('.').map(str::to_owned);
            let path = prefix.iter().cloned().chain(names).collect();
            Definition::plain(path, origin.at(pair.line))
        });
        self.definitions.extend(definitions);
    }
}
