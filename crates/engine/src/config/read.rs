//! How the text of a value is read.

use std::{borrow::Cow, time::Duration};

/// Longer times are taken as this: 100 years. It keeps "for ever" (`i64::MAX` in many files) from
/// overflowing a point in time.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Why a value does not fit its key.
pub(super) enum Refusal {
    Rule(Cow<'static, str>),
    NotYet(&'static str),
}

/// `Ok(Some(advice))` is a value that was taken but changes nothing.
pub(super) type Applied = Result<Option<&'static str>, Refusal>;

pub(super) fn rule<T>(rule: impl Into<Cow<'static, str>>) -> Result<T, Refusal> {
    Err(Refusal::Rule(rule.into()))
}

pub(super) fn whole<T: TryFrom<i64>>(value: &str, least: i64, most: i64) -> Result<T, Refusal> {
    let number = value
        .parse::<i64>()
        .ok()
        .filter(|number| (least..=most).contains(number));
    match number.and_then(|number| T::try_from(number).ok()) {
        Some(number) => Ok(number),
        None if most == i64::MAX => rule(format!("must be a whole number of at least {least}")),
        None => rule(format!("must be a whole number from {least} to {most}")),
    }
}

/// Java's INT, no less than `least`.
pub(super) fn int<T: TryFrom<i64>>(value: &str, least: i64) -> Result<T, Refusal> {
    whole(value, least, i64::from(i32::MAX))
}

/// Milliseconds in Java's LONG.
pub(super) fn millis(value: &str, least: i64) -> Result<Duration, Refusal> {
    whole(value, least, i64::MAX).map(|ms| Duration::from_millis(ms).min(LONGEST))
}

/// Milliseconds in Java's INT.
pub(super) fn int_millis(value: &str) -> Result<Duration, Refusal> {
    int(value, 0).map(Duration::from_millis)
}

/// Milliseconds, where a negative number means "never".
pub(super) fn millis_or_never(value: &str) -> Result<Duration, Refusal> {
    let ms: i64 = whole(value, i64::MIN, i64::MAX)
        .or_else(|_: Refusal| rule("must be a whole number; a negative one means never"))?;
    Ok(u64::try_from(ms).map_or(LONGEST, |ms| Duration::from_millis(ms).min(LONGEST)))
}

/// A socket's buffer, where -1 leaves it to the system.
pub(super) fn socket_buffer(value: &str) -> Result<Option<usize>, Refusal> {
    match int::<i32>(value, -1) {
        Ok(-1) => Ok(None),
        Ok(size) if size > 0 => Ok(usize::try_from(size).ok()),
        _ => rule(format!(
            "must be a whole number from 1 to {}, or -1",
            i32::MAX
        )),
    }
}

pub(super) fn boolean(value: &str) -> Result<bool, Refusal> {
    match value {
        _ if value.eq_ignore_ascii_case("true") => Ok(true),
        _ if value.eq_ignore_ascii_case("false") => Ok(false),
        _ => rule("must be true or false"),
    }
}
