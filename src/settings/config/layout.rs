//! The keys of a producer's section beside Kafka's own: one row each.

use super::units;
use std::{borrow::Cow, time::Duration};

/// Typed, and with the defaults of `reference.conf` after that was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) parallelism: usize,
    pub(super) parallelism_bytes: usize,
    pub(super) close_timeout: Duration,
    pub(super) close_on_producer_stop: bool,
    pub(super) discovery_method: String,
    /// Empty without discovery.
    pub(super) service_name: String,
    pub(super) resolve_timeout: Duration,
}

/// Why a value does not fit its key.
pub(super) enum Refusal {
    Rule(Cow<'static, str>),
    NotYet(&'static str),
}

/// `Ok(Some(advice))` is a value that was taken but changes nothing.
type Applied = Result<Option<&'static str>, Refusal>;

pub(super) struct LayoutKey {
    pub(super) name: &'static str,
    pub(super) apply: fn(&mut Layout, &str) -> Applied,
}

pub(super) fn find(name: &str) -> Option<&'static LayoutKey> {
    KEYS.iter().find(|key| key.name == name)
}

const fn key(name: &'static str, apply: fn(&mut Layout, &str) -> Applied) -> LayoutKey {
    LayoutKey { name, apply }
}

/// A field: read by a function of the text.
macro_rules! field {
    ($field:ident, $read:expr) => {
        |layout, text| {
            layout.$field = $read(text)?;
            Ok(None)
        }
    };
}

#[rustfmt::skip]
pub(super) static KEYS: &[LayoutKey] = &[
    key("close-on-producer-stop", field!(close_on_producer_stop, boolean)),
    key("close-timeout", field!(close_timeout, duration)),
    key("discovery-method", field!(discovery_method, text)),
    key("eos-commit-interval", |_, text| {
        let default = duration(text)? == Duration::from_millis(100);
        transactions(default)
    }),
    key("parallelism", field!(parallelism, count)),
    key("parallelism-bytes", field!(parallelism_bytes, size)),
    key("resolve-timeout", field!(resolve_timeout, duration)),
    key("service-name", field!(service_name, text)),
    key("transaction-id-prefix", |_, text| transactions(text.is_empty())),
    key("transactional-max-in-flight-requests-per-connection", |_, text| {
        transactions(count(text)? == 1)
    }),
    key("use-dispatcher", |_, text| Ok((!text.is_empty()).then_some(
        "it names a thread pool of the Java virtual machine; tasks run where the application runs them",
    ))),
];

/// A stream that was meant to be transactional must not silently be less.
fn transactions(default: bool) -> Applied {
    match default {
        true => Ok(None),
        false => Err(Refusal::NotYet("transactions")),
    }
}

fn rule<T>(rule: &'static str) -> Result<T, Refusal> {
    Err(Refusal::Rule(rule.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "a reader like the others")]
fn text(text: &str) -> Result<String, Refusal> {
    Ok(text.to_owned())
}

fn duration(text: &str) -> Result<Duration, Refusal> {
    units::duration(text).map_or_else(
        || rule("must be a duration such as 30s, 3 seconds or infinite; without a unit, in milliseconds"),
        Ok,
    )
}

fn size(text: &str) -> Result<usize, Refusal> {
    match units::size(text) {
        Some(size @ 1..) => Ok(size),
        _ => rule("must be a size of at least 1 byte, such as 32 MiB; without a unit, in bytes"),
    }
}

fn count(text: &str) -> Result<usize, Refusal> {
    match text.parse() {
        Ok(count @ 1..) => Ok(count),
        _ => rule("must be a whole number of at least 1"),
    }
}

fn boolean(text: &str) -> Result<bool, Refusal> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Ok(true),
        "false" | "no" | "off" => Ok(false),
        _ => rule("must be true or false"),
    }
}
