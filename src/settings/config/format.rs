//! The formats a configuration can have.

use std::{fmt, path::Path};

/// How a configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// HOCON, of which JSON is a part: `.conf`, `.hocon`, `.json`.
    Hocon,
    /// A Java properties file of Kafka's keys, for the default section: `.properties`.
    Properties,
    /// TOML: `.toml`. Needs the cargo feature `config-toml`.
    Toml,
    /// YAML: `.yaml`, `.yml`. Needs the cargo feature `config-yaml`.
    Yaml,
}

impl Format {
    /// The format that a file's ending stands for.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match ending.as_str() {
            "conf" | "hocon" | "json" => Self::Hocon,
            "properties" => Self::Properties,
            "toml" => Self::Toml,
            "yaml" | "yml" => Self::Yaml,
            _ => return None,
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hocon => "HOCON",
            Self::Properties => "Java properties",
            Self::Toml => "TOML",
            Self::Yaml => "YAML",
        })
    }
}
