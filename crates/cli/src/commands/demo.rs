//! `emotome demo`

use super::command_line;
use crate::failure::Failure;
use crate::flags::{ForceFlag, SeedFlag};
use crate::terminal::Session;
use clap::{Args, Subcommand};
use emotome_stimuli::reconciliation::List;
use emotome_workflows::analysis::AnalysisParams;
use emotome_workflows::demo::{DemoRequest, demo};
use emotome_workflows::emotion2025::{Emotion2025Request, emotion2025};
use std::path::PathBuf;

/// Runs the whole behavioural half on stimuli and choices that come with the program.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = false)]
pub(crate) struct Demo {
    #[command(subcommand)]
    on: Option<On>,
    /// Study folder to make.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "emotome-demo",
        global = true
    )]
    out: PathBuf,
    #[command(flatten)]
    seed: SeedFlag,
    #[command(flatten)]
    force: ForceFlag,
}

#[derive(Debug, Subcommand)]
enum On {
    /// The public ratings of 2,185 emotional videos instead; `emotome fetch` says where they are.
    #[command(name = "emotion2025")]
    Emotion2025 {
        /// The ratings of Cowen & Keltner (2017), 34 categories and 14 dimensions.
        #[arg(long, value_name = "FILE")]
        ratings: PathBuf,
        /// The public captions of the videos.
        #[arg(long, value_name = "FILE")]
        captions: Option<PathBuf>,
        /// Which videos: 2185, 2181 (without duplicates), or 2180-ID (2181 less one).
        #[arg(long, default_value = "2181")]
        list: List,
        /// Choices per agent.
        #[arg(long, value_name = "N", default_value_t = 7_100_000)]
        trials: u64,
        /// Independent fits per agent.
        #[arg(long, value_name = "K", default_value_t = 10)]
        seeds: u16,
        /// Videos whose triplets are all judged.
        #[arg(long, value_name = "K", default_value_t = 66)]
        full_set: u16,
    },
}

impl Demo {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let seed = self.seed.get();
        let request = DemoRequest {
            out: self.out,
            overwrite: self.force.get(),
            seed,
            command: command_line(),
        };
        let summary = match self.on {
            None => demo(&request, session.run())?,
            Some(On::Emotion2025 {
                ratings,
                captions,
                list,
                trials,
                seeds,
                full_set,
            }) => {
                let request = Emotion2025Request {
                    demo: request,
                    ratings,
                    captions,
                    list,
                    trials,
                    analysis: AnalysisParams {
                        seeds: seeds.into(),
                        ..AnalysisParams::new(seed)
                    },
                    full_set: full_set.into(),
                };
                emotion2025(&request, session.run())?
            }
        };
        session.show(&summary, |s| {
            format!(
                "done in {:.0} s\nstudy   {}\nreport  {} — open it in a browser",
                s.seconds,
                s.study.display(),
                s.report.display()
            )
        })
    }
}
