//! `emotome report`

use super::{command_line, demo};
use crate::failure::Failure;
use crate::flags::{ForceFlag, ResumeFlag, SeedFlag, TripletsFlags};
use crate::terminal::Session;
use clap::Args;
use emotome_workflows::analysis::AnalysisParams;
use emotome_workflows::publish::Destination;
use emotome_workflows::report::{ReportRequest, report};
use std::path::PathBuf;

/// Analyses choices and writes a report: fit, held-out score, ceiling, reproducibility, dimensions.
#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    triplets: TripletsFlags,
    /// Number of stimuli; ids run from 0 to N − 1. [default: inferred from the file, and reported]
    #[arg(long, value_name = "N")]
    n_items: Option<usize>,
    /// Repeated triplets for the noise ceiling; those that the split column marks count as well.
    #[arg(long, value_name = "FILE")]
    ceiling: Option<PathBuf>,
    /// All triplets of a few stimuli; those that the split column marks count as well.
    #[arg(long, value_name = "FILE")]
    full_set: Option<PathBuf>,
    /// Ratings of the stimuli, shown beside dimensions.
    #[arg(long, value_name = "FILE")]
    ratings: Option<PathBuf>,
    /// Captions of the stimuli, shown instead of keys.
    #[arg(long, value_name = "FILE")]
    captions: Option<PathBuf>,
    /// Independent fits: half of them, rounded up, form a consensus, the others test it. [default: 10]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..=1000))]
    seeds: Option<u16>,
    /// Dimensions to start with. [default: 90]
    #[arg(long, value_name = "D")]
    dims: Option<usize>,
    /// Weight λ of the L1 penalty; several are tried on the validation choices.
    /// [default: 0.001 to 0.032 in doublings]
    #[arg(long, value_name = "L", value_delimiter = ',')]
    lambda: Vec<f64>,
    /// Numbers of dimensions to fit beside the one that validation chooses, e.g. those of a published study.
    #[arg(long, value_name = "D", value_delimiter = ',')]
    impose_dims: Vec<usize>,
    /// Who chose: one of the agents in the file, or a name for the report.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Folder for the results.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    seed: SeedFlag,
    #[command(flatten)]
    force: ForceFlag,
    #[command(flatten)]
    resume: ResumeFlag,
}

impl Report {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let defaults = AnalysisParams::new(self.seed.get());
        let params = AnalysisParams {
            seeds: self.seeds.map_or(defaults.seeds, usize::from),
            dims: self.dims.unwrap_or(defaults.dims),
            lambdas: if self.lambda.is_empty() {
                defaults.lambdas
            } else {
                self.lambda
            },
            imposed: self.impose_dims,
            ..defaults
        };
        let request = ReportRequest {
            to: Destination {
                out: self.out,
                overwrite: self.force.get(),
                resume: self.resume.resume,
                seed: self.seed.get(),
                command: command_line(),
            },
            triplets: self.triplets.file(self.n_items),
            ceiling: self.ceiling,
            full_set: self.full_set,
            ratings: self.ratings,
            captions: self.captions,
            agent: self.agent,
            params,
        };
        session.show(&report(&request, session.run())?, demo::text)
    }
}
