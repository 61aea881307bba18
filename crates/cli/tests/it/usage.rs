//! Wrong usage and bad input: exit code 2, one line that says what to do.

use crate::run::{Ended, command, guanaco};

#[track_caller]
fn refused(args: &[&str], input: &str, parts: &[&str]) -> Ended {
    let ended = guanaco(args, input).expect(2);
    for part in parts {
        assert!(ended.stderr.contains(part), "{part:?} is not in {ended:#?}");
    }
    ended
}

#[test]
fn without_a_topic_the_usage_is_shown() {
    refused(&["produce", "-"], "", &["--topic"]);
    refused(&[], "", &["produce", "completions"]);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    refused(
        &["produce", "-t", "orders", "no/such/file"],
        "",
        &["no/such/file"],
    );
}

#[test]
fn no_embedded_without_an_address_is_refused() {
    refused(
        &["produce", "-t", "orders", "--no-embedded", "-"],
        "x\n",
        &["GUANACO_BOOTSTRAP_SERVERS"],
    );
}

#[test]
fn help_lists_the_exit_codes() {
    let help = guanaco(&["produce", "--help"], "").expect(0).stdout;
    for code in ["0 ", "2 ", "3 ", "4 ", "130 "] {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(code)),
            "{help}"
        );
    }
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(
            guanaco(&["completions", shell], "")
                .expect(0)
                .stdout
                .contains("key-field"),
            "{shell}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_went_away_is_no_error() {
    let status = std::process::Command::new("sh")
        .arg("-c")
        .arg("{ \"$0\" completions bash; echo \"code $?\" >&2; } | true")
        .arg(command(&[]).get_program())
        .stderr(std::process::Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&status.stderr), "code 0\n");
}
