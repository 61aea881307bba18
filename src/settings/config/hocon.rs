//! HOCON, and the layers of all formats as one document of it. The only place that knows the parser.

mod document;
mod places;

use super::{
    DEFAULT_SECTIONS, Format, LoadError, Origin,
    env::Variables,
    tree::{Leaf, List, MAX_DEPTH, Node, Table, Value},
};
use hocon::{HoconError, HoconValue, ParseOptions, ResolveOptions, ScalarType};
use places::{Definition, Place, Places};
use std::{path::Path, thread};

/// The defaults of [`DEFAULT_SECTIONS`], of which the file has the first.
fn reference() -> String {
    let file = include_str!("../reference.conf");
    let sections = DEFAULT_SECTIONS.map(|section| file.replacen(DEFAULT_SECTIONS[0], section, 1));
    sections.join("\n")
}

/// The parser follows substitutions by recursion, so that their number bounds its stack: some 10 KiB
/// each without optimization.
const MAX_SUBSTITUTIONS: usize = 2_000;
const STACK: usize = 64 << 20;

/// A text or table whose substitutions are not followed yet, and what it defines where.
#[derive(Clone)]
pub(super) struct Parsed {
    /// As a part of a document.
    text: String,
    definitions: Vec<Definition>,
    origin: Origin,
}

/// Reads a text with everything that it includes; `directory` is where includes are looked for.
pub(super) fn parse(
    text: &str,
    origin: &Origin,
    directory: Option<&Path>,
) -> Result<Parsed, LoadError> {
    with_room(origin, || parse_here(text, origin, directory))
}

/// A table of another format. Nothing in it refers to anything.
pub(super) fn of_table(table: &Table, origin: &Origin) -> Parsed {
    Parsed {
        text: document::of_table(table),
        definitions: places::of_table(table),
        origin: origin.clone(),
    }
}

/// Lays the layers over each other, the first one lowest, and follows the substitutions then: they
/// are looked for in all of the layers, in the reference, then among the process's environment
/// variables, which `variables` are.
pub(super) fn resolve(layers: &[Parsed], variables: &Variables) -> Result<Table, LoadError> {
    let origin = layers
        .last()
        .map_or(&Origin::Default, |layer| &layer.origin);
    with_room(origin, || resolve_here(layers, origin, variables))
}

/// Runs it where the parser's recursion has its room.
fn with_room<T: Send>(
    origin: &Origin,
    run: impl FnOnce() -> Result<T, LoadError> + Send,
) -> Result<T, LoadError> {
    let with_room = thread::Builder::new().stack_size(STACK);
    thread::scope(|scope| {
        let running = with_room.spawn_scoped(scope, run).ok();
        running.and_then(|running| running.join().ok())
    })
    .unwrap_or_else(|| Err(broken(origin, "the parser gave up on it")))
}

fn broken(at: &Origin, what: &'static str) -> LoadError {
    LoadError::Syntax {
        at: at.clone(),
        format: Format::Hocon,
        what: Some(what),
    }
}

fn parse_here(text: &str, origin: &Origin, directory: Option<&Path>) -> Result<Parsed, LoadError> {
    unresolved(text, directory).map_err(|error| parse_error(error, origin))?;
    Ok(Parsed {
        text: document::of_text(text, directory)?,
        definitions: places::of_text(text, origin, directory),
        origin: origin.clone(),
    })
}

fn unresolved(text: &str, directory: Option<&Path>) -> Result<hocon::Config, HoconError> {
    let options = ParseOptions::defaults().with_resolve_substitutions(false);
    let options = match directory {
        Some(directory) => options.with_base_dir(directory.to_owned()),
        None => options,
    };
    hocon::parse_string_with_options(text, options)
}

fn resolve_here(
    layers: &[Parsed],
    origin: &Origin,
    variables: &Variables,
) -> Result<Table, LoadError> {
    let reference = parse_here(&reference(), &Origin::Default, None)?;
    let mut places = Places::new(variables);
    places.add(0, &reference.definitions);
    for (layer, number) in layers.iter().zip(1..) {
        places.add(number, &layer.definitions);
        if places.references() > MAX_SUBSTITUTIONS {
            return Err(broken(&layer.origin, "it has more than 2000 substitutions"));
        }
    }
    let document = Document::new([&reference].into_iter().chain(layers));
    let all = unresolved(&document.text, None).map_err(|error| parse_error(error, origin))?;

    // What is left unresolved is an error only inside of the section that is asked for: an
    // application's file refers to other libraries' defaults, which are not here.
    let options = ResolveOptions::defaults().with_allow_unresolved(true);
    let resolved = all
        .resolve(options)
        .map_err(|error| document.error(error, &places, origin))?;

    let mut root = Table::new();
    let mut path = Vec::new();
    for name in resolved.keys() {
        let value = resolved.get(&quoted(name));
        path.push(name.to_owned());
        if let Some(node) = value.and_then(|value| node(value, &mut path, &places, origin)) {
            root.insert(name.to_owned(), node);
        }
        path.pop();
    }
    Ok(root)
}

