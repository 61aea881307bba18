//! Which messages a `.proto` file has, in which order: enough of its grammar for message indexes.

/// Nobody nests messages deeper; text from a registry may.
pub(super) const MAX_DEPTH: usize = 64;

/// The messages of a file. Only `message` blocks count, as for Confluent's serializers: neither
/// groups nor the entries of maps.
#[derive(Debug)]
pub(super) struct Messages {
    package: String,
    list: Vec<Message>,
    /// How many are in the file itself.
    outermost: u32,
}

#[derive(Debug)]
struct Message {
    name: String,
    /// How many are in it.
    inner: u32,
    /// Its place in the list.
    parent: Option<usize>,
    /// Its place among those of its parent.
    index: u32,
}

impl Messages {
    /// None yet.
    pub(super) fn of_package(package: &str) -> Self {
        Self {
            package: package.to_owned(),
            list: Vec::new(),
            outermost: 0,
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut messages = Self::of_package("");
        // Open blocks: a message, or something else.
        let mut open: Vec<Option<usize>> = Vec::new();
        let mut statement: Vec<&str> = Vec::new();
        let mut tokens = Tokens(text);
        while let Some(token) = tokens.next()? {
            match token {
                "{" => {
                    if open.len() == MAX_DEPTH {
                        return Err("its blocks are nested too deeply");
                    }
                    // A message is one in a file or in a message, not in an option or a service.
                    let parent = open.last().copied();
                    let block = match (statement.as_slice(), parent) {
                        (["message", name], None) => Some(messages.push(name, None)),
                        (["message", name], Some(Some(parent))) => {
                            Some(messages.push(name, Some(parent)))
                        }
                        _ => None,
                    };
                    open.push(block);
                    statement.clear();
                }
                "}" => {
                    open.pop().ok_or("it closes a block that it did not open")?;
                    statement.clear();
                }
                ";" => {
                    if let (["package", name], true) = (statement.as_slice(), open.is_empty()) {
                        messages.package = (*name).to_owned();
                    }
                    statement.clear();
                }
                // The first words tell what a statement is.
                _ if statement.len() < 3 => statement.push(token),
                _ => {}
            }
        }
        match open.is_empty() {
            true => Ok(messages),
            false => Err("it ends within a block"),
        }
    }

    /// Adds a message behind the others of its parent, and gives its place in the list.
    pub(super) fn push(&mut self, name: &str, parent: Option<usize>) -> usize {
        let count = match parent {
            Some(parent) => &mut self.list[parent].inner,
            None => &mut self.outermost,
        };
        let index = *count;
        *count += 1;
        self.list.push(Message {
            name: name.to_owned(),
            inner: 0,
            parent,
            index,
        });
        self.list.len() - 1
    }

    /// Where a message of this full name is.
    pub(super) fn indexes(&self, full_name: &str) -> Option<Vec<u32>> {
        let found = (0..self.list.len()).find(|at| self.full_name(*at) == full_name)?;
        let mut indexes: Vec<_> = self.line(found).map(|message| message.index).collect();
        indexes.reverse();
        Some(indexes)
    }

    /// The full name of the message there.
    pub(super) fn name(&self, indexes: &[u32]) -> Option<String> {
        let mut at = None;
        for index in indexes {
            let here = |message: &Message| message.parent == at && message.index == *index;
            at = Some(self.list.iter().position(here)?);
        }
        Some(self.full_name(at?))
    }

    fn full_name(&self, at: usize) -> String {
        let mut names: Vec<_> = self.line(at).map(|message| message.name.as_str()).collect();
        if !self.package.is_empty() {
            names.push(&self.package);
        }
        names.reverse();
        names.join(".")
    }

    /// A message, what it is in, and so on.
    fn line(&self, at: usize) -> impl Iterator<Item = &Message> {
        let parent = |message: &&Message| message.parent.map(|parent| &self.list[parent]);
        std::iter::successors(Some(&self.list[at]), parent)
    }
}

/// Words and signs, without comments and what is in strings.
struct Tokens<'a>(&'a str);

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Result<Option<&'a str>, &'static str> {
        loop {
            self.0 = self.0.trim_start();
            let Some(first) = self.0.chars().next() else {
                return Ok(None);
            };
            if let Some(comment) = self.0.strip_prefix("//") {
                self.0 = comment.find('\n').map_or("", |end| &comment[end..]);
            } else if let Some(comment) = self.0.strip_prefix("/*") {
                let end = comment.find("*/").ok_or("a comment does not end")?;
                self.0 = &comment[end + 2..];
            } else if first == '"' || first == '\'' {
                return self.string(first).map(Some);
            } else {
                let word = |char: char| char.is_alphanumeric() || matches!(char, '_' | '.');
                let len = match self.0.find(|char| !word(char)) {
                    Some(0) => first.len_utf8(),
                    Some(len) => len,
                    None => self.0.len(),
                };
                let (token, rest) = self.0.split_at(len);
                self.0 = rest;
                return Ok(Some(token));
            }
        }
    }

    /// A string as one token, never one that means something.
    fn string(&mut self, quote: char) -> Result<&'a str, &'static str> {
        let mut escaped = false;
        for (at, char) in self.0.char_indices().skip(1) {
            if char == quote && !escaped {
                let (token, rest) = self.0.split_at(at + 1);
                self.0 = rest;
                return Ok(token);
            }
            escaped = char == '\\' && !escaped;
        }
        Err("a string does not end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = r#"
        syntax = "proto3"; // message Comment {
        /* message Another { */
        package shop.v1;
        import "google/protobuf/timestamp.proto";
        option java_package = "} message No {";
        message First { string message = 1; map<string, int32> counts = 2; }
        enum Colour { RED = 0; }
        message Outer {
            option (info) = { text: "it's {" nested { a: 1 } };
            enum Kind { NONE = 0; }
            oneof either { string a = 1; int32 b = 2; }
            message A {}
            message B { message C { bool d = 1 [json_name = "}"]; } }
            B b = 3;
        };
        service Shop { rpc Buy (First) returns (Outer) { option deprecated = true; } }
        message Last {}
    "#;

    #[test]
    fn messages_are_counted_where_they_are_declared() {
        let messages = Messages::parse(SHOP).unwrap();
        for (name, indexes) in [
            ("shop.v1.First", &[0][..]),
            ("shop.v1.Outer", &[1]),
            ("shop.v1.Outer.A", &[1, 0]),
            ("shop.v1.Outer.B", &[1, 1]),
            ("shop.v1.Outer.B.C", &[1, 1, 0]),
            ("shop.v1.Last", &[2]),
        ] {
            assert_eq!(messages.indexes(name).as_deref(), Some(indexes), "{name}");
            assert_eq!(messages.name(indexes).as_deref(), Some(name));
        }
        assert_eq!(messages.list.len(), 6);
        for name in ["First", "shop.v1.No", "shop.v1.B", "shop.v1.Colour", ""] {
            assert_eq!(messages.indexes(name), None, "{name}");
        }
        for indexes in [&[][..], &[3], &[0, 0], &[1, 1, 0, 0]] {
            assert_eq!(messages.name(indexes), None);
        }
        let bare = Messages::parse("message M{}").unwrap();
        assert_eq!(bare.name(&[0]).as_deref(), Some("M"));
    }

    #[test]
    fn text_that_is_no_proto_file_is_an_error_and_no_more() {
        let deep = "message M {".repeat(1_000);
        for text in [
            "}",
            "message M {",
            "/*",
            "\"",
            "'\\'",
            "option a = \"\\\"",
            &deep,
        ] {
            assert!(Messages::parse(text).is_err(), "{text}");
        }
        for cut in 0..SHOP.len() {
            let _ = Messages::parse(&SHOP[..cut]);
            let _ = Messages::parse(&SHOP[cut..]);
        }
    }
}
