//! CPU per record and records per second of Guanaco's paths, beside a probe that has no API at all.

mod bare_tls;
mod child;
mod cpu;
mod error;
mod gate;
mod null_broker;
mod pace;
mod paths;
mod probe;
mod sample;
mod table;
mod wire;

use clap::{Parser, Subcommand};
use error::{BenchError, with_causes};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "guanaco-bench", about)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Table(table::TableArgs),
    Gate(gate::GateArgs),
    Path(paths::PathArgs),
    Probe(probe::ProbeArgs),
    BareTls(bare_tls::BareTlsArgs),
    NullBroker(null_broker::NullBrokerArgs),
}

fn main() -> ExitCode {
    match run(Args::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

/// False: a bar is missed.
fn run(command: Command) -> Result<bool, BenchError> {
    match command {
        Command::Table(args) => table::run(&args)?,
        Command::Gate(args) => return gate::run(&args),
        Command::Path(args) => paths::run(&args)?.print()?,
        Command::Probe(args) => probe::run(&args)?.print()?,
        Command::BareTls(args) => bare_tls::run(&args)?.print()?,
        Command::NullBroker(args) => null_broker::run(&args)?,
    }
    Ok(true)
}
