//! Settings from configuration.

mod errors;
mod files;
mod formats;
mod hocon;
mod keys;
mod section;

use guanaco::{
    NoKey, ProducerSettings,
    config::{Config, Format, LoadError, ProducerSection},
    serialization::StringSerializer,
};

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
