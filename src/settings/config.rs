//! Settings from configuration: HOCON, properties, TOML, YAML and environment variables.
//!
//! ```
//! use guanaco::{ProducerSettings, config::{Config, Format}, serialization::StringSerializer};
//!
//! # fn main() -> Result<(), guanaco::Error> {
//! let config = Config::parse(
//!     "guanaco.producer {
//!        parallelism = 500
//!        kafka-clients { bootstrap.servers = \"localhost:9092\", linger.ms = 20 }
//!      }
//!      orders.producer = ${guanaco.producer} { kafka-clients.client.id = orders }",
//!     Format::Hocon,
//! )?;
//! let settings: ProducerSettings<String, String> =
//!     ProducerSettings::from_config(&config, StringSerializer, StringSerializer)?;
//! assert_eq!(settings.parallelism(), 500);
//!
//! let orders = settings.with_section(&config.producer_at("orders.producer")?);
//! assert_eq!(orders.property("linger.ms"), Some("20"));
//! assert_eq!(orders.property("client.id"), Some("orders"));
//! # Ok(()) }
//! ```
//!
//! [The settings page](crate::_documentation::settings) has every key, and the rules: which files
//! are read, what overrides what, how variables are spelled.

mod discovery;
mod env;
mod error;
mod format;
mod hocon;
mod layout;
mod origin;
mod properties;
mod section;
#[cfg(feature = "config-toml")]
mod toml;
mod tree;
mod units;
#[cfg(feature = "config-yaml")]
mod yaml;

pub use error::{LoadError, Warning};
pub use format::Format;
pub use origin::Origin;
pub use section::{Entry, ProducerSection};

use crate::discovery::Methods;
use env::Variables;
use guanaco_engine::ConfigKey;
use std::{fmt, fs, path::Path, sync::OnceLock};
use tree::{Flat, Leaf, Node, Table};

/// The sections that are read when none is named.
const DEFAULT_SECTIONS: [&str; 3] = [
    "guanaco.producer",
    "akka.kafka.producer",
    "pekko.kafka.producer",
];

/// A configuration: what was read, and what is put over it.
///
/// From the strongest to the weakest: [overrides](Self::with_overrides), environment variables if
/// they are [asked for](Self::with_env), the file, the defaults of this crate.
#[derive(Clone)]
pub struct Config {
    root: Table,
    variables: Variables,
    overrides: Flat,
    methods: Methods,
    trusted: bool,
}

