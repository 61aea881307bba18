//! Durations and sizes, in HOCON's units.

use std::time::Duration;

/// Longer times are taken as this, 100 years, and so is `infinite`: it keeps "for ever" from
/// overflowing a point in time.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// `30s`, `1.5 minutes`, `infinite`; a number alone is in milliseconds.
pub(super) fn duration(text: &str) -> Option<Duration> {
    if matches!(text, "infinite" | "Infinite" | "inf" | "Inf") {
        return Some(LONGEST);
    }
    let (number, unit) = split(text);
    let nanos = match unit {
        "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => 1,
        "us" | "micro" | "micros" | "microsecond" | "microseconds" => 1_000,
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1_000_000,
        "s" | "second" | "seconds" => 1_000_000_000,
        "m" | "minute" | "minutes" => 60_000_000_000,
        "h" | "hour" | "hours" => 3_600_000_000_000,
        "d" | "day" | "days" => 86_400_000_000_000,
        _ => return None,
    };
    let nanos = u64::try_from(times(number, nanos)?).map_or(LONGEST, Duration::from_nanos);
    Some(nanos.min(LONGEST))
}

/// `32 MiB`, `64K`, `1.5kB`; a number alone is in bytes.
pub(super) fn size(text: &str) -> Option<usize> {
    let (number, unit) = split(text);
    let bytes: u128 = match unit {
        "" | "B" | "b" | "byte" | "bytes" => 1,
        "kB" | "kilobyte" | "kilobytes" => 1_000,
        "MB" | "megabyte" | "megabytes" => 1_000_000,
        "GB" | "gigabyte" | "gigabytes" => 1_000_000_000,
        "TB" | "terabyte" | "terabytes" => 1_000_000_000_000,
        "K" | "k" | "Ki" | "KiB" | "kibibyte" | "kibibytes" => 1 << 10,
        "M" | "m" | "Mi" | "MiB" | "mebibyte" | "mebibytes" => 1 << 20,
        "G" | "g" | "Gi" | "GiB" | "gibibyte" | "gibibytes" => 1 << 30,
        "T" | "t" | "Ti" | "TiB" | "tebibyte" | "tebibytes" => 1 << 40,
        _ => return None,
    };
    usize::try_from(times(number, bytes)?).ok()
}

fn split(text: &str) -> (&str, &str) {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    (number, unit.trim_start())
}

/// A decimal number of units, rounded down.
fn times(number: &str, unit: u128) -> Option<u128> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && part.is_empty()) || whole.len() > 19 || part.len() > 18 {
        return None;
    }
    let digits = |text: &str| match text {
        "" => Some(0),
        _ => text.parse::<u128>().ok(),
    };
    let scale = 10u128.pow(u32::try_from(part.len()).ok()?);
    let whole = digits(whole)?.checked_mul(unit)?;
    let part = digits(part)?.checked_mul(unit)? / scale;
    whole.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, duration, size};
    use std::time::Duration;

    #[test]
    fn durations_have_every_unit_of_hocon() {
        let millis = |ms| Some(Duration::from_millis(ms));
        for (text, expected) in [
            ("30", millis(30)),
            ("30ms", millis(30)),
            ("3 seconds", millis(3_000)),
            ("1.5s", millis(1_500)),
            ("1.001s", millis(1_001)),
            (".5 m", millis(30_000)),
            ("2 hours", millis(7_200_000)),
            ("1d", millis(86_400_000)),
            ("500 micros", Some(Duration::from_micros(500))),
            ("7 ns", Some(Duration::from_nanos(7))),
            ("0", Some(Duration::ZERO)),
            ("infinite", Some(LONGEST)),
            ("9223372036854775807", Some(LONGEST)),
            ("99999999 days", Some(LONGEST)),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }

    #[test]
    fn sizes_have_every_unit_of_hocon() {
        for (text, expected) in [
            ("1024", 1_024),
            ("64 B", 64),
            ("32 MiB", 32 << 20),
            ("64K", 64 << 10),
            ("1.5kB", 1_500),
            ("2 gigabytes", 2_000_000_000),
            ("1 TiB", 1 << 40),
        ] {
            assert_eq!(size(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "",
            "s",
            "-1",
            "1 S",
            "1 fortnight",
            "1.2.3s",
            ".",
            "1e3",
            "1s 2",
            "99999999999999999999",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
        for text in ["", "K", "-1", "1 KB", "1 s", "99999999999 TiB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
