//! `emotome interpret`

use super::command_line;
use crate::failure::Failure;
use crate::flags::{ForceFlag, MeaningFlags, SeedFlag, TsneFlag};
use crate::show::{count, rows};
use crate::terminal::Session;
use clap::Args;
use emotome_workflows::interpret::{
    AgentMeaning, InterpretParams, InterpretRequest, Interpreted, interpret,
};
use std::path::PathBuf;

/// Finds out what the dimensions of embeddings mean: which ratings follow them, names and classes beside
/// chance, explained variance, maps; and how agents compare. Writes a page, figures and interpret.json.
#[derive(Debug, Args)]
pub(crate) struct Interpret {
    /// Embedding: .npz, .npy, .txt, .csv or .tsv, a row per stimulus; NAME=FILE says whose it is. May be given
    /// several times, once for each agent. [default NAME: the file's]
    #[arg(long = "embedding", value_name = "[NAME=]FILE", required = true)]
    embeddings: Vec<String>,
    #[command(flatten)]
    inputs: MeaningFlags,
    /// Resamples of the stimuli, for intervals.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    bootstraps: usize,
    /// Permutations of the stimuli, for what chance gives.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    permutations: usize,
    #[command(flatten)]
    tsne: TsneFlag,
    /// Folds of cross-validation.
    #[arg(long, value_name = "K", default_value_t = 10)]
    folds: usize,
    /// Folder for interpret.html, interpret.json, tables and figures.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    seed: SeedFlag,
    #[command(flatten)]
    force: ForceFlag,
}

impl Interpret {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let request = InterpretRequest {
            inputs: self.inputs.inputs(&self.embeddings)?,
            params: InterpretParams {
                bootstraps: self.bootstraps,
                permutations: self.permutations,
                folds: self.folds,
                tsne: self.tsne.get(),
                seed: self.seed.get().0,
            },
            out: self.out,
            overwrite: self.force.get(),
            command: command_line(),
        };
        session.show(&interpret(&request, session.run())?, text)
    }
}

fn text(s: &Interpreted) -> String {
    let found = &s.found;
    let mut out = vec![
        ("page", s.page.display().to_string()),
        (
            "stimuli",
            format!(
                "{} of {}",
                count(found.stimuli.used as u64),
                count(found.stimuli.given as u64)
            ),
        ),
    ];
    for agent in &found.agents {
        out.push(("agent", of_agent(agent)));
    }
    for caution in &s.cautions {
        out.push(("beware", caution.clone()));
    }
    rows(out)
}

fn of_agent(agent: &AgentMeaning) -> String {
    let mut text = format!("{}: {} dimensions", agent.agent, agent.dims);
    if let Some(ratings) = &agent.ratings {
        let c = ratings.signed.classes;
        text += &format!(
            "; named after categories {}, affective dimensions {}, both {}, no better than chance {}",
            c.category, c.dimension, c.hybrid, c.unexplained
        );
    }
    if let Some(explained) = &agent.explained {
        let r2 = &explained.overall.both.r2;
        text += &format!(
            "; ratings explain {:.1} % of the variance [{:.1}, {:.1}]",
            100.0 * r2.value,
            100.0 * r2.interval.low,
            100.0 * r2.interval.high
        );
    }
    text
}
