//! What a `produce` command asks for, checked before anything is opened or dialled.

use crate::{
    args::ProduceArgs,
    exit::{Exit, Failure},
    input::{Format, Parser, unescape},
    settings::{ClientSettings, Environment},
};
use bytes::Bytes;
use guanaco::{Header, ProducerRecord};
use std::{
    fs::File,
    io::{self, IsTerminal},
    path::Path,
};

/// A checked command.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) settings: ClientSettings,
    pub(crate) parser: Parser,
    /// Topic, partition and headers of every record.
    pub(crate) template: ProducerRecord<Bytes, Bytes>,
}

impl Plan {
    pub(crate) fn new(args: &ProduceArgs, environment: Environment) -> Result<Self, Failure> {
        let format = match (&args.key_delimiter, &args.key_field) {
            (Some(delimiter), _) => Format::Keyed(
                unescape(delimiter)
                    .map_err(|what| Failure::usage(format!("--key-delimiter: {what}")))?,
            ),
            (None, Some(field)) => Format::Ndjson(field.as_str().into()),
            (None, None) => Format::Lines,
        };
        let mut template = ProducerRecord::new(args.topic.clone(), Bytes::new());
        template.partition = args.partition;
        let headers = args.headers.iter().map(|header| parse_header(header));
        template = template.with_headers(headers.collect::<Result<Vec<_>, _>>()?);
        Ok(Self {
            settings: ClientSettings::resolve(args, environment)?,
            parser: Parser::new(format, args.empty_as_null),
            template,
        })
    }
}

/// `NAME=VALUE`, or `NAME` for a null value.
fn parse_header(text: &str) -> Result<Header, Failure> {
    let header = match text.split_once('=') {
        Some((name, value)) => Header::new(name.to_owned(), value.to_owned()),
        None => Header::null(text.to_owned()),
    };
    if header.key.is_empty() {
        return Err(Failure::usage(
            "--header wants NAME=VALUE, such as --header source=shop",
        ));
    }
    Ok(header)
}

/// The input, and its size where it has one.
pub(crate) fn open(path: &Path) -> Result<(Box<dyn io::Read + Send>, Option<u64>), Failure> {
    if path == Path::new("-") {
        if io::stdin().is_terminal() {
            crate::output::note("reading lines from the terminal, end with Ctrl-D");
        }
        return Ok((Box::new(io::stdin()), None));
    }
    let file = File::open(path).map_err(|error| {
        let context = format!("cannot read {}", path.display());
        Failure::caused(
            Exit::BadInput,
            &context,
            &error,
            "name a file, or - for standard input",
        )
    })?;
    // Of pipes and devices the length says nothing.
    let size = file
        .metadata()
        .ok()
        .filter(std::fs::Metadata::is_file)
        .map(|data| data.len());
    Ok((Box::new(file), size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser as _;

    fn plan(line: &[&str]) -> Result<Plan, Failure> {
        let line = ["guanaco", "produce", "-t", "orders"].iter().chain(line);
        let Command::Produce(args) = Cli::parse_from(line).command else {
            panic!("not a produce command")
        };
        Plan::new(&args, Vec::new())
    }

    #[test]
    fn headers_have_a_value_or_null() {
        let plan = plan(&["-H", "a=b=c", "-H", "a=", "-H", "n"]).unwrap();
        let headers: Vec<_> = plan.template.headers.iter().collect();
        assert_eq!(
            headers,
            [
                &Header::new("a", "b=c"),
                &Header::new("a", ""),
                &Header::null("n")
            ]
        );
        assert!(super::tests::plan(&["-H", "=x"]).is_err());
    }

    #[test]
    fn every_record_gets_the_topic_and_the_partition() {
        let plan = plan(&["-p", "7"]).unwrap();
        assert_eq!(&*plan.template.topic, "orders");
        assert_eq!(plan.template.partition, Some(7));
    }

    #[test]
    fn a_delimiter_that_cannot_work_is_refused() {
        assert!(
            plan(&["-K", ""])
                .unwrap_err()
                .to_string()
                .starts_with("--key-delimiter: ")
        );
        assert!(plan(&["-K", "\\t"]).is_ok());
    }

    #[test]
    fn an_input_that_is_not_there_is_named() {
        let Err(failure) = open(Path::new("no/such/file")) else {
            panic!("opened")
        };
        assert!(failure.to_string().contains("no/such/file"));
        assert_eq!(failure.exit, Exit::BadInput);
    }
}
