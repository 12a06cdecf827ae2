//! The `emotome` command line: flags in, library calls, results out.

mod commands;
mod failure;
mod flags;
mod live;
mod show;
mod terminal;

use clap::Parser;
use std::process::ExitCode;

/// From odd-one-out choices to a sparse, interpretable embedding, and how far to trust it.
#[derive(Debug, Parser)]
#[command(
    name = "emotome",
    version,
    propagate_version = true,
    max_term_width = 100
)]
struct Cli {
    #[command(flatten)]
    global: flags::Global,
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let session = match terminal::Session::start(&cli.global) {
        Ok(session) => session,
        Err(failure) => return failure.report(),
    };
    match session.in_pool(|| cli.command.run(&session)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            session.clear();
            failure.report()
        }
    }
}
