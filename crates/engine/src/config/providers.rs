//! Config providers (KIP-297, KIP-421): values that are named in the settings and stand elsewhere.

use super::{keys, properties};
use crate::ConfigError;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Component, Path, PathBuf},
};

const LIST: &str = "config.providers";
const CLASSES: &str = "org.apache.kafka.common.config.provider.";

/// The largest file that is read, in bytes: whatever has more is no setting.
const LARGEST: u64 = 1 << 20;

/// Kafka's own config providers, by the names that `config.providers` gives them.
///
/// `${name:key}` or `${name:path:key}` in a value stands for what the provider of this name has:
///
/// | class | | |
/// |---|---|---|
/// | `EnvVarConfigProvider` | `${env:NAME}` | an environment variable of this process |
/// | `FileConfigProvider` | `${file:/path:key}` | a key of a properties file |
/// | `DirectoryConfigProvider` | `${dir:/path:name}` | the content of a file in this directory |
///
/// [`ProducerConfig::from_properties`](super::ProducerConfig::from_properties) uses them. Their
/// `param.allowed.paths` are absolute paths, separated by commas; only what is below them is read
/// then. A file may have 1 MiB.
///
/// ```
/// use guanaco_engine::ConfigProviders;
///
/// # fn main() -> Result<(), guanaco_engine::ConfigError> {
/// let class = "org.apache.kafka.common.config.provider.EnvVarConfigProvider";
/// let settings = [("config.providers", "env"), ("config.providers.env.class", class)];
/// let providers = ConfigProviders::from_properties(settings)?;
/// let id = providers.resolve("client.id", "${env:CARGO_PKG_NAME}-1")?;
/// assert_eq!(id, format!("{}-1", std::env::var("CARGO_PKG_NAME").unwrap_or_default()));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ConfigProviders(BTreeMap<String, Provider>);

#[derive(Clone, Debug)]
enum Provider {
    Environment,
    File(AllowedPaths),
    Directory(AllowedPaths),
}

/// None: every path is.
type AllowedPaths = Option<Vec<PathBuf>>;

/// `${provider:key}` or `${provider:path:key}`.
struct Reference<'a> {
    provider: &'a str,
    path: &'a str,
    key: &'a str,
}

impl ConfigProviders {
    /// Those that the settings name. Other settings are passed over.
    ///
    /// # Errors
    /// If a provider has no class, or one that is not Kafka's own; if it is not in the list, has a
    /// parameter that is not known, or a path that is not absolute.
    pub fn from_properties<K: AsRef<str>, V: AsRef<str>>(
        properties: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ConfigError> {
        let mut list = String::new();
        let mut settings = BTreeMap::new();
        for (key, value) in properties {
            let value = value.as_ref().trim();
            match key.as_ref().strip_prefix(LIST) {
                Some("") => value.clone_into(&mut list),
                Some(rest) if rest.starts_with('.') => {
                    settings.insert(rest[1..].to_owned(), value.to_owned());
                }
                _ => {}
            }
        }
        let names = list.split(',').map(str::trim).filter(|it| !it.is_empty());
        let mut providers = BTreeMap::new();
        for (name, number) in names.zip(1..) {
            providers.insert(name.to_owned(), provider(name, number, &mut settings)?);
        }
        match settings.first_key_value() {
            None => Ok(Self(providers)),
            Some((key, _)) => invalid(
                LIST,
                format!(
                    "has no use for {LIST}.{key}: it takes .class and .param.allowed.paths of those it lists"
                ),
            ),
        }
    }

    /// Whether a key is about providers, and no setting of the producer itself.
    #[must_use]
    pub fn owns(key: &str) -> bool {
        let rest = key.strip_prefix(LIST);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// The value of a key with what its references stand for. As in Kafka this is done once: what
    /// comes in for a reference is not looked at again. Without any provider a value stays as it is.
    ///
    /// # Errors
    /// If a reference stands for nothing. Kafka's own client takes it literally then, as a password
    /// in the worst case. The error names the reference, and never what one stands for.
    pub fn resolve<'a>(&self, key: &str, value: &'a str) -> Result<Cow<'a, str>, ConfigError> {
        let Some(key) = keys::find(key).filter(|_| !self.0.is_empty()) else {
            return Ok(Cow::Borrowed(value));
        };
        let mut resolved = String::new();
        let mut rest = value;
        while let Some((before, reference, after)) = next_reference(rest) {
            resolved.push_str(before);
            resolved.push_str(&self.value_of(key.name(), &reference)?);
            rest = after;
        }
        if rest.len() == value.len() {
            return Ok(Cow::Borrowed(value));
        }
        resolved.push_str(rest);
        Ok(Cow::Owned(resolved))
    }

    fn value_of(&self, key: &'static str, at: &Reference<'_>) -> Result<String, ConfigError> {
        let Some(provider) = self.0.get(at.provider) else {
            // It may be no reference at all, so nothing of it is shown.
            return invalid(
                key,
                format!("refers to a provider that {LIST} does not name"),
            );
        };
        let value = match provider {
            Provider::Environment => variable(at),
            Provider::File(allowed) => of_file(at, allowed),
            Provider::Directory(allowed) => of_directory(at, allowed),
        };
        value.or_else(|why| {
            let Reference { provider, .. } = at;
            let place = match at.path {
                "" => at.key.to_owned(),
                path => format!("{path}:{}", at.key),
            };
            invalid(key, format!("refers to ${{{provider}:{place}}}, {why}"))
        })
    }
}

