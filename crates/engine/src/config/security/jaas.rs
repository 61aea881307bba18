//! `sasl.jaas.config`: one entry of Java's login configuration, as Kafka's clients read it.

use crate::Secret;

const KAFKA: &str = "org.apache.kafka.common.security.";

/// A login module that says what one of ours does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Module {
    Plain,
    Scram,
    OAuth,
    Kerberos,
}

/// The rule that the text breaks.
type Broken = &'static str;

/// The module, and its options in order.
pub(super) fn parse(text: &str) -> Result<(Module, Vec<(String, Secret)>), Broken> {
    let mut tokens = Tokens(text);
    let Some(Token::Text(class)) = tokens.next()? else {
        return Err("must name a login module");
    };
    let module = module(class.expose())?;
    let is_flag = |text: &Secret| {
        let flags = ["required", "requisite", "sufficient", "optional"];
        let text = text.expose();
        flags.iter().any(|flag| flag.eq_ignore_ascii_case(text))
    };
    match tokens.next()? {
        Some(Token::Text(flag)) if is_flag(&flag) => {}
        _ => {
            return Err("must have a control flag, such as required, behind the login module");
        }
    }
    let mut options = Vec::new();
    loop {
        let name = match tokens.next()? {
            Some(Token::End) => break,
            Some(Token::Text(name)) => name,
            Some(Token::Equals) => return Err(OPTIONS),
            None => return Err("must end with a semicolon"),
        };
        match (tokens.next()?, tokens.next()?) {
            (Some(Token::Equals), Some(Token::Text(value))) => {
                options.push((name.expose().to_owned(), value));
            }
            _ => return Err(OPTIONS),
        }
    }
    match tokens.next()? {
        None => Ok((module, options)),
        Some(_) => Err("must have one login module only"),
    }
}

const OPTIONS: Broken = "must have options of the form name=\"value\"";

fn module(class: &str) -> Result<Module, Broken> {
    match class.strip_prefix(KAFKA).unwrap_or(class) {
        "plain.PlainLoginModule" => Ok(Module::Plain),
        "scram.ScramLoginModule" => Ok(Module::Scram),
        "oauthbearer.OAuthBearerLoginModule" => Ok(Module::OAuth),
        "com.sun.security.auth.module.Krb5LoginModule" => Ok(Module::Kerberos),
        _ => Err(
            "must name PlainLoginModule, ScramLoginModule or OAuthBearerLoginModule of \
             org.apache.kafka.common.security, or com.sun.security.auth.module.Krb5LoginModule; for \
             other tokens give the producer a TokenProvider",
        ),
    }
}

enum Token {
    /// A word or a quoted string; any of them may be a secret.
    Text(Secret),
    Equals,
    End,
}

/// What is left of the text.
struct Tokens<'a>(&'a str);

impl Tokens<'_> {
    fn next(&mut self) -> Result<Option<Token>, Broken> {
        self.skip_blanks_and_comments();
        let mut rest = self.0.chars();
        let Some(first) = rest.next() else {
            return Ok(None);
        };
        Ok(Some(match first {
            '=' => {
                self.0 = rest.as_str();
                Token::Equals
            }
            ';' => {
                self.0 = rest.as_str();
                Token::End
            }
            quote @ ('"' | '\'') => {
                self.0 = rest.as_str();
                Token::Text(Secret::new(self.quoted(quote)?))
            }
            _ => {
                let ends = |it: char| it.is_whitespace() || "=;\"'".contains(it);
                let end = self.0.find(ends).unwrap_or(self.0.len());
                let (word, rest) = self.0.split_at(end);
                self.0 = rest;
                Token::Text(Secret::new(word))
            }
        }))
    }

    /// Up to the closing quote, with the escapes of a Java string.
    fn quoted(&mut self, quote: char) -> Result<String, Broken> {
        let mut text = String::with_capacity(self.0.len());
        let mut rest = self.0.chars();
        loop {
            match rest.next() {
                Some('\\') => text.push(match rest.next() {
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('t') => '\t',
                    Some(other) => other,
                    None => break,
                }),
                Some(end) if end == quote => {
                    self.0 = rest.as_str();
                    return Ok(text);
                }
                Some(other) => text.push(other),
                None => break,
            }
        }
        Err("has a quote that is not closed")
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            self.0 = self.0.trim_start();
            let end = match self.0.get(..2) {
                Some("//") => "\n",
                Some("/*") => "*/",
                _ => return,
            };
            self.0 = self.0.split_once(end).map_or("", |(_, rest)| rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Module, parse};

    fn options(text: &str) -> Vec<(String, String)> {
        let (_, options) = parse(text).unwrap();
        let shown = options.into_iter();
        shown
            .map(|(name, value)| (name, value.expose().to_owned()))
            .collect()
    }

    #[test]
    fn each_of_kafkas_modules_is_known() {
        for (class, module) in [
            ("plain.PlainLoginModule", Module::Plain),
            ("scram.ScramLoginModule", Module::Scram),
            ("oauthbearer.OAuthBearerLoginModule", Module::OAuth),
        ] {
            let text = format!("org.apache.kafka.common.security.{class} required;");
            assert_eq!(parse(&text).unwrap().0, module);
        }
        let kerberos = "com.sun.security.auth.module.Krb5LoginModule required;";
        assert_eq!(parse(kerberos).unwrap().0, Module::Kerberos);
    }

    #[test]
    fn options_are_read_as_java_reads_them() {
        let text = r#"
            org.apache.kafka.common.security.plain.PlainLoginModule REQUIRED
              username="alice" // a comment
              password="a\"b=c;d\\e" /* and
              another */ serviceName = 'kafka' bare=word;
        "#;
        let expected = [
            ("username", "alice"),
            ("password", "a\"b=c;d\\e"),
            ("serviceName", "kafka"),
            ("bare", "word"),
        ];
        assert_eq!(
            options(text),
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn what_is_broken_is_named_and_never_shown() {
        const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
        for (text, part) in [
            (String::new(), "must name a login module"),
            (PLAIN.to_owned(), "control flag"),
            (format!("{PLAIN} username=\"canary\";"), "control flag"),
            (format!("{PLAIN} required password=\"canary;"), "not closed"),
            (format!("{PLAIN} required password=\"canary\""), "semicolon"),
            (format!("{PLAIN} required canary;"), "name=\"value\""),
            (format!("{PLAIN} required password=;"), "name=\"value\""),
            (format!("{PLAIN} required; {PLAIN} required;"), "one login"),
            ("canary.Module required;".to_owned(), "must name Plain"),
        ] {
            let rule = parse(&text).unwrap_err();
            assert!(rule.contains(part), "{text}: {rule}");
            assert!(!rule.contains("canary"));
        }
    }
}
