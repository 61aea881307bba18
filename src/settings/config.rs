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
use layers::{Layer, Layers};
use std::{fmt, fs, path::Path, sync::OnceLock};
use tree::{Flat, Leaf, Node};

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
    layers: Layers,
    variables: Variables,
    overrides: Flat,
    methods: Methods,
    trusted: bool,
}

impl Config {
    /// The defaults, and nothing else.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Layers::default())
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
        let origin = Origin::of_file(path);
        let layer = Layer::read(&text, format, &origin, path.parent(), &variables)?;
        Ok(Self::of(Layers::of(layer)))
    }

    /// Reads several files, of which each goes over those before it: what is common first, what
    /// differs here and what is secret behind it. None at all is [`new`](Self::new).
    ///
    /// ```no_run
    /// # use guanaco::config::Config;
    /// # fn main() -> Result<(), guanaco::Error> {
    /// let config = Config::load_all(["base.conf", "production.yaml", "secrets.properties"])?;
    /// # drop(config);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`load`](Self::load), for the first that cannot be read.
    pub fn load_all<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, LoadError> {
        let mut all = Self::new();
        for path in paths {
            all = Self::load(path)?.with_fallback(all);
        }
        Ok(all)
    }

    /// Reads a text. Includes are looked for from the current directory.
    ///
    /// # Errors
    /// As [`load`](Self::load); the text is called `text`.
    pub fn parse(text: &str, format: Format) -> Result<Self, LoadError> {
        let variables = Variables::of_process();
        let layer = Layer::read(text, format, &Origin::in_text("text"), None, &variables)?;
        Ok(Self::of(Layers::of(layer)))
    }

    /// Lays what this configuration has read over what `weaker` has, setting by setting.
    ///
    /// A setting that both have is this one's. Each has followed its own substitutions already: they
    /// see what is in their file and in those that it includes, and nothing of the other. Kafka's
    /// keys of a properties file count for whichever section is read.
    ///
    /// Environment variables, overrides and discovery methods are those of `self`.
    /// [Trust](Self::trusted) is to be said of the two together, again.
    ///
    /// ```
    /// # use guanaco::config::{Config, Format};
    /// # fn main() -> Result<(), guanaco::Error> {
    /// let base = "akka.kafka.producer.kafka-clients { linger.ms = 20, client.id = orders }";
    /// let base = Config::parse(base, Format::Hocon)?;
    /// let tuning = Config::parse("linger.ms = 5", Format::Properties)?;
    ///
    /// let section = tuning.with_fallback(base).producer()?;
    /// let properties: Vec<_> = section.properties().collect();
    /// assert_eq!(properties, [("client.id", "orders"), ("linger.ms", "5")]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    #[doc(alias("withFallback", "merge", "layers"))]
    pub fn with_fallback(self, weaker: Self) -> Self {
        Self {
            layers: self.layers.over(weaker.layers),
            trusted: false,
            ..self
        }
    }

    fn of(layers: Layers) -> Self {
        Self {
            layers,
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
            set.extend(self.layers.set_at(section)?.map(|at| (section, at)));
        }
        match &set[..] {
            [] => self.read(DEFAULT_SECTIONS[0], DEFAULT_SECTIONS[0]),
            [(section, _)] => self.read(section, DEFAULT_SECTIONS[0]),
            [(section, at), (other, other_at), ..] => Err(LoadError::Ambiguous {
                section,
                at: at.clone(),
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
        let tables = self.layers.tables();
        let known = matches!(tree::find(&tables, path), Some(Node::Table(_)))
            || DEFAULT_SECTIONS.contains(&path)
            || !self.of_variables(path).is_empty();
        if known {
            return self.read(path, path);
        }
        let mut sections = DEFAULT_SECTIONS.map(str::to_owned).to_vec();
        tree::tables(&tables, "", &mut sections);
        let nearest = guanaco_engine::nearest(path, sections.iter().map(String::as_str));
        Err(LoadError::NoSection {
            path: path.to_owned(),
            nearest: nearest.map(str::to_owned),
        })
    }

    /// Reads a section, with the variables that are called after `variables`.
    fn read(&self, path: &str, variables: &str) -> Result<ProducerSection, LoadError> {
        let mut settings = defaults()?;
        settings.extend(self.layers.settings(path)?);
        settings.extend(self.of_variables(variables));
        settings.extend(self.overrides.clone());
        ProducerSection::read(path, settings, self.trusted, |name, at| {
            let path = format!("{path}.discovery-method");
            discovery::method(&self.layers.tables(), &self.methods, name, at, &path)
        })
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
            .field("layers", &self.layers)
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
