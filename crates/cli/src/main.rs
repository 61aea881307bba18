//! `guanaco`: lines to Kafka.

mod args;
mod config;
mod embedded;
mod exit;
mod failed_file;
mod input;
mod interrupt;
mod ledger;
mod log;
mod output;
mod plan;
mod produce;
mod progress;
mod records;
mod report;
mod settings;
mod tally;
mod text;

use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use exit::{Exit, Failure};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log::init();
    let done = match cli.command {
        Command::Produce(args) => start(&args),
        Command::Config(args) => config::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "guanaco", &mut script);
            output::print(String::from_utf8_lossy(&script).trim_end())
                .map(|()| Exit::Done)
                .map_err(|error| {
                    Failure::caused(Exit::Output, "cannot write the script", &error, "")
                })
        }
    };
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::note(&failure);
            failure.exit.into()
        }
    }
}

fn start(args: &args::ProduceArgs) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::caused(Exit::Output, "cannot start the runtime", &error, ""))?;
    let done = runtime.block_on(produce::run(args));
    // A task that still waits for a peer must not hold the exit up.
    runtime.shutdown_background();
    done
}
