//! Escapes in a delimiter given on the command line.

/// The bytes that `text` stands for; an error says what is wrong with it.
pub(crate) fn unescape(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (byte, used) = match rest {
            [b't', ..] => (b'\t', 1),
            [b'n', ..] => (b'\n', 1),
            [b'r', ..] => (b'\r', 1),
            [b'0', ..] => (0, 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', high, low, ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 3),
                _ => return Err("\\x wants two hexadecimal digits"),
            },
            [b'x', ..] => return Err("\\x wants two hexadecimal digits"),
            _ => return Err("unknown escape; \\t, \\n, \\r, \\0, \\\\ and \\xHH are understood"),
        };
        bytes.push(byte);
        rest = &rest[used..];
    }
    match bytes.as_slice() {
        [] => Err("it is empty"),
        bytes if bytes.contains(&b'\n') => {
            Err("a line break ends the line, it cannot be inside it")
        }
        _ => Ok(bytes),
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_their_bytes() {
        assert_eq!(unescape(":"), Ok(b":".to_vec()));
        assert_eq!(unescape(r"\t"), Ok(b"\t".to_vec()));
        assert_eq!(unescape(r"=\\\x1F\0>"), Ok(b"=\\\x1f\0>".to_vec()));
        assert_eq!(unescape("\u{e9}"), Ok(vec![0xc3, 0xa9]));
    }

    #[test]
    fn what_cannot_delimit_is_refused() {
        for text in ["", r"\", r"\q", r"\x", r"\x1", r"\xZZ", r"\n", "\n"] {
            assert!(unescape(text).is_err(), "{text:?}");
        }
    }
}
