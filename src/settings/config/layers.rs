//! What was read of each file or text, and how they lie over each other.

use super::{
    Format, LoadError, Origin,
    env::Variables,
    hocon,
    section::KAFKA,
    tree::{self, Flat, Leaf, Node, Table},
};
use guanaco_engine::properties;
use std::path::Path;

/// One file or text.
#[derive(Clone, Debug)]
pub(super) enum Layer {
    Sections(Table),
    /// Kafka's keys without a section: they are for whichever one is read.
    Properties(Flat),
}

/// The last one is the strongest.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers(Vec<Layer>);

impl Layer {
    pub(super) fn read(
        text: &str,
        format: Format,
        origin: &Origin,
        directory: Option<&Path>,
        variables: &Variables,
    ) -> Result<Self, LoadError> {
        let sections = match format {
            Format::Properties => return of_properties(text, origin),
            Format::Hocon => hocon::read(text, origin, directory, variables),
            #[cfg(feature = "config-toml")]
            Format::Toml => super::toml::read(text, origin),
            #[cfg(not(feature = "config-toml"))]
            Format::Toml => disabled(format, "config-toml"),
            #[cfg(feature = "config-yaml")]
            Format::Yaml => super::yaml::read(text, origin),
            #[cfg(not(feature = "config-yaml"))]
            Format::Yaml => disabled(format, "config-yaml"),
        };
        sections.map(Self::Sections)
    }
}

#[cfg(not(all(feature = "config-toml", feature = "config-yaml")))]
fn disabled(format: Format, feature: &'static str) -> Result<Table, LoadError> {
    Err(LoadError::Disabled { format, feature })
}

fn of_properties(text: &str, origin: &Origin) -> Result<Layer, LoadError> {
    let pairs = properties::parse(text).map_err(|broken| LoadError::Syntax {
        at: origin.at(broken.line),
        format: Format::Properties,
        what: Some(broken.what),
    })?;
    let pairs = pairs.into_iter().map(|pair| {
        let leaf = Leaf::text(pair.value, origin.at(pair.line));
        (format!("{KAFKA}.{}", pair.key), leaf)
    });
    Ok(Layer::Properties(pairs.collect()))
}

impl Layers {
    pub(super) fn of(layer: Layer) -> Self {
        Self(vec![layer])
    }

    /// These over `weaker`.
    pub(super) fn over(mut self, mut weaker: Self) -> Self {
        weaker.0.append(&mut self.0);
        weaker
    }

    /// What all of them together say of a section.
    pub(super) fn settings(&self, path: &str) -> Result<Flat, LoadError> {
        let mut settings = Flat::new();
        for layer in &self.0 {
            settings.extend(match layer {
                Layer::Sections(root) => of_section(root, path)?,
                Layer::Properties(pairs) => pairs.clone(),
            });
        }
        Ok(settings)
    }

    /// Where one of them sets something in a section, if any does.
    pub(super) fn set_at(&self, path: &str) -> Result<Option<Origin>, LoadError> {
        for root in self.sections() {
            if let Some(leaf) = of_section(root, path)?.into_values().next() {
                return Ok(Some(leaf.origin));
            }
        }
        Ok(None)
    }

    /// Their tables as one. A list or a value of a stronger one replaces what is there.
    pub(super) fn tables(&self) -> Table {
        let mut all = Table::new();
        for root in self.sections() {
            for (name, node) in root {
                tree::insert(&mut all, &[name], node.clone());
            }
        }
        all
    }

    fn sections(&self) -> impl Iterator<Item = &Table> {
        self.0.iter().filter_map(|layer| match layer {
            Layer::Sections(root) => Some(root),
            Layer::Properties(_) => None,
        })
    }
}

/// What a layer sets. The defaults that it inherits are left out, as what is below it may be none.
fn of_section(root: &Table, path: &str) -> Result<Flat, LoadError> {
    let Some(Node::Table(table)) = tree::find(root, path) else {
        return Ok(Flat::new());
    };
    let mut settings = tree::flatten(path, table)?;
    settings.retain(|_, leaf| !leaf.origin.is_default());
    Ok(settings)
}
