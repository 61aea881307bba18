//! Settings errors (H1 fills it).
/// A setting that cannot be used. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No such key.
    #[error("unknown setting {key:?}{}", .nearest.map(|n| format!(", did you mean {n:?}?")).unwrap_or_default())]
    Unknown { 
        /// As given.
        key: String, 
        /// The closest key that exists.
        nearest: Option<&'static str> },
}
/// A setting that was accepted but does nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigWarning { 
    /// The key.
    pub key: &'static str, 
    /// Why it does nothing, and what to use instead.
    pub advice: &'static str }
