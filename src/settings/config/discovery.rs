//! Service discovery as a configuration has it: the method's own sections beside the producer's.

use super::{
    LoadError, Origin,
    tree::{self, Leaf, List, Node, Table, Value},
};
use crate::discovery::{Discovery, Endpoint, Methods, StaticDiscovery};
use std::sync::Arc;

/// Sections of discovery methods, in the order in which they are looked for.
const ROOTS: [&str; 3] = ["guanaco.discovery", "akka.discovery", "pekko.discovery"];

/// The method that a section asks for by name, with its settings from `root`.
pub(super) fn method(
    root: &Table,
    methods: &Methods,
    name: &str,
    at: &Origin,
    path: &str,
) -> Result<Arc<dyn Discovery>, LoadError> {
    let is_set = |section: &&str| tree::find(root, section).is_some();
    // A method that is named as a section has its settings there: `akka.discovery`.
    let named = ROOTS.into_iter().find(|section| *section == name);
    let named = named.filter(is_set);
    let section = named.or_else(|| ROOTS.into_iter().find(is_set));
    let methods = match section {
        Some(section) => with_sections(methods.clone(), root, section)?,
        None => methods.clone(),
    };
    methods.by_name(name).map_err(|error| LoadError::Discovery {
        at: at.clone(),
        path: path.to_owned(),
        error,
    })
}

fn with_sections(mut methods: Methods, root: &Table, section: &str) -> Result<Methods, LoadError> {
    let find = |name: &str| tree::find(root, &format!("{section}.{name}"));
    if let Some(Node::Leaf(Leaf {
        value: Value::Text(name),
        ..
    })) = find("method")
    {
        methods = methods.with_default(name.as_str());
    }
    if let Some(Node::List(List { items, .. })) = find("aggregate.discovery-methods") {
        methods = methods.with_aggregate(items.iter().filter_map(text));
    }
    let elsewhere = find("config.services-path").and_then(text);
    let path = elsewhere.map_or_else(|| format!("{section}.config.services"), str::to_owned);
    if let Some(Node::Table(services)) = tree::find(root, &path) {
        methods = methods.with_services(services_of(services, &path)?);
    }
    Ok(methods)
}

fn text(node: &Node) -> Option<&str> {
    match node {
        Node::Leaf(Leaf {
            value: Value::Text(text),
            ..
        }) => Some(text.trim()),
        _ => None,
    }
}

/// `kafka { endpoints = [{ host = broker-1, port = 9092 }] }`, any number of them.
fn services_of(services: &Table, path: &str) -> Result<StaticDiscovery, LoadError> {
    let mut all = StaticDiscovery::new();
    for (name, service) in services {
        let path = format!("{path}.{name}.endpoints");
        let Node::Table(service) = service else {
            continue;
        };
        let Some(Node::List(List { items, origin })) = service.get("endpoints") else {
            continue;
        };
        let endpoints: Option<Vec<Endpoint>> = items.iter().map(endpoint).collect();
        let endpoints = endpoints.ok_or_else(|| LoadError::Invalid {
            at: origin.clone(),
            path: path.clone(),
            rule: "must be a list of { host = .., port = .. }".into(),
        })?;
        let added = all.with_service(name, endpoints);
        all = added.map_err(|error| LoadError::Discovery {
            at: origin.clone(),
            path,
            error,
        })?;
    }
    Ok(all)
}

fn endpoint(node: &Node) -> Option<Endpoint> {
    let Node::Table(fields) = node else {
        return None;
    };
    let host = text(fields.get("host")?)?;
    let port = text(fields.get("port")?)?.parse().ok()?;
    Some(Endpoint::new(host, port))
}