impl Config {
    /// The defaults, and nothing else.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Table::new())
    }

    /// Reads a file. Its ending says what it is: see [`Format`]. Substitutions such as `${?HOME}`
    /// in HOCON see the process's environment variables.
    ///
    /// # Errors
    /// If the file, or one that it includes, cannot be read or understood. What its sections say is
    /// not looked at before they are asked for.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let format = Format::of(path).ok_or_else(|| LoadError::UnknownFormat {
            file: path.display().to_string().into(),
        })?;
        Self::load_as(path, format)
    }

    /// Reads a file of this format, whatever its ending.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_as(path: impl AsRef<Path>, format: Format) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|error| LoadError::Unreadable {
            file: path.display().to_string().into(),
            reason: error.to_string().into(),
        })?;
        let variables = Variables::of_process();
        let root = read(
            &text,
            format,
            &Origin::of_file(path),
            path.parent(),
            &variables,
        )?;
        Ok(Self::of(root))
    }

    /// Reads a text. Includes are looked for from the current directory.
    ///
    /// # Errors
    /// As [`load`](Self::load); the text is called `text`.
    pub fn parse(text: &str, format: Format) -> Result<Self, LoadError> {
        let variables = Variables::of_process();
        let root = read(text, format, &Origin::in_text("text"), None, &variables)?;
        Ok(Self::of(root))
    }

    fn of(root: Table) -> Self {
        Self {
            root,
            variables: Variables::default(),
            overrides: Flat::new(),
            methods: Methods::new(),
            trusted: false,
        }
    }

    /// Lets environment variables override what was read.
    ///
    /// A setting's variable is the path of its section, two underscores, and its key, in capitals,
    /// with `_` for every dot and dash: `GUANACO_PRODUCER__CLOSE_TIMEOUT`. Kafka's own keys have
    /// `KAFKA_CLIENTS__` before them: `GUANACO_PRODUCER__KAFKA_CLIENTS__BOOTSTRAP_SERVERS`. The
    /// default section's begin with `GUANACO_PRODUCER__`, whichever of the three it is.
    #[must_use]
    pub fn with_env(self) -> Self {
        let variables = Variables::of_process();
        Self { variables, ..self }
    }

    /// As [`with_env`](Self::with_env), with variables from elsewhere.
    #[must_use]
    pub fn with_env_from<N, T>(self, variables: impl IntoIterator<Item = (N, T)>) -> Self
    where
        N: Into<String>,
        T: Into<String>,
    {
        let variables = variables.into_iter();
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let variables = variables.collect();
        Self { variables, ..self }
    }

    /// Puts properties of Kafka's over everything else. Errors call them by `source`, such as `-X`
    /// for a flag of a command line.
    #[must_use]
    pub fn with_overrides<N, T>(
        mut self,
        source: &str,
        properties: impl IntoIterator<Item = (N, T)>,
    ) -> Self
    where
        N: AsRef<str>,
        T: Into<String>,
    {
        let origin = Origin::Override(source.into());
        for (key, value) in properties {
            let key = format!("kafka-clients.{}", key.as_ref());
            self.overrides
                .insert(key, Leaf::text(value, origin.clone()));
        }
        self
    }

    /// Adds discovery methods of one's own for `discovery-method` to name. What the configuration
    /// says of the others (`akka.discovery.method`, `akka.discovery.config.services`, ..) goes over
    /// what these say.
    #[must_use]
    pub fn with_discovery_methods(self, methods: Methods) -> Self {
        Self { methods, ..self }
    }

    /// Trusts the configuration as much as the code, and so permits keys that name commands to run,
    /// addresses that secrets are sent to, and files whose content is sent away.
    ///
    /// Without it such a key is [`LoadError::Guarded`], except in
    /// [overrides](Self::with_overrides): whoever can write to a configuration directory could do
    /// with it whatever the application can.
    #[must_use]
    pub fn trusted(self) -> Self {
        let trusted = true;
        Self { trusted, ..self }
    }

    /// The default section: `guanaco.producer`, `akka.kafka.producer` or `pekko.kafka.producer`,
    /// whichever is set, and the defaults if none is.
    ///
    /// # Errors
    /// If more than one of them is set, and as [`producer_at`](Self::producer_at).
    pub fn producer(&self) -> Result<ProducerSection, LoadError> {
        let mut set = Vec::new();
        for section in DEFAULT_SECTIONS {
            let settings = self.settings(section)?;
            if settings.values().any(|leaf| !leaf.origin.is_default()) {
                set.push(section);
            }
        }
        match set[..] {
            [] => self.read(DEFAULT_SECTIONS[0], DEFAULT_SECTIONS[0]),
            [section] => self.read(section, DEFAULT_SECTIONS[0]),
            _ => Err(LoadError::Ambiguous { sections: set }),
        }
    }

    /// The section at a path, such as `orders.producer`. What it lacks has its default.
    ///
    /// # Errors
    /// If there is no such section; at its first setting that is unknown, has a value that it cannot
    /// have, refers to something that is not set, waits for something that is not here yet, or is
    /// [guarded](Self::trusted). Settings that contradict each other are told when a producer is
    /// created.
    pub fn producer_at(&self, path: &str) -> Result<ProducerSection, LoadError> {
        let known = matches!(tree::find(&self.root, path), Some(Node::Table(_)))
            || DEFAULT_SECTIONS.contains(&path)
            || !self.of_variables(path).is_empty();
        if known {
            return self.read(path, path);
        }
        let mut sections = DEFAULT_SECTIONS.map(str::to_owned).to_vec();
        tree::tables(&self.root, "", &mut sections);
        let nearest = guanaco_engine::nearest(path, sections.iter().map(String::as_str));
        Err(LoadError::NoSection {
            path: path.to_owned(),
            nearest: nearest.map(str::to_owned),
        })
    }

    /// Reads a section, with the variables that are called after `variables`.
    fn read(&self, path: &str, variables: &str) -> Result<ProducerSection, LoadError> {
        let mut settings = defaults()?;
        settings.extend(self.settings(path)?);
        settings.extend(self.of_variables(variables));
        settings.extend(self.overrides.clone());
        ProducerSection::read(path, settings, self.trusted, |name, at| {
            let path = format!("{path}.discovery-method");
            discovery::method(&self.root, &self.methods, name, at, &path)
        })
    }

    fn settings(&self, path: &str) -> Result<Flat, LoadError> {
        match tree::find(&self.root, path) {
            Some(Node::Table(table)) => tree::flatten(path, table),
            _ => Ok(Flat::new()),
        }
    }

    fn of_variables(&self, section: &str) -> Flat {
        let layout = layout::KEYS.iter().map(|key| key.name.to_owned());
        let kafka = ConfigKey::all().iter();
        let kafka = kafka.map(|key| format!("kafka-clients.{}", key.name()));
        self.variables.settings(section, layout.chain(kafka))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows no values.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("root", &self.root)
            .field("overrides", &self.overrides)
            .field("trusted", &self.trusted)
            .finish_non_exhaustive()
    }
}

