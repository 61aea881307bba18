//! `--failed FILE`: the lines that were not delivered, as they came in.

use crate::{
    exit::{Exit, Failure},
    input::Parser,
};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

/// Where undelivered lines go, if anywhere.
#[derive(Debug)]
pub(crate) struct FailedFile {
    out: Option<BufWriter<File>>,
    parser: Parser,
    error: Option<io::Error>,
}

impl FailedFile {
    /// Creates the file at once: what an earlier run left in it is not of this one. Must not be the
    /// input itself.
    pub(crate) fn create(
        path: Option<&Path>,
        input: &Path,
        parser: Parser,
    ) -> Result<Self, Failure> {
        let out = match path {
            Some(path) => Some(open(path, input)?),
            None => None,
        };
        Ok(Self {
            out,
            parser,
            error: None,
        })
    }

    /// A record that was not acknowledged.
    pub(crate) fn record(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) {
        let Self {
            out: Some(out),
            parser,
            error,
        } = self
        else {
            return;
        };
        if let Err(failed) = parser.write_back(key, value, out) {
            error.get_or_insert(failed);
        }
    }

    /// A line that could not be parsed.
    pub(crate) fn line(&mut self, text: &[u8]) {
        let Some(out) = &mut self.out else { return };
        if let Err(failed) = out.write_all(text).and_then(|()| out.write_all(b"\n")) {
            self.error.get_or_insert(failed);
        }
    }

    /// Writes out what is buffered, and tells of the first thing that went wrong.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let flushed = self.out.as_mut().map_or(Ok(()), Write::flush);
        self.error.map_or(flushed, Err)
    }
}

fn open(path: &Path, input: &Path) -> Result<BufWriter<File>, Failure> {
    let is_input =
        matches!((path.canonicalize(), input.canonicalize()), (Ok(one), Ok(other)) if one == other);
    if is_input {
        return Err(Failure::usage(
            "--failed names the input file, which it would overwrite; name another one",
        ));
    }
    File::create(path).map(BufWriter::new).map_err(|error| {
        let context = format!("cannot write {}", path.display());
        Failure::caused(Exit::BadInput, &context, &error, "check --failed")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Format;

    fn scratch(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("guanaco-failed-{}-{name}", std::process::id()))
    }

    fn parser() -> Parser {
        Parser::new(Format::Keyed(b"=>".to_vec()), false)
    }

    #[test]
    fn lines_come_back_in_input_form_and_an_older_run_is_forgotten() {
        let path = scratch("form");
        std::fs::write(&path, "old").unwrap();
        let mut file = FailedFile::create(Some(&path), Path::new("-"), parser()).unwrap();
        file.record(Some(b"k"), Some(b"v"));
        file.line(b"no delimiter");
        file.finish().unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "k=>v\nno delimiter\n"
        );
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn the_input_is_never_overwritten() {
        let path = scratch("input");
        std::fs::write(&path, "a=>b\n").unwrap();
        let failure = FailedFile::create(Some(&path), &path, parser()).unwrap_err();
        assert_eq!(failure.exit, Exit::BadInput);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a=>b\n");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let failure =
            FailedFile::create(Some(Path::new("no/such/dir/f")), Path::new("-"), parser())
                .unwrap_err();
        assert!(failure.to_string().contains("no/such/dir/f"));
    }

    #[test]
    fn without_a_file_nothing_is_kept() {
        let mut file = FailedFile::create(None, Path::new("-"), parser()).unwrap();
        file.record(None, None);
        file.line(b"x");
        file.finish().unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told() {
        let mut file =
            FailedFile::create(Some(Path::new("/dev/full")), Path::new("-"), parser()).unwrap();
        file.line(b"x");
        assert!(file.finish().is_err());
    }
}
