//! `guanaco config`: the settings, and where each is from.

use crate::{
    args::ConfigArgs,
    exit::{Exit, Failure, one_line},
    output::{note, print},
    settings,
};

/// Runs the command to its exit code.
pub(crate) fn run(args: &ConfigArgs) -> Result<Exit, Failure> {
    let section = settings::section(args, settings::environment(), &[])?;
    for warning in section.warnings() {
        note(format_args!("warning: {warning}"));
    }
    let rows: Vec<[String; 3]> = section
        .entries()
        .map(|entry| [entry.key(), entry.shown(), &entry.origin().to_string()].map(one_line))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let (keys, values) = (width(0).unwrap_or(0), width(1).unwrap_or(0));
    let mut text = format!("# {}", one_line(section.path()));
    for [key, value, origin] in &rows {
        text.push_str(&format!("\n{key:keys$}  {value:values$}  {origin}"));
    }
    print(text)
        .map_err(|error| Failure::caused(Exit::Output, "cannot write the settings", &error, ""))?;
    Ok(Exit::Done)
}
