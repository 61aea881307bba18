//! Settings from configuration.

mod errors;
mod files;
mod formats;
mod hocon;
mod keys;
mod layers;
mod providers;
mod section;

use guanaco::{
    NoKey, ProducerSettings,
    config::{Config, Format, LoadError, ProducerSection},
    serialization::StringSerializer,
};
use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

/// A directory of its own, removed in the end.
struct Directory(PathBuf);

impl Directory {
    fn new(files: &[(&str, &str)]) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("guanaco-config-{}-{number}", std::process::id());
        let directory = Self(std::env::temp_dir().join(name));
        for (name, text) in files {
            let file = directory.0.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        directory
    }

    fn load(&self, name: &str) -> Result<Config, LoadError> {
        Config::load(self.0.join(name))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn hocon(text: &str) -> Config {
    Config::parse(text, Format::Hocon).unwrap()
}

/// Where the section has a setting from, and its value as it is shown.
#[track_caller]
fn entry(section: &ProducerSection, key: &str) -> String {
    let mut entries = section.entries();
    let entry = entries.find(|entry| entry.key() == key);
    let entry = entry.unwrap_or_else(|| panic!("{key} is not in {section:?}"));
    format!("{} from {}", entry.shown(), entry.origin())
}

#[track_caller]
fn refused(text: &str) -> LoadError {
    hocon(text).producer().unwrap_err()
}

fn keyless() -> ProducerSettings<NoKey, String> {
    ProducerSettings::keyless(StringSerializer)
}
