//! Which line of which file gives a setting its value.
//!
//! The parser's result does not say. So the same tokens are walked once more, only for the names,
//! and a setting is looked for from the last line to the first, through substitutions: for
//! `orders.producer = ${guanaco.producer} { parallelism = 5 }` the parallelism is from here, and
//! everything else from wherever `guanaco.producer` has it.

use super::super::{env::Variables, origin::Origin};
use hocon::{Token, TokenKind};
use std::{cell::Cell, iter::Peekable, path::Path, vec};

/// Bounds on the work for one setting, as optional substitutions can refer to each other without an
/// end: how many may be followed in a row, and how many definitions may be looked at in all.
const MAX_CHAIN: usize = 32;
const MAX_MATCHES: usize = 10_000;

/// Includes within includes; the parser refuses cycles before they come here.
const MAX_INCLUDES: usize = 32;

pub(super) struct Places<'a> {
    variables: &'a Variables,
    /// In the order in which later ones win.
    definitions: Vec<Definition>,
    /// The first thing behind what the parser takes for a text's end.
    behind_the_end: Option<Origin>,
}

/// One `path = value` or `path { .. }`.
struct Definition {
    path: Vec<String>,
    at: Origin,
    /// What its value refers to.
    references: Vec<Vec<String>>,
    /// Where its text is included: its references are looked for below that first.
    scope: Vec<String>,
    /// Whether its value is nothing but an optional substitution.
    optional: bool,
}

impl<'a> Places<'a> {
    pub(super) fn new(variables: &'a Variables) -> Self {
        Self {
            variables,
            definitions: Vec::new(),
            behind_the_end: None,
        }
    }

    /// Where there is something that the parser does not read, as it ends with a brace that closes
    /// nothing, or all that is open.
    pub(super) fn behind_the_end(&self) -> Option<&Origin> {
        self.behind_the_end.as_ref()
    }

    /// Adds the names of a text that the parser has accepted, and of its includes.
    pub(super) fn add(&mut self, text: &str, origin: &Origin, directory: Option<&Path>) {
        self.add_at(&[], text, origin, directory, 0);
    }

    fn add_at(
        &mut self,
        prefix: &[String],
        text: &str,
        origin: &Origin,
        directory: Option<&Path>,
        depth: usize,
    ) {
        let Ok(tokens) = hocon::tokenize(text) else {
            return;
        };
        if let Some(line) = end(&tokens) {
            self.behind_the_end.get_or_insert_with(|| origin.at(line));
        }
        let mut walk = Walk {
            tokens: tokens.into_iter().peekable(),
            places: self,
            scope: prefix,
            origin,
            directory,
            depth,
        };
        walk.fields(prefix);
    }

    /// Where the setting at `path` has its value from, if it is in any of the texts.
    pub(super) fn origin(&self, path: &[String]) -> Option<Origin> {
        self.search(path, 0, &Cell::new(MAX_MATCHES))
    }

    /// What the setting at `path` refers to, where that is plain to see.
    pub(super) fn reference(&self, path: &[String]) -> Option<String> {
        let definition = self.definitions.iter().rfind(|it| it.path == path)?;
        Some(definition.references.first()?.join("."))
    }

    /// How many substitutions there are.
    pub(super) fn references(&self) -> usize {
        let all = self.definitions.iter();
        all.map(|definition| definition.references.len()).sum()
    }

    fn search(&self, path: &[String], chain: usize, left: &Cell<usize>) -> Option<Origin> {
        if chain > MAX_CHAIN {
            return None;
        }
        for definition in self.definitions.iter().rev() {
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
                    .find_map(|target| self.search(&target, chain + 1, left)),
            };
            if found.is_some() {
                return found;
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
            let is_set = self.definitions.iter().any(|it| it.path == *reference);
            if !is_set && self.variables.get(&name).is_some() {
                *variable = Some(name.into());
            }
        }
        at
    }
}

/// The line of the brace that ends a text, if it is not the last thing in it.
fn end(tokens: &[Token]) -> Option<usize> {
    let is_nothing = |it: &&Token| matches!(it.kind, TokenKind::Newline | TokenKind::Eof);
    let is_open = tokens.iter().find(|it| !is_nothing(it))?.kind == TokenKind::LBrace;
    let mut depth = 0;
    for (number, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::LBrace => depth += 1,
            TokenKind::RBrace if depth > usize::from(is_open) => depth -= 1,
            TokenKind::RBrace if !is_open => return Some(token.line),
            TokenKind::RBrace => {
                let rest = &tokens[number + 1..];
                return rest.iter().find(|it| !is_nothing(it)).map(|it| it.line);
            }
            _ => {}
        }
    }
    None
}

/// One text's tokens. It has been parsed already, so what makes no sense is passed over.
struct Walk<'a, 'b> {
    tokens: Peekable<vec::IntoIter<Token>>,
    places: &'a mut Places<'b>,
    scope: &'a [String],
    origin: &'a Origin,
    directory: Option<&'a Path>,
    depth: usize,
}

impl Walk<'_, '_> {
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

        let index = self.places.definitions.len();
        self.places.definitions.push(Definition {
            path: path.clone(),
            at: self.origin.at(line),
            references: Vec::new(),
            scope: self.scope.to_vec(),
            optional: false,
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
        let definition = &mut self.places.definitions[index];
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
        let is_before = |token: &Token| {
            let is_call = token.kind == TokenKind::Unquoted && token.value.ends_with('(');
            is_call || token.kind == TokenKind::Newline
        };
        while let Some(token) = self.tokens.next_if(is_before) {
            from_here |= token.value.contains("file(");
        }
        let name = self.tokens.next_if(|it| it.kind == TokenKind::QuotedString);
        let name = name.map(|token| token.value);
        // Of the calls; another field or include may follow in the line.
        let closes = |token: &Token| {
            token.kind == TokenKind::Unquoted && token.value.trim_end_matches(')').is_empty()
        };
        while self.tokens.next_if(closes).is_some() {}
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
            // Lines of a properties file are not looked for.
            let is_hocon = file.extension().is_none_or(|it| it != "properties");
            if is_hocon && let Ok(text) = std::fs::read_to_string(&file) {
                let origin = Origin::of_file(&file);
                let directory = file.parent();
                self.places
                    .add_at(prefix, &text, &origin, directory, self.depth + 1);
            }
        }
    }
}
