//! A section as a producer's settings.

use super::{
    LoadError, Origin, Warning,
    layout::{self, Layout, Refusal},
    tree::{Flat, Leaf, Value},
};
use crate::{
    ProducerSettings,
    discovery::Discovery,
    serialization::Serializer,
    settings::client::{MASK, is_harmless},
};
use guanaco_engine::{ConfigError, ConfigProviders, ProducerConfig};
use std::{collections::BTreeMap, fmt, sync::Arc};

pub(super) const KAFKA: &str = "kafka-clients";
const CLOSE_TIMEOUT: &str = "close.timeout.ms";

/// A producer's section that was read and found good: see [`Config::producer`](super::Config::producer).
#[derive(Clone)]
pub struct ProducerSection {
    path: String,
    layout: Layout,
    discovery: Option<Arc<dyn Discovery>>,
    properties: BTreeMap<String, String>,
    entries: Vec<Entry>,
    warnings: Vec<Warning>,
}

/// One effective setting of a section.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    key: String,
    value: String,
    origin: Origin,
}

impl ProducerSection {
    /// Reads the settings. `discovery` finds a method by its name, if one is needed, and is told
    /// where the name is set.
    pub(super) fn read(
        path: &str,
        settings: Flat,
        trusted: bool,
        discovery: impl FnOnce(&str, &Origin) -> Result<Arc<dyn Discovery>, LoadError>,
    ) -> Result<Self, LoadError> {
        let mut reader = Reader {
            trusted,
            kafka: ProducerConfig::default(),
            providers: ConfigProviders::default(),
            section: Self {
                path: path.to_owned(),
                layout: Layout::default(),
                discovery: None,
                properties: BTreeMap::new(),
                entries: Vec::new(),
                warnings: Vec::new(),
            },
        };
        let close_timeouts = ["close-timeout", "kafka-clients.close.timeout.ms"];
        let close_timeouts =
            close_timeouts.map(|key| settings.get(key).map(|it| it.origin.clone()));
        reader.providers = reader.providers_of(&settings)?;
        let method = settings.get("discovery-method");
        let method = method.map(|leaf| leaf.origin.clone());
        for (key, leaf) in settings {
            reader.setting(key, leaf)?;
        }
        let layout = &reader.section.layout;
        if !layout.service_name.is_empty() {
            let at = method.unwrap_or(Origin::Default);
            reader.section.discovery = Some(discovery(&layout.discovery_method, &at)?);
        }
        let [layout, property] = close_timeouts;
        match (layout.filter(|origin| !origin.is_default()), property) {
            (Some(other), Some(at)) => Err(LoadError::Twice {
                at,
                path: format!("{path}.close-timeout"),
                other,
            }),
            _ => Ok(reader.section),
        }
    }

    /// Where the section is, such as `akka.kafka.producer`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The effective settings, those of the layout and every one of Kafka's that is set, by key.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The service that is looked up for the addresses of the brokers, if there is one.
    #[must_use]
    pub fn service_name(&self) -> Option<&str> {
        let name = self.layout.service_name.as_str();
        self.discovery.as_ref().map(|_| name)
    }

    /// What is set and does nothing here.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Kafka's properties, by key, as they were set.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.properties.iter();
        all.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether a key of the layout has its value from somebody, and not by default.
    fn sets(&self, key: &str) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.key == key && !entry.origin.is_default())
    }
}

impl<K, V> ProducerSettings<K, V> {
    /// Settings from a configuration's default section: `guanaco.producer`, `akka.kafka.producer`
    /// or `pekko.kafka.producer`, whichever is set. See [`config`](crate::config).
    ///
    /// What is set and does nothing here is logged as a warning.
    ///
    /// # Errors
    /// As [`Config::producer`](super::Config::producer).
    pub fn from_config(
        config: &super::Config,
        key: impl Serializer<K> + 'static,
        value: impl Serializer<V> + 'static,
    ) -> Result<Self, LoadError> {
        let section = config.producer()?;
        Ok(Self::new(key, value).with_section(&section))
    }

