//! What every format becomes: tables of names, with the text of each value and where it is from.

use super::{LoadError, Origin};
use std::collections::BTreeMap;

/// Deeper than any configuration goes, and shallow enough for every thread's stack.
pub(super) const MAX_DEPTH: usize = 64;

#[derive(Clone, Debug)]
pub(super) enum Node {
    Table(Table),
    List(List),
    Leaf(Leaf),
}

pub(super) type Table = BTreeMap<String, Node>;

#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) items: Vec<Node>,
    pub(super) origin: Origin,
}

#[derive(Clone)]
pub(super) struct Leaf {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

#[derive(Clone)]
pub(super) enum Value {
    Text(String),
    /// A substitution that stands for nothing, and of what, where it is known.
    Unresolved(Option<String>),
}

impl Leaf {
    pub(super) fn text(text: impl Into<String>, origin: Origin) -> Self {
        let value = Value::Text(text.into());
        Self { value, origin }
    }
}

/// Without the value, which may be a secret.
impl std::fmt::Debug for Leaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Leaf({})", self.origin)
    }
}

/// The settings of one section by their names from there on, such as `kafka-clients.linger.ms`.
pub(super) type Flat = BTreeMap<String, Leaf>;

/// What is at a path of names joined by dots.
pub(super) fn find<'a>(root: &'a Table, path: &str) -> Option<&'a Node> {
    let mut table = root;
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        let node = table.get(name)?;
        if names.peek().is_none() {
            return Some(node);
        }
        match node {
            Node::Table(inner) => table = inner,
            Node::List(_) | Node::Leaf(_) => return None,
        }
    }
    None
}

/// Adds a value, and the tables on the way to it. One that is in its way is replaced, as the later
/// of two in a file is.
pub(super) fn insert(root: &mut Table, path: &[&str], node: Node) {
    let Some((name, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        match (root.get_mut(*name), node) {
            (Some(Node::Table(old)), Node::Table(new)) => {
                for (name, node) in new {
                    insert(old, &[&name], node);
                }
            }
            (_, node) => drop(root.insert((*name).to_owned(), node)),
        }
        return;
    }
    let slot = root.entry((*name).to_owned());
    let slot = slot.or_insert_with(|| Node::Table(Table::new()));
    if !matches!(slot, Node::Table(_)) {
        *slot = Node::Table(Table::new());
    }
    if let Node::Table(inner) = slot {
        insert(inner, rest, node);
    }
}

/// Every value below a section's table. A list of values is one, joined by commas.
pub(super) fn flatten(section: &str, table: &Table) -> Result<Flat, LoadError> {
    let mut flat = Flat::new();
    add(section, "", table, &mut flat)?;
    Ok(flat)
}

fn add(section: &str, prefix: &str, table: &Table, flat: &mut Flat) -> Result<(), LoadError> {
    for (name, node) in table {
        let key = match prefix {
            "" => name.clone(),
            _ => format!("{prefix}.{name}"),
        };
        let leaf = match node {
            Node::Table(inner) => {
                add(section, &key, inner, flat)?;
                continue;
            }
            Node::Leaf(leaf) => leaf.clone(),
            Node::List(list) => joined(list).ok_or_else(|| LoadError::Invalid {
                at: list.origin.clone(),
                path: format!("{section}.{key}"),
                rule: "must be one value, or a list of values".into(),
            })?,
        };
        let at = leaf.origin.clone();
        if let Some(other) = flat.insert(key.clone(), leaf) {
            return Err(LoadError::Twice {
                at,
                path: format!("{section}.{key}"),
                other: other.origin,
            });
        }
    }
    Ok(())
}

/// The values of a list in one text.
fn joined(list: &List) -> Option<Leaf> {
    let mut texts = Vec::new();
    for item in &list.items {
        match item {
            Node::Leaf(Leaf {
                value: Value::Text(text),
                ..
            }) => texts.push(text.as_str()),
            Node::Leaf(unresolved) => return Some(unresolved.clone()),
            Node::Table(_) | Node::List(_) => return None,
        }
    }
    Some(Leaf::text(texts.join(","), list.origin.clone()))
}

/// The paths of all tables, for somebody who is looking for one.
pub(super) fn tables(table: &Table, prefix: &str, paths: &mut Vec<String>) {
    for (name, node) in table {
        if let Node::Table(inner) = node {
            let path = match prefix {
                "" => name.clone(),
                _ => format!("{prefix}.{name}"),
            };
            tables(inner, &path, paths);
            paths.push(path);
        }
    }
}
