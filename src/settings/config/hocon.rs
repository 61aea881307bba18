//! HOCON. The only place that knows the parser.

mod places;

use super::{
    DEFAULT_SECTIONS, Format, LoadError, Origin,
    env::Variables,
    layout,
    tree::{Leaf, List, MAX_DEPTH, Node, Table, Value},
};
use hocon::{HoconError, HoconValue, ParseOptions, ResolveOptions, ScalarType};
use places::Places;
use std::{path::Path, sync::LazyLock, thread};

/// The defaults of [`DEFAULT_SECTIONS`], of which the file has the first.
fn reference(section: &str) -> String {
    let file = include_str!("../reference.conf");
    file.replacen(DEFAULT_SECTIONS[0], section, 1)
}

/// The parser follows substitutions by recursion, so that their number bounds its stack: some 10 KiB
/// each without optimization.
const MAX_SUBSTITUTIONS: usize = 2_000;
const STACK: usize = 64 << 20;

/// Reads a text with everything that it includes. What it refers to is looked for in the text, in
/// the reference, then among the process's environment variables, which `variables` are.
///
/// `directory` is where includes are looked for.
pub(super) fn read(
    text: &str,
    origin: &Origin,
    directory: Option<&Path>,
    variables: &Variables,
) -> Result<Table, LoadError> {
    let read = || read_here(text, origin, directory, variables);
    let with_room = thread::Builder::new().stack_size(STACK);
    thread::scope(|scope| {
        let reader = with_room.spawn_scoped(scope, read).ok();
        reader.and_then(|reader| reader.join().ok())
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

fn read_here(
    text: &str,
    origin: &Origin,
    directory: Option<&Path>,
    variables: &Variables,
) -> Result<Table, LoadError> {
    let unresolved = |text: &str| {
        let options = ParseOptions::defaults().with_resolve_substitutions(false);
        let options = match directory {
            Some(directory) => options.with_base_dir(directory.to_owned()),
            None => options,
        };
        hocon::parse_string_with_options(text, options)
    };
    let mut all = unresolved(text).map_err(|error| parse_error(error, origin))?;
    let mut places = Places::new(variables);
    for section in DEFAULT_SECTIONS {
        let reference = reference(section);
        let parsed =
            unresolved(&reference).map_err(|error| parse_error(error, &Origin::Default))?;
        all = all.with_fallback(&parsed);
        places.add(&reference, &Origin::Default, None);
    }
    places.add(text, origin, directory);
    if let Some(at) = places.behind_the_end() {
        return Err(broken(
            at,
            "a brace closes what was not opened, or something follows the last one",
        ));
    }
    if places.references() > MAX_SUBSTITUTIONS {
        return Err(broken(origin, "it has more than 2000 substitutions"));
    }

    // What is left unresolved is an error only inside of the section that is asked for: an
    // application's file refers to other libraries' defaults, which are not here.
    let options = ResolveOptions::defaults().with_allow_unresolved(true);
    let resolved = all
        .resolve(options)
        .map_err(|error| parse_error(error, origin))?;

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
    let origin = |path: &[String]| {
        let found = places.origin(path);
        let found = found.filter(|at| !at.is_default() || is_default(path, value));
        found.unwrap_or_else(|| file.clone())
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
            Node::List(List {
                items: items.collect(),
                origin: origin(path),
            })
        }
        HoconValue::Scalar(scalar) if scalar.value_type == ScalarType::Null => return None,
        HoconValue::Scalar(scalar) => Node::Leaf(Leaf::text(&scalar.raw, origin(path))),
        _ => Node::Leaf(Leaf {
            value: Value::Unresolved(places.reference(path)),
            origin: origin(path),
        }),
    })
}

/// Whether the reference has this value for the setting, whatever section inherits it.
fn is_default(path: &[String], value: &HoconValue) -> bool {
    static DEFAULTS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
        let text = reference(DEFAULT_SECTIONS[0]);
        let reference = hocon::parse_string_with_options(&text, ParseOptions::defaults());
        let mut defaults = Vec::new();
        if let Ok(reference) = reference {
            for key in layout::KEYS {
                let path = format!("{}.{}", DEFAULT_SECTIONS[0], key.name);
                if let Some(HoconValue::Scalar(scalar)) = reference.get(&path) {
                    defaults.push((key.name.to_owned(), scalar.raw.clone()));
                }
            }
        }
        defaults
    });
    match (value, path.last()) {
        (HoconValue::Scalar(scalar), Some(name)) => DEFAULTS
            .iter()
            .any(|(key, default)| key == name && *default == scalar.raw),
        _ => true,
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
        // Substitutions may be missing here, so what is left are included files and cycles.
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