    /// These settings with everything that a section sets: in its files, by variables and by
    /// overrides. What it leaves to its default stays as it is here.
    ///
    /// An empty `service-name` takes a [discovery](Self::with_discovery) away. What is set and does
    /// nothing here is logged as a warning.
    ///
    /// ```
    /// # use guanaco::{config::{Config, Format}, ProducerSettings, serialization::StringSerializer};
    /// # fn main() -> Result<(), guanaco::Error> {
    /// let file = "guanaco.producer.kafka-clients.linger.ms = 20";
    /// let section = Config::parse(file, Format::Hocon)?.producer()?;
    /// let settings: ProducerSettings<_, String> = ProducerSettings::keyless(StringSerializer)
    ///     .with_parallelism(50)
    ///     .with_section(&section);
    /// assert_eq!(settings.parallelism(), 50);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_section(self, section: &ProducerSection) -> Self {
        // Kafka's keys have theirs logged when the producer is created.
        for warning in section.warnings.iter().filter(|it| !it.of_kafka) {
            tracing::warn!(setting = warning.path, "{warning}");
        }
        let layout = &section.layout;
        let mut settings = self.with_properties(section.properties());
        if section.sets("resolve-timeout") {
            settings = settings.with_resolve_timeout(layout.resolve_timeout);
        }
        if section.sets("parallelism") {
            settings = settings.with_parallelism(layout.parallelism);
        }
        if section.sets("parallelism-bytes") {
            settings = settings.with_parallelism_bytes(layout.parallelism_bytes);
        }
        if section.sets("close-on-producer-stop") {
            settings = settings.with_close_producer_on_stop(layout.close_on_producer_stop);
        }
        // One setting in two spellings: the one that is set now counts.
        if section.sets("close-timeout") {
            settings = settings.with_close_timeout(layout.close_timeout);
        } else if section.properties.contains_key(CLOSE_TIMEOUT) {
            settings.client.close_timeout = None;
        }
        match &section.discovery {
            Some(method) => settings.with_discovery(Arc::clone(method), &layout.service_name),
            None if section.sets("service-name") => {
                settings.client.discovery = None;
                settings
            }
            None => settings,
        }
    }
}

struct Reader {
    trusted: bool,
    /// Checks Kafka's keys.
    kafka: ProducerConfig,
    /// Know what their values refer to. The section keeps the references.
    providers: ConfigProviders,
    section: ProducerSection,
}

impl Reader {
    fn setting(&mut self, key: String, leaf: Leaf) -> Result<(), LoadError> {
        let Leaf { value, origin, .. } = leaf;
        let path = self.named(&key, &origin);
        let at = origin.clone();
        let text = match value {
            Value::Text(text) => text.trim().to_owned(),
            Value::Unresolved(reference) => {
                return Err(LoadError::Unresolved {
                    at,
                    path,
                    reference,
                });
            }
        };
        let advice = match property(&key) {
            Some(property) => {
                let advice = self.of_kafka(property, &text, &path, &origin)?;
                let value = text.clone();
                self.section.properties.insert(property.to_owned(), value);
                advice
            }
            None => self.of_layout(&key, &text, &path, &origin)?,
        };
        if let Some(advice) = advice {
            let of_kafka = property(&key).is_some();
            let warning = Warning {
                at,
                path,
                advice,
                of_kafka,
            };
            self.section.warnings.push(warning);
        }
        self.section.entries.push(Entry {
            value: text,
            key,
            origin,
        });
        Ok(())
    }

