//! One module per command: its flags, and the library call they are for.

mod ask;
mod batch;
mod brain;
mod check;
mod collect;
mod compare;
mod completions;
mod demo;
mod evaluate;
mod export;
mod fetch;
mod figure;
mod fit;
mod import;
mod init;
mod interpret;
mod journal;
mod map;
mod name;
mod plan;
mod qc;
mod report;
mod rsa;
mod rsa_group;
mod server;
mod simulate;
mod tripletize;

use crate::failure::Failure;
use crate::terminal::Session;
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Run everything on stimuli and choices that come with the program.
    Demo(demo::Demo),
    /// Make a study folder.
    Init(init::Init),
    /// Check a study folder.
    Check(check::Check),
    /// Get public data.
    Fetch(fetch::Fetch),
    /// Print what a collection will take.
    Plan(Box<plan::Plan>),
    /// Read choices of any convention, tested on the data.
    Import(import::Import),
    /// Write choices in another format.
    Export(export::Export),
    /// Ask a model or an offline agent and keep its answers in a journal.
    Collect(Box<collect::Collect>),
    /// Ask a model through files of requests.
    Batch(Box<batch::BatchCommand>),
    /// Find out what the server of a model can do.
    Server(server::ServerCommand),
    /// Look into a journal, or merge shards.
    Journal(journal::JournalCommand),
    /// Examine what agents answered: biases, missing choices, drift, cost, agreement.
    Qc(qc::Qc),
    /// Fit an embedding to choices.
    Fit(Box<fit::Fit>),
    /// Analyse choices and write a report.
    Report(Box<report::Report>),
    /// Score an embedding on held-out choices.
    Evaluate(evaluate::Evaluate),
    /// Find out what the dimensions of embeddings mean.
    Interpret(interpret::Interpret),
    /// Draw one figure from embeddings, choices and ratings.
    Figure(Box<figure::FigureCommand>),
    /// Ask a model to name the dimensions of an embedding.
    Name(Box<name::Name>),
    /// Compare two agents, or two embeddings.
    Compare(compare::Compare),
    /// Bring responses of the brain into stores, and look into them.
    Brain(brain::BrainCommand),
    /// Compare brains with models, in searchlights and beyond.
    Rsa(rsa::RsaCommand),
    /// Draw maps of the brain: parcels, surfaces, slices, two models by voxel.
    Map(map::MapCommand),
    /// Make choices from a table of features.
    Tripletize(tripletize::Tripletize),
    /// Plant an embedding and simulate choices of an agent that has it.
    Simulate(simulate::Simulate),
    /// Print completions for a shell.
    Completions(completions::Completions),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Demo(command) => command.run(session),
            Self::Init(command) => command.run(session),
            Self::Check(command) => command.run(session),
            Self::Fetch(command) => command.run(session),
            Self::Plan(command) => command.run(session),
            Self::Import(command) => command.run(session),
            Self::Export(command) => command.run(session),
            Self::Collect(command) => command.run(session),
            Self::Batch(command) => command.run(session),
            Self::Server(command) => command.run(session),
            Self::Journal(command) => command.run(session),
            Self::Qc(command) => command.run(session),
            Self::Fit(command) => command.run(session),
            Self::Report(command) => command.run(session),
            Self::Evaluate(command) => command.run(session),
            Self::Interpret(command) => command.run(session),
            Self::Figure(command) => command.run(session),
            Self::Name(command) => command.run(session),
            Self::Compare(command) => command.run(session),
            Self::Brain(command) => command.run(session),
            Self::Rsa(command) => command.run(session),
            Self::Map(command) => command.run(session),
            Self::Tripletize(command) => command.run(session),
            Self::Simulate(command) => command.run(session),
            Self::Completions(command) => command.run(session),
        }
    }
}

/// The command line as given, for provenance.
fn command_line() -> Vec<String> {
    std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect()
}

/// The files of left and right.
fn sides(flag: &str, paths: Vec<PathBuf>) -> Result<[PathBuf; 2], Failure> {
    <[PathBuf; 2]>::try_from(paths).map_err(|given| {
        Failure::Error(format!(
            "{flag} names {} files; give LEFT,RIGHT",
            given.len()
        ))
    })
}

fn some_sides(flag: &str, paths: Vec<PathBuf>) -> Result<Option<[PathBuf; 2]>, Failure> {
    if paths.is_empty() {
        Ok(None)
    } else {
        sides(flag, paths).map(Some)
    }
}
