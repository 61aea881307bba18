//! Java-style `.properties` files: what `java.util.Properties` reads, in UTF-8.

use std::{fmt, iter::Peekable, str::Chars};

/// Why a `.properties` text cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// In which line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

const BAD_ESCAPE: &str = "\\u wants four hexadecimal digits that name a character";
const NO_KEY: &str = "a value without a key";

/// A key with its value.
#[derive(PartialEq, Eq)]
pub struct Pair {
    /// The line that it begins at, counted from 1.
    pub line: usize,
    /// The key.
    pub key: String,
    /// The value, which may be a secret.
    pub value: String,
}

/// Without the value.
impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pair({} in line {})", self.key, self.line)
    }
}

/// The pairs, in the order of the file; a key may repeat, the last one counts.
///
/// # Errors
/// If an escape is broken, or a value has no key.
pub fn parse(text: &str) -> Result<Vec<Pair>, Broken> {
    let mut pairs = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, first)) = lines.next() {
        let line = index + 1;
        let mut logical = first.trim_start_matches(is_blank).to_owned();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        while is_continued(&logical) {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start_matches(is_blank));
        }
        let broken = |what| Broken { line, what };
        let (key, value) = pair(&logical).ok_or(broken(BAD_ESCAPE))?;
        if key.is_empty() {
            return Err(broken(NO_KEY));
        }
        pairs.push(Pair { line, key, value });
    }
    Ok(pairs)
}

/// A line goes on in the next one if it ends in an odd number of backslashes.
fn is_continued(line: &str) -> bool {
    line.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

/// Key and value: separated by blanks, or by one `=` or `:` with blanks around it.
fn pair(line: &str) -> Option<(String, String)> {
    let mut chars = line.chars().peekable();
    let mut key = String::new();
    while let Some(c) = chars.next_if(|&c| !is_blank(c) && c != '=' && c != ':') {
        key.push(if c == '\\' { escaped(&mut chars)? } else { c });
    }
    while chars.next_if(|&c| is_blank(c)).is_some() {}
    if chars.next_if(|&c| c == '=' || c == ':').is_some() {
        while chars.next_if(|&c| is_blank(c)).is_some() {}
    }
    let mut value = String::new();
    while let Some(c) = chars.next() {
        value.push(if c == '\\' { escaped(&mut chars)? } else { c });
    }
    Some((key, value))
}

/// The character that a backslash and what follows it stand for.
fn escaped(chars: &mut Peekable<Chars<'_>>) -> Option<char> {
    Some(match chars.next()? {
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        'f' => '\x0c',
        'u' => {
            let high = code_unit(chars)?;
            // Beyond the basic plane Java writes two escapes, a surrogate pair.
            let low = if (0xD800..0xDC00).contains(&high) {
                (chars.next()? == '\\' && chars.next()? == 'u').then_some(())?;
                Some(code_unit(chars)?)
            } else {
                None
            };
            char::decode_utf16([high].into_iter().chain(low))
                .next()?
                .ok()?
        }
        other => other,
    })
}

fn code_unit(chars: &mut Peekable<Chars<'_>>) -> Option<u16> {
    let mut unit = 0;
    for _ in 0..4 {
        unit = unit << 4 | u16::try_from(chars.next()?.to_digit(16)?).ok()?;
    }
    Some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let pairs = parse(text).unwrap().into_iter();
        pairs.map(|pair| (pair.key, pair.value)).collect()
    }

    fn one(text: &str) -> (String, String) {
        let mut all = pairs(text);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn owned(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn every_separator_of_java_works() {
        for text in [
            "acks=all",
            "acks = all",
            "  acks: all",
            "acks all",
            "acks\t=\tall",
            "acks :all",
        ] {
            assert_eq!(one(text), owned("acks", "all"), "{text:?}");
        }
    }

    #[test]
    fn only_the_first_separator_counts() {
        assert_eq!(one("a = b=c:d e"), owned("a", "b=c:d e"));
        assert_eq!(one("a == b"), owned("a", "= b"));
    }

    #[test]
    fn comments_and_blank_lines_are_skipped() {
        assert_eq!(
            pairs("# a=b\n\n   ! c=d\r\n \t\ne=f\r\n"),
            [owned("e", "f")]
        );
    }

    #[test]
    fn a_key_alone_has_an_empty_value() {
        assert_eq!(one("client.id"), owned("client.id", ""));
        assert_eq!(one("client.id="), owned("client.id", ""));
    }

    #[test]
    fn a_backslash_at_the_end_joins_lines_and_two_do_not() {
        assert_eq!(one("servers=a:1,\\\n    b:2"), owned("servers", "a:1,b:2"));
        assert_eq!(
            pairs("path=C\\\\\nacks=1"),
            [owned("path", "C\\"), owned("acks", "1")]
        );
        assert_eq!(one("open=end\\"), owned("open", "end"));
    }

    #[test]
    fn a_comment_sign_inside_a_joined_line_belongs_to_the_value() {
        assert_eq!(one("a=b\\\n#c"), owned("a", "b#c"));
    }

    #[test]
    fn escapes_stand_for_their_characters() {
        assert_eq!(
            one(r"a\=b\ c=\t\u00e9\q\uD83D\uDE00"),
            owned("a=b c", "\t\u{e9}q\u{1F600}")
        );
    }

    #[test]
    fn trailing_blanks_belong_to_the_value_as_in_java() {
        assert_eq!(one("a=b "), owned("a", "b "));
    }

    #[test]
    fn a_broken_escape_names_its_line_and_not_the_value() {
        for text in ["x=1\ny=\\u12", "x=1\ny=\\uD800", "x=1\ny=\\uZZZZ"] {
            let broken = parse(text).unwrap_err();
            assert_eq!((broken.line, broken.what), (2, BAD_ESCAPE), "{text:?}");
        }
        let broken = parse("=secret").unwrap_err();
        assert_eq!((broken.line, broken.what), (1, NO_KEY));
    }

    #[test]
    fn a_pair_has_the_line_that_it_begins_at() {
        let pairs = parse("# a\na=1,\\\n  2\nb=3\n").unwrap();
        let lines: Vec<_> = pairs.iter().map(|pair| pair.line).collect();
        assert_eq!(lines, [2, 4]);
    }
}
