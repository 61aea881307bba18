//! Numbers and texts as people read them.

use crate::exit::one_line;
use std::fmt;

/// A count with thousands apart.
pub(crate) struct Count(pub(crate) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A number of bytes in a unit that fits.
pub(crate) struct Bytes(pub(crate) f64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scale, unit) = match self.0 {
            n if n >= 1e9 => (1e9, "GB"),
            n if n >= 1e6 => (1e6, "MB"),
            n if n >= 1e3 => (1e3, "kB"),
            _ => (1.0, "B"),
        };
        write!(f, "{:.1} {unit}", self.0 / scale)
    }
}

/// The beginning of a text, on one line and harmless to a terminal.
pub(crate) struct Short<'a>(pub(crate) &'a str, pub(crate) usize);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        let start: String = chars.by_ref().take(self.1).collect();
        f.write_str(&one_line(&start))?;
        f.write_str(if chars.next().is_some() { ".." } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands_apart() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(Count(count).to_string(), text);
        }
    }

    #[test]
    fn bytes_get_the_unit_that_fits() {
        for (bytes, text) in [
            (0.0, "0.0 B"),
            (1.5e3, "1.5 kB"),
            (2e6, "2.0 MB"),
            (3e9, "3.0 GB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn a_short_text_is_cut_between_characters_and_harmless() {
        assert_eq!(Short("\u{e9}\u{e9}\u{e9}", 2).to_string(), "\u{e9}\u{e9}..");
        assert_eq!(Short("a\nb", 3).to_string(), "a b");
    }
}
