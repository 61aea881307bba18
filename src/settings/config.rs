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
mod layers;
mod layout;
mod origin;
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
use layers::Layer;
use std::{fmt, path::Path, sync::OnceLock};
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
/// they are [asked for](Self::with_env), the files, the last of [several](Self::load_all) first, the
/// defaults of this crate.
#[derive(Clone)]
pub struct Config {
    /// The lowest first.
    layers: Vec<Layer>,
    /// What they come to.
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
        Self::of(Vec::new(), Table::new())
    }

    /// Reads a file. Its ending says what it is: see [`Format`]. Substitutions such as `${?HOME}`
    /// in HOCON see the process's environment variables.
    ///
    /// # Errors
    /// If the file, or one that it includes, cannot be read or understood. What its sections say is
    /// not looked at before they are asked for.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        Self::load_all([path])
    }

    /// Reads several files and lays them over each other: of two that set the same, the later one
    /// wins. Each has the format that its ending says.
    ///
    /// They are one configuration then, as [`with_fallback`](Self::with_fallback) makes it of two.
    /// No file may be missing.
    ///
    /// ```no_run
    /// # use guanaco::config::{Config, LoadError};
    /// # fn main() -> Result<(), LoadError> {
    /// let config = Config::load_all(["base.conf", "production.yaml", "secrets.properties"])?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`load`](Self::load), of the first file that has one; and if what they come to together
    /// refers to itself.
    pub fn load_all<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, LoadError> {
        let paths = paths.into_iter();
        let layers = paths.map(|path| {
            let path = path.as_ref();
            let format = Format::of(path).ok_or_else(|| LoadError::UnknownFormat {
                file: path.display().to_string().into(),
            })?;
            Layer::of_file(path, format)
        });
        Self::of_layers(layers.collect::<Result<_, _>>()?)
    }

    /// Reads a file of this format, whatever its ending.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_as(path: impl AsRef<Path>, format: Format) -> Result<Self, LoadError> {
        Self::of_layers(vec![Layer::of_file(path.as_ref(), format)?])
    }

    /// Reads a text. Includes are looked for from the current directory.
    ///
    /// # Errors
    /// As [`load`](Self::load); the text is called `text`.
    pub fn parse(text: &str, format: Format) -> Result<Self, LoadError> {
        Self::of_layers(vec![Layer::of_text(text, format)?])
    }

    /// Lays this configuration over a weaker one: what it does not set is as `weaker` has it.
    ///
    /// It happens before substitutions are followed, so that they see both: `${shop.name}` in one
    /// is what the other says that it is. Kafka's keys of a properties file count for the default
    /// section that the rest sets. `null` in HOCON takes a weaker setting back.
    ///
    /// Only what `weaker` has read counts. Environment variables, overrides, discovery methods and
    /// [trust](Self::trusted) are those of `self`.
    ///
    /// ```
    /// # use guanaco::config::{Config, Format};
    /// # fn main() -> Result<(), guanaco::Error> {
    /// let base = "akka.kafka.producer.kafka-clients { linger.ms = 20, client.id = ${shop}-orders }";
    /// let base = Config::parse(base, Format::Hocon)?;
    /// let here = Config::parse("shop = till-3", Format::Hocon)?;
    /// let tuning = Config::parse("linger.ms = 5", Format::Properties)?;
    ///
    /// let section = tuning.with_fallback(here)?.with_fallback(base)?.producer()?;
    /// let properties: Vec<_> = section.properties().collect();
    /// assert_eq!(properties, [("client.id", "till-3-orders"), ("linger.ms", "5")]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If what the two come to together refers to itself, or adds a value to one of another kind.
    #[doc(alias("withFallback", "merge", "layers"))]
    pub fn with_fallback(self, weaker: Self) -> Result<Self, LoadError> {
        let layers: Vec<_> = weaker.layers.into_iter().chain(self.layers).collect();
        let root = layers::merge(&layers, &Variables::of_process())?;
        Ok(Self {
            layers,
            root,
            ..self
        })
    }

    fn of_layers(layers: Vec<Layer>) -> Result<Self, LoadError> {
        let root = layers::merge(&layers, &Variables::of_process())?;
        Ok(Self::of(layers, root))
    }

    fn of(layers: Vec<Layer>, root: Table) -> Self {
        Self {
            layers,
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
        match layers::set_sections(&self.root)[..] {
            [] => self.read(DEFAULT_SECTIONS[0], DEFAULT_SECTIONS[0]),
            [(section, _)] => self.read(section, DEFAULT_SECTIONS[0]),
            [(section, at), (other, other_at), ..] => Err(LoadError::Ambiguous {
                at: at.clone(),
                section,
                other,
                other_at: other_at.clone(),
            }),
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
        let root = hocon::resolve(&[], &Variables::default())?;
        match tree::find(&root, section) {
            Some(Node::Table(table)) => tree::flatten(section, table),
            _ => Ok(Flat::new()),
        }
    };
    DEFAULTS.get_or_init(read).clone()
}
