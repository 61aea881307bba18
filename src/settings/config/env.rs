//! Environment variables.

use super::{
    origin::Origin,
    tree::{Flat, Leaf},
};
use std::collections::BTreeMap;

/// Environment variables, or what stands in for them.
#[derive(Clone, Default)]
pub(super) struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those of the process. What is not UTF-8 is not there.
    pub(super) fn of_process() -> Self {
        let all = std::env::vars_os();
        let readable = all.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        readable.collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.iter();
        all.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The settings that variables give to a section, by the spelling that [`prefix`] and
    /// [`spelled`] define. A variable behind the prefix that spells no key is kept as it is, for
    /// the reader to refuse.
    pub(super) fn settings<'k>(
        &self,
        section: &str,
        keys: impl Iterator<Item = String> + Clone + 'k,
    ) -> Flat {
        let prefix = prefix(section);
        let given = self.iter().filter_map(|(variable, value)| {
            let spelling = variable.strip_prefix(&prefix)?;
            let key = keys.clone().find(|key| spelled(key) == spelling);
            let key = key.unwrap_or_else(|| guess(spelling));
            Some((key, Leaf::text(value, Origin::Variable(variable.into()))))
        });
        given.collect()
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

/// What the variables of a section begin with: `GUANACO_PRODUCER__`, `ORDERS_PRODUCER__`.
fn prefix(section: &str) -> String {
    format!("{}__", upper(section))
}

/// A setting behind the prefix: `CLOSE_TIMEOUT`, `KAFKA_CLIENTS__LINGER_MS`.
fn spelled(key: &str) -> String {
    match key.strip_prefix("kafka-clients.") {
        Some(property) => format!("KAFKA_CLIENTS__{}", upper(property)),
        None => upper(key),
    }
}

fn upper(name: &str) -> String {
    name.replace(['.', '-'], "_").to_ascii_uppercase()
}

/// What somebody may have meant who spelled no key.
fn guess(spelling: &str) -> String {
    match spelling.strip_prefix("KAFKA_CLIENTS__") {
        Some(property) => {
            let property = property.to_ascii_lowercase().replace('_', ".");
            format!("kafka-clients.{property}")
        }
        None => spelling.to_ascii_lowercase().replace('_', "-"),
    }
}