/// The settings of `reference.conf`.
fn defaults() -> Result<Flat, LoadError> {
    static DEFAULTS: OnceLock<Result<Flat, LoadError>> = OnceLock::new();
    let section = DEFAULT_SECTIONS[0];
    let read = || {
        let root = hocon::read("", &Origin::Default, None, &Variables::default())?;
        match tree::find(&root, section) {
            Some(Node::Table(table)) => tree::flatten(section, table),
            _ => Ok(Flat::new()),
        }
    };
    DEFAULTS.get_or_init(read).clone()
}

fn read(
    text: &str,
    format: Format,
    origin: &Origin,
    directory: Option<&Path>,
    variables: &Variables,
) -> Result<Table, LoadError> {
    match format {
        Format::Hocon => hocon::read(text, origin, directory, variables),
        Format::Properties => of_properties(text, origin),
        #[cfg(feature = "config-toml")]
        Format::Toml => toml::read(text, origin),
        #[cfg(not(feature = "config-toml"))]
        Format::Toml => disabled(format, "config-toml"),
        #[cfg(feature = "config-yaml")]
        Format::Yaml => yaml::read(text, origin),
        #[cfg(not(feature = "config-yaml"))]
        Format::Yaml => disabled(format, "config-yaml"),
    }
}

#[cfg(not(all(feature = "config-toml", feature = "config-yaml")))]
fn disabled(format: Format, feature: &'static str) -> Result<Table, LoadError> {
    Err(LoadError::Disabled { format, feature })
}

/// Kafka's keys, for the default section.
fn of_properties(text: &str, origin: &Origin) -> Result<Table, LoadError> {
    let pairs = properties::parse(text).map_err(|broken| LoadError::Syntax {
        at: origin.at(broken.line),
        format: Format::Properties,
        what: Some(broken.what),
    })?;
    let pairs = pairs.into_iter().map(|pair| {
        let leaf = Leaf::text(pair.value, origin.at(pair.line));
        (pair.key, Node::Leaf(leaf))
    });
    let mut root = Table::new();
    let path = ["guanaco", "producer", "kafka-clients"];
    tree::insert(&mut root, &path, Node::Table(pairs.collect()));
    Ok(root)
}