    fn of_layout(
        &mut self,
        key: &str,
        text: &str,
        path: &str,
        at: &Origin,
    ) -> Result<Option<&'static str>, LoadError> {
        let (at, path) = (at.clone(), path.to_owned());
        let Some(found) = layout::find(key) else {
            return Err(self.unknown(key, path, at));
        };
        (found.apply)(&mut self.section.layout, text).map_err(|refusal| match refusal {
            Refusal::Rule(rule) => LoadError::Invalid { at, path, rule },
            Refusal::NotYet(waits_for) => LoadError::NotYet {
                at,
                path,
                waits_for,
            },
        })
    }

    fn unknown(&self, key: &str, path: String, at: Origin) -> LoadError {
        if key == KAFKA {
            let rule = "must be a section".into();
            return LoadError::Invalid { at, path, rule };
        }
        // Of a section that is spelled wrong, its name is what is unknown.
        let (first, rest) = key.split_once('.').unwrap_or((key, ""));
        let known = layout::KEYS.iter().map(|key| key.name).chain([KAFKA]);
        let nearest = guanaco_engine::nearest(first, known).map(|name| match name {
            KAFKA if !rest.is_empty() => format!("{}.{KAFKA}.{rest}", self.section.path),
            _ => format!("{}.{name}", self.section.path),
        });
        LoadError::Unknown { at, path, nearest }
    }

    fn of_kafka(
        &mut self,
        property: &str,
        text: &str,
        path: &str,
        origin: &Origin,
    ) -> Result<Option<&'static str>, LoadError> {
        if ConfigProviders::owns(property) {
            return Ok(None);
        }
        self.check_guard(property, text, path, origin)?;
        let text = self.providers.resolve(property, text);
        let set = text.and_then(|text| self.kafka.set(property, &text));
        set.map(|warning| warning.map(|warning| warning.advice))
            .map_err(|refused| self.refused(refused, path, origin))
    }

    /// The config providers that the section may name and does.
    fn providers_of(&self, settings: &Flat) -> Result<ConfigProviders, LoadError> {
        let mut texts = Vec::new();
        let mut place = None;
        for (key, leaf) in settings {
            let Some(name) = property(key).filter(|name| ConfigProviders::owns(name)) else {
                continue;
            };
            let path = self.named(key, &leaf.origin);
            if let Value::Text(text) = &leaf.value {
                self.check_guard(name, text.trim(), &path, &leaf.origin)?;
                texts.push((name, text));
            }
            place.get_or_insert((path, &leaf.origin));
        }
        let providers = ConfigProviders::from_properties(texts);
        match (providers, place) {
            (Err(refused), Some((path, at))) => Err(self.refused(refused, &path, at)),
            (providers, _) => Ok(providers.unwrap_or_default()),
        }
    }

    fn check_guard(
        &self,
        property: &str,
        text: &str,
        path: &str,
        at: &Origin,
    ) -> Result<(), LoadError> {
        match guarded(property, text).filter(|_| !self.may(at)) {
            None => Ok(()),
            Some(why) => Err(LoadError::Guarded {
                at: at.clone(),
                path: path.to_owned(),
                why,
            }),
        }
    }

    fn refused(&self, refused: ConfigError, path: &str, origin: &Origin) -> LoadError {
        let (at, path) = (origin.clone(), path.to_owned());
        match refused {
            ConfigError::Unknown { nearest, .. } => LoadError::Unknown {
                at,
                path,
                nearest: nearest.map(|name| self.named(&format!("{KAFKA}.{name}"), origin)),
            },
            ConfigError::Invalid { rule, .. } => LoadError::Invalid { at, path, rule },
            ConfigError::NotYet { waits_for, .. } => LoadError::NotYet {
                at,
                path,
                waits_for,
            },
            other => LoadError::Invalid {
                at,
                path,
                rule: other.to_string().into(),
            },
        }
    }

    /// How a setting is called where it comes from.
    fn named(&self, key: &str, origin: &Origin) -> String {
        match (origin, property(key)) {
            (Origin::Override(_), Some(property)) => property.to_owned(),
            _ => format!("{}.{key}", self.section.path),
        }
    }

    /// Whether a setting from there may be one that is as powerful as code.
    fn may(&self, at: &Origin) -> bool {
        self.trusted || matches!(at, Origin::Override(_))
    }
}

/// The name of one of Kafka's keys, if it is one.
fn property(key: &str) -> Option<&str> {
    key.strip_prefix(KAFKA)?.strip_prefix('.')
}

/// What a key does that only code may ask for. It goes by the endings of Kafka's names, so that keys
/// that are new there are guarded, too.
///
/// The `.location` of a certificate is not: its content goes nowhere, and every configuration with
/// TLS has one. A config provider is guarded where it reads files; one that reads variables is not, as
/// substitutions do that as well.
fn guarded(property: &str, text: &str) -> Option<&'static str> {
    if ConfigProviders::owns(property) {
        let reads_files = property.ends_with(".paths")
            || (property.ends_with(".class") && !text.ends_with(".EnvVarConfigProvider"));
        return reads_files.then_some("lets values be read from files");
    }
    [
        (".cmd", "names a command to run"),
        (".url", "names an address that secrets are sent to"),
        (".file", "names a file whose content is sent away"),
        (".paths", "names code to load"),
    ]
    .into_iter()
    .find_map(|(ending, why)| property.ends_with(ending).then_some(why))
}

impl Entry {
    /// The name within the section, such as `kafka-clients.linger.ms`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value, or `***` unless the key is one whose values are never secret.
    #[must_use]
    pub fn shown(&self) -> &str {
        match is_harmless(property(&self.key).unwrap_or(&self.key)) {
            true => &self.value,
            false => MASK,
        }
    }

    /// Where it is set.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// Shows no value that may be a secret.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} ({})", self.key, self.shown(), self.origin)
    }
}

/// Shows no value that may be a secret.
impl fmt::Debug for ProducerSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerSection")
            .field("path", &self.path)
            .field("entries", &self.entries)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}