fn invalid<T>(key: &'static str, rule: String) -> Result<T, ConfigError> {
    let rule = rule.into();
    Err(ConfigError::Invalid { key, rule })
}

/// The provider of a name, whose settings are taken out.
fn provider(
    name: &str,
    number: usize,
    settings: &mut BTreeMap<String, String>,
) -> Result<Provider, ConfigError> {
    let class = settings
        .remove(&format!("{name}.class"))
        .unwrap_or_default();
    let mut allowed = || {
        allowed_paths(
            name,
            settings.remove(&format!("{name}.param.allowed.paths")),
        )
    };
    match class.strip_prefix(CLASSES) {
        Some("EnvVarConfigProvider") => {
            if settings.contains_key(&format!("{name}.param.allowlist.pattern")) {
                let waits_for = "config providers with regular expressions";
                return Err(ConfigError::NotYet {
                    key: LIST,
                    waits_for,
                });
            }
            Ok(Provider::Environment)
        }
        Some("FileConfigProvider") => Ok(Provider::File(allowed()?)),
        Some("DirectoryConfigProvider") => Ok(Provider::Directory(allowed()?)),
        _ => invalid(
            LIST,
            format!(
                "entry {number} needs {LIST}.<name>.class, which must be \
                 {CLASSES}EnvVarConfigProvider, or FileConfigProvider or DirectoryConfigProvider \
                 of the same package"
            ),
        ),
    }
}

fn allowed_paths(name: &str, paths: Option<String>) -> Result<AllowedPaths, ConfigError> {
    let Some(paths) = paths.filter(|paths| !paths.is_empty()) else {
        return Ok(None);
    };
    let paths = paths.split(',').map(|path| normal(Path::new(path.trim())));
    let paths: Vec<_> = paths.collect();
    match paths.iter().all(|path| path.is_absolute()) {
        true => Ok(Some(paths)),
        false => invalid(
            LIST,
            format!("has {LIST}.{name}.param.allowed.paths, which must be absolute paths"),
        ),
    }
}

/// The first reference, and what is before and after it. As Kafka finds them: from `${` to the next
/// brace, with a colon between.
fn next_reference(text: &str) -> Option<(&str, Reference<'_>, &str)> {
    let mut from = 0;
    loop {
        let begin = from + text[from..].find("${")?;
        let inside = &text[begin + 2..];
        let end = inside.find('}')?;
        if let Some((provider, rest)) = inside[..end].split_once(':') {
            let (path, key) = rest.split_once(':').unwrap_or(("", rest));
            let reference = Reference {
                provider,
                path,
                key,
            };
            return Some((&text[..begin], reference, &inside[end + 1..]));
        }
        from = begin + 2;
    }
}

/// A value, or why there is none.
type Found = Result<String, Cow<'static, str>>;

fn variable(at: &Reference<'_>) -> Found {
    if !at.path.is_empty() {
        return Err("and a variable has no path".into());
    }
    match std::env::var(at.key) {
        Ok(value) => Ok(value),
        Err(std::env::VarError::NotPresent) => Err("which is not set".into()),
        Err(std::env::VarError::NotUnicode(_)) => Err("which is not UTF-8".into()),
    }
}

fn of_file(at: &Reference<'_>, allowed: &AllowedPaths) -> Found {
    let text = read(&permitted(at, allowed)?)?;
    let pairs = properties::parse(&text);
    let pairs = pairs.map_err(|broken| format!("whose file is broken in line {}", broken.line))?;
    let mut pairs = pairs.into_iter().rev();
    let found = pairs.find(|pair| pair.key == at.key);
    found.map_or(
        Err("which is not in the file".into()),
        |pair| Ok(pair.value),
    )
}

fn of_directory(at: &Reference<'_>, allowed: &AllowedPaths) -> Found {
    let directory = permitted(at, allowed)?;
    let mut parts = Path::new(at.key).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(name)), None) if name == at.key => read(&directory.join(name)),
        _ => Err("and that is no name of a file".into()),
    }
}

fn permitted(at: &Reference<'_>, allowed: &AllowedPaths) -> Result<PathBuf, Cow<'static, str>> {
    let path = Path::new(at.path);
    match allowed {
        _ if at.path.is_empty() => Err("and it needs a path".into()),
        None => Ok(path.to_owned()),
        Some(allowed) => {
            let path = normal(path);
            match allowed.iter().any(|above| path.starts_with(above)) {
                true => Ok(path),
                false => Err("which is not below the provider's allowed.paths".into()),
            }
        }
    }
}

/// A path without `.` and `..`, by its names alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            part => normal.push(part),
        }
    }
    normal
}

fn read(path: &Path) -> Found {
    let unreadable = |error: std::io::Error| format!("which cannot be read: {error}");
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    let mut some = file.take(LARGEST + 1);
    let length = some.read_to_string(&mut text).map_err(unreadable)?;
    match length as u64 > LARGEST {
        true => Err("which is larger than 1 MiB".into()),
        false => Ok(text),
    }
}