/// A name as the parser wants it in a path.
fn quoted(name: &str) -> String {
    let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// A value with its origin. `null` is the same as nothing, and so is what is deeper than any section.
fn node(
    value: &HoconValue,
    path: &mut Vec<String>,
    places: &Places<'_>,
    file: &Origin,
) -> Option<Node> {
    if path.len() > MAX_DEPTH {
        return None;
    }
    let place = |path: &[String]| {
        places.place(path).unwrap_or_else(|| Place {
            origin: file.clone(),
            layer: 0,
        })
    };
    Some(match value {
        HoconValue::Object(fields) => {
            let mut table = Table::new();
            for (name, value) in fields {
                path.push(name.clone());
                if let Some(node) = node(value, path, places, file) {
                    table.insert(name.clone(), node);
                }
                path.pop();
            }
            Node::Table(table)
        }
        HoconValue::Array(items) => {
            let items = items
                .iter()
                .filter_map(|item| node(item, path, places, file));
            let items = items.collect();
            let Place { origin, layer } = place(path);
            Node::List(List {
                items,
                origin,
                layer,
            })
        }
        HoconValue::Scalar(scalar) if scalar.value_type == ScalarType::Null => return None,
        other => {
            let Place { origin, layer } = place(path);
            let value = match other {
                HoconValue::Scalar(scalar) => Value::Text(scalar.raw.clone()),
                _ => Value::Unresolved(places.reference(path)),
            };
            Node::Leaf(Leaf {
                value,
                origin,
                layer,
            })
        }
    })
}

/// The layers in one text, the lowest first.
struct Document<'a> {
    text: String,
    /// Each with the lines before it.
    parts: Vec<(usize, &'a Origin)>,
}

impl<'a> Document<'a> {
    fn new(layers: impl Iterator<Item = &'a Parsed>) -> Self {
        let mut document = Self {
            text: String::new(),
            parts: Vec::new(),
        };
        let mut lines = 0;
        for layer in layers {
            document.parts.push((lines, &layer.origin));
            document.text.push_str(&layer.text);
            lines += layer.text.matches('\n').count();
        }
        document
    }

    /// Why the document's substitutions cannot be followed. The parser names a line, which may be
    /// one of the document or of a file that it includes.
    fn error(&self, error: HoconError, places: &Places<'_>, strongest: &Origin) -> LoadError {
        let HoconError::Resolve(error) = error else {
            return parse_error(error, strongest);
        };
        let mut parts = self.parts.iter().rev();
        let part = parts.find(|(before, _)| error.line > *before);
        let in_part = part.map(|(before, origin)| origin.at(error.line - before));
        LoadError::Syntax {
            at: places
                .referring(&error.path, in_part.as_ref(), error.line)
                .or(in_part)
                .unwrap_or_else(|| strongest.clone()),
            format: Format::Hocon,
            what: harmless(&error.message),
        }
    }
}

/// The parser's errors quote what they stumble over, which may be a secret: only positions, file
/// names and words without a value in them are taken from it.
fn parse_error(error: HoconError, origin: &Origin) -> LoadError {
    let syntax = |at: Origin, message: &str| LoadError::Syntax {
        at,
        format: Format::Hocon,
        what: harmless(message),
    };
    match error {
        HoconError::Parse(error) => syntax(origin.at(error.line), &error.message),
        // No substitution is followed yet, so what can fail are included files.
        HoconError::Resolve(error) => {
            let file = Path::new(&error.path);
            let exists = file.is_file();
            match error.line {
                1.. if exists => syntax(Origin::of_file(file).at(error.line), &error.message),
                _ if exists || error.message.contains("include") => LoadError::Include {
                    file: error.path.into(),
                },
                line => syntax(origin.at(line), &error.message),
            }
        }
        HoconError::Config(_) => syntax(origin.clone(), "array"),
        _ => syntax(origin.clone(), ""),
    }
}

/// What may be said of a parser's message.
fn harmless(message: &str) -> Option<&'static str> {
    [
        ("unterminated string", "a string has no end"),
        ("unterminated substitution", "a substitution has no end"),
        ("escape", "no such escape in a string"),
        ("circular", "it refers to itself"),
        ("cycle", "it refers to itself"),
        ("include", "this include cannot be used here"),
        ("array", "it holds a list, not settings"),
    ]
    .into_iter()
    .find_map(|(part, words)| message.contains(part).then_some(words))
}
