//! What was read of each file or text, and all of them laid over each other.

use super::{
    DEFAULT_SECTIONS, Format, LoadError, Origin,
    env::Variables,
    hocon::{self, Parsed},
    section::KAFKA,
    tree::{self, Flat, Leaf, Node, Table},
};
use guanaco_engine::properties;
use std::{fs, path::Path};

/// One file or text, with nothing followed yet that it refers to.
#[derive(Clone)]
pub(super) enum Layer {
    Sections(Parsed),
    /// Kafka's keys, for the default section, whichever that is.
    Properties(Flat, Origin),
}

impl Layer {
    pub(super) fn of_file(path: &Path, format: Format) -> Result<Self, LoadError> {
        let text = fs::read_to_string(path).map_err(|error| LoadError::Unreadable {
            file: path.display().to_string().into(),
            reason: error.to_string().into(),
        })?;
        Self::read(&text, format, &Origin::of_file(path), path.parent())
    }

    pub(super) fn of_text(text: &str, format: Format) -> Result<Self, LoadError> {
        Self::read(text, format, &Origin::in_text("text"), None)
    }

    fn read(
        text: &str,
        format: Format,
        origin: &Origin,
        directory: Option<&Path>,
    ) -> Result<Self, LoadError> {
        Ok(match format {
            Format::Hocon => Self::Sections(hocon::parse(text, origin, directory)?),
            Format::Properties => Self::Properties(of_properties(text, origin)?, origin.clone()),
            #[cfg(feature = "config-toml")]
            Format::Toml => Self::sections(&super::toml::read(text, origin)?, origin),
            #[cfg(not(feature = "config-toml"))]
            Format::Toml => return disabled(format, "config-toml"),
            #[cfg(feature = "config-yaml")]
            Format::Yaml => Self::sections(&super::yaml::read(text, origin)?, origin),
            #[cfg(not(feature = "config-yaml"))]
            Format::Yaml => return disabled(format, "config-yaml"),
        })
    }

    #[cfg(any(feature = "config-toml", feature = "config-yaml"))]
    fn sections(table: &Table, origin: &Origin) -> Self {
        Self::Sections(hocon::of_table(table, origin))
    }
}

#[cfg(not(all(feature = "config-toml", feature = "config-yaml")))]
fn disabled(format: Format, feature: &'static str) -> Result<Layer, LoadError> {
    Err(LoadError::Disabled { format, feature })
}

fn of_properties(text: &str, origin: &Origin) -> Result<Flat, LoadError> {
    let pairs = properties::parse(text).map_err(|broken| LoadError::Syntax {
        at: origin.at(broken.line),
        format: Format::Properties,
        what: Some(broken.what),
    })?;
    let pairs = pairs.into_iter();
    let leaves = pairs.map(|pair| (pair.key, Leaf::text(pair.value, origin.at(pair.line))));
    Ok(leaves.collect())
}

/// The layers as one tree, the first one lowest.
pub(super) fn merge(layers: &[Layer], variables: &Variables) -> Result<Table, LoadError> {
    let section = section_of_properties(layers, variables)?;
    let layers: Vec<Parsed> = layers
        .iter()
        .map(|layer| match layer {
            Layer::Sections(parsed) => parsed.clone(),
            Layer::Properties(pairs, origin) => hocon::of_table(&nested(section, pairs), origin),
        })
        .collect();
    hocon::resolve(&layers, variables)
}

/// Which default section properties are for: the one that the other layers set.
fn section_of_properties(
    layers: &[Layer],
    variables: &Variables,
) -> Result<&'static str, LoadError> {
    let others: Vec<Parsed> = layers
        .iter()
        .filter_map(|layer| match layer {
            Layer::Sections(parsed) => Some(parsed.clone()),
            Layer::Properties(..) => None,
        })
        .collect();
    if others.is_empty() || others.len() == layers.len() {
        return Ok(DEFAULT_SECTIONS[0]);
    }
    let others = hocon::resolve(&others, variables)?;
    Ok(match set_sections(&others)[..] {
        [(section, _)] => section,
        _ => DEFAULT_SECTIONS[0],
    })
}

/// Which of the default sections are set, and where.
pub(super) fn set_sections(root: &Table) -> Vec<(&'static str, &Origin)> {
    let sections = DEFAULT_SECTIONS.into_iter();
    let set = sections.filter_map(|section| {
        let (_, at) = tree::first_set(tree::find(root, section)?)?;
        Some((section, at))
    });
    set.collect()
}

/// Kafka's keys as a section has them. Their names are tables in tables, as other layers have them
/// as a rule. One that another begins with cannot be both, so it keeps its name in one piece.
fn nested(section: &str, pairs: &Flat) -> Table {
    let mut root = Table::new();
    let above: Vec<&str> = section.split('.').chain([KAFKA]).collect();
    for (key, leaf) in pairs {
        let names: Vec<&str> = key.split('.').collect();
        let longer = format!("{key}.");
        let is_whole = names.contains(&"") || pairs.keys().any(|it| it.starts_with(&longer));
        let names = if is_whole { vec![key.as_str()] } else { names };
        let path = [above.as_slice(), names.as_slice()].concat();
        tree::insert(&mut root, &path, Node::Leaf(leaf.clone()));
    }
    root
}
