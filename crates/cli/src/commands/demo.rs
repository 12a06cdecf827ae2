//! `emotome demo`

use super::command_line;
use crate::failure::Failure;
use crate::flags::{ForceFlag, ResumeFlag, SeedFlag};
use crate::show::rows;
use crate::terminal::Session;
use clap::{Args, Subcommand};
use emotome_stimuli::reconciliation::List;
use emotome_workflows::analysis::AnalysisParams;
use emotome_workflows::demo::demo;
use emotome_workflows::emotion2025::{self, Emotion2025Request, emotion2025};
use emotome_workflows::publish::{Destination, Published};
use std::path::PathBuf;

/// Runs the whole behavioural half on stimuli and choices that come with the program.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = false)]
pub(crate) struct Demo {
    #[command(subcommand)]
    on: Option<On>,
    /// Study folder to make. [default: emotome-demo, or emotome-emotion2025]
    #[arg(long, value_name = "DIR", global = true)]
    out: Option<PathBuf>,
    #[command(flatten)]
    seed: SeedFlag,
    #[command(flatten)]
    force: ForceFlag,
    #[command(flatten)]
    resume: ResumeFlag,
}

#[derive(Debug, Subcommand)]
enum On {
    /// The public ratings of 2,185 emotional videos instead; `emotome fetch` says where they are.
    #[command(name = "emotion2025")]
    Emotion2025 {
        /// The ratings of Cowen & Keltner (2017), 34 categories and 14 dimensions.
        /// [default: data/ck2017/ck2017_ratings48.csv, where `emotome fetch` puts them]
        #[arg(long, value_name = "FILE")]
        ratings: Option<PathBuf>,
        /// The public captions of the videos.
        /// [default: data/mindcaptioning-captions/caption_ck20.csv, if it is there]
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
        /// Numbers of dimensions to fit beside the one that validation chooses; the study has 30.
        #[arg(long, value_name = "D", value_delimiter = ',', default_values_t = [emotion2025::STUDY_DIMS])]
        impose_dims: Vec<usize>,
        /// Videos whose triplets are all judged.
        #[arg(long, value_name = "K", default_value_t = 66)]
        full_set: u16,
    },
}

impl Demo {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let seed = self.seed.get();
        let folder = match self.on {
            None => "emotome-demo",
            Some(On::Emotion2025 { .. }) => "emotome-emotion2025",
        };
        let to = Destination {
            out: self.out.unwrap_or_else(|| folder.into()),
            overwrite: self.force.get(),
            resume: self.resume.resume,
            seed,
            command: command_line(),
        };
        let summary = match self.on {
            None => demo(&to, session.run())?,
            Some(On::Emotion2025 {
                ratings,
                captions,
                list,
                trials,
                seeds,
                impose_dims,
                full_set,
            }) => {
                let request = Emotion2025Request {
                    to,
                    ratings,
                    captions,
                    list,
                    trials,
                    analysis: AnalysisParams {
                        seeds: seeds.into(),
                        imposed: impose_dims,
                        ..AnalysisParams::new(seed)
                    },
                    full_set: full_set.into(),
                };
                emotion2025(&request, session.run())?
            }
        };
        session.show(&summary, text)
    }
}

pub(super) fn text(s: &Published) -> String {
    let agents = s.analyses.iter().map(|analysis| {
        let test = &analysis.scores[0].test;
        let accuracy = format!(
            "{} dimensions, {:.1} % of held-out choices predicted",
            analysis.dims,
            100.0 * test.accuracy
        );
        (analysis.agent.as_str(), accuracy)
    });
    let done = [("done in", format!("{:.0} s", s.seconds))];
    let files = [
        ("study", s.study.display().to_string()),
        (
            "report",
            format!("{} — open it in a browser", s.report.display()),
        ),
    ];
    rows(done.into_iter().chain(agents).chain(files))
}
